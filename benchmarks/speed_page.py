"""What the documents show of a speed run: the README's part, and all of it in docs/speed.md."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence

from logitkit.bench import figures, summary
from logitkit.bench.providers import FLOORS
from logitkit.bench.summary import Line

from . import grid, tables

Text = Callable[[Line], str]

FASTER = (
    "How many times faster than the fastest other library of the same run, each with the faster "
    "of its ways to call; below 1 is slower:"
)
PICTURE = """<picture>
  <source media="(prefers-color-scheme: dark)" srcset="docs/images/speed-dark.svg">
  <img src="docs/images/speed-light.svg" alt="For each shape and operation, with {counts} threads: \
how many times faster logitkit is than the fastest other library, and how many times as long it \
takes as the machine needs. {verdict}">
</picture>"""


def summary_part(lines: Sequence[Line], where: str) -> str:
    """Return the README's picture, the times of softmax and the ratios of all operations.

    The other dtypes are one line. `where` says how it was measured.
    """
    first = [line for line in lines if line.dtype == lines[0].dtype]
    verdict = _verdict(first)
    hidden = ("logitkit exact", *(name for name in FLOORS if name != "copy"))
    names = [name for name in summary.provider_names(first) if name not in hidden]
    times = _times([line for line in first if line.op == first[0].op], names)
    return "\n\n".join(
        [
            PICTURE.format(counts=" and ".join(map(str, _threads(first))), verdict=verdict),
            f"{first[0].op} of {first[0].dtype} from N(0, 4), {_unit(first)}:",
            times,
            FASTER,
            _by_operation(first, lambda line: figures.ratio(line.best_ratio)),
            f"{verdict} NumPy, SciPy and the copy run on one thread whatever the count."
            f"{_untimed(first)}{_other_dtypes(lines, first[0].dtype)}",
            f"{where} All times, and how far each is from what the machine needs:",
        ]
    )


def page(lines: Sequence[Line]) -> str:
    """Return the tables of docs/speed.md."""
    parts = []
    for dtype in dict.fromkeys(line.dtype for line in lines):
        chosen = [line for line in lines if line.dtype == dtype]
        parts += [f"## {dtype}", _verdict(chosen) + _untimed(chosen), FASTER]
        parts.append(_by_operation(chosen, lambda line: figures.ratio(line.best_ratio)))
        if any(line.over_roofline for line in chosen):
            parts.append("Our time over the roofline; 1 is as fast as the machine can:")
            parts.append(_by_operation(chosen, lambda line: figures.ratio(line.over_roofline)))
        for op in dict.fromkeys(line.op for line in chosen):
            rows = [line for line in chosen if line.op == op]
            parts.append(f"{op}, {_unit(chosen)}:")
            parts.append(_times(rows, summary.provider_names(rows)))
    return "\n\n".join(parts)


def _threads(lines: Sequence[Line]) -> list[int]:
    return sorted({line.threads for line in lines})


def _unit(lines: Sequence[Line]) -> str:
    first, *others = _threads(lines)
    brackets = f"; {', '.join(map(str, others))} threads in brackets" if others else ""
    return f"microseconds, median, {first} thread{'s' * (first > 1)}{brackets}"


def _cell(lines: Sequence[Line], op: str, shape: str, text: Text) -> str:
    """Write a cell of a table: at the least number of threads, and the others in brackets."""
    by_threads = {line.threads: line for line in lines if (line.op, line.label) == (op, shape)}
    texts = [text(by_threads[n]) if n in by_threads else "-" for n in _threads(lines)]
    return texts[0] if len(set(texts)) == 1 else f"{texts[0]} ({', '.join(texts[1:])})"


def _times(lines: Sequence[Line], names: Sequence[str]) -> str:
    def of(name: str) -> Text:
        return lambda line: figures.microseconds(line.times.get(name))

    shapes = dict.fromkeys(line.label for line in lines)
    op = lines[0].op
    rows = [[shape, *(_cell(lines, op, shape, of(name)) for name in names)] for shape in shapes]
    return tables.markdown(["shape", *names], rows)


def _by_operation(lines: Sequence[Line], text: Text) -> str:
    ops = list(dict.fromkeys(line.op for line in lines))
    shapes = dict.fromkeys(line.label for line in lines)
    rows = [[shape, *(_cell(lines, op, shape, text) for op in ops)] for shape in shapes]
    return tables.markdown(["shape", *ops], rows)


def _verdict(lines: Sequence[Line]) -> str:
    lost = summary.losses(lines)
    if not lost:
        return f"logitkit is the fastest in all {len(lines)} cells."
    return f"logitkit is slower than the best of them in {len(lost)} of {len(lines)} cells."


def _untimed(lines: Sequence[Line]) -> str:
    there = {(line.op, line.label, line.threads) for line in lines}
    ops = sorted({line.op for line in lines})
    shapes = {line.label: line for line in lines}
    keys = [
        (op, label, count)
        for op in ops
        for label, line in sorted(shapes.items())
        for count in _threads(lines)
        if op in grid.ops_of(line.shape, line.dtype)
    ]
    missing = ", ".join(
        f"{op} {shape} at {count} thread{'s' * (count > 1)}"
        for op, shape, count in keys
        if (op, shape, count) not in there
    )
    return f" Not timed, for the libraries' results disagree: {missing}." if missing else ""


def _other_dtypes(lines: Sequence[Line], shown: str) -> str:
    """Say in a line how the dtypes stand that the README has no table of."""
    parts = []
    for dtype in dict.fromkeys(line.dtype for line in lines if line.dtype != shown):
        ratios = [
            line.best_ratio for line in lines if line.dtype == dtype and line.best_ratio is not None
        ]
        if ratios:
            low, middle, high = min(ratios), statistics.median(ratios), max(ratios)
            lost = sum(ratio < 1 for ratio in ratios)
            parts.append(
                f"{dtype} {figures.ratio(middle)} times faster (median; {figures.ratio(low)} to "
                f"{figures.ratio(high)}; slower in {lost} of {len(ratios)} cells)"
            )
    return f" Other dtypes: {', '.join(parts)}." if parts else ""

"""The measured part of the documents: tables and pictures from the newest results."""

from __future__ import annotations

import re
from pathlib import Path

from logitkit.bench import summary
from logitkit.bench.summary import Line, Record

from . import (
    accuracy_tables,
    exp_sweep,
    instructions_page,
    memory,
    plot,
    results,
    speed_page,
    tables,
)
from .threads import page as threads_page

ROOT = Path(__file__).resolve().parent.parent
# The parts of docs/performance.md, by their markers.
PERFORMANCE = {
    "instructions": instructions_page.page,
    "threads": threads_page.page,
    "memory": memory.page,
}


def update(root: Path = ROOT, directory: Path = results.DIRECTORY) -> list[Path]:
    """Write the newest results of each kind into README.md and docs; return the files written.

    A part without results stays as it is. Raises FileNotFoundError where there are none at all,
    ValueError where a document has lost its markers.
    """
    files = {kind: results.newest(kind, directory) for kind in results.COLUMNS}
    if not any(files.values()):
        raise FileNotFoundError(
            f"{directory} has no results; `python -m benchmarks` makes them, and exp-sweep --all"
        )
    readme, page = root / "README.md", root / "docs" / "accuracy.md"
    texts = {path: path.read_text("utf-8") for path in (readme, page)}
    lines: list[Line] = []
    if file := files["accuracy"]:
        errors = results.read(file)
        texts[readme] = replace(texts[readme], "accuracy", accuracy_part(errors, file))
        texts[page] = replace(texts[page], "accuracy", accuracy_page(errors, file))
    if file := files["exp-sweep"]:
        texts[page] = replace(texts[page], "exp-sweep", sweep_page(results.read(file), file))
    path = root / "docs" / "performance.md"
    for kind, write in PERFORMANCE.items():
        if file := files[kind]:
            records = results.read(file)
            part = f"{write(records)}\n\n{measured(records, file)}"
            texts[path] = replace(texts.get(path) or path.read_text("utf-8"), kind, part)
    if file := files["speed"]:
        times = results.read(file)
        lines = summary.lines(times)
        where, path = measured(times, file), root / "docs" / "speed.md"
        part = f"{speed_page.summary_part(lines, where)} [docs/speed.md](docs/speed.md)."
        texts[readme] = replace(texts[readme], "speed", part)
        part = f"{speed_page.page(lines)}\n\n{where}"
        texts[path] = replace(path.read_text("utf-8"), "speed", part)
    for path, text in texts.items():
        path.write_text(text, "utf-8")
    return [*texts, *(plot.save(lines, root / "docs" / "images") if lines else [])]


def replace(text: str, name: str, part: str) -> str:
    """Put a part between the markers `<!-- name:begin -->` and `<!-- name:end -->`."""
    begin, end = f"<!-- {name}:begin -->", f"<!-- {name}:end -->"
    if text.count(begin) != 1 or text.count(end) != 1 or text.index(begin) > text.index(end):
        raise ValueError(f"the text must have {begin} and {end} once, in this order")
    head, _, rest = text.partition(begin)
    return f"{head}{begin}\n{part.strip()}\n{end}{rest.partition(end)[2]}"


def measured(records: list[Record], file: Path) -> str:
    """Return the sentence that says where, when and with what."""
    day = re.search(r"\d{4}-\d\d-\d\d", file.name)
    versions = dict.fromkeys(r["versions"] for r in records)
    when = day[0] if day else "an unknown day"
    return f"Measured on {when}, {records[0]['cpu']}; {', '.join(versions)}."


def accuracy_part(records: list[Record], file: Path) -> str:
    """Return the README's tables, of float32: some operations by input, the others by function."""
    first, *others = accuracy_tables.groups(records)
    parts = [
        f"float32, {' / '.join(first)}:",
        tables.markdown(*accuracy_tables.cells(records, "float32", first)),
    ]
    if others:
        rest = [op for group in others for op in group]
        parts.append(
            "float32, the other functions: the largest error over the same inputs, in ULP of the "
            "largest term where a result is a difference (kl_divergence, gradients):"
        )
        parts.append(tables.markdown(*accuracy_tables.by_function(records, "float32", rest)))
    parts.append(f"{isas_sentence(records)} {accuracy_tables.goals_sentence(records)}")
    parts.append(
        f"{measured(records, file)} float64, the goals, the worst inputs and how it is measured: "
        "[docs/accuracy.md](docs/accuracy.md)."
    )
    return "\n\n".join(parts)


def accuracy_page(records: list[Record], file: Path) -> str:
    """Return the tables of docs/accuracy.md."""
    parts = []
    for dtype in accuracy_tables.dtypes(records):
        parts.append(f"### {dtype}")
        for ops in accuracy_tables.groups(records):
            parts.append(f"{' / '.join(ops)}:")
            parts.append(tables.markdown(*accuracy_tables.cells(records, dtype, ops)))
    parts.append("### The goals")
    parts.append(
        "The goal of each function (`benchmarks/goals.py`), and the largest error over all inputs "
        "by instruction set. "
        f"{accuracy_tables.goals_sentence(records)}"
    )
    parts.append(tables.markdown(*accuracy_tables.goal_cells(records)))
    parts.append("### The worst of logitkit")
    parts.append(isas_sentence(records))
    parts.append("The worst result in each table, and the score that it belongs to:")
    parts.append(tables.markdown(*accuracy_tables.worst_cells(records)))
    parts.append(measured(records, file))
    return "\n\n".join(parts)


def isas_sentence(records: list[Record]) -> str:
    """Say which instruction sets were measured, and whether the errors differ."""
    odd = accuracy_tables.differences(records)
    isas = ", ".join(accuracy_tables.instruction_sets(records))
    return "; ".join(odd) + "." if odd else f"logitkit's errors are equal with {isas}."


def sweep_page(records: list[Record], file: Path) -> str:
    """Return the table of the sweep."""
    return f"{tables.markdown(*exp_sweep.cells(records))}\n\n{measured(records, file)}"

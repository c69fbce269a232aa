"""The tables of docs/performance.md and of the terminal: what threads cost, and what they bring."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from logitkit.bench.summary import Record

from .. import tables
from . import PART_ELEMENTS, of
from .cells import Cell

AWAKE, ASLEEP = "0", "1000"  # microseconds since the last call, of a worker that looks or sleeps
COSTS = {
    "begin": "until the last thread has begun",
    "empty": "a call of nothing",
    "own": "return after the caller's part",
    "other": "return after another's part",
}

STATES = {"loop": "in a loop", "pause": "after a pause"}

Table = tuple[list[str], list[list[str]]]


def text(records: Sequence[Record]) -> str:
    """Return what the command prints."""
    return "\n\n".join(_parts(records, tables.text))


def page(records: Sequence[Record]) -> str:
    """Return the measured part of the document."""
    return "\n\n".join(_parts(records, tables.markdown))


def _parts(records: Sequence[Record], draw: Callable[..., str]) -> Iterator[str]:
    cells = pairs(records)
    if of(records, "cost"):
        yield "What the pool costs, microseconds, median (20th to 80th percentile):"
        yield draw(*costs(records))
    if cells and of(records, "cost"):
        yield "What that is in scores, by the time that one thread takes for one:"
        yield draw(*grain(records))
    if cells:
        count = max(r["threads"] for r in of(records, "cell"))
        yield (
            f"How many times faster {count} threads are than one, in a loop / after a pause; in "
            "brackets what is not cut, and takes the same way with any number:"
        )
        yield draw(*ratios(records))
        yield verdict(records)
        if lost := slower(records)[1]:
            yield draw(slower(records)[0], lost)
    if of(records, "beside"):
        yield "Beside others, microseconds a call, mean of a round, median of the rounds:"
        yield draw(*beside(records))


def costs(records: Sequence[Record]) -> Table:
    """Return a line a pause, a column a kind of cost."""
    found = {(r["state"], r["what"]): r for r in of(records, "cost")}
    rows = []
    for state in dict.fromkeys(state for state, _ in found):
        name = "the first call, besides" if state == "first" else f"{state} us after the last"
        rows.append([name, *(_spread(found.get((state, what))) for what in COSTS)])
    return ["call", *COSTS.values()], rows


def grain(records: Sequence[Record]) -> Table:
    """Return what waking takes in scores, by operation and kind of rows."""
    cost = {(r["state"], r["what"]): r["median"] for r in of(records, "cost")}
    header = [
        *("rows", "ns a score, one thread", f"us for {PART_ELEMENTS} scores"),
        *("scores while an awake worker begins", "while a sleeping one begins"),
        "while a call wakes a sleeping one",
    ]
    rows = []
    for cell, states in pairs(records).items():
        if _name(cell.size) != "32k" or "loop" not in states:
            continue
        score = states["loop"][0]["median"] / cell.elements  # microseconds
        waits = [cost[AWAKE, "begin"], cost[ASLEEP, "begin"], cost[ASLEEP, "empty"]]
        rows.append(
            [
                f"{cell.op}, {cell.kind}",
                f"{1000 * score:.3f}",
                tables.microseconds(PART_ELEMENTS * score),
                *(f"{wait / score:.0f}" for wait in waits),
            ]
        )
    return header, rows


def ratios(records: Sequence[Record]) -> Table:
    """Return a line an operation and kind of rows, a column a size."""
    found = pairs(records)
    lines = dict.fromkeys((cell.op, cell.kind) for cell in found)
    sizes = sorted({cell.size for cell in found})
    rows = []
    for op, kind in lines:
        row = [f"{op}, {kind}"]
        for size in sizes:
            cell = Cell(op, kind, size)
            states = found.get(cell)
            both = " / ".join(tables.ratio(_ratio(p)) for p in states.values()) if states else "-"
            row.append(both if not states or cell.is_cut else f"({both})")
        rows.append(row)
    return ["about so many scores", *map(_name, sizes)], rows


def verdict(records: Sequence[Record]) -> str:
    """Say how many cells lose, and what the noise is."""
    every = pairs(records)
    cut = [pair for cell, states in every.items() if cell.is_cut for pair in states.values()]
    lost = [pair for pair in cut if _ratio(pair) < 1]
    clear = sum(pair[1]["share"] >= 0.8 for pair in lost)
    told = (
        f"More threads are slower than one in {len(lost)} of {len(cut)} cells that are cut, in "
        f"{clear} of them in at least four of five rounds"
        if lost
        else f"More threads are at least as fast as one in all {len(cut)} cells that are cut"
    )
    same: dict[str, list[float]] = {}
    for cell, states in every.items():
        for state, pair in states.items():
            if not cell.is_cut:
                same.setdefault(state, []).append(_ratio(pair))
    noise = [f"{STATES[s]} {min(each):.2f} to {max(each):.2f}" for s, each in same.items()]
    return f"{told}. The noise, ratios of what is not cut: {', '.join(noise) or 'not measured'}."


def slower(records: Sequence[Record]) -> Table:
    """Return every cell that is cut and slower for it."""
    header = ["cell", "state", "one thread, us", "all, us", "times faster", "rounds slower"]
    rows = []
    for cell, states in pairs(records).items():
        for state, (one, many) in states.items():
            if cell.is_cut and _ratio((one, many)) < 1:
                axis = f", axis {cell.axis}" if cell.axis >= 0 else ""
                rows.append(
                    [
                        f"{cell.op} ({', '.join(map(str, cell.shape))}){axis}",
                        STATES[state],
                        tables.microseconds(one["median"]),
                        tables.microseconds(many["median"]),
                        tables.ratio(_ratio((one, many))),
                        f"{100 * many['share']:.0f} %",
                    ]
                )
    return header, rows


def beside(records: Sequence[Record]) -> Table:
    """Return a line a partner and number of our threads."""
    found = {(r["what"], r["who"], r["state"], r["threads"]): r for r in of(records, "beside")}
    header = ["beside", "our threads", "ours alone", "ours beside", "theirs alone", "theirs beside"]
    rows = []
    for what in dict.fromkeys(key[0] for key in found):
        counts = sorted({key[3] for key in found if key[:2] == (what, "ours")})
        for count in counts:
            theirs = {key[2]: r for key, r in found.items() if key[:2] == (what, "theirs")}
            mine = (found[what, "ours", state, count] for state in ("alone", "beside"))
            others = (theirs.get(state) for state in ("alone", f"beside {count}"))
            rows.append([what, str(count), *(_spread(r) for r in (*mine, *others))])
    return header, rows


def pairs(records: Sequence[Record]) -> dict[Cell, dict[str, tuple[Record, Record]]]:
    """Return the two records, one thread and more, of each state of each cell."""
    found: dict[Cell, dict[str, list[Record]]] = {}
    for r in of(records, "cell"):
        cell = Cell(r["what"], r["who"], _size(r))
        found.setdefault(cell, {}).setdefault(r["state"], []).append(r)
    result: dict[Cell, dict[str, tuple[Record, Record]]] = {}
    for cell, states in found.items():
        result[cell] = {}
        for state, both in states.items():
            one, many = sorted(both, key=lambda r: r["threads"])
            result[cell][state] = (one, many)
    return result


def _size(r: Record) -> int:
    """Return the power of two that the shape was made for."""
    count = 1
    for part in r["shape"].split("x"):
        count *= int(part)
    return 1 << (count.bit_length() - 1)


def _ratio(pair: tuple[Record, Record]) -> float:
    return float(pair[0]["median"] / pair[1]["median"])


def _name(size: int) -> str:
    return f"{size >> 20}M" if size >= 1 << 20 else f"{size >> 10}k"


def _spread(r: Record | None) -> str:
    if r is None:
        return "-"
    median, p20, p80 = (tables.microseconds(r[name]) for name in ("median", "p20", "p80"))
    return f"{median} ({p20} to {p80})"

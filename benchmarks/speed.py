"""The speed tables: every cell at each number of threads, beside the other libraries."""

from __future__ import annotations

import itertools
import sys
from collections.abc import Iterator, Sequence

from logitkit.bench import figures, run, summary
from logitkit.bench.cells import Cell
from logitkit.bench.summary import Record
from logitkit.bench.timing import Effort

from . import tables

WORKER = ("-m", "benchmarks.worker")


def measure(
    cells: Sequence[Cell],
    threads: Sequence[int],
    libraries: Sequence[str],
    effort: Effort,
    disagreements: list[str],
) -> Iterator[Record]:
    """Yield the records of all cells, as `logitkit.bench.run.run`, from workers of this folder."""
    return run.run(cells, threads, libraries, effort, disagreements, WORKER)


def show(records: Iterator[Record], missing: Sequence[str], cells: int) -> list[Record]:
    """Print the tables of each thread count when it is measured; return the records.

    `cells` is how many there are in all, for the progress that a terminal is told.
    """
    seen: list[Record] = []
    done = 0
    for threads, part in itertools.groupby(records, lambda record: int(record["threads"])):
        of_one: list[Record] = []
        for record in part:
            if not of_one or _cell(of_one[-1]) != _cell(record):
                done += 1
                if sys.stderr.isatty():
                    where = f"{record['op']} {record['shape']} {record['dtype']}, {threads} threads"
                    print(f"\r{done} of {cells}: {where:<60}", end="\r", file=sys.stderr)
            of_one.append(record)
        for kind in dict.fromkeys((r["dtype"], r["op"]) for r in of_one):
            print(table([r for r in of_one if (r["dtype"], r["op"]) == kind], missing), flush=True)
        seen += of_one
    return seen


def _cell(record: Record) -> tuple[object, ...]:
    return tuple(record[name] for name in ("op", "shape", "axis", "dtype", "threads"))


def table(records: list[Record], missing: Sequence[str]) -> str:
    """Return the table of one operation and dtype at one thread count, in microseconds."""
    rows = summary.lines(records)
    names = summary.provider_names(rows)
    heads = ["best peer", "new, times", "out=, times", "over the roofline"]
    body = [
        [
            line.label,
            *(figures.microseconds(line.times.get(name)) for name in names),
            *("not installed" for _ in missing),
            line.best_peer or "-",
            figures.ratio(line.ratio("logitkit")),
            figures.ratio(line.ratio("logitkit out=")),
            figures.ratio(line.over_roofline),
        ]
        for line in rows
    ]
    first, threads = rows[0], rows[0].threads
    count = f"{threads} thread{'s' * (threads > 1)}"
    title = f"{first.op}, {first.dtype}, N(0, 4), {count}: microseconds, median"
    return f"\n{title}\n{tables.text(['shape', *names, *missing, *heads], body)}"

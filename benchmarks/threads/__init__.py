"""What threads cost and what they bring: the pool by itself, calls of all sizes, other libraries.

`costs` measures the pool without arithmetic, `cells` calls with all threads against the same with
one, `beside` calls while other threads and processes want the same CPUs; `page` shows all three.
A record is one time, with `part` for which of the three it is:

    part     what           who               state
    cost     begin, ...     the pool          first, or microseconds since the last call
    cell     an operation   logitkit          loop, or pause before each call
    beside   whom beside    ours or theirs    alone, or beside

`share` is, of a cell, the share of rounds in which all threads took longer than one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from logitkit.bench import machine
from logitkit.bench.summary import Record

PARTS = ("cost", "cell", "beside")
# Below two of these a call is not cut, and below four of them one row is not: plan.cpp.
PART_ELEMENTS = 16384


def record(
    part: str,
    what: str,
    who: str,
    state: str,
    threads: int,
    samples: Sequence[float],
    *,
    shape: str = "",
    axis: int = -1,
    share: float | None = None,
    package: str = "logitkit",
) -> Record:
    """Return the record of samples in microseconds."""
    p20, median, p80 = (round(float(q), 3) for q in np.percentile(samples, [20, 50, 80]))
    return {
        "part": part,
        "what": what,
        "who": who,
        "state": state,
        "shape": shape,
        "axis": axis,
        "threads": threads,
        "median": median,
        "p20": p20,
        "p80": p80,
        "share": share,
        "versions": machine.versions(package),
        "cpu": machine.cpu(),
    }


def of(records: Iterable[Record], part: str) -> list[Record]:
    """Return the records of a part."""
    return [r for r in records if r["part"] == part]


def run(parts: Sequence[str], threads: int) -> Iterator[Record]:
    """Measure these of the three parts with one thread and with so many."""
    # Imported here: `beside` and `cells` are programs of their own, too, and need `record`.
    from . import beside, cells, costs

    measured = dict(zip(PARTS, (costs.run, cells.run, beside.run), strict=True))
    for part in parts:
        if part not in measured:
            raise ValueError(f"part is {part!r}; accepted are {', '.join(PARTS)}")
    if threads < 2:
        raise ValueError(f"threads is {threads}; there is nothing to compare below 2")
    for part in parts:
        yield from measured[part](threads)

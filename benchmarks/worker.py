"""One process that times the grid at one number of threads; started by `speed`, one after another.

Libraries keep their threads for the life of a process, and XLA reads their number at its start: so
each number has its own process. Settings come as JSON in the first argument, records leave as JSON
lines on stdout; whatever the libraries print goes to stderr.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from typing import Any

import numpy as np

from . import machine, providers
from .grid import Cell, inputs
from .operations import OPERATIONS, Disagreement, check
from .providers import Provider
from .timing import Effort, Time, measure


def time_cell(cell: Cell, offers: list[Provider], effort: Effort) -> dict[str, Time]:
    """Check that the providers agree on every input of a cell, then time them.

    Raises Disagreement, which names every provider that is wrong, before anything is timed: without
    one of them the ratio to the best peer would flatter those that are left.
    """
    length = cell.shape[cell.axis]
    calls = {offer.name: [] for offer in offers}
    wrong: dict[str, str] = {}
    for operands in inputs(cell):
        expected = OPERATIONS[cell.op].right_in(np.float64, operands, cell.axis)
        for offer in offers:
            bound = offer.bind(cell.op, operands, cell.axis)
            if bound is None:
                calls.pop(offer.name, None)
                continue
            result = bound.call()
            if not offer.floor:
                try:
                    check(cell.op, offer.name, bound.fetch(result), expected, length, cell.axis)
                except Disagreement as error:
                    wrong.setdefault(offer.name, str(error))
            calls[offer.name].append(bound.call)
    if wrong:
        raise Disagreement("; ".join(wrong.values()))
    return measure(calls, effort)


def records(settings: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield one record for each provider and cell, as they are measured.

    A cell in which providers disagree gives one record, {"disagreement": what is wrong}.
    """
    threads = settings["threads"]
    offers = providers.load(settings["libraries"], threads)
    cpu = machine.cpu()
    versions = {offer.name: machine.versions(offer.package) for offer in offers}
    for op, shape, axis in settings["cells"]:
        cell = Cell(op, tuple(shape), axis)
        try:
            times = time_cell(cell, offers, Effort(**settings["effort"]))
        except Disagreement as error:
            yield {"disagreement": str(error)}
            continue
        for name, time in times.items():
            yield {
                "op": op,
                "shape": cell.size,
                "axis": axis,
                "dtype": "float32",
                "threads": threads,
                "provider": name,
                "median": round(time.median, 3),
                "p20": round(time.p20, 3),
                "p80": round(time.p80, 3),
                "versions": versions[name],
                "cpu": cpu,
            }


def main() -> None:
    """Measure what the first argument says."""
    with os.fdopen(os.dup(1), "w") as out:
        os.dup2(2, 1)
        for record in records(json.loads(sys.argv[1])):
            print(json.dumps(record), file=out, flush=True)


if __name__ == "__main__":
    main()

"""One process that times cells at one number of threads; started by `run`, one after another.

Libraries keep their threads for the life of a process, and XLA reads their number at its start: so
each number has its own process. Settings come as JSON in the first argument, records leave as JSON
lines on stdout; whatever the libraries print goes to stderr.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from . import machine, providers
from .cells import Cell, Inputs
from .operations import Accepted, Disagreement
from .providers import Provider
from .timing import Call, Effort, Time, measure


def time_cell(
    cell: Cell, offers: list[Provider], effort: Effort, inputs: Inputs | None = None
) -> dict[str, Time]:
    """Check that the providers agree on every input of a cell, then time them.

    Raises Disagreement, which names every provider that is wrong, before anything is timed: without
    one of them the ratio to the best peer would flatter those that are left.
    """
    calls: dict[str, list[Call]] = {offer.name: [] for offer in offers}
    passes: dict[str, int] = {}
    wrong: dict[str, str] = {}
    for operands in (inputs or Inputs()).of(cell):
        accepted = Accepted.of(cell.op, operands, cell.axis)
        for offer in offers:
            bound = offer.bind(cell.op, operands, cell.axis)
            if bound is None:
                calls.pop(offer.name, None)
                continue
            result = bound.call()
            if not offer.floor:
                try:
                    accepted.check(offer.name, bound.fetch(result))
                except Disagreement as error:
                    wrong.setdefault(offer.name, str(error))
            calls[offer.name].append(bound.call)
            passes[offer.name] = bound.passes
        del accepted
    if wrong:
        raise Disagreement("; ".join(wrong.values()))
    times = measure(calls, effort)
    return {name: _of_one(time, passes[name]) for name, time in times.items()}


def _of_one(time: Time, passes: int) -> Time:
    return replace(time, **{name: value / passes for name, value in vars(time).items()})


def records(settings: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield one record for each provider and cell, as they are measured.

    A cell in which providers disagree gives one record, {"disagreement": what is wrong};
    one for which there is not enough memory {"memory": what was asked for}, and is the last.
    """
    threads = settings["threads"]
    offers = providers.load(settings["libraries"], threads)
    cpu = machine.cpu()
    versions = {offer.name: machine.versions(offer.package) for offer in offers}
    inputs = Inputs()
    for op, shape, axis, dtype in settings["cells"]:
        cell = Cell(op, tuple(shape), axis, dtype)
        try:
            times = time_cell(cell, offers, Effort(**settings["effort"]), inputs)
        except Disagreement as error:
            yield {"disagreement": f"{error}, {dtype}"}
            continue
        except MemoryError as error:
            yield {"memory": f"{op} of {cell.size}, {dtype}: {error}"}
            return
        for name, time in times.items():
            yield {
                "op": op,
                "shape": cell.size,
                "axis": axis,
                "dtype": dtype,
                "threads": threads,
                "provider": name,
                "median": rounded(time.median),
                "p20": rounded(time.p20),
                "p80": rounded(time.p80),
                "versions": versions[name],
                "cpu": cpu,
            }


def rounded(microseconds: float) -> float:
    """Round to nanoseconds; what takes fewer than one keeps three digits."""
    return round(microseconds, 3) if microseconds >= 0.1 else float(f"{microseconds:.3g}")


def main() -> None:
    """Measure what the first argument says."""
    with os.fdopen(os.dup(1), "w") as out:
        os.dup2(2, 1)
        try:
            for record in records(json.loads(sys.argv[1])):
                print(json.dumps(record), file=out, flush=True)
        except KeyboardInterrupt:
            sys.exit(130)


if __name__ == "__main__":
    main()

"""Draws from large vocabularies: time beside softmax alone and beside PyTorch's usual way.

The usual way is that of generation loops: logits that a filter leaves out become -inf (top_k by
`topk`, top_p by `sort` and the running sum of the softmax, min_p by the softmax and its largest),
and `multinomial` draws from the softmax of the rest. The torch way and softmax into an array that
is there take turns with `logitkit.sample` in the rounds of `logitkit.bench.timing`, for one row and
for a batch, in a process for each number of threads. Before that it is checked that both keep the
same classes, but for those where the float32 sums of the torch way may be off, and that what is
drawn is kept.

This module is such a process, too: `python -m benchmarks.sampling ROWS CLASSES THREADS`.
"""

from __future__ import annotations

import itertools
import json
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

import logitkit as lk
from logitkit.bench import figures, machine
from logitkit.bench.summary import Record
from logitkit.bench.timing import Effort, measure

from . import fresh, tables

CLASSES = 128256
ROWS = (1, 64)
DEVIATION = 2.0
# One after the other, in this order.
FILTERS: tuple[dict[str, Any], ...] = (
    {},
    {"top_k": 50},
    {"top_p": 0.9},
    {"min_p": 0.05},
    {"top_k": 50, "top_p": 0.9, "min_p": 0.05},
)
EFFORT = Effort(seconds=1.5, least=7, most=60, turn=2e-3)
# How far the float32 sums of the torch way may be off, as a part of the whole.
NEAR = 1e-4


def run(
    classes: int = CLASSES, rows: Sequence[int] = ROWS, counts: Sequence[int] = (1, 2)
) -> Iterator[Record]:
    """Measure every filter, for every number of rows and of threads."""
    for threads, n in itertools.product(counts, rows):
        for record in in_process(n, classes, threads):
            provider = record["provider"].partition(",")[0]
            versions = machine.versions(provider)
            yield {**record, "versions": versions, "cpu": machine.cpu()}


def in_process(rows: int, classes: int, threads: int) -> list[Record]:
    """Measure every filter in a fresh process with so many threads."""
    environment = {**os.environ, "LOGITKIT_NUM_THREADS": str(threads)}
    failure = "draws were not measured"
    output = fresh.output_of(
        __name__, rows, classes, threads, environment=environment, failure=failure
    )
    found: list[Record] = json.loads(output)
    return found


def timed(rows: int, classes: int, threads: int, effort: Effort = EFFORT) -> Iterator[Record]:
    """Measure every filter in this process; every draw has a seed of its own."""
    import torch

    torch.set_num_threads(threads)
    x = logits(rows, classes)
    out = np.empty_like(x)
    for filters in FILTERS:
        check(x, filters)
        way = torch_way(x, filters)
        seeds = itertools.count()
        # Each call has its own values for the names that change.
        calls: dict[str, Callable[[], Any]] = {
            "logitkit, softmax": lambda: lk.softmax(x, out=out),
            "logitkit": lambda f=filters, s=seeds: lk.sample(x, seed=next(s), **f),
            "torch": lambda w=way: w()[1],
        }
        times = measure({name: [call] for name, call in calls.items()}, effort)
        for provider, time in times.items():
            yield {
                "filters": name_of(filters),
                "shape": f"{rows}x{classes}",
                "dtype": "float32",
                "threads": threads,
                "provider": provider,
                **vars(time),
            }


def logits(rows: int, classes: int) -> np.ndarray:
    """Return N(0, 2) scores."""
    rng = np.random.default_rng(83)
    return rng.standard_normal((rows, classes), np.float32) * np.float32(DEVIATION)


def torch_way(x: np.ndarray, filters: dict[str, Any]) -> Callable[[], tuple[Any, Any]]:
    """Return a call that gives the filtered logits and a draw from each row."""
    import torch

    scores = torch.from_numpy(x)
    nothing = -float("inf")

    def run_it() -> tuple[Any, Any]:
        left = scores
        if k := filters.get("top_k"):
            least = torch.topk(left, k, dim=-1).values[..., -1:]
            left = left.masked_fill(left < least, nothing)
        if p := filters.get("top_p"):
            ascending, places = torch.sort(left, dim=-1)
            beyond = ascending.softmax(-1).cumsum(-1) <= 1 - p
            beyond[..., -1] = False
            left = left.masked_fill(beyond.scatter(-1, places, beyond), nothing)
        if least_p := filters.get("min_p"):
            probabilities = left.softmax(-1)
            too_small = probabilities < least_p * probabilities.amax(-1, keepdim=True)
            left = left.masked_fill(too_small, nothing)
        return left, torch.multinomial(left.softmax(-1), 1)

    return run_it


def check(x: np.ndarray, filters: dict[str, Any]) -> None:
    """Refuse kept classes that differ by more than rounding, and draws that are not kept."""
    left, drawn = (result.numpy() for result in torch_way(x, filters)())
    kept = lk.filter_logits(x, **filters) > -np.inf
    other = left > -np.inf
    p = lk.softmax(x.astype(np.float64))
    for name, ids, allowed in (
        ("logitkit", lk.sample(x, seed=1, **filters)[:, np.newaxis], kept),
        ("torch", drawn, other),
    ):
        if not np.take_along_axis(allowed, ids, -1).all():
            raise ValueError(f"{name} drew what is not kept, of {name_of(filters)}")
    for row, (ours, theirs) in enumerate(zip(kept, other, strict=True)):
        off = float(p[row][ours != theirs].sum() / p[row][ours].sum())
        if off > NEAR:
            raise ValueError(f"row {row}: {name_of(filters)} keep other classes: {off:.1e} of all")


def name_of(filters: dict[str, Any]) -> str:
    """Return a name for filters: top_k=50, top_p=0.9."""
    return ", ".join(f"{name}={value}" for name, value in filters.items()) or "none"


def cells(records: Sequence[Record]) -> tuple[list[str], list[list[str]]]:
    """Return the table, in microseconds: what softmax takes and how the draws compare with it."""
    found: dict[tuple[Any, ...], dict[str, float]] = {}
    for r in records:
        cell = found.setdefault((r["filters"], r["shape"], r["threads"]), {})
        cell[r["provider"]] = r["median"]
    header = ["filters", "rows x classes", "threads", "softmax", "sample", "of softmax", "torch"]
    rows = [
        [
            filters,
            shape,
            str(threads),
            figures.microseconds(times["logitkit, softmax"]),
            figures.microseconds(times["logitkit"]),
            figures.ratio(times["logitkit"] / times["logitkit, softmax"]),
            figures.microseconds(times["torch"]),
            figures.ratio(times["torch"] / times["logitkit"]),
        ]
        for (filters, shape, threads), times in found.items()
    ]
    return [*header, "times faster"], rows


def text(records: Sequence[Record]) -> str:
    """Return what the command prints."""
    return tables.text(*cells(records))


if __name__ == "__main__":
    print(json.dumps(list(timed(*map(int, sys.argv[1:])))))

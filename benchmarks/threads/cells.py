"""Calls with all threads against the same calls with one: from below the grain to large.

Two states: in a loop, where a worker still looks for the next job, and after a pause, in which it
has gone to sleep. One thread and all of them take turns, so what disturbs hits both.
"""

from __future__ import annotations

import itertools
import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

import logitkit as lk
from logitkit.bench.summary import Record
from logitkit.bench.timing import settle

from . import PART_ELEMENTS, TILE_ELEMENTS, TILE_ROWS, WOKEN_ELEMENTS, record

OPS = {"softmax": lk.softmax, "logsumexp": lk.logsumexp}
KINDS = {"short rows": 10, "middle rows": 1000, "long rows": 20000, "one row": None, "axis 0": 1000}
SIZES = [2**13, 2**14, 2**15, 2**16, 2**17, 2**18, 2**20, 2**22, 2**24]

LOOP = 0.25  # seconds a cell, and as much in the other state
ROUNDS = (9, 60)  # at least, at most
TURN = 3e-4  # seconds of calls that make one sample of the loop
PAUSE = 1e-3  # seconds: a worker has given up looking long before

Call = Callable[[], object]


@dataclass(frozen=True)
class Cell:
    """One operation on about so many scores, in rows of one kind."""

    op: str
    kind: str
    size: int

    @property
    def shape(self) -> tuple[int, ...]:
        """As many rows as give at least the size."""
        length = KINDS[self.kind]
        if length is None:
            return (self.size,)
        rows = -(-self.size // length)
        return (length, rows) if self.kind == "axis 0" else (rows, length)

    @property
    def axis(self) -> int:
        """The axis of the rows."""
        return 0 if self.kind == "axis 0" else -1

    @property
    def elements(self) -> int:
        """The number of scores."""
        return math.prod(self.shape)

    def is_cut(self, state: str) -> bool:
        """Whether more than one thread has a part in it, by the rules of plan.cpp."""
        if state == "pause" and self.elements < WOKEN_ELEMENTS:
            return False
        if len(self.shape) == 1:
            return self.elements >= 4 * PART_ELEMENTS
        length, rows = self.shape[self.axis], self.shape[1 + self.axis]
        tiles = max(TILE_ELEMENTS // length // 16, 1) * 16
        together = 1 if self.axis < 0 else min(tiles, TILE_ROWS)
        return rows > together and self.elements >= 2 * PART_ELEMENTS


def grid() -> list[Cell]:
    """Return the cells; a long row that is alone is left to "one row"."""
    every = [Cell(*each) for each in itertools.product(OPS, KINDS, SIZES)]
    return [cell for cell in every if cell.kind != "long rows" or cell.shape[0] > 1]


def run(threads: int) -> Iterator[Record]:
    """Yield four records a cell: two states, one thread and all."""
    for cell in grid():
        for state, measured in zip(("loop", "pause"), compare(cell, threads), strict=True):
            one, many, share = measured
            for count, samples in ((1, one), (threads, many)):
                yield record(
                    "cell",
                    cell.op,
                    cell.kind,
                    state,
                    count,
                    samples,
                    shape="x".join(map(str, cell.shape)),
                    axis=cell.axis,
                    share=round(share, 3) if count > 1 else None,
                )


def compare(cell: Cell, threads: int) -> Iterator[tuple[list[float], list[float], float]]:
    """Yield the samples in microseconds with one thread and with many, and how often many lost."""
    x = 4 * np.random.default_rng(23).standard_normal(cell.shape, np.float32)
    function, axis = OPS[cell.op], cell.axis
    result = function(x, axis=axis)
    # A large new array would be timed with the pages that it is made of.
    options = {"out": result} if result.shape == x.shape else {}

    def call() -> None:
        function(x, axis=axis, **options)

    before = lk.get_num_threads()
    try:
        lk.set_num_threads(1)
        count = max(1, math.ceil(TURN / min(_timed(call, 3) for _ in range(3))))

        def in_loop() -> float:
            settle()
            call()  # wakes the threads
            return _timed(call, count)

        for sample in (in_loop, lambda: after_pause(call)):
            one, many = take_turns(sample, threads)
            lost = sum(a < b for a, b in zip(one, many, strict=True))
            yield one, many, lost / len(one)
    finally:
        lk.set_num_threads(before)


def after_pause(call: Call) -> float:
    """Time one call of a program that has done something else: this thread and its CPU are awake.

    Returns seconds.
    """
    end = time.perf_counter() + PAUSE
    while time.perf_counter() < end:
        pass
    return _timed(call, 1)


def take_turns(sample: Callable[[], float], threads: int) -> tuple[list[float], list[float]]:
    """Take samples with one thread and with many in turn; return both in microseconds."""
    times: dict[int, list[float]] = {1: [], threads: []}
    end = time.perf_counter() + LOOP
    for done in range(ROUNDS[1]):
        if done >= ROUNDS[0] and time.perf_counter() > end:
            break
        for count in (1, threads) if done % 2 else (threads, 1):
            lk.set_num_threads(count)
            times[count].append(1e6 * sample())
    return times[1], times[threads]


def _timed(call: Call, count: int) -> float:
    start = time.perf_counter()
    for _ in range(count):
        call()
    return (time.perf_counter() - start) / count

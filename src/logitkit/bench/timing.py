"""How calls are timed: in turn, in rounds, each library when the threads of the last are asleep.

In a round every provider has one turn, a batch of calls; the order of the turns moves on by one
from round to round. A turn is one sample: its mean time a call. So a disturbance hits one round of
all, not all rounds of one, and the median leaves it out.
"""

from __future__ import annotations

import gc
import itertools
import math
import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

Call = Callable[[], Any]


@dataclass(frozen=True)
class Effort:
    """How long a cell is measured: seconds in all, rounds at least and at most, seconds a turn.

    After `limit` seconds three rounds are enough: of slow cells, whose times vary less.
    """

    seconds: float
    least: int
    most: int
    turn: float
    limit: float = math.inf


FULL = Effort(seconds=1.0, least=7, most=40, turn=1e-3, limit=4.0)
QUICK = Effort(seconds=0.5, least=5, most=20, turn=1e-3, limit=2.0)


@dataclass(frozen=True)
class Time:
    """Median, 20th and 80th percentile of the samples, in microseconds a call."""

    median: float
    p20: float
    p80: float


def measure(calls: Mapping[str, Sequence[Call]], effort: Effort) -> dict[str, Time]:
    """Time providers against each other; each has one call for each input, used in turn."""
    cycles = {name: itertools.cycle(each) for name, each in calls.items()}
    counts = {name: _batch(cycle, effort.turn) for name, cycle in cycles.items()}
    samples: dict[str, list[float]] = {name: [] for name in calls}
    names = list(calls)
    start = time.perf_counter()
    with _without_collector():
        for done in range(effort.most):
            seconds = time.perf_counter() - start
            least = 3 if seconds > effort.limit else effort.least
            if done >= least and seconds > effort.seconds:
                break
            first = done % len(names)
            for name in names[first:] + names[:first]:
                samples[name].append(_turn(cycles[name], counts[name]))
    return {name: _summary(values) for name, values in samples.items()}


def _batch(cycle: Iterator[Call], turn: float) -> int:
    """Return how many calls fill a turn."""
    seconds = _timed([next(cycle)])
    if seconds < turn:  # the first call and the clock weigh too much
        seconds = min(_timed(list(itertools.islice(cycle, 10))) for _ in range(2))
    return max(1, math.ceil(turn / seconds))


def _turn(cycle: Iterator[Call], count: int) -> float:
    batch = list(itertools.islice(cycle, count))
    settle()
    if count > 1:  # a short call is timed with its code and threads awake
        next(cycle)()
    return _timed(batch)


def _timed(batch: list[Call]) -> float:
    start = time.perf_counter()
    for call in batch:
        call()
    return (time.perf_counter() - start) / len(batch)


def settle(limit: float = 0.2) -> None:
    """Wait until no other thread of this process runs: pools spin for up to 50 ms after a call."""
    deadline = time.perf_counter() + limit
    while _others_run() and time.perf_counter() < deadline:
        time.sleep(5e-4)


def _others_run() -> bool:
    own = str(threading.get_native_id())
    try:
        tasks = os.listdir("/proc/self/task")
    except OSError:  # not Linux: one short rest must do
        time.sleep(0.01)
        return False
    for task in tasks:
        if task == own:
            continue
        try:
            with open(f"/proc/self/task/{task}/stat", "rb") as file:
                state = file.read().rpartition(b") ")[2][:1]
        except OSError:  # it has ended
            continue
        if state == b"R":
            return True
    return False


@contextmanager
def _without_collector() -> Iterator[None]:
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def _summary(values: list[float]) -> Time:
    p20, median, p80 = (float(q) * 1e6 for q in np.percentile(values, [20, 50, 80]))
    return Time(median, p20, p80)

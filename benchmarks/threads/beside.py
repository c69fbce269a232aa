"""Calls beside others that want the same CPUs, each setting in a process of its own.

One after the other, in one Python thread: PyTorch's softmax, whose OpenMP threads look for work for
a while after it; NumPy's matrix product, whose OpenBLAS threads do. At the same time: a second
process that does what this one does; a second Python thread with its own `num_threads`.

This module is such a process, too: `python -m benchmarks.threads.beside PARTNER THREADS`.
"""

from __future__ import annotations

import importlib.util
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

import logitkit as lk
from logitkit.bench.summary import Record
from logitkit.bench.timing import settle

from .. import fresh
from . import record

SHAPE = (512, 1000)
PRODUCT = 384  # rows and columns of the matrices
ROUNDS = 7
SECONDS = 0.08  # a state, in each round: one sample

Call = Callable[[], object]
Samples = dict[tuple[str, str, int], list[float]]  # by who, state and our threads, in microseconds


@dataclass(frozen=True)
class Partner:
    """Who is beside us: the work that takes turns with ours, or who works at the same time."""

    package: str
    at_once: bool = False
    environment: tuple[tuple[str, str], ...] = ()


PARTNERS = {
    "torch": Partner("torch"),
    "torch, waiting asleep": Partner("torch", environment=(("OMP_WAIT_POLICY", "PASSIVE"),)),
    "torch, one thread": Partner("torch", environment=(("OMP_NUM_THREADS", "1"),)),
    "numpy": Partner("numpy"),
    "numpy, one thread": Partner("numpy", environment=(("OPENBLAS_NUM_THREADS", "1"),)),
    "another process": Partner("logitkit", at_once=True),
    "another Python thread": Partner("logitkit", at_once=True),
}
# What would change the number of threads or how they wait, from outside.
SETTINGS = ("OMP_", "GOMP_", "KMP_", "MKL_", "OPENBLAS_", "LOGITKIT_")


def run(threads: int) -> Iterator[Record]:
    """Yield the records of each partner that is installed, ours with one thread and with many."""
    clean = {k: v for k, v in os.environ.items() if not k.startswith(SETTINGS)}
    for name, partner in PARTNERS.items():
        if importlib.util.find_spec(partner.package) is None:
            print(f"not measured, for it is not installed: {name}", file=sys.stderr)
            continue
        environment = {**clean, **dict(partner.environment)}
        failure = f"nothing was measured beside {name}"
        output = fresh.output_of(__name__, name, threads, environment=environment, failure=failure)
        yield from map(json.loads, output.splitlines())


def measure(name: str, threads: int) -> Iterator[Record]:
    """Measure beside one partner, in this process."""
    partner = PARTNERS[name]
    if name == "another process":
        found = beside_process(threads)
    elif name == "another Python thread":
        found = beside_thread(threads)
    else:
        found = beside_library(WORK[partner.package](), threads)
    shape = "x".join(map(str, SHAPE))
    for (who, state, count), samples in found.items():
        package = "logitkit" if who == "ours" else partner.package
        yield record("beside", name, who, state, count, samples, shape=shape, package=package)


def ours() -> Call:
    """Return softmax of an array and a result of its own."""
    x = 4 * np.random.default_rng(29).standard_normal(SHAPE, np.float32)
    out = np.empty_like(x)
    return lambda: lk.softmax(x, out=out)


def torch_work() -> Call:
    """Return PyTorch's softmax of an array like ours."""
    import torch

    x = torch.randn(SHAPE)
    out = torch.empty(SHAPE)
    return lambda: torch.softmax(x, -1, out=out)


def numpy_work() -> Call:
    """Return a product of matrices."""
    a, b, out = np.random.default_rng(31).standard_normal((3, PRODUCT, PRODUCT), np.float32)
    return lambda: np.matmul(a, b, out=out)


WORK = {"torch": torch_work, "numpy": numpy_work}


def beside_library(theirs: Call, threads: int) -> Samples:
    """Time both alone, and in turns."""
    samples: Samples = defaultdict(list)
    mine = ours()
    for _ in range(ROUNDS):
        settle()
        samples["theirs", "alone", threads] += repeat([theirs])
        for count in (1, threads):
            lk.set_num_threads(count)
            settle()
            samples["ours", "alone", count] += repeat([mine])
            one, other = repeat([mine, theirs])
            samples["ours", "beside", count].append(one)
            samples["theirs", f"beside {count}", threads].append(other)
    return samples


def repeat(calls: list[Call]) -> list[float]:
    """Make the calls one after the other until the time is over; return microseconds of each.

    The mean, not the median: who takes turns on a CPU has many calls that nothing disturbs, and
    between them those that wait.
    """
    spent = [0.0] * len(calls)
    for call in calls:
        call()
    rounds, end, now = 0, time.perf_counter() + SECONDS, 0.0
    while now < end:
        for i, call in enumerate(calls):
            start = time.perf_counter()
            call()
            now = time.perf_counter()
            spent[i] += now - start
        rounds += 1
    return [1e6 * seconds / rounds for seconds in spent]


def beside_process(threads: int) -> Samples:
    """Time ours alone, and while another process does the same without end."""
    samples: Samples = defaultdict(list)
    mine = ours()
    for count in (1, threads):
        lk.set_num_threads(count)
        code = f"from {__name__} import endless; endless({count})"
        with subprocess.Popen(
            [sys.executable, "-c", code], cwd=fresh.ROOT, stdout=subprocess.PIPE
        ) as other:
            assert other.stdout is not None
            other.stdout.readline()  # it computes
            try:
                for _ in range(ROUNDS):
                    for state, sent in (("alone", signal.SIGSTOP), ("beside", signal.SIGCONT)):
                        other.send_signal(sent)
                        time.sleep(0.01)
                        samples["ours", state, count] += repeat([mine])
            finally:
                other.kill()
    return samples


def endless(threads: int) -> None:
    """Compute until this process is ended; say that it has begun."""
    lk.set_num_threads(threads)
    call = ours()
    call()
    print(flush=True)
    while True:
        call()


def beside_thread(threads: int) -> Samples:
    """Time ours alone, and while another Python thread does the same; each sets its own number."""
    samples: Samples = defaultdict(list)
    mine, others = ours(), ours()

    def work(call: Call, count: int, meet: threading.Barrier, into: list[float]) -> None:
        with lk.num_threads(count):
            meet.wait()
            into += repeat([call])

    for _ in range(ROUNDS):
        for count in (1, threads):
            settle()
            work(mine, count, threading.Barrier(1), samples["ours", "alone", count])
            meet, into = threading.Barrier(2), samples["theirs", f"beside {count}", count]
            other = threading.Thread(target=work, args=(others, count, meet, into))
            other.start()
            work(mine, count, meet, samples["ours", "beside", count])
            other.join()
    return samples


if __name__ == "__main__":
    for line in measure(sys.argv[1], int(sys.argv[2])):
        print(json.dumps(line))

"""The loss of h @ w.T with its gradients: time, peak memory and error, beside PyTorch's forms.

A round starts one process for each contestant, one after the other: it makes h, w and the targets,
lets the libraries start their threads with a small call, and then makes one call. Told are

    median   of the rounds, in microseconds a call
    beside   by how much the call raised the peak of resident memory above what was there before,
             less the gradients, which are the result: the median too
    error    the largest error of the gradients of h, and of w for some of the classes, relative to
             the largest gradient, against float64; of 256 rows

This module is such a process, too: `python -m benchmarks.linear NAME N D V THREADS CHECK`.
"""

from __future__ import annotations

import json
import os
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np

import logitkit as lk
from logitkit.bench import machine
from logitkit.bench.summary import Record

from . import fresh, memory, tables

SHAPE = (1024, 1024, 50257)  # N rows of D numbers, V classes
CONTESTANTS = ("logitkit", "torch, logits", "torch, chunks")
ROUNDS = 3
CHECKED = 64  # classes whose gradient is compared
CHECKED_ROWS = 256

Result = tuple[float, np.ndarray, np.ndarray]


def run(
    shape: tuple[int, int, int] = SHAPE, counts: Sequence[int] = (1, 2), rounds: int = ROUNDS
) -> Iterator[Record]:
    """Measure every contestant with every number of threads, in turn."""
    if reason := memory.lacking():
        raise RuntimeError(reason)
    for threads in counts:
        found: dict[str, list[Record]] = {name: [] for name in CONTESTANTS}
        for i in range(rounds):
            for name in CONTESTANTS:
                found[name].append(measure(name, shape, threads, check=i == 0))
        for name, records in found.items():
            yield {
                "op": "linear_cross_entropy_with_grad",
                "shape": "x".join(map(str, shape)),
                "dtype": "float32",
                "threads": threads,
                "provider": name,
                "median": statistics.median(r["time"] for r in records),
                "beside": int(statistics.median(r["beside"] for r in records)),
                "error": records[0]["error"],
                "versions": machine.versions(name.partition(",")[0]),
                "cpu": machine.cpu(),
            }


def measure(name: str, shape: tuple[int, int, int], threads: int, *, check: bool) -> Record:
    """Make one call in a fresh process with so many threads."""
    set_to = str(threads)
    environment = {
        **os.environ,
        "OPENBLAS_NUM_THREADS": set_to,
        "OMP_NUM_THREADS": set_to,
        "LOGITKIT_NUM_THREADS": set_to,
    }
    arguments = (name, *shape, threads, int(check))
    failure = f"{name} was not measured"
    output = fresh.output_of(__name__, *arguments, environment=environment, failure=failure)
    found: Record = json.loads(output)
    return found


def call(name: str, n: int, d: int, v: int, threads: int, check: int) -> Record:
    """Make the call in this process and return what it took."""
    prepare = _logitkit if name == "logitkit" else _torch(name, threads)
    prepare(*operands(8, 8, 8))()
    h, w, targets = operands(n, d, v)
    ready = prepare(h, w, targets)
    # The peak so far is forgotten: Linux starts it again from what is resident.
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    before = memory.resident("VmRSS")
    start = time.perf_counter()
    result = ready()
    taken = time.perf_counter() - start
    beside = memory.resident("VmHWM") - before - h.nbytes - w.nbytes
    del result
    few = operands(min(n, CHECKED_ROWS), d, v)
    error = errors(prepare(*few)(), *few) if check else None
    return {"time": taken * 1e6, "beside": beside, "error": error}


def operands(n: int, d: int, v: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return h, w and targets: logits are about N(0, 1)."""
    rng = np.random.default_rng(71)
    h = rng.standard_normal((n, d), np.float32)
    w = rng.standard_normal((v, d), np.float32)
    w /= np.float32(d**0.5)
    return h, w, rng.integers(0, v, n)


def _logitkit(h: np.ndarray, w: np.ndarray, targets: np.ndarray) -> Callable[[], Result]:
    def run_it() -> Result:
        loss, grad_h, grad_w, _ = lk.linear_cross_entropy_with_grad(h, w, targets)
        return float(loss), grad_h, grad_w

    return run_it


def _torch(name: str, threads: int) -> Callable[..., Callable[[], Result]]:
    import torch
    from torch.nn import functional

    torch.set_num_threads(threads)
    options = torch.nn.LinearCrossEntropyOptions() if name.endswith("chunks") else None

    def prepare(h: np.ndarray, w: np.ndarray, targets: np.ndarray) -> Callable[[], Result]:
        x, weight, t = (torch.from_numpy(a) for a in (h, w, targets))
        x.requires_grad_()
        weight.requires_grad_()

        def run_it() -> Result:
            if options is None:
                loss = functional.cross_entropy(x @ weight.T, t)
            else:
                loss = functional.linear_cross_entropy(x, weight, t, options=options)
            loss.backward()
            return float(loss.detach()), x.grad.numpy(), weight.grad.numpy()

        return run_it

    return prepare


def errors(result: Result, h: np.ndarray, w: np.ndarray, targets: np.ndarray) -> float:
    """Return the largest error of the gradients, relative to the largest; refuse a wrong loss."""
    loss, grad_h, grad_w = result
    classes = np.unique(targets)[:CHECKED]
    by_w = np.zeros((len(classes), w.shape[1]))
    total, worst, largest = 0.0, 0.0, 0.0
    wide = w.astype(np.float64)
    step = 64
    for start in range(0, len(h), step):
        rows = h[start : start + step].astype(np.float64)
        part, g = lk.reference.cross_entropy_with_grad(
            rows @ wide.T, targets[start : start + step], normalizer=float(len(h))
        )
        by_h = g @ wide
        total += float(part)
        worst = max(worst, float(abs(grad_h[start : start + step] - by_h).max()))
        largest = max(largest, float(abs(by_h).max()))
        by_w += g[:, classes].T @ rows
    if not abs(loss - total) <= 1e-5 * abs(total):
        raise ValueError(f"the loss is {loss!r}, not {total!r}")
    return max(worst / largest, float(abs(grad_w[classes] - by_w).max() / abs(by_w).max()))


def cells(records: Sequence[Record]) -> tuple[list[str], list[list[str]]]:
    """Return the table: megabytes of a million bytes."""
    header = ["provider", "N x D x V", "threads", "ms", "beside, MB", "error"]
    rows = [
        [
            r["provider"],
            r["shape"],
            str(r["threads"]),
            f"{r['median'] / 1000:.0f}",
            f"{r['beside'] / memory.MB:.0f}",
            f"{r['error']:.1e}",
        ]
        for r in records
    ]
    return header, rows


def text(records: Sequence[Record]) -> str:
    """Return what the command prints."""
    return tables.text(*cells(records))


if __name__ == "__main__":
    print(json.dumps(call(sys.argv[1], *map(int, sys.argv[2:]))))

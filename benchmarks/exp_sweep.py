"""The sweep: softmax and log_softmax of [x, 0] for float32 x in [-104, 0], all of them if asked.

Below -18 the probability of x is e^x itself in float32; at -104 it is 0. The reference is float64,
whose own error is below 1e-8 of a float32 ULP.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

import logitkit

from . import machine, tables, ulp
from .accuracy import instruction_set, instruction_sets
from .results import Record

Array = NDArray[Any]

# The bit patterns of the float32 numbers from -0 down to -104.
FIRST = int(np.float32(-0.0).view(np.uint32))
LAST = int(np.float32(-104.0).view(np.uint32))
STRIDE = 997
PRECISIONS = ("default", "exact")
CHUNK = 1 << 20

FUNCTIONS: dict[str, Callable[..., Any]] = {
    "softmax": logitkit.softmax,
    "log_softmax": logitkit.log_softmax,
}


@dataclass
class Worst:
    """The largest error so far and where it was: the score x and the right result."""

    ulp: float = 0.0
    score: float = 0.0
    expected: float = 0.0


def chunks(stride: int) -> Iterator[Array]:
    """Yield the float32 numbers whose bit pattern is a multiple of the stride after the first."""
    for start in range(FIRST, LAST + 1, stride * CHUNK):
        stop = min(start + stride * CHUNK, LAST + 1)
        yield np.arange(start, stop, stride, dtype=np.uint64).astype(np.uint32).view(np.float32)


def expectations(x: Array) -> dict[str, Array]:
    """Return the right results of the rows [x, 0], in float64."""
    wide = x.astype(np.float64)
    e = np.exp(wide)
    log1p = np.log1p(e)
    return {
        "softmax": np.stack([e / (1 + e), 1 / (1 + e)], axis=-1),
        "log_softmax": np.stack([wide - log1p, -log1p], axis=-1),
    }


def run(stride: int) -> list[Record]:
    """Check every stride-th number; return a record for each operation, precision and ISA."""
    isas = instruction_sets("logitkit")
    found: dict[tuple[str, str, str], Worst] = {}
    checked = 0
    for x in chunks(stride):
        rows = np.stack([x, np.zeros_like(x)], axis=-1)
        for op, expected in expectations(x).items():
            units = ulp.unit(expected, "float32")
            for precision in PRECISIONS:
                known, worst = None, Worst()
                for isa in isas:
                    with instruction_set(isa):
                        result = FUNCTIONS[op](rows, precision=precision)
                    if known is None or not np.array_equal(known, result):  # else nothing is new
                        known, worst = result, _worst(result, expected, units, x)
                    kind = (op, precision, isa)
                    found[kind] = max(found.get(kind, Worst()), worst, key=lambda w: w.ulp)
        checked += len(x)
        if sys.stderr.isatty():
            print(f"\r{checked / ((LAST - FIRST) // stride + 1):.0%}", end="", file=sys.stderr)
    if sys.stderr.isatty():
        print(file=sys.stderr)
    return [_record(*kind, worst, checked) for kind, worst in found.items()]


def _worst(result: Array, expected: Array, units: Array, x: Array) -> Worst:
    distance = np.abs(result - expected) / units
    distance[np.isnan(distance)] = np.inf
    place = divmod(int(distance.argmax()), 2)
    return Worst(float(distance[place]), float(x[place[0]]), float(expected[place]))


def _record(op: str, precision: str, isa: str, worst: Worst, checked: int) -> Record:
    return {
        "op": op,
        "dtype": "float32",
        "provider": "logitkit" if precision == "default" else "logitkit exact",
        "isa": isa,
        "max_ulp": worst.ulp,
        "score": worst.score,
        "expected": worst.expected,
        "checked": checked,
        "versions": machine.versions("logitkit"),
        "cpu": machine.cpu(),
    }


def cells(records: list[Record]) -> tuple[list[str], list[list[str]]]:
    """Return header and rows: the largest error of each operation and ISA, and its input."""
    header = ["operation", "provider", "isa", "ULP", "at x =", "where it is", "numbers checked"]
    rows = [
        [
            r["op"],
            r["provider"],
            r["isa"],
            tables.ulp(r["max_ulp"]),
            f"{r['score']:.9g}",
            f"{r['expected']:.9g}",
            f"{r['checked']:,}",
        ]
        for r in records
    ]
    return header, rows

"""The sweep: softmax and log_softmax of [x, 0] for float32 x in [-104, 0].

One number in 997, or every one in [-104, -2^-26]: nearer to 0, where three quarters of the bit
patterns lie, e^x is 1 within a quarter of an ULP, and one in 997 it stays. Below -18 the
probability of x is e^x itself in float32; at -104 it is 0. The reference is float64, whose own
error is below 1e-8 of a float32 ULP.

An emulated processor takes 8 microseconds a row, more than two hours for all of them: it gets every
11th of the numbers, or every 61st of all.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

import logitkit
from logitkit.bench import machine
from logitkit.bench.summary import Record

from . import emulated, tables
from .accuracy import instruction_set, instruction_sets

Array = NDArray[Any]

# The bit patterns of the float32 numbers from -0 over -2^-26 to -104.
ZERO, NEAR, LAST = (int(np.float32(x).view(np.uint32)) for x in (-0.0, -(2.0**-26), -104.0))
STRIDE = 997
EMULATED_STRIDE, EMULATED_STRIDE_OF_ALL = 11, 61
PRECISIONS = ("default", "exact")
CHUNK = 1 << 15  # stays in the cache

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
    """Yield the float32 numbers from 0 to -104, every stride-th below -2^-26."""
    for first, end, step in ((ZERO, NEAR, max(stride, STRIDE)), (NEAR, LAST + 1, stride)):
        for start in range(first, end, step * CHUNK):
            stop = min(start + step * CHUNK, end)
            yield np.arange(start, stop, step, dtype=np.uint32).view(np.float32)


def expectations(x: Array) -> dict[str, Array]:
    """Return the right results of the rows [x, 0], in float64."""
    wide = x.astype(np.float64)
    e = np.exp(wide)
    log1p = np.log1p(e)
    return {
        "softmax": np.stack([e / (1 + e), 1 / (1 + e)], axis=-1),
        "log_softmax": np.stack([wide - log1p, -log1p], axis=-1),
    }


def float32_units(expected: Array) -> Array:
    """Return `ulp.unit(expected, "float32")` of float64 values, fast: by their exponent bits."""
    exponents = expected.view(np.uint64) & np.uint64(0x7FF0000000000000)
    return np.maximum(exponents.view(np.float64) * 2.0**-23, 2.0**-149)


def run(stride: int, emulation: emulated.Machine | None = None) -> list[Record]:
    """Check every stride-th number; return a record for each operation, precision and ISA."""
    isas = instruction_sets("logitkit")
    found: dict[tuple[str, str, str], Worst] = {}
    checked: dict[str, int] = dict.fromkeys(isas, 0)
    part = slice(None, None, EMULATED_STRIDE_OF_ALL if stride == 1 else EMULATED_STRIDE)

    def note(kind: tuple[str, str, str], worst: Worst) -> None:
        found[kind] = max(found.get(kind, Worst()), worst, key=lambda w: w.ulp)

    for x in chunks(stride):
        rows = np.stack([x, np.zeros_like(x)], axis=-1)
        for op, expected in expectations(x).items():
            units = float32_units(expected)
            for precision in PRECISIONS:
                known, worst = None, Worst()
                for isa in isas:
                    with instruction_set(isa):
                        result = FUNCTIONS[op](rows, precision=precision)
                    if known is None or not np.array_equal(known, result):  # else nothing is new
                        known, worst = result, _worst(result, expected, units, x)
                    note((op, precision, isa), worst)
                if emulation is not None:
                    result = emulation.compute(op, rows[part], exact=precision == "exact")
                    worst = _worst(result, expected[part], units[part], x[part])
                    note((op, precision, emulated.NAME), worst)
        for isa in isas:
            checked[isa] += len(x)
        if emulation is not None:
            checked[emulated.NAME] = checked.get(emulated.NAME, 0) + len(x[part])
        if sys.stderr.isatty():
            print(f"\r{checked[isas[0]]:,} numbers checked", end="", file=sys.stderr)
    if sys.stderr.isatty():
        print(file=sys.stderr)
    return [_record(*kind, worst, checked[kind[2]]) for kind, worst in found.items()]


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

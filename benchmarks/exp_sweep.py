"""The sweep: softmax and log_softmax of [x, 0] for float32 x in [-104, 0].

One number in 997, or every one in [-104, -2^-26]: nearer to 0, where three quarters of the bit
patterns lie, e^x is 1 within a quarter of an ULP, and one in 997 it stays. Below -18 the
probability of x is e^x itself in float32; at -104 it is 0. The reference is float64, whose own
error is below 1e-8 of a float32 ULP.

An exact row of two costs an emulated processor as much as one of eight, 5 microseconds, for its
float64 vectors hold eight: it gets the same numbers by sevens, [x1, ..., x7, 0], and so do the
others once more. Its results, as those of every instruction set, must have the bits of the first.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
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
LONG = 8
# Precision and length of the rows; the emulated processor is not given TOO_SLOW.
TOO_SLOW = ("exact", 2)
WAYS = (("default", 2), TOO_SLOW, ("exact", LONG))
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


@dataclass
class Found:
    """What an instruction set gave: its worst, and how many results had other bits."""

    worst: Worst = field(default_factory=Worst)
    checked: int = 0
    different: int = 0


def chunks(stride: int) -> Iterator[Array]:
    """Yield the float32 numbers from 0 to -104, every stride-th below -2^-26."""
    for first, end, step in ((ZERO, NEAR, max(stride, STRIDE)), (NEAR, LAST + 1, stride)):
        for start in range(first, end, step * CHUNK):
            stop = min(start + step * CHUNK, end)
            yield np.arange(start, stop, step, dtype=np.uint32).view(np.float32)


def rows_of(x: Array, length: int) -> Array:
    """Return rows of the numbers and a last 0; the last number fills the last row."""
    missing = -len(x) % (length - 1)
    whole = np.concatenate([x, np.repeat(x[-1:], missing)]).reshape(-1, length - 1)
    return np.pad(whole, ((0, 0), (0, 1)))


def expectations(rows: Array) -> dict[str, Array]:
    """Return the right results of rows that end with their maximum 0, in float64."""
    wide = rows.astype(np.float64)
    e = np.exp(wide)
    others = e[:, :-1].sum(axis=-1, keepdims=True)
    return {"softmax": e / (1 + others), "log_softmax": wide - np.log1p(others)}


def float32_units(expected: Array) -> Array:
    """Return `ulp.unit(expected, "float32")` of float64 values, fast: by their exponent bits."""
    exponents = expected.view(np.uint64) & np.uint64(0x7FF0000000000000)
    return np.maximum(exponents.view(np.float64) * 2.0**-23, 2.0**-149)


def run(stride: int, emulation: emulated.Machine | None = None) -> list[Record]:
    """Check every stride-th number; return a record for each operation, way and ISA."""
    found: dict[tuple[str, str, int, str], Found] = {}
    numbers = 0
    for x in chunks(stride):
        rows = {length: rows_of(x, length) for _, length in WAYS}
        right = {length: expectations(each) for length, each in rows.items()}
        for op in FUNCTIONS:
            for precision, length in WAYS:
                emulating = emulation if (precision, length) != TOO_SLOW else None
                results = _results(op, precision, rows[length], emulating)
                judged = _judge(results, right[length][op], rows[length])
                for isa, (worst, different) in judged.items():
                    one = found.setdefault((op, precision, length, isa), Found())
                    one.worst = max(one.worst, worst, key=lambda w: w.ulp)
                    one.checked += len(x)
                    one.different += different
        numbers += len(x)
        if sys.stderr.isatty():
            print(f"\r{numbers:,} numbers checked", end="", file=sys.stderr)
    if sys.stderr.isatty():
        print(file=sys.stderr)
    return [_record(*kind, one) for kind, one in found.items()]


def _results(
    op: str, precision: str, rows: Array, emulation: emulated.Machine | None
) -> dict[str, Array]:
    """Return what each instruction set gives; the emulated one computes beside the others."""
    waiting = emulation and emulation.start(op, rows, exact=precision == "exact")
    results = {}
    for isa in instruction_sets("logitkit"):
        with instruction_set(isa):
            results[isa] = FUNCTIONS[op](rows, precision=precision)
    if waiting:
        results[emulated.NAME] = waiting()
    return results


def _judge(results: dict[str, Array], expected: Array, rows: Array) -> dict[str, tuple[Worst, int]]:
    """Return the worst result by instruction set, and how many have not the bits of the first."""
    units = float32_units(expected)
    first, *_ = results.values()
    same = _worst(first, expected, units, rows)
    judged = {}
    for isa, result in results.items():
        different = int(np.count_nonzero(result.view(np.uint32) != first.view(np.uint32)))
        worst = _worst(result, expected, units, rows) if different else same
        judged[isa] = worst, different
    return judged


def _worst(result: Array, expected: Array, units: Array, rows: Array) -> Worst:
    distance = np.abs(result - expected) / units
    distance[np.isnan(distance)] = np.inf
    row, i = divmod(int(distance.argmax()), rows.shape[-1])
    x = rows[row, min(i, rows.shape[-1] - 2)]  # that of the 0 is said of the x beside it
    return Worst(float(distance[row, i]), float(x), float(expected[row, i]))


def _record(op: str, precision: str, length: int, isa: str, found: Found) -> Record:
    return {
        "op": op,
        "dtype": "float32",
        "provider": "logitkit" if precision == "default" else "logitkit exact",
        "isa": isa,
        "max_ulp": found.worst.ulp,
        "score": found.worst.score,
        "expected": found.worst.expected,
        "length": length,
        "checked": found.checked,
        "different": found.different,
        "versions": machine.versions("logitkit"),
        "cpu": machine.cpu(),
    }


def cells(records: list[Record]) -> tuple[list[str], list[list[str]]]:
    """Return header and rows: the largest error of each operation and ISA, and its input."""
    header = ["operation", "provider", "row", "isa", "ULP", "at x =", "where it is"]
    header += ["numbers checked", "other bits"]
    rows = [
        [
            r["op"],
            r["provider"],
            "[x, 0]" if r["length"] == 2 else f"{r['length'] - 1} x, 0",
            r["isa"],
            tables.ulp(r["max_ulp"]),
            f"{r['score']:.9g}",
            f"{r['expected']:.9g}",
            f"{r['checked']:,}",
            f"{r['different']:,}",
        ]
        for r in records
    ]
    return header, rows


def differences(records: list[Record]) -> list[str]:
    """Return what has other bits than the first instruction set gives."""
    return [
        f"{r['op']} of {r['provider']}, {r['isa']}: {r['different']:,} results have other bits"
        for r in records
        if r["different"]
    ]

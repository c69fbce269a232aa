"""The accuracy table: the largest error in ULP of each library, on the same inputs.

float16 and bfloat16 are measured of logitkit alone: the tolerances of `operations.check`, which
guard the other libraries, are for wider results.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray

import logitkit
from logitkit import _core

from . import emulated, inputs, machine, providers, tables, ulp
from .operations import OPERATIONS, check
from .providers import Provider, library_of
from .results import Record

HALVES = ("float16", "bfloat16")
DTYPES = ("float32", "float64", *HALVES)
OURS = ("logitkit", "logitkit exact")


def run(
    libraries: list[str], rows: int | None = None, emulation: emulated.Machine | None = None
) -> Iterator[Record]:
    """Yield a record for each input, operation, dtype and provider; ours for each ISA."""
    offers = [
        offer
        for offer in providers.load([*libraries, "logitkit"], logitkit.get_num_threads())
        if not offer.floor and not offer.name.endswith("out=")
    ]
    for dtype in DTYPES:
        for name in inputs.INPUTS:
            x = inputs.make(name, dtype, rows)
            expected = ulp.references(x)
            for offer in offers:
                if dtype in HALVES and offer.package != "logitkit":
                    continue
                for isa in instruction_sets(offer.package):
                    with instruction_set(isa):
                        yield from _records(name, x, expected, offer, isa)
                if emulation is not None and offer.package == "logitkit":
                    there = emulation.provider(offer.name)
                    yield from _records(name, x, expected, there, emulated.NAME)


def instruction_sets(library: str) -> list[str]:
    """Return those to measure: all of this machine for ours; the others choose their own."""
    return logitkit.cpu_info()["available"] if library == "logitkit" else [""]


@contextmanager
def instruction_set(name: str) -> Iterator[None]:
    """Let our kernels use an instruction set inside a block."""
    before = _core.isa()
    if name:
        _core.select_isa(name)
    try:
        yield
    finally:
        _core.select_isa(before)


def _records(
    name: str, x: NDArray[Any], expected: dict[str, NDArray[Any]], offer: Provider, isa: str
) -> Iterator[Record]:
    for op in OPERATIONS:
        bound = offer.bind(op, x, -1)
        if bound is None:
            continue
        result = bound.fetch(bound.call())
        if x.dtype.name not in HALVES:
            check(op, offer.name, result, expected[op].astype(float), x.shape[-1])
        if result.dtype != x.dtype:
            raise RuntimeError(f"{offer.name} gives {result.dtype} for {x.dtype}")
        found = ulp.worst(result, expected[op])
        yield {
            "input": name,
            "op": op,
            "dtype": x.dtype.name,
            "provider": offer.name,
            "isa": isa,
            "max_ulp": found.ulp,
            # One score says nothing of a logsumexp.
            "score": float(x[found.place]) if op != "logsumexp" else None,
            "expected": float(expected[op][found.place]),
            "sum_error": sum_error(result) if op == "softmax" else None,
            "versions": machine.versions(offer.package),
            "cpu": machine.cpu(),
        }


def sum_error(probabilities: NDArray[Any]) -> float:
    """Return how far the sum of a row is from 1, at most."""
    return float(np.abs(probabilities.astype(np.longdouble).sum(axis=-1) - 1).max())


def headline(records: list[Record]) -> dict[tuple[str, str, str, str], float]:
    """Return the largest error by input, op, dtype and provider, over our instruction sets."""
    found: dict[tuple[str, str, str, str], float] = {}
    for r in records:
        key = (r["input"], r["op"], r["dtype"], r["provider"])
        found[key] = max(found.get(key, 0.0), r["max_ulp"])
    return found


def dtypes(records: list[Record]) -> list[str]:
    """Return the dtypes that were measured, each a table."""
    return [dtype for dtype in DTYPES if any(r["dtype"] == dtype for r in records)]


def provider_names(records: list[Record], dtype: str) -> list[str]:
    """Return the providers in the order of their columns, ours last."""
    names = dict.fromkeys(r["provider"] for r in records if r["dtype"] == dtype)
    return sorted(names, key=lambda name: library_of(name) == "logitkit")


def cells(records: list[Record], dtype: str) -> tuple[list[str], list[list[str]]]:
    """Return header and rows: an input a row, "softmax / log_softmax / logsumexp" a cell."""
    errors = headline(records)
    names = provider_names(records, dtype)
    rows = []
    for name in dict.fromkeys(r["input"] for r in records):
        row = [name]
        for provider in names:
            values = [errors.get((name, op, dtype, provider)) for op in OPERATIONS]
            row.append(" / ".join(tables.ulp(value) for value in values))
        rows.append(row)
    return ["input", *names], rows


def sums(records: list[Record], dtype: str) -> list[str]:
    """Return the row of the largest |sum - 1| of the long rows, by provider."""
    row = [f"largest abs(sum - 1) of {inputs.LONG_ROWS}"]
    for provider in provider_names(records, dtype):
        values = [
            r["sum_error"]
            for r in records
            if (r["input"], r["op"], r["dtype"], r["provider"])
            == (inputs.LONG_ROWS, "softmax", dtype, provider)
        ]
        row.append(f"{max(values):.1e}" if values else "-")
    return row


def differences(records: list[Record]) -> list[str]:
    """Return what differs between our instruction sets: nothing, if they give the same bits."""
    seen: dict[tuple[str, ...], Record] = {}
    found = []
    for r in records:
        if library_of(r["provider"]) == "logitkit":
            key = (r["input"], r["op"], r["dtype"], r["provider"])
            first = seen.setdefault(key, r)
            if first["max_ulp"] != r["max_ulp"]:
                errors = ", ".join(f"{each['isa']} {each['max_ulp']}" for each in (first, r))
                found.append(f"{', '.join(key)}: {errors}")
    return found


def text(records: list[Record], missing: list[str]) -> str:
    """Return the tables for a terminal."""
    parts = []
    for dtype in dtypes(records):
        header, rows = cells(records, dtype)
        absent = [] if dtype in HALVES else missing
        body = [row + ["not installed"] * len(absent) for row in [*rows, sums(records, dtype)]]
        title = f"{dtype}: largest error in ULP, softmax / log_softmax / logsumexp"
        parts.append(f"\n{title}\n{tables.text([*header, *absent], body)}")
    isas = ", ".join(dict.fromkeys(r["isa"] for r in records if r["isa"]))
    odd = differences(records)
    parts.append("\n" + ("\n".join(odd) if odd else f"logitkit: equal with {isas}"))
    return "\n".join(parts)


def worst_cells(records: list[Record]) -> tuple[list[str], list[list[str]]]:
    """Return header and rows: the worst of ours for each dtype, operation and precision."""
    header = ["dtype", "operation", "provider", "ULP", "input", "score", "right result"]
    worst: dict[tuple[str, str, str], Record] = {}
    for r in records:
        if library_of(r["provider"]) == "logitkit":
            key = (r["dtype"], r["op"], r["provider"])
            worst[key] = max(worst.get(key, r), r, key=lambda each: each["max_ulp"])
    rows = [
        [
            *key,
            tables.ulp(r["max_ulp"]),
            r["input"],
            "-" if r["score"] is None else f"{r['score']:.17g}",
            f"{r['expected']:.17g}",
        ]
        for key, r in worst.items()
    ]
    return header, rows

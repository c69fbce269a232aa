"""The largest error in ULP of each library, on the same inputs.

That a library computes the operation at all is checked on ordinary scores; how wrong it is on hard
ones is what is measured: infinitely, where it gives NaN. float16 and bfloat16 are measured of
logitkit alone: the tolerances of `operations.Accepted` are loose in halves.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

import logitkit
from logitkit import _core
from logitkit.bench import machine, providers
from logitkit.bench.operations import OPERATIONS, Accepted, Operands
from logitkit.bench.providers import Provider
from logitkit.bench.right import Right
from logitkit.bench.summary import Record

from . import emulated, inputs, ulp

HALVES = ("float16", "bfloat16")
DTYPES = ("float32", "float64", *HALVES)
OURS = ("logitkit", "logitkit exact")


@dataclass(frozen=True)
class Case:
    """An operation on one input: the scores that its operands were made from, and what is right."""

    name: str
    op: str
    scores: NDArray[Any]
    operands: Operands
    right: Right


def run(
    libraries: list[str],
    rows: int | None = None,
    emulation: emulated.Machine | None = None,
    ops: Iterable[str] = OPERATIONS,
) -> Iterator[Record]:
    """Yield a record for each input, operation, dtype and provider; ours for each ISA."""
    offers = [
        offer
        for offer in providers.load([*libraries, "logitkit"], logitkit.get_num_threads())
        if not offer.floor and not offer.name.endswith("out=")
    ]
    for dtype in DTYPES:
        for name in inputs.INPUTS:
            cases = list(_cases(name, inputs.make(name, dtype, rows), ops))
            for offer in offers:
                if dtype in HALVES and offer.package != "logitkit":
                    continue
                for isa in instruction_sets(offer.package):
                    with instruction_set(isa):
                        yield from _records(cases, offer, isa)
                if emulation is not None and offer.package == "logitkit":
                    yield from _records(cases, emulation.provider(offer.name), emulated.NAME)


def _cases(name: str, x: NDArray[Any], ops: Iterable[str]) -> Iterator[Case]:
    for op in ops:
        operands = OPERATIONS[op].make(x, -1, np.random.default_rng(inputs.SEED))
        yield Case(name, op, x, operands, ulp.reference(op, operands))


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


def _records(cases: Iterable[Case], offer: Provider, isa: str) -> Iterator[Record]:
    for case in cases:
        bound = offer.bind(case.op, case.operands, -1)
        if bound is None:
            continue
        x, op = case.scores, case.op
        result = bound.fetch(bound.call())
        if result.dtype != x.dtype:
            raise RuntimeError(f"{offer.name} gives {result.dtype} for {x.dtype}")
        if case.name == inputs.ORDINARY and x.dtype.name not in HALVES:
            near = Accepted.around(op, case.right, x.dtype.name, x.shape[-1], -1)
            near.check(offer.name, result)
        found = ulp.worst(result, case.right)
        yield {
            "input": case.name,
            "op": op,
            "dtype": x.dtype.name,
            "provider": offer.name,
            "isa": isa,
            "max_ulp": found.ulp,
            # One score says nothing of a whole row.
            "score": float(x[found.place]) if OPERATIONS[op].gives == "rows" else None,
            "expected": float(case.right.value[found.place]),
            "sum_error": sum_error(result) if op == "softmax" else None,
            "versions": machine.versions(offer.package),
            "cpu": machine.cpu(),
        }


def sum_error(probabilities: NDArray[Any]) -> float:
    """Return how far the sum of a row is from 1, at most."""
    return float(np.abs(probabilities.astype(np.longdouble).sum(axis=-1) - 1).max())

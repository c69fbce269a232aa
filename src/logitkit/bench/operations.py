"""What is measured: the operations, what they are given, and how far a library may be from them.

The check here only guards against measuring something else than the operation: the tolerance leaves
room for the least exact of the libraries. How exact each one is, is measured by `accuracy`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from . import right
from .right import Right

Array = NDArray[Any]
Operands = tuple[Array, ...]

LARGE = 1 << 24  # the elements whose right results are computed at a time


@dataclass(frozen=True)
class Tolerance:
    """What a result of a dtype may be off by.

    `relative` is for rounded arguments of exp and log, `flushed` where a library flushes to zero,
    `unit` is for the logarithm of a probability near 1, which some lose, `sum` for each element of
    a row: a sum in 64 lanes rounds K / 64 times, of halves in float32.
    """

    relative: float
    flushed: float
    unit: float
    sum: float


# Some libraries round each step to the dtype: a difference of 32 is off by 2^-7 in float16 and by
# 2^-4 in bfloat16, and an exponential by as much of itself.
TOLERANCES = {
    "float32": Tolerance(1e-3, 1e-36, 2.0**-24, 2.0**-24 / 64),
    "float64": Tolerance(1e-9, 1e-300, 2.0**-53, 2.0**-53 / 64),
    "float16": Tolerance(0.03, 2.0**-22, 2.0**-11, 2.0**-24 / 64),
    "bfloat16": Tolerance(0.2, 1e-36, 2.0**-8, 2.0**-24 / 64),
}


class Disagreement(Exception):
    """A provider gives another result than the operation has."""


# What an operation is given, made from scores x


def _scores(x: Array, axis: int, random: Generator) -> Array:
    return x


def _other_scores(x: Array, axis: int, random: Generator) -> Array:
    """Return scores unlike those of x, in every second row nearly equal to them."""
    unlike = np.roll(x, 1, axis=axis)
    near = (x + 0.05 * random.standard_normal(x.shape)).astype(x.dtype)
    return np.where(_odd_rows(x, axis), near, unlike)


def _classes(x: Array, axis: int, random: Generator) -> Array:
    """Return one class a row: the most probable one, in every second row any."""
    likely = x.argmax(axis=axis, keepdims=True)
    return np.where(_odd_rows(x, axis), random.integers(x.shape[axis], size=likely.shape), likely)


def _row_shape(x: Array, axis: int) -> list[int]:
    shape = list(x.shape)
    shape[axis] = 1
    return shape


def _odd_rows(x: Array, axis: int) -> Array:
    shape = _row_shape(x, axis)
    return (np.arange(np.prod(shape)) % 2 == 1).reshape(shape)


def _probabilities(x: Array, axis: int, random: Generator) -> Array:
    return _rounded(right.softmax, x, axis)


def _log_probabilities(x: Array, axis: int, random: Generator) -> Array:
    return _rounded(right.log_softmax, x, axis)


def _rounded(function: Callable[[Array, int], Right], x: Array, axis: int) -> Array:
    result = np.empty_like(x)
    for part in _parts(x.shape, axis):
        result[part] = function(x[part].astype(np.float64), axis).value
    return result


def _gradient(x: Array, axis: int, random: Generator) -> Array:
    return random.standard_normal(x.shape).astype(x.dtype)


def _gradient_of_rows(x: Array, axis: int, random: Generator) -> Array:
    return random.standard_normal(_row_shape(x, axis)).astype(x.dtype)


def _parts(shape: tuple[int, ...], axis: int) -> Iterator[tuple[slice, ...]]:
    """Yield the indices of parts of whole rows, `LARGE` elements each where rows allow."""
    along = _part_axis(shape, axis)
    if along is None:
        yield ()
        return
    step = max(1, shape[along] * LARGE // max(1, math.prod(shape)))
    for start in range(0, shape[along], step):
        yield (*(slice(None),) * along, slice(start, start + step))


def _part_axis(shape: tuple[int, ...], axis: int) -> int | None:
    """Return the first axis that is not the one of the rows."""
    return next((i for i in range(len(shape)) if i != axis % len(shape)), None)


# How far a result may be off, in rows whose sums are off by `sums`


def _of_a_probability(expected: Right, off: Tolerance, sums: float, axis: int) -> Array:
    return off.flushed + (off.relative + sums) * expected.size


def _of_a_logarithm(expected: Right, off: Tolerance, sums: float, axis: int) -> Array:
    # An error of the sum is relative in a probability, absolute in a logarithm.
    return off.relative + sums + off.relative * expected.size


def _of_a_gradient(expected: Right, off: Tolerance, sums: float, axis: int) -> Array:
    # Each element has the error of the sum over its row.
    return off.flushed + (off.relative + sums) * expected.size.max(axis=axis, keepdims=True)


def _of_a_slope(expected: Right, off: Tolerance, sums: float, axis: int) -> Array:
    # What depends on the logarithms themselves.
    return 4 * off.unit + _of_a_gradient(expected, off, sums, axis)


@dataclass(frozen=True)
class Operation:
    """One function of the public interface, or what it gives beside a loss.

    `operands` make what it is given, each `(x, axis, random)`; `right(*operands, axis)` is the
    right result, `allowed` how far from it an accepted one may be, `gives` what a result is:
    "rows", a "value" a row, or "picks", some of each row; `exponentials` is how many each element
    takes at least.
    """

    operands: tuple[Callable[[Array, int, Generator], Array], ...]
    right: Callable[..., Right]
    allowed: Callable[[Right, Tolerance, float, int], Array]
    gives: str = "rows"
    exponentials: int = 1

    def make(self, x: Array, axis: int, random: Generator) -> Operands:
        """Return the operands that belong to scores x, in their dtype."""
        return tuple(operand(x, axis, random) for operand in self.operands)

    def right_in(self, dtype: type, operands: Operands, axis: int) -> Right:
        """Return the right result, computed in a dtype; integers stay what they are."""
        wide = (each if each.dtype.kind == "i" else each.astype(dtype) for each in operands)
        return self.right(*wide, axis)

    def shape(self, operands: Operands, axis: int) -> tuple[int, ...]:
        """Return the shape of the result."""
        if self.gives == "value":
            return tuple(np.delete(operands[0].shape, axis).tolist())
        return operands[1 if self.gives == "picks" else 0].shape


_OF_SCORES = (_scores,)
_OF_PROBABILITIES = (_probabilities, _gradient)
_OF_A_REDUCTION = (_scores, _gradient_of_rows)

OPERATIONS = {
    "softmax": Operation(_OF_SCORES, right.softmax, _of_a_probability),
    "log_softmax": Operation(_OF_SCORES, right.log_softmax, _of_a_logarithm),
    "logsumexp": Operation(_OF_SCORES, right.logsumexp, _of_a_logarithm, "value"),
    "entropy": Operation(_OF_SCORES, right.entropy, _of_a_logarithm, "value"),
    "kl_divergence": Operation(
        (_scores, _other_scores), right.kl_divergence, _of_a_logarithm, "value", exponentials=2
    ),
    "gather_logprobs": Operation(
        (_scores, _classes), right.gather_logprobs, _of_a_logarithm, "picks"
    ),
    "cross_entropy": Operation((_scores, _classes), right.cross_entropy, _of_a_logarithm, "value"),
    "cross_entropy_grad": Operation(
        (_scores, _classes), right.cross_entropy_grad, _of_a_probability
    ),
    "softmax_vjp": Operation(_OF_PROBABILITIES, right.softmax_vjp, _of_a_gradient, exponentials=0),
    "softmax_jvp": Operation(_OF_PROBABILITIES, right.softmax_vjp, _of_a_gradient, exponentials=0),
    "log_softmax_vjp": Operation(
        (_log_probabilities, _gradient), right.log_softmax_vjp, _of_a_gradient
    ),
    "logsumexp_vjp": Operation(_OF_A_REDUCTION, right.logsumexp_vjp, _of_a_probability),
    "entropy_vjp": Operation(_OF_A_REDUCTION, right.entropy_vjp, _of_a_slope),
}


def known(ops: Sequence[str]) -> Sequence[str]:
    """Return names of operations; raise ValueError for a name of none."""
    for op in ops:
        if op not in OPERATIONS:
            raise ValueError(f"op is {op!r}; accepted are {', '.join(OPERATIONS)}")
    return ops


@dataclass(frozen=True)
class Accepted:
    """What is accepted as the result of an operation: from `low` to `high`, of a dtype."""

    op: str
    dtype: str
    low: Array
    high: Array

    @classmethod
    def around(cls, op: str, right: Right, dtype: str, length: int, axis: int) -> Accepted:
        """Return what is near enough to the right result, for rows of a length."""
        off = TOLERANCES[dtype]
        allowed = OPERATIONS[op].allowed(right, off, off.sum * length, axis)
        kept = np.float64 if dtype == "float64" else np.float32
        return cls(
            op, dtype, (right.value - allowed).astype(kept), (right.value + allowed).astype(kept)
        )

    @classmethod
    def of(cls, op: str, operands: Operands, axis: int) -> Accepted:
        """Return what is accepted for operands, computed by parts of a large array."""
        x, operation = operands[0], OPERATIONS[op]
        parts = []
        for part in _parts(x.shape, axis):
            right_ = operation.right_in(np.float64, tuple(each[part] for each in operands), axis)
            parts.append(cls.around(op, right_, x.dtype.name, x.shape[axis], axis))
        if len(parts) == 1:
            return parts[0]
        along = _part_axis(x.shape, axis)
        assert along is not None
        if operation.gives == "value" and along > axis % x.ndim:
            along -= 1
        low = np.concatenate([each.low for each in parts], along)
        return cls(op, x.dtype.name, low, np.concatenate([each.high for each in parts], along))

    def check(self, provider: str, result: Array) -> None:
        """Raise Disagreement unless a result has the shape, the dtype and is near enough."""
        result = np.asarray(result)
        if result.shape != self.low.shape:
            raise Disagreement(
                f"{provider} disagrees on {self.op}: its shape is {result.shape}, "
                f"not {self.low.shape}"
            )
        if result.dtype.name != self.dtype:
            raise Disagreement(
                f"{provider} disagrees on {self.op}: its dtype is {result.dtype.name}, "
                f"not {self.dtype}"
            )
        numbers = result.astype(self.low.dtype, copy=False)
        right_ = (numbers >= self.low) & (numbers <= self.high)
        if not right_.all():
            worst = np.unravel_index(int(right_.argmin()), right_.shape)
            raise Disagreement(
                f"{provider} disagrees on {self.op} of {right_.shape}: {result[worst]} at "
                f"{tuple(int(i) for i in worst)}, where {self.low[worst]} to {self.high[worst]} "
                "is right"
            )

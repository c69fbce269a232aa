"""What is measured: the operations, what they are given, and how far a library may be from them.

The check here only guards against measuring something else than the operation: the tolerance leaves
room for the least exact of the libraries. How exact each one is, is measured by `accuracy`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from . import right
from .right import Right

Array = NDArray[Any]
Operands = tuple[Array, ...]

# What a result may be off by: rounded arguments of exp and log, and where a peer flushes to zero.
RELATIVE = 1e-3
FLUSHED = 1e-36
# And for its length: a float32 sum in 64 lanes rounds K / 64 times, by up to 2^-24 of the sum.
RELATIVE_PER_ELEMENT = 2.0**-24 / 64


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
    return right.softmax(x.astype(np.float64), axis).value.astype(x.dtype)


def _log_probabilities(x: Array, axis: int, random: Generator) -> Array:
    return right.log_softmax(x.astype(np.float64), axis).value.astype(x.dtype)


def _gradient(x: Array, axis: int, random: Generator) -> Array:
    return random.standard_normal(x.shape).astype(x.dtype)


def _gradient_of_rows(x: Array, axis: int, random: Generator) -> Array:
    return random.standard_normal(_row_shape(x, axis)).astype(x.dtype)


# How far a result may be off, in rows of a length whose sums are off by `sums`


def _of_a_probability(expected: Right, sums: float, axis: int) -> Array:
    return FLUSHED + (RELATIVE + sums) * expected.size


def _of_a_logarithm(expected: Right, sums: float, axis: int) -> Array:
    # An error of the sum is relative in a probability, absolute in a logarithm.
    return RELATIVE + sums + RELATIVE * expected.size


def _of_a_gradient(expected: Right, sums: float, axis: int) -> Array:
    # Each element has the error of the sum over its row.
    return FLUSHED + (RELATIVE + sums) * expected.size.max(axis=axis, keepdims=True)


@dataclass(frozen=True)
class Operation:
    """One function of the public interface.

    `operands` make what it is given, each `(x, axis, random)`; `right(*operands, axis)` is the
    right result, `allowed` how far from it `check` lets a result be, and `gives` what a result is:
    "rows", a "value" a row, or "picks", some of each row.
    """

    operands: tuple[Callable[[Array, int, Generator], Array], ...]
    right: Callable[..., Right]
    allowed: Callable[[Right, float, int], Array]
    gives: str = "rows"

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
        (_scores, _other_scores), right.kl_divergence, _of_a_logarithm, "value"
    ),
    "gather_logprobs": Operation(
        (_scores, _classes), right.gather_logprobs, _of_a_logarithm, "picks"
    ),
    "softmax_vjp": Operation(_OF_PROBABILITIES, right.softmax_vjp, _of_a_gradient),
    "softmax_jvp": Operation(_OF_PROBABILITIES, right.softmax_vjp, _of_a_gradient),
    "log_softmax_vjp": Operation(
        (_log_probabilities, _gradient), right.log_softmax_vjp, _of_a_gradient
    ),
    "logsumexp_vjp": Operation(_OF_A_REDUCTION, right.logsumexp_vjp, _of_a_probability),
    "entropy_vjp": Operation(_OF_A_REDUCTION, right.entropy_vjp, _of_a_gradient),
}


def known(ops: list[str]) -> list[str]:
    """Return names of operations; raise ValueError for a name of none."""
    for op in ops:
        if op not in OPERATIONS:
            raise ValueError(f"op is {op!r}; accepted are {', '.join(OPERATIONS)}")
    return ops


def check(op: str, provider: str, result: Array, expected: Right, length: int, axis: int) -> None:
    """Raise Disagreement unless a result is within the tolerance for rows of a length."""
    result = np.asarray(result)
    value = expected.value
    if result.shape != value.shape:
        raise Disagreement(
            f"{provider} disagrees on {op}: its shape is {result.shape}, not {value.shape}"
        )
    allowed = OPERATIONS[op].allowed(expected, RELATIVE_PER_ELEMENT * length, axis)
    wrong = ~(np.abs(result - value) <= allowed)
    if wrong.any():
        worst = np.unravel_index(int(wrong.argmax()), wrong.shape)
        raise Disagreement(
            f"{provider} disagrees on {op} of {value.shape}: {result[worst]} at "
            f"{tuple(int(i) for i in worst)}, where {value[worst]} is right"
        )

"""What is measured: the operations, what each must give, and how far a library may be from it.

The oracle here only guards against timing something else than the operation: it is the plain
float64 formula, and the tolerance leaves room for the least exact of the libraries. How exact each
one is, is measured by `accuracy`.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]

# What a result may be off by: rounded arguments of exp and log, and where a peer flushes to zero.
RELATIVE = 1e-3
ABSOLUTE = {"softmax": 1e-36, "log_softmax": 1e-3, "logsumexp": 1e-3}
# And for its length: a float32 sum in 64 lanes rounds K / 64 times, by up to 2^-24 of the sum.
RELATIVE_PER_ELEMENT = 2.0**-24 / 64


class Disagreement(Exception):
    """A provider gives another result than the operation has."""


def _shifted(x: Array, axis: int) -> tuple[Array, Array]:
    x = x.astype(np.float64)
    m = x.max(axis=axis, keepdims=True)
    x -= m
    return x, m


def _softmax(x: Array, axis: int) -> Array:
    x, _ = _shifted(x, axis)
    np.exp(x, out=x)
    x /= x.sum(axis=axis, keepdims=True)
    return x


def _log_softmax(x: Array, axis: int) -> Array:
    x, _ = _shifted(x, axis)
    x -= np.log(np.exp(x).sum(axis=axis, keepdims=True))
    return x


def _logsumexp(x: Array, axis: int) -> Array:
    x, m = _shifted(x, axis)
    return np.squeeze(m, axis) + np.log(np.exp(x, out=x).sum(axis=axis))


ORACLES: dict[str, Callable[[Array, int], Array]] = {
    "softmax": _softmax,
    "log_softmax": _log_softmax,
    "logsumexp": _logsumexp,
}
OPERATIONS = tuple(ORACLES)


def check(op: str, provider: str, result: Array, expected: Array, length: int) -> None:
    """Raise Disagreement unless a result is within the tolerance for rows of a length."""
    result = np.asarray(result)
    if result.shape != expected.shape:
        raise Disagreement(
            f"{provider} disagrees on {op}: its shape is {result.shape}, not {expected.shape}"
        )
    sums = RELATIVE_PER_ELEMENT * length
    # An error of the sum is relative in a probability, absolute in a logarithm.
    absolute = ABSOLUTE[op] + (0 if op == "softmax" else sums)
    relative = RELATIVE + (sums if op == "softmax" else 0)
    wrong = ~(np.abs(result - expected) <= absolute + relative * np.abs(expected))
    if wrong.any():
        worst = np.unravel_index(int(wrong.argmax()), wrong.shape)
        raise Disagreement(
            f"{provider} disagrees on {op} of {expected.shape}: {result[worst]} at "
            f"{tuple(int(i) for i in worst)}, where {expected[worst]} is right"
        )

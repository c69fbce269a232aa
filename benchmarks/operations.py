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

# What a peer's float32 sum of 16 million terms may be off by, and where it flushes to zero.
RELATIVE = 1e-3
ABSOLUTE = {"softmax": 1e-36, "log_softmax": 1e-3, "logsumexp": 1e-3}


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


def check(op: str, provider: str, result: Array, expected: Array) -> None:
    """Raise Disagreement unless a result is the expected one within the tolerance."""
    result = np.asarray(result)
    if result.shape != expected.shape:
        raise Disagreement(
            f"{provider} disagrees on {op}: its shape is {result.shape}, not {expected.shape}"
        )
    wrong = ~(np.abs(result - expected) <= ABSOLUTE[op] + RELATIVE * np.abs(expected))
    if wrong.any():
        worst = np.unravel_index(int(wrong.argmax()), wrong.shape)
        raise Disagreement(
            f"{provider} disagrees on {op} of {expected.shape}: {result[worst]} at "
            f"{tuple(int(i) for i in worst)}, where {expected[worst]} is right"
        )

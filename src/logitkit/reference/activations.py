"""Functions of one number."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from logitkit.reference._rows import Array, as_float64, quiet


@quiet
def sigmoid(x: ArrayLike, /) -> Array:
    """Return ``1 / (1 + exp(-x))``, the softmax of ``[x, 0]`` in its first slot."""
    a = as_float64(x)
    small = np.exp(-np.abs(a))  # never overflows
    return np.asarray(np.where(a >= 0, 1.0, small) / (1 + small))[()]


def tanh(x: ArrayLike, /) -> Array:
    """Return the hyperbolic tangent."""
    return np.tanh(as_float64(x))


def relu(x: ArrayLike, /) -> Array:
    """Return ``max(x, 0)``; NaN stays NaN."""
    return np.maximum(as_float64(x), 0.0)


@quiet
def leaky_relu(x: ArrayLike, /, *, negative_slope: float = 0.01) -> Array:
    """Return `x` where it is positive and ``negative_slope * x`` elsewhere."""
    a = as_float64(x)
    return np.where(a > 0, a, negative_slope * a)[()]


@quiet
def silu(x: ArrayLike, /) -> Array:
    """Return ``x * sigmoid(x)``; its limit at -inf is 0."""
    a = as_float64(x)
    root = np.exp(np.minimum(a, 0.0) / 2)  # exp(x) in two steps keeps the subnormal results exact
    negative = np.where(a == -np.inf, 0.0, a * root * root / (1 + root * root))
    return np.where(a < 0, negative, a / (1 + np.exp(-np.abs(a))))[()]

"""Softmax, its logarithm, its normaliser and its entropy."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from logitkit.reference._rows import Array, Axis, Scores, quiet, quotient


@quiet
def softmax(
    x: ArrayLike,
    /,
    *,
    axis: Axis = -1,
    temperature: ArrayLike = 1.0,
    mask: ArrayLike | None = None,
    empty: str | None = None,
) -> Array:
    """Return the probabilities ``exp(x / T) / sum(exp(x / T))``, in the shape of `x`.

    >>> softmax([0.0, 0.0, float("-inf")])
    array([0.5, 0.5, 0. ])
    """
    s = Scores(x, axis, temperature, mask)
    return s.rows.join(s.finish(s.p, empty, {"zero": 0.0, "uniform": 1 / s.kept}, masked=0.0))


@quiet
def log_softmax(
    x: ArrayLike,
    /,
    *,
    axis: Axis = -1,
    temperature: ArrayLike = 1.0,
    mask: ArrayLike | None = None,
    empty: str | None = None,
) -> Array:
    """Return the logarithm of the softmax, in the shape of `x`.

    >>> log_softmax([100.0, 0.0])
    array([-3.72007598e-44, -1.00000000e+02])
    """
    s = Scores(x, axis, temperature, mask)
    fills = {"zero": -np.inf, "uniform": -np.log(s.kept)}
    return s.rows.join(s.finish(s.log_p, empty, fills, masked=-np.inf))


@quiet
def logsumexp(
    x: ArrayLike,
    /,
    *,
    axis: Axis = -1,
    temperature: ArrayLike = 1.0,
    mask: ArrayLike | None = None,
    keepdims: bool = False,
) -> Array:
    """Return ``log(sum(exp(x / T)))`` without the reduced axes; -inf for a row without a score.

    At temperature 0 it is the limit: infinite with the sign of the largest score, or the logarithm
    of the number of maxima when that score is 0.

    >>> bool(logsumexp([1000.0, 1000.0]) == 1000 + np.log(2))
    True
    """
    s = Scores(x, axis, temperature, mask)
    anchor, error = quotient(s.m, np.zeros_like(s.m), s.t)
    value = anchor + (error + s.log_sum)
    at_zero = np.where(s.m == 0, np.log(np.sum(s.x == s.m, axis=1, keepdims=True)), s.m * np.inf)
    value = np.where(s.t == 0, at_zero, value)
    # An empty row is -inf, +inf wins over every number and NaN over everything: that is m itself.
    return s.rows.reduce(np.where(np.isfinite(s.m), value, s.m), keepdims)


@quiet
def entropy(
    x: ArrayLike,
    /,
    *,
    axis: Axis = -1,
    temperature: ArrayLike = 1.0,
    mask: ArrayLike | None = None,
) -> Array:
    """Return the entropy of ``softmax(x)`` in nats, ``-sum(p * log(p))``, with ``0 log 0 = 0``.

    >>> bool(np.isclose(entropy([3.0, 3.0]), np.log(2)))
    True
    """
    s = Scores(x, axis, temperature, mask)
    value = s.log_sum - np.sum(np.where(s.p > 0, s.p * s.q, 0.0), axis=1, keepdims=True)
    value = np.where(np.isfinite(s.m), value, np.nan)
    return s.rows.reduce(np.where(s.kept == 0, 0.0, value))

"""The derivatives of the family."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from logitkit.reference._rows import Array, Axis, Rows, Scores, as_float64, over, quiet


@quiet
def softmax_vjp(
    p: ArrayLike, g: ArrayLike, /, *, axis: Axis = -1, temperature: ArrayLike = 1.0
) -> Array:
    """Return ``p * (g - sum(p * g)) / T``: the gradient for the scores, given `g` for `p`.

    At temperature 0 the softmax is constant between its jumps, so the gradient is 0.

    >>> softmax_vjp([0.5, 0.5], [1.0, 0.0])
    array([ 0.25, -0.25])
    """
    rows = Rows(as_float64(p, "p"), axis)
    if np.shape(g) != rows.shape:
        raise ValueError(f"g must have the shape of p, {rows.shape}, got {np.shape(g)}")
    weights = rows.split(as_float64(p, "p"))
    there = weights != 0
    g_rows = np.where(there, rows.split(as_float64(g, "g")), 0.0)
    slope = weights * (g_rows - np.sum(weights * g_rows, axis=1, keepdims=True))
    return rows.join(np.where(there, over(slope, rows.temperature(temperature)), 0.0))


def softmax_jvp(
    p: ArrayLike, v: ArrayLike, /, *, axis: Axis = -1, temperature: ArrayLike = 1.0
) -> Array:
    """Return ``p * (v - sum(p * v)) / T``: the change of `p` when the scores change by `v`.

    The Jacobian is symmetric, so this is `softmax_vjp` under the name of its other use.

    >>> softmax_jvp([0.5, 0.5], [1.0, 0.0])
    array([ 0.25, -0.25])
    """
    return softmax_vjp(p, v, axis=axis, temperature=temperature)


@quiet
def log_softmax_vjp(
    log_p: ArrayLike, g: ArrayLike, /, *, axis: Axis = -1, temperature: ArrayLike = 1.0
) -> Array:
    """Return ``(g - p * sum(g)) / T``: the gradient for the scores, given `g` for `log_p`.

    >>> log_softmax_vjp(np.log([0.5, 0.5]), [1.0, 0.0]).round(15)
    array([ 0.5, -0.5])
    """
    rows = Rows(as_float64(log_p, "log_p"), axis)
    if np.shape(g) != rows.shape:
        raise ValueError(f"g must have the shape of log_p, {rows.shape}, got {np.shape(g)}")
    logs = rows.split(as_float64(log_p, "log_p"))
    there = logs != -np.inf
    g_rows = np.where(there, rows.split(as_float64(g, "g")), 0.0)
    slope = g_rows - np.exp(logs) * np.sum(g_rows, axis=1, keepdims=True)
    return rows.join(np.where(there, over(slope, rows.temperature(temperature)), 0.0))


@quiet
def logsumexp_vjp(
    x: ArrayLike,
    g: ArrayLike,
    /,
    *,
    axis: Axis = -1,
    temperature: ArrayLike = 1.0,
    mask: ArrayLike | None = None,
) -> Array:
    """Return ``g * softmax(x) / T``: the gradient for the scores, given `g`, one a row.

    >>> logsumexp_vjp([0.0, 0.0], 3.0)
    array([1.5, 1.5])
    """
    s = Scores(x, axis, temperature, mask)
    return _spread(s, s.rows.per_row(g, "g"), s.p, empty=0.0)


@quiet
def entropy_vjp(
    x: ArrayLike,
    g: ArrayLike,
    /,
    *,
    axis: Axis = -1,
    temperature: ArrayLike = 1.0,
    mask: ArrayLike | None = None,
) -> Array:
    """Return ``-g * p * (log(p) + H) / T``: the gradient for the scores, given `g`, one a row.

    >>> entropy_vjp([0.0, 0.0], 3.0)
    array([-0., -0.])
    """
    s = Scores(x, axis, temperature, mask)
    # log(p) + H without the logarithm of the normaliser, which both have.
    above = s.q - np.sum(np.where(s.p > 0, s.p * s.q, 0.0), axis=1, keepdims=True)
    return _spread(s, -s.rows.per_row(g, "g"), s.p * above, empty=np.nan)


@quiet
def softmax_jacobian(p: ArrayLike, /, *, temperature: ArrayLike = 1.0) -> Array:
    """Return ``(diag(p) - p p^T) / T`` for each row: shape (..., K) becomes (..., K, K).

    >>> softmax_jacobian([0.5, 0.5])
    array([[ 0.25, -0.25],
           [-0.25,  0.25]])
    """
    probs = np.atleast_1d(as_float64(p, "p"))
    t = Rows(probs, -1).temperature(temperature).reshape(*probs.shape[:-1], 1, 1)
    column, row = probs[..., :, None], probs[..., None, :]
    diagonal = np.eye(probs.shape[-1], dtype=bool)
    jacobian = over(np.where(diagonal, column * (1 - row), -column * row), t)
    return np.where((column != 0) & (row != 0), jacobian, 0.0)


def _spread(s: Scores, g: Array, slope: Array, empty: float) -> Array:
    """Return ``g * slope / T``, with what no arithmetic gives; `empty` for a row of all -inf."""
    limit = (s.t == 0) | (s.t == np.inf)
    value = np.where((s.p > 0) & ~limit, slope * (g / s.t), 0.0)
    value = np.where(np.isfinite(s.m), value, np.where(s.m == -np.inf, empty, np.nan))
    return s.rows.join(np.where(s.keep, value, 0.0))

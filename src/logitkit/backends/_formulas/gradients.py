"""The products with the derivatives of the family, and the Jacobian of softmax."""

from __future__ import annotations

import math
from typing import Any

from logitkit.backends._formulas.rows import Array, Axes, Rows, Scores, over, positions


def softmax_vjp(xp: Any, p: Array, g: Array, axes: Axes, t: Any) -> Array:
    """Return ``p * (g - sum(p * g)) / t``, 0 where p is."""
    rows = Rows(xp, p.shape, axes)
    p, g = rows.split(p), rows.split(g)
    there = p != 0
    g = xp.where(there, g, 0.0)
    slope = p * (g - xp.sum(p * g, axis=-1, keepdims=True))
    return rows.join(xp.where(there, over(xp, slope, _one_each(rows, t)), 0.0))


def log_softmax_vjp(xp: Any, log_p: Array, g: Array, axes: Axes, t: Any) -> Array:
    """Return ``(g - p * sum(g)) / t``, 0 where p is."""
    rows = Rows(xp, log_p.shape, axes)
    log_p, g = rows.split(log_p), rows.split(g)
    there = log_p != -math.inf
    g = xp.where(there, g, 0.0)
    slope = g - xp.exp(log_p) * xp.sum(g, axis=-1, keepdims=True)
    return rows.join(xp.where(there, over(xp, slope, _one_each(rows, t)), 0.0))


def log_softmax_jvp(xp: Any, log_p: Array, v: Array, axes: Axes, t: Any) -> Array:
    """Return ``(v - sum(p * v)) / t``, 0 where p is: how log_p moves when the scores do along v."""
    rows = Rows(xp, log_p.shape, axes)
    log_p, v = rows.split(log_p), rows.split(v)
    there = log_p != -math.inf
    v = xp.where(there, v, 0.0)
    slope = v - xp.sum(xp.exp(log_p) * v, axis=-1, keepdims=True)
    return rows.join(xp.where(there, over(xp, slope, _one_each(rows, t)), 0.0))


def logsumexp_vjp(
    xp: Any, x: Array, g: Array, axes: Axes, t: Any, keep: Array | None = None
) -> Array:
    """Return ``g * softmax(x) / t``; g has 1 along the axes."""
    s = Scores(xp, x, axes, t, keep)
    return _spread(s, s.rows.one_each(g), s.p, 0.0)


def entropy_vjp(
    xp: Any, x: Array, g: Array, axes: Axes, t: Any, keep: Array | None = None
) -> Array:
    """Return ``-g * p * (log(p) + H) / t``; g has 1 along the axes."""
    s = Scores(xp, x, axes, t, keep)
    p = s.p
    # log(p) + H without the logarithm of the normaliser, which both have.
    above = s.q - xp.sum(xp.where(p > 0, p * s.q, 0.0), axis=-1, keepdims=True)
    return _spread(s, -s.rows.one_each(g), p * above, math.nan)


def softmax_jacobian(xp: Any, p: Array, t: Any) -> Array:
    """Return ``(diag(p) - p p^T) / t`` of each row along the last axis; t has 1 there."""
    at = positions(xp, p.shape[-1], p)
    diagonal = at[:, None] == at[None, :]
    column, row = p[..., :, None], p[..., None, :]
    t = t if isinstance(t, float) else t[..., None]
    jacobian = over(xp, xp.where(diagonal, column * (1.0 - row), -column * row), t)
    # Where p is 0 so is the derivative, whatever the others are; and 0 has no sign.
    return xp.where((column == 0) | (row == 0) | (jacobian == 0), 0.0, jacobian)


def _one_each(rows: Rows, t: Any) -> Any:
    return t if isinstance(t, float) else rows.one_each(t)


def _spread(s: Scores, g: Array, slope: Array, empty: float) -> Array:
    """Return ``g * slope / t``, with what no arithmetic gives; `empty` for a row of all -inf."""
    xp = s.xp
    moves = s.p > 0
    if isinstance(s.t, float):
        per_unit = xp.zeros_like(g) if s.t in (0, math.inf) else g / s.t
    else:
        still = (s.t == 0) | (s.t == math.inf)
        per_unit = xp.where(still, 0.0, g / xp.where(still, 1.0, s.t))
        moves = moves & ~still
    value = xp.where(moves, slope * per_unit, 0.0)
    return s.finish(value, empty, 0.0)

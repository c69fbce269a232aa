"""Softmax, its logarithm, its normaliser and its entropy."""

from __future__ import annotations

import math
from typing import Any

from logitkit.backends._formulas.rows import Array, Axes, Scores, quotient


def softmax(
    xp: Any, x: Array, axes: Axes, t: Any, keep: Array | None = None, empty: str | None = None
) -> Array:
    """Return ``exp(x / t) / sum(exp(x / t))``."""
    s = Scores(xp, x, axes, t, keep)
    fill = {"zero": 0.0, "uniform": 1 / xp.where(s.kept > 0, s.kept, 1.0)}.get(
        empty or "", math.nan
    )
    return s.finish(s.p, fill, 0.0)


def log_softmax(
    xp: Any, x: Array, axes: Axes, t: Any, keep: Array | None = None, empty: str | None = None
) -> Array:
    """Return the logarithm of softmax; near 0 it keeps its digits: the sum of the others."""
    s = Scores(xp, x, axes, t, keep)
    fills = {"zero": -math.inf, "uniform": -xp.log(s.at_least_one(s.kept))}
    return s.finish(s.log_p, fills.get(empty or "", math.nan), -math.inf)


def logsumexp(xp: Any, x: Array, axes: Axes, t: Any, keep: Array | None = None) -> Array:
    """Return ``log(sum(exp(x / t)))``; at t = 0 the limit."""
    s = Scores(xp, x, axes, t, keep)
    anchor, error = quotient(xp, s.m, xp.zeros_like(s.m), s.t)
    value = anchor + (error + s.log_sum)
    if not isinstance(s.t, float) or s.t == 0:
        maxima = s.at_least_one(s.count(s.x == s.m))
        limit = xp.where(s.m == 0, xp.log(maxima), s.m * math.inf)
        value = limit if isinstance(s.t, float) else xp.where(s.t == 0, limit, value)
    # An empty row is -inf, +inf wins over every number and NaN over everything: that is m itself.
    return s.rows.reduced(xp.where(s.proper, value, s.m))


def entropy(xp: Any, x: Array, axes: Axes, t: Any, keep: Array | None = None) -> Array:
    """Return ``-sum(p * log(p))`` with ``0 log 0 = 0``."""
    s = Scores(xp, x, axes, t, keep)
    p = s.p
    value = s.log_sum - xp.sum(xp.where(p > 0, p * s.q, 0.0), axis=-1, keepdims=True)
    value = xp.where(s.proper, value, math.nan)
    return s.rows.reduced(xp.where(s.kept == 0, 0.0, value))

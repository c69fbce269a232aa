"""How far one distribution is from another."""

from __future__ import annotations

import math
from typing import Any

from logitkit.backends._formulas.rows import Array, Axes, Scores


def kl_divergence(
    xp: Any, p: Array, q: Array, axes: Axes, t: Any, keep: Array | None = None
) -> Array:
    """Return ``sum(p * (log(p) - log(q)))`` of each row; p and q are scores of one shape."""
    a, b = (Scores(xp, one, axes, t, keep) for one in (p, q))
    share = a.p
    # What both logarithms share goes first: equal rows leave 0.
    apart = (a.q - b.q) + ((a.error - b.error) - (a.log_sum - b.log_sum))
    terms = xp.where(share > 0, share * apart, 0.0)
    terms = xp.where((a.q > -math.inf) & (b.q == -math.inf), math.inf, terms)
    total = xp.sum(terms, axis=-1, keepdims=True)
    value = xp.where(total > 0, total, xp.where(xp.isnan(total), total, 0.0))
    value = xp.where(a.proper & b.proper, value, math.nan)
    return a.rows.reduced(xp.where(a.kept == 0, 0.0, value))

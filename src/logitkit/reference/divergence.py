"""How far one distribution is from another."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from logitkit.reference._rows import Array, Axis, Scores, as_float64, quiet


@quiet
def kl_divergence(
    p_logits: ArrayLike,
    q_logits: ArrayLike,
    /,
    *,
    axis: Axis = -1,
    temperature: ArrayLike = 1.0,
    mask: ArrayLike | None = None,
    reduction: str = "mean",
) -> Array:
    """Return ``sum(p * (log(p) - log(q)))``, for each row or their mean or sum; 0 log 0 is 0.

    >>> float(kl_divergence([0.0, 0.0], [0.0, -np.inf]))
    inf
    """
    if reduction not in ("mean", "sum", "none"):
        raise ValueError(f"reduction must be 'mean', 'sum' or 'none', got {reduction!r}")
    shape = np.broadcast_shapes(np.shape(p_logits), np.shape(q_logits))
    keep = np.broadcast_to(True if mask is None else np.asarray(mask), shape)
    for one in (p_logits, q_logits):
        keep = keep & ~np.broadcast_to(np.ma.getmaskarray(np.ma.asarray(one)), shape)
    p, q = (
        Scores(np.broadcast_to(as_float64(np.ma.getdata(one)), shape), axis, temperature, keep)
        for one in (p_logits, q_logits)
    )
    # What both logarithms share goes first: equal rows leave 0.
    apart = (p.q - q.q) + ((p.error - q.error) - (p.log_sum - q.log_sum))
    terms = np.where(p.p > 0, p.p * apart, 0.0)
    terms = np.where((p.q > -np.inf) & (q.q == -np.inf), np.inf, terms)
    value = np.maximum(np.sum(terms, axis=1, keepdims=True), 0.0)
    value = np.where(np.isfinite(p.m) & np.isfinite(q.m), value, np.nan)
    rows = p.rows.reduce(np.where(p.kept == 0, 0.0, value))
    if reduction == "none":
        return rows
    return np.asarray(np.sum(rows) / (1 if reduction == "sum" else np.size(rows)))[()]

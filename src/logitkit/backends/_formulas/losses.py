"""Cross-entropy and its gradient, with every option."""

from __future__ import annotations

import math
from typing import Any

from logitkit.backends._formulas.rows import Array, Scores, positions


def cross_entropy_with_grad(
    xp: Any,
    x: Array,
    targets: Array,
    axis: int,
    *,
    weight: Array | None = None,
    ignore_index: int | None = None,
    label_smoothing: float = 0.0,
    z_loss: float = 0.0,
    reduction: str = "mean",
    normalizer: Any = "weight",
    empty: str = "nan",
    keep: Array | None = None,
) -> tuple[Array, Array]:
    """Return the loss, and the gradient of the sum of what it is: see `reference.cross_entropy`.

    `targets` are classes, integers with 1 along the axis, or probabilities of the shape of x in its
    dtype. `weight` has one value a class, in the dtype of x. With ``reduction="none"`` the loss
    keeps the axis as 1. A class out of range, which cannot be refused here, makes its row NaN.
    """
    s = Scores(xp, x, (axis,), 1.0, keep)
    wanted, ignored, bad = _targets(s, targets, ignore_index)
    w = xp.ones_like(s.x) if weight is None else xp.reshape(weight, (s.rows.length,))
    a = w * (1.0 - label_smoothing) * wanted
    if label_smoothing:
        share = w * (label_smoothing / s.at_least_one(s.kept))
        a = a + (share if s.keep is None else xp.where(s.keep, share, 0.0))
    v = xp.sum(w * wanted, axis=-1, keepdims=True)
    whole = xp.sum(a, axis=-1, keepdims=True)
    lse = xp.where(s.proper, s.m, 0.0) + s.log_sum
    p, log_p = s.p, s.log_p
    loss = xp.sum(xp.where(a == 0, 0.0, -a * log_p), axis=-1, keepdims=True)
    # Near 1 a probability less its target is what the others come to.
    grad = xp.where(p > 0.5, xp.expm1(log_p) * whole + (whole - a), whole * p - a)
    if z_loss:
        loss = loss + z_loss * v * lse * lse
        grad = grad + (2.0 * z_loss) * v * lse * p
    grad = xp.where(s.x == -math.inf, 0.0, grad)

    sound = s.proper & ~bad
    out = ignored | (s.kept == 0)
    loss = xp.where(out, 0.0, xp.where(sound, loss, math.nan))
    grad = xp.where(sound, grad, math.nan)
    silent = ignored if s.keep is None else ignored | ~s.keep
    if reduction == "none":
        return s.rows.reduced(loss), s.rows.join(xp.where(silent, 0.0, grad))
    total = xp.sum(loss)
    if reduction == "mean":
        by = _normaliser(s, normalizer, v, ignored)
        none = by == 0
        total, grad = total / by, grad / by
        if empty == "zero":
            total, silent = xp.where(none, 0.0, total), silent | none
    return total, s.rows.join(xp.where(silent, 0.0, grad))


def _targets(s: Scores, targets: Array, ignore_index: int | None) -> tuple[Array, Array, Array]:
    """Return the probability of each class and, of each row, if it is ignored, and if it is bad."""
    xp = s.xp
    never = xp.zeros_like(s.proper)
    if not xp.isdtype(targets.dtype, "integral"):
        soft = s.rows.split(targets)
        return soft if s.keep is None else xp.where(s.keep, soft, 0.0), never, never
    label = s.rows.one_each(targets)
    ignored = never if ignore_index is None else label == ignore_index
    classes = s.rows.length
    bad = ~ignored & ((label < 0) | (label >= classes))
    at = positions(xp, classes, s.x)
    hot = xp.astype(label, at.dtype) == at
    return xp.astype(hot & ~ignored, s.dtype), ignored, bad


def _normaliser(s: Scores, normalizer: Any, v: Array, ignored: Array) -> Array:
    """Return what the sum of the losses is divided by."""
    xp = s.xp
    if normalizer == "weight":
        return xp.sum(xp.where(ignored, 0.0, v))
    if normalizer == "count":
        return xp.astype(xp.count_nonzero(~ignored), s.dtype)
    return xp.sum(xp.zeros_like(v)) + normalizer

"""Cross-entropy and its gradient, with every option."""

from __future__ import annotations

import math
from typing import Any

from logitkit.backends._formulas.rows import Array, Rows, Scores, positions


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

    sound = s.proper & ~bad
    out = ignored | (s.kept == 0)
    loss = xp.where(out, 0.0, xp.where(sound, loss, math.nan))
    grad = xp.where(sound, grad, math.nan)
    impossible = sound & (s.x == -math.inf)
    silent = ignored if s.keep is None else ignored | ~s.keep
    if reduction == "none":
        return s.rows.reduced(loss), s.rows.join(xp.where(silent | impossible, 0.0, grad))
    total = xp.sum(loss)
    if reduction == "mean":
        by, none = _normaliser(s, normalizer, v, ignored)
        total, grad = total / by, grad / by
        if empty == "zero":
            total, silent = xp.where(none, 0.0, total), silent | none
    return total, s.rows.join(xp.where(silent | impossible, 0.0, grad))


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


def nll_loss(
    xp: Any,
    log_p: Array,
    targets: Array,
    axis: int,
    *,
    weight: Array | None = None,
    ignore_index: int | None = None,
    reduction: str = "mean",
    normalizer: Any = "weight",
    empty: str = "nan",
    keep: Array | None = None,
) -> Array:
    """Return ``-log_p`` at the target of each row, times its weight, or their mean or sum.

    The arguments are those of `cross_entropy_with_grad`; the targets are classes.
    """
    rows = Rows(xp, log_p.shape, (axis,))
    classes = rows.length
    label = rows.one_each(targets)
    ignored = label != label if ignore_index is None else label == ignore_index
    bad = ~ignored & ((label < 0) | (label >= classes))
    loss = xp.astype(ignored, log_p.dtype) * 0.0
    v = loss
    if classes == 0:
        ignored = xp.ones_like(ignored)
    else:
        label = xp.where(ignored | bad, 0, label)
        picked = xp.take_along_axis(rows.split(log_p), label, axis=-1)
        out = ignored
        if keep is not None:
            kept = rows.split(keep)
            picked = xp.where(xp.take_along_axis(kept, label, axis=-1), picked, -math.inf)
            out = out | ~xp.any(kept, axis=-1, keepdims=True)
        v = xp.ones_like(picked)
        if weight is not None:
            flat = xp.take(xp.reshape(weight, (classes,)), xp.reshape(label, (-1,)), axis=0)
            v = xp.reshape(flat, label.shape)
        # A weight of 0 counts for nothing, but a NaN is one.
        out = out | ((v == 0) & ~xp.isnan(picked))
        loss = xp.where(out, 0.0, v * (0.0 - picked))
    loss = xp.where(bad, math.nan, loss)
    if reduction == "none":
        return rows.reduced(loss)
    total = xp.sum(loss)
    if reduction == "sum":
        return total
    by, none = divisor(xp, normalizer, v, ignored, log_p.dtype)
    return xp.where(none, 0.0 if empty == "zero" else math.nan, total / by)


def _normaliser(s: Scores, normalizer: Any, v: Array, ignored: Array) -> tuple[Array, Array]:
    if s.rows.length == 0 and isinstance(normalizer, str):
        ignored = s.xp.ones_like(ignored)
    return divisor(s.xp, normalizer, v, ignored, s.dtype)


def divisor(xp: Any, normalizer: Any, v: Array, ignored: Array, dtype: Any) -> tuple[Array, Array]:
    """Return what the sum of the losses is divided by, NaN where that is nothing, and if it is."""
    if normalizer == "weight":
        by = xp.sum(xp.where(ignored, 0.0, v))
    elif normalizer == "count":
        by = xp.astype(xp.count_nonzero(~ignored), dtype)
    else:
        by = xp.sum(xp.zeros_like(v)) + normalizer
    none = by == 0
    return xp.where(none, math.nan, by), none

"""Cross-entropy and its gradient, with every option; the loss of given log-probabilities.

The rules
---------
Of a row with the probabilities p, the targets t (one class, or a probability for each), the class
weights w and the smoothing s over the K classes that take part::

    a = w ((1 - s) t + s / K)           what the logarithm of each class counts for
    v = sum(w t)                        what the row counts for: the weight of its target
    loss = -sum(a log p) + z v logsumexp(x)**2
    gradient = (sum(a) + 2 z v logsumexp(x)) p - a

- The mean divides the sum of the losses by the sum of v, by the number of rows that count, or by a
  number that is given.
- A row whose target is `ignore_index` does not exist: its loss and gradient are 0, whatever it
  holds. So it is with a row of soft targets that are all 0, but for smoothing.
- A masked class takes no part: neither its target nor its share of the smoothing exists. If it is
  the one target of a row the loss is infinite: it was impossible. A fully masked row is 0.
- 0 log 0 is 0. A class at -inf has the gradient 0.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from logitkit.reference._rows import Array, Scores, as_float64, quiet


def cross_entropy(
    x: ArrayLike,
    targets: ArrayLike,
    /,
    *,
    axis: int = -1,
    weight: ArrayLike | None = None,
    ignore_index: int | None = None,
    label_smoothing: float = 0.0,
    z_loss: float = 0.0,
    reduction: str = "mean",
    normalizer: str | float = "weight",
    empty: str = "nan",
    mask: ArrayLike | None = None,
) -> Array:
    """Return the loss alone.

    >>> float(cross_entropy([[2.0, 1.0, 0.1]], [0]).round(4))
    0.417
    """
    return cross_entropy_with_grad(
        x,
        targets,
        axis=axis,
        weight=weight,
        ignore_index=ignore_index,
        label_smoothing=label_smoothing,
        z_loss=z_loss,
        reduction=reduction,
        normalizer=normalizer,
        empty=empty,
        mask=mask,
    )[0]


@quiet
def cross_entropy_with_grad(
    x: ArrayLike,
    targets: ArrayLike,
    /,
    *,
    axis: int = -1,
    weight: ArrayLike | None = None,
    ignore_index: int | None = None,
    label_smoothing: float = 0.0,
    z_loss: float = 0.0,
    reduction: str = "mean",
    normalizer: str | float = "weight",
    empty: str = "nan",
    mask: ArrayLike | None = None,
) -> tuple[Array, Array]:
    """Return the loss of each row, or their mean or sum, and the gradient of what that comes to.

    >>> loss, grad = cross_entropy_with_grad([[0.0, 0.0]], [1])
    >>> float(loss.round(4)), grad
    (0.6931, array([[ 0.5, -0.5]]))
    """
    for name, value, accepted in (
        ("reduction", reduction, ("mean", "sum", "none")),
        ("empty", empty, ("nan", "zero")),
    ):
        if value not in accepted:
            raise ValueError(f"{name} must be one of {accepted}, got {value!r}")
    scores = Scores(x, axis, 1.0, mask)
    wanted, ignored = _targets(scores, targets, ignore_index)
    w = np.ones(scores.x.shape[1]) if weight is None else as_float64(weight, "weight")
    if w.shape != scores.x.shape[1:]:
        raise ValueError(f"weight must have the shape {scores.x.shape[1:]}, got {w.shape}")

    a = w * (1 - label_smoothing) * wanted
    if label_smoothing:
        a = a + np.where(scores.keep, w * (label_smoothing / scores.kept), 0.0)
    v = np.sum(w * wanted, axis=1, keepdims=True)
    whole = np.sum(a, axis=1, keepdims=True)
    lse = scores.m + scores.log_sum
    loss = np.sum(np.where(a == 0, 0.0, -a * scores.log_p), axis=1, keepdims=True)
    # Near 1 a probability less its target is what the others come to.
    near_1 = np.expm1(scores.log_p) * whole + (whole - a)
    less = np.where(scores.p > 0.5, near_1, whole * scores.p - a)
    grad = np.where(scores.x == -np.inf, 0.0, less + 2 * z_loss * v * lse * scores.p)
    if z_loss:
        loss = loss + z_loss * v * lse**2
    proper = np.isfinite(scores.m)
    loss = np.where(ignored | (scores.kept == 0), 0.0, np.where(proper, loss, np.nan))
    grad = np.where(ignored | ~scores.keep, 0.0, np.where(proper, grad, np.nan))

    rows = scores.rows
    if reduction == "none":
        return rows.reduce(loss), rows.join(grad)
    total = np.sum(loss)
    if reduction == "mean":
        count = np.sum(~ignored) if scores.x.size else 0
        by: Any = normalizer
        if isinstance(normalizer, str):
            by = {"weight": np.sum(np.where(ignored, 0.0, v)), "count": count}[normalizer]
        if by == 0:
            nothing = np.float64(0 if empty == "zero" else np.nan)
            still = ignored | ~scores.keep | (proper & (scores.x == -np.inf))
            return np.asarray(nothing)[()], rows.join(np.where(still, 0.0, nothing))
        total, grad = total / by, np.where(ignored | ~scores.keep, 0.0, grad / by)
    return total, rows.join(grad)


@quiet
def nll_loss(
    log_p: ArrayLike,
    targets: ArrayLike,
    /,
    *,
    axis: int = -1,
    weight: ArrayLike | None = None,
    ignore_index: int | None = None,
    reduction: str = "mean",
    normalizer: str | float = "weight",
    empty: str = "nan",
    mask: ArrayLike | None = None,
) -> Array:
    """Return ``-log_p`` at the target of each row, times its weight, or their mean or sum.

    >>> float(nll_loss([[-0.5, -0.9]], [1]))
    0.9
    """
    scores = Scores(log_p, axis, 1.0, mask)
    wanted, ignored = _targets(scores, targets, ignore_index)
    classes = scores.x.shape[1]
    w = np.ones(classes) if weight is None else as_float64(weight, "weight")
    v = np.sum(w * wanted, axis=1, keepdims=True)
    at = np.where(wanted == 1, scores.x, 0.0)
    picked = np.sum(np.where((wanted == 1) & (v == 0) & ~np.isnan(at), 0.0, -v * at), axis=1)
    out = ignored | (scores.kept == 0)
    loss = np.where(out, 0.0, picked[:, None])
    if reduction == "none":
        return scores.rows.reduce(loss)
    by: Any = 1.0
    if reduction == "mean":
        count = np.sum(~ignored) if scores.x.size else 0
        counts = {"weight": np.sum(np.where(ignored, 0.0, v)), "count": count}
        by = counts[normalizer] if isinstance(normalizer, str) else normalizer
        if by == 0:
            return np.asarray(0.0 if empty == "zero" else np.nan)[()]
    return np.asarray(np.sum(loss) / by)[()]


def _targets(
    scores: Scores, targets: ArrayLike, ignore_index: int | None
) -> tuple[Array, np.ndarray[Any, np.dtype[np.bool_]]]:
    """Return the probability of each class and, of each row, whether it is ignored."""
    given = np.asarray(targets)
    rows = scores.rows
    classes = scores.x.shape[1]
    if given.dtype.kind not in "iu":
        if given.shape != rows.shape:
            raise ValueError(f"targets must have the shape of x, {rows.shape}, got {given.shape}")
        soft = np.where(scores.keep, rows.split(as_float64(given, "targets")), 0.0)
        return soft, np.zeros((len(soft), 1), np.bool_)
    if given.shape != rows.reduced:
        raise ValueError(f"targets must have the shape {rows.reduced}, got {given.shape}")
    label = given.reshape(-1, 1)
    ignored = np.zeros(label.shape, np.bool_) if ignore_index is None else label == ignore_index
    if np.any(~ignored & ((label < 0) | (label >= classes))):
        raise IndexError(f"targets must be from 0 to {classes - 1}, or ignore_index")
    return np.where(ignored, 0.0, label == np.arange(classes)), ignored

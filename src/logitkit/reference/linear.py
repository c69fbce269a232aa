"""The cross-entropy of a linear layer: that of the product, and the chain rule.

A row of h whose target is `ignore_index` does not exist: it adds nothing, whatever it holds.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from logitkit.reference._rows import Array, as_float64, quiet
from logitkit.reference.losses import cross_entropy_with_grad


def linear_cross_entropy(
    h: ArrayLike,
    w: ArrayLike,
    targets: ArrayLike,
    /,
    *,
    bias: ArrayLike | None = None,
    weight: ArrayLike | None = None,
    ignore_index: int | None = None,
    label_smoothing: float = 0.0,
    z_loss: float = 0.0,
    reduction: str = "mean",
    normalizer: str | float = "weight",
    empty: str = "nan",
) -> Array:
    """Return the loss alone.

    >>> float(linear_cross_entropy([[1.0]], [[2.0], [1.0]], [0]).round(4))
    0.3133
    """
    return linear_cross_entropy_with_grad(
        h,
        w,
        targets,
        bias=bias,
        weight=weight,
        ignore_index=ignore_index,
        label_smoothing=label_smoothing,
        z_loss=z_loss,
        reduction=reduction,
        normalizer=normalizer,
        empty=empty,
    )[0]


@quiet
def linear_cross_entropy_with_grad(
    h: ArrayLike,
    w: ArrayLike,
    targets: ArrayLike,
    /,
    *,
    bias: ArrayLike | None = None,
    weight: ArrayLike | None = None,
    ignore_index: int | None = None,
    label_smoothing: float = 0.0,
    z_loss: float = 0.0,
    reduction: str = "mean",
    normalizer: str | float = "weight",
    empty: str = "nan",
) -> tuple[Array, Array, Array, Array | None]:
    """Return the loss and its gradients by h, by w and, if there is one, by the bias.

    >>> loss, by_h, by_w, _ = linear_cross_entropy_with_grad([[1.0]], [[2.0], [1.0]], [0])
    >>> by_h.round(4), by_w.round(4)
    (array([[-0.2689]]), array([[-0.2689],
           [ 0.2689]]))
    """
    hidden, rows = as_float64(h, "h"), as_float64(w, "w")
    given: Any = np.asarray(targets)
    if given.dtype.kind not in "iu":
        raise TypeError(f"targets must be integers, got {given.dtype}")
    if ignore_index is not None:
        hidden = np.where((given == ignore_index)[..., np.newaxis], 0.0, hidden)
    shift = np.zeros(len(rows)) if bias is None else as_float64(bias, "bias")
    loss, by_logits = cross_entropy_with_grad(
        hidden @ rows.T + shift,
        given,
        weight=weight,
        ignore_index=ignore_index,
        label_smoothing=label_smoothing,
        z_loss=z_loss,
        reduction=reduction,
        normalizer=normalizer,
        empty=empty,
    )
    g = by_logits.reshape(-1, len(rows))
    by_w = g.T @ hidden.reshape(-1, hidden.shape[-1])
    return loss, by_logits @ rows, by_w, None if bias is None else g.sum(axis=0)

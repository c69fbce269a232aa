"""The losses on a device without kernels of its own."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from logitkit.backends import _formulas as formulas
from logitkit.backends.torch._dtypes import common_of_products
from logitkit.backends.torch._namespace import wide, xp
from logitkit.backends.torch._rows import normaliser, picked, refuse_labels


def cross_entropy(x: Tensor, *arguments: Any) -> Tensor:
    """Return the loss."""
    return cross_entropy_with_grad(x, *arguments)[0]


def cross_entropy_with_grad(
    x: Tensor,
    targets: Tensor,
    axis: int,
    weight: Tensor | None,
    ignore_index: int | None,
    label_smoothing: float,
    z_loss: float,
    reduction: str,
    normalizer: str,
    divisor: float,
    empty: str,
    mask: Tensor | None,
) -> tuple[Tensor, Tensor]:
    """Return the loss and its gradient."""
    compute = wide(x)
    if targets.is_floating_point():
        wanted = targets.to(compute)
    else:
        refuse_labels(targets, x.shape[axis], ignore_index)
        wanted = targets.to(torch.int64).unsqueeze(axis)
    loss, grad = formulas.cross_entropy_with_grad(
        xp,
        x.to(compute),
        wanted,
        axis,
        weight=None if weight is None else weight.to(compute),
        ignore_index=ignore_index,
        label_smoothing=label_smoothing,
        z_loss=z_loss,
        reduction=reduction,
        normalizer=divisor if normalizer == "number" else normalizer,
        empty=empty,
        keep=mask,
    )
    loss = loss.squeeze(axis) if reduction == "none" else loss
    return loss.to(x.dtype), torch.empty_like(x).copy_(grad)


def linear_cross_entropy(h: Tensor, *arguments: Any) -> Tensor:
    """Return the loss of a last layer."""
    return linear_cross_entropy_with_grad(h, *arguments)[0]


def linear_cross_entropy_with_grad(
    h: Tensor,
    w: Tensor,
    targets: Tensor,
    bias: Tensor | None,
    memory: int,
    weight: Tensor | None,
    *choices: Any,
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Return the loss and the gradients; the logits are there all at once, whatever `memory` is."""
    compute = common_of_products(h, w, bias)
    rows = h.to(compute).reshape(-1, h.shape[-1])
    logits = rows @ w.to(compute).mT
    if bias is not None:
        logits = logits + bias.to(compute)
    logits = logits.reshape(*h.shape[:-1], w.shape[0])
    at = logits.ndim - 1
    rest = (targets, at, weight, *choices, None)
    loss, grad = cross_entropy_with_grad(logits, *rest)
    slopes = grad.reshape(-1, w.shape[0])
    by_bias = h.new_empty(0) if bias is None else slopes.sum(0).to(bias.dtype)
    by_h = (slopes @ w.to(compute)).reshape(h.shape).to(h.dtype)
    result = h.dtype if h.dtype is w.dtype else compute
    return loss.to(result), by_h, (slopes.mT @ rows).to(w.dtype), by_bias


def nll_loss(
    log_p: Tensor,
    targets: Tensor,
    axis: int,
    weight: Tensor | None,
    ignore_index: int | None,
    reduction: str,
    normalizer: str,
    divisor: float,
    empty: str,
    mask: Tensor | None,
) -> Tensor:
    """Return the loss of log-probabilities."""
    refuse_labels(targets, log_p.shape[axis], ignore_index)
    if log_p.shape[axis] == 0:
        # There is no class to be named: every row is ignored.
        log_p, weight, mask = log_p.new_zeros(_one_class(log_p, axis)), None, None
    counts, ids, kept = picked(targets, axis, weight, ignore_index, mask)
    found = torch.gather(log_p.to(counts.dtype), axis, ids)
    if mask is not None:
        found = torch.where(kept, found, -torch.inf)
        counts = torch.where(mask.any(axis, keepdim=True), counts, 0.0)
    losses = torch.where((counts == 0) & ~torch.isnan(found), 0.0, counts * (0.0 - found))
    if ignore_index is not None:
        losses = torch.where(targets.unsqueeze(axis) == ignore_index, 0.0, losses)
    if reduction == "none":
        return losses.squeeze(axis).to(log_p.dtype)
    total = losses.sum()
    if reduction == "mean":
        weights, _, _ = picked(targets, axis, weight, ignore_index, None)
        by = normaliser(weights, normalizer, divisor, targets, ignore_index)
        nothing = 0.0 if empty == "zero" else torch.nan
        total = torch.where(by == 0, nothing, total / by)
    return total.to(log_p.dtype)


def _one_class(x: Tensor, axis: int) -> list[int]:
    return [1 if i == axis else n for i, n in enumerate(x.shape)]

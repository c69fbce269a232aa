"""How the gradient of cross_entropy moves when the scores do: the second derivative times a vector.

With the names of `logitkit.cross_entropy`, and b = (sum(a) + 2 z v lse) / normalizer, the gradient
is b p - a / normalizer. Its derivative along u is b p (u - p . u), and with a z-loss
2 z v p (p . u) / normalizer besides.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from logitkit.backends.torch._calls import call
from logitkit.backends.torch._dtypes import common_of_products, computed_in
from logitkit.backends.torch._rows import normaliser, picked


def is_told_by_gradient(x: Tensor, targets: Tensor, choices: Sequence[Any]) -> bool:
    """Return whether the gradient of a row tells its softmax: one class counts, and no half dtype.

    At that class it tells p - 1, and p to the last bit of 1 alone.
    """
    _, label_smoothing, z_loss, *_ = choices
    one = not targets.is_floating_point() and label_smoothing == 0 and z_loss == 0
    return one and x.dtype in (torch.float32, torch.float64)


def curvature_of_gradient(
    grad: Tensor,
    u: Tensor,
    targets: Tensor,
    axis: int,
    weight: Tensor | None,
    choices: Sequence[Any],
) -> Tensor:
    """Return it for rows of one class each: b p is the gradient, but for what the class counts."""
    ignore_index, _, _, reduction, normalizer, divisor, _ = choices
    dtype = computed_in(grad.dtype)
    counts, ids, kept = picked(targets, axis, weight, ignore_index, None)
    if reduction == "mean":
        counts = counts / normaliser(counts, normalizer, divisor, targets, ignore_index)
    bp = grad.to(dtype)
    # A target that is impossible has no gradient, and no probability.
    possible = kept & (torch.gather(bp, axis, ids) != 0)
    bp = bp.scatter_add(axis, ids, torch.where(possible, counts.to(dtype), 0.0))
    u = torch.where(bp != 0, u.to(dtype), 0.0)
    b = bp.sum(axis, keepdim=True)
    mean = (bp * u).sum(axis, keepdim=True) / torch.where(b == 0, 1.0, b)
    return (bp * (u - mean)).to(grad.dtype)


def curvature(
    x: Tensor,
    u: Tensor,
    targets: Tensor,
    axis: int,
    weight: Tensor | None,
    choices: Sequence[Any],
    mask: Tensor | None,
) -> Tensor:
    """Return it for all targets and options, from the scores."""
    _, _, z_loss, *_ = choices
    dtype = computed_in(x.dtype)
    options = ([axis], 1.0, None, mask)
    p = call("softmax", x, *options, "zero", dtype, "default")
    whole, v, by = _row_sums(p, targets, axis, weight, choices, mask)
    # Rows that do not count, and the mean of nothing.
    whole = torch.where(by == 0, 0.0, whole)
    by = torch.where(by == 0, 1.0, by)
    p = torch.where(whole == 0, 0.0, p)
    b = whole / by
    u = torch.where(p != 0, u.to(dtype), 0.0)
    mean = (p * u).sum(axis, keepdim=True)
    pull = 0.0
    if z_loss:
        lse = call("logsumexp", x, *options, dtype)
        pull = 2 * z_loss * v / by
        b = b + pull * torch.where((whole == 0) | torch.isinf(lse), 0.0, lse)
    return (p * (b * (u - mean) + pull * mean)).to(x.dtype)


def curvature_of_linear(
    operands: tuple[Tensor, Tensor, Tensor | None],
    seconds: Sequence[Tensor | None],
    targets: Tensor,
    weight: Tensor | None,
    choices: Sequence[Any],
) -> tuple[Tensor | None, ...]:
    """Return it for h, w and bias of a last layer, whose logits are formed all at once."""
    h, w, bias = operands
    again = torch.is_grad_enabled()
    with torch.enable_grad():
        dtype = common_of_products(h, w, bias)
        logits = h.to(dtype) @ w.to(dtype).mT
        if bias is not None:
            logits = logits + bias.to(dtype)
        loss, _ = call(
            "cross_entropy_with_grad", logits, targets, h.ndim - 1, weight, *choices, None
        )
        moved = [one for one in operands if one is not None and one.requires_grad]
        grads = iter(torch.autograd.grad(loss, moved, create_graph=True))
        along = logits.new_zeros(())
        for one, second in zip(operands, seconds, strict=True):
            if one is not None and one.requires_grad:
                grad = next(grads)
                if second is not None:
                    along = along + (grad * second).to(dtype).sum()
    bent = iter(torch.autograd.grad(along, moved, create_graph=again, allow_unused=True))
    return tuple(
        [next(bent) if one is not None and one.requires_grad else None for one in operands]
    )


def _row_sums(
    p: Tensor,
    targets: Tensor,
    axis: int,
    weight: Tensor | None,
    choices: Sequence[Any],
    mask: Tensor | None,
) -> tuple[Tensor, Tensor, Tensor]:
    """Return sum(a) and v of each row, and the normalizer."""
    ignore_index, smoothing, _, reduction, normalizer, divisor, _ = choices
    here = torch.ones_like(p) if mask is None else mask.to(p.dtype)
    w = here
    if weight is not None:
        w = w * weight.to(p.dtype).reshape([-1 if i == axis else 1 for i in range(p.ndim)])
    if targets.is_floating_point():
        v = torch.where(here != 0, w * targets.to(p.dtype), 0.0).sum(axis, keepdim=True)
        rows: Any = torch.ones_like(v)
        by = v.sum() if normalizer == "weight" else rows.sum()
    else:
        v, _, rows = picked(targets, axis, weight, ignore_index, None)
        v = v.to(p.dtype)
        by = normaliser(v, normalizer, divisor, targets, ignore_index)
    share = smoothing / here.sum(axis, keepdim=True).clamp(min=1)
    whole = (1 - smoothing) * v + share * w.sum(axis, keepdim=True) * rows
    if reduction != "mean" or normalizer == "number":
        by = torch.full_like(by, divisor if reduction == "mean" else 1.0)
    return whole, v, by

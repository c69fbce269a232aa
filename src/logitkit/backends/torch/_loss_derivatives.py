"""The derivatives of the losses: the gradient that came with the loss, scaled.

The second derivative of cross_entropy is made of operators: it can be derived again. For one class
a row it comes from the gradient, for other targets, options and halves from the scores, which are
kept for it only then. That of linear_cross_entropy needs all logits.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from logitkit.backends.torch._calls import call, differentiable
from logitkit.backends.torch._loss_curvature import (
    curvature,
    curvature_of_gradient,
    curvature_of_linear,
    is_told_by_gradient,
)
from logitkit.backends.torch._rows import normaliser, picked

Context = Any
Inputs = tuple[Any, ...]
Grads = tuple[Any, ...]


def _setup_loss(ctx: Context, inputs: Inputs, output: Any) -> None:
    x, targets, ctx.axis, weight, *ctx.choices, mask = inputs
    ctx.save_for_backward(x, targets, weight, mask)
    ctx.per_row = ctx.choices[3] == "none"


def _loss_backward(ctx: Context, g: Tensor) -> Grads:
    x, targets, weight, mask = ctx.saved_tensors
    arguments = (x, targets, ctx.axis, weight, *ctx.choices, mask)
    _, grad = call("cross_entropy_with_grad", *arguments)
    return grad * (g.unsqueeze(ctx.axis) if ctx.per_row else g), *[None] * 11


def _setup_loss_with_grad(ctx: Context, inputs: Inputs, output: Any) -> None:
    x, targets, ctx.axis, weight, *ctx.choices, mask = inputs
    # The memory of the scores can be freed before the derivative is asked for.
    kept = None if is_told_by_gradient(x, targets, ctx.choices) else x
    ctx.save_for_backward(output[1], targets, weight, mask, kept)
    ctx.per_row = ctx.choices[3] == "none"
    ctx.set_materialize_grads(False)


def _loss_with_grad_backward(ctx: Context, g: Tensor | None, second: Tensor | None) -> Grads:
    grad, targets, weight, mask, x = ctx.saved_tensors
    dx = None if g is None else grad * (g.unsqueeze(ctx.axis) if ctx.per_row else g)
    if second is not None:
        if x is None:
            bent = curvature_of_gradient(grad, second, targets, ctx.axis, weight, ctx.choices)
        else:
            bent = curvature(x, second, targets, ctx.axis, weight, ctx.choices, mask)
        dx = bent if dx is None else dx + bent
    return dx, *[None] * 11


def _setup_linear(ctx: Context, inputs: Inputs, output: Any) -> None:
    h, w, targets, bias, ctx.memory, weight, *ctx.choices = inputs
    ctx.save_for_backward(h, w, targets, bias, weight)


def _linear_backward(ctx: Context, g: Tensor) -> Grads:
    h, w, targets, bias, weight = ctx.saved_tensors
    arguments = (h, w, targets, bias, ctx.memory, weight, *ctx.choices)
    _, *grads = call("linear_cross_entropy_with_grad", *arguments)
    return _scaled(grads, g, bias is not None)


def _setup_linear_with_grad(ctx: Context, inputs: Inputs, output: Any) -> None:
    h, w, targets, bias, _, weight, *ctx.choices = inputs
    ctx.save_for_backward(*output[1:], h, w, targets, bias, weight)
    ctx.set_materialize_grads(False)


def _linear_with_grad_backward(ctx: Context, g: Tensor | None, *seconds: Tensor | None) -> Grads:
    *grads, h, w, targets, bias, weight = ctx.saved_tensors
    empty: Grads = (None,) * 13
    first = empty if g is None else _scaled(grads, g, bias is not None)
    if all(second is None for second in seconds):
        return first
    bent = curvature_of_linear((h, w, bias), seconds, targets, weight, ctx.choices)
    by_h, by_w, by_bias = (
        one if other is None else other if one is None else one + other
        for one, other in zip((first[0], first[1], first[3]), bent, strict=True)
    )
    return by_h, by_w, None, by_bias, *[None] * 9


def _scaled(grads: Sequence[Tensor], g: Tensor, has_bias: bool) -> Grads:
    by_h, by_w, by_bias = (grad * g.to(grad.dtype) for grad in grads)
    return by_h, by_w, None, by_bias if has_bias else None, *[None] * 9


def _setup_nll(ctx: Context, inputs: Inputs, output: Tensor) -> None:
    log_p, targets, ctx.axis, weight, *ctx.choices, mask = inputs
    ctx.save_for_backward(targets, weight, mask)
    ctx.shape, ctx.dtype = log_p.shape, log_p.dtype


def _nll_backward(ctx: Context, g: Tensor) -> Grads:
    targets, weight, mask = ctx.saved_tensors
    if ctx.shape[ctx.axis] == 0:
        return g.new_zeros(ctx.shape, dtype=ctx.dtype), *[None] * 9
    ignore_index, reduction, normalizer, divisor, _ = ctx.choices
    counts, ids, kept = picked(targets, ctx.axis, weight, ignore_index, mask)
    if reduction == "none":
        g = g.unsqueeze(ctx.axis)
    elif reduction == "mean":
        g = g / normaliser(counts, normalizer, divisor, targets, ignore_index)
    slope = torch.where(kept & (counts != 0), -counts * g, 0.0).to(ctx.dtype)
    grad = torch.zeros(ctx.shape, dtype=ctx.dtype, device=g.device).scatter(ctx.axis, ids, slope)
    return grad, *[None] * 9


differentiable("cross_entropy", _setup_loss, _loss_backward)
differentiable("cross_entropy_with_grad", _setup_loss_with_grad, _loss_with_grad_backward)
differentiable("nll_loss", _setup_nll, _nll_backward)
differentiable("linear_cross_entropy", _setup_linear, _linear_backward)
differentiable(
    "linear_cross_entropy_with_grad", _setup_linear_with_grad, _linear_with_grad_backward
)

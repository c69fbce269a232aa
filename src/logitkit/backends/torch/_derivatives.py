"""The derivatives of the operators, themselves made of operators: they can be derived again.

What has no share in a row (masked, -inf) has a gradient of exactly 0, whatever comes in there. A
gradient is computed in float32 at least and rounded to the dtype of what it belongs to.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from logitkit.backends.torch._calls import call, differentiable
from logitkit.backends.torch._dtypes import computed_in
from logitkit.backends.torch._slopes import SLOPES

Context = Any
Inputs = tuple[Any, ...]
Grads = tuple[Any, ...]


def _setup_map(ctx: Context, inputs: Inputs, output: Tensor) -> None:
    x, ctx.axes, ctx.t, ts, _, empty, _, _ = inputs
    # A uniform row is made up: it does not move with the scores.
    ctx.save_for_backward(output, ts, x if empty == "uniform" else None)
    ctx.dtype = x.dtype


def _map_backward(vjp: str) -> Any:
    def backward(ctx: Context, g: Tensor) -> Grads:
        result, ts, x = ctx.saved_tensors
        grad = call(vjp, result, g, ctx.axes, ctx.t, ts).to(ctx.dtype)
        if x is not None:
            grad = torch.where(x == -math.inf, 0.0, grad)
        return grad, *[None] * 7

    return backward


def _setup_reduction(ctx: Context, inputs: Inputs, output: Tensor) -> None:
    x, ctx.axes, ctx.t, ts, mask, _ = inputs
    ctx.save_for_backward(x, ts, mask)


def _reduction_backward(vjp: str) -> Any:
    def backward(ctx: Context, g: Tensor) -> Grads:
        x, ts, mask = ctx.saved_tensors
        return call(vjp, x, g, ctx.axes, ctx.t, ts, mask), *[None] * 5

    return backward


def _setup_vjp(ctx: Context, inputs: Inputs, output: Tensor) -> None:
    p, g, ctx.axes, ctx.t, ts = inputs
    ctx.save_for_backward(p, g, ts)


def _softmax_vjp_backward(ctx: Context, v: Tensor) -> Grads:
    given, slope, ts = ctx.saved_tensors
    there = given != 0
    p, g, w = _wide(given, slope, v)
    g, w = torch.where(there, g, 0.0), torch.where(there, w, 0.0)
    dp = dg = None
    if ctx.needs_input_grad[0]:
        along, across = _sum(p * g, ctx.axes), _sum(p * w, ctx.axes)
        dp = _over(w * (g - along) - g * across, ctx.t, ts)
        dp = torch.where(there, dp, 0.0).to(given.dtype)
    if ctx.needs_input_grad[1]:
        dg = call("softmax_vjp", p, w, ctx.axes, ctx.t, ts).to(slope.dtype)
    return dp, dg, None, None, None


def _log_softmax_vjp_backward(ctx: Context, v: Tensor) -> Grads:
    given, slope, ts = ctx.saved_tensors
    there = given != -math.inf
    log_p, g, w = _wide(given, slope, v)
    g, w = torch.where(there, g, 0.0), torch.where(there, w, 0.0)
    p = torch.exp(log_p)
    dp = torch.where(there, _over(-w * p * _sum(g, ctx.axes), ctx.t, ts), 0.0)
    dg = torch.where(there, _over(w - _sum(p * w, ctx.axes), ctx.t, ts), 0.0)
    return dp.to(given.dtype), dg.to(slope.dtype), None, None, None


def _setup_reduction_vjp(ctx: Context, inputs: Inputs, output: Tensor) -> None:
    x, g, ctx.axes, ctx.t, ts, mask = inputs
    ctx.save_for_backward(x, g, ts, mask)


def _logsumexp_vjp_backward(ctx: Context, v: Tensor) -> Grads:
    x, slope, ts, mask = ctx.saved_tensors
    g, w = _wide(slope, v)
    options = (ctx.axes, ctx.t, ts)
    p = call("softmax", x, *options, mask, "zero", computed_in(x.dtype, g.dtype), "default")
    dx = _over(call("softmax_vjp", p, w, *options) * g, ctx.t, ts)
    dg = _over(_sum(p * torch.where(p > 0, w, 0.0), ctx.axes), ctx.t, ts)
    return dx.to(x.dtype), dg.to(slope.dtype), None, None, None, None


def _entropy_vjp_backward(ctx: Context, v: Tensor) -> Grads:
    x, slope, ts, mask = ctx.saved_tensors
    g, w = _wide(slope, v)
    options = (ctx.axes, ctx.t, ts, mask, "nan", computed_in(x.dtype, g.dtype), "default")
    p = call("softmax", x, *options)
    log_p = call("log_softmax", x, *options)
    there = p != 0
    log_p, w = torch.where(there, log_p, 0.0), torch.where(there, w, 0.0)
    # With L = log p + H and u = -v g / T the derivative of sum(u p L) is
    # p (u L - sum(u p L) + u - (1 + L) sum(u p)) / T.
    above = torch.where(there, log_p - _sum(p * log_p, ctx.axes), 0.0)
    u = _over(-w * g, ctx.t, ts)
    both, share = _sum(u * p * above, ctx.axes), _sum(u * p, ctx.axes)
    dx = p * _over(u * above - both + u - share - above * share, ctx.t, ts)
    dg = _over(-_sum(w * p * above, ctx.axes), ctx.t, ts)
    return torch.where(there, dx, 0.0).to(x.dtype), dg.to(slope.dtype), None, None, None, None


def _setup_jacobian(ctx: Context, inputs: Inputs, output: Tensor) -> None:
    p, ctx.t, ts = inputs
    ctx.save_for_backward(p, ts)


def _jacobian_backward(ctx: Context, v: Tensor) -> Grads:
    given, ts = ctx.saved_tensors
    p, w = _wide(given, v)
    there = given != 0
    w = torch.where(there[..., :, None] & there[..., None, :], w, 0.0)
    both = ((w + w.mT) * p[..., None, :]).sum(-1)
    dp = _over(torch.diagonal(w, dim1=-2, dim2=-1) - both, ctx.t, ts)
    return torch.where(there, dp, 0.0).to(given.dtype), None, None


def _setup_divergence(ctx: Context, inputs: Inputs, output: Tensor) -> None:
    p, q, ctx.axes, ctx.t, ts, mask, ctx.reduction = inputs
    ctx.save_for_backward(p, q, ts, mask)


def _divergence_backward(ctx: Context, g: Tensor) -> Grads:
    x, y, ts, mask = ctx.saved_tensors
    if ctx.reduction == "mean":
        kept = [n for i, n in enumerate(x.shape) if i not in ctx.axes]
        g = g / math.prod(kept)
    compute = computed_in(x.dtype, y.dtype)
    g = g.to(compute)
    options = (ctx.axes, ctx.t, ts, mask, "nan", compute, "default")
    dx = dy = None
    p = call("softmax", x, *options)
    if ctx.needs_input_grad[0]:
        apart = call("log_softmax", x, *options) - call("log_softmax", y, *options)
        dx = call("softmax_vjp", p, apart, ctx.axes, ctx.t, ts) * g
        dx = _unless_still(dx, ctx.t, ts).to(x.dtype)
    if ctx.needs_input_grad[1]:
        dy = _over(call("softmax", y, *options) - p, ctx.t, ts) * g
        dy = torch.where(y == -math.inf, 0.0, dy).to(y.dtype)
    return dx, dy, None, None, None, None, None


def _setup_gather(ctx: Context, inputs: Inputs, output: Tensor) -> None:
    x, ids, ctx.axis, ctx.t, ts, mask = inputs
    ctx.save_for_backward(x, ids, ts, mask)


def _gather_backward(ctx: Context, g: Tensor) -> Grads:
    x, ids, ts, mask = ctx.saved_tensors
    compute, axes = computed_in(x.dtype), [ctx.axis]
    log_p = call("log_softmax", x, axes, ctx.t, ts, mask, "nan", compute, "default")
    slope = torch.zeros_like(log_p).scatter_add(ctx.axis, ids.to(torch.int64), g.to(compute))
    grad = call("log_softmax_vjp", log_p, slope, axes, ctx.t, ts)
    return grad.to(x.dtype), None, None, None, None, None


def _setup_top_k(ctx: Context, inputs: Inputs, output: Tensor) -> None:
    ctx.mark_non_differentiable(output)


def _no_gradient(ctx: Context, g: Tensor) -> Grads:
    return None, None, None


def _setup_activation(ctx: Context, inputs: Inputs, output: Tensor) -> None:
    x, ctx.function, ctx.parameters = inputs
    ctx.save_for_backward(x)


def _activation_backward(ctx: Context, g: Tensor) -> Grads:
    (given,) = ctx.saved_tensors
    (x,) = _wide(given)
    slope = SLOPES[ctx.function](x, *ctx.parameters)
    return (g * slope).to(given.dtype), None, None


def _wide(*tensors: Tensor) -> tuple[Tensor, ...]:
    """Return the tensors in the dtype that derivatives are computed in."""
    wide = any(tensor.dtype is torch.float64 for tensor in tensors)
    return tuple([tensor.to(torch.float64 if wide else torch.float32) for tensor in tensors])


def _sum(a: Tensor, axes: Sequence[int]) -> Tensor:
    # PyTorch takes no axes for all of them.
    return a.sum(axes, keepdim=True) if len(axes) else a


def _over(a: Tensor, t: float, ts: Tensor | None) -> Tensor:
    """Return ``a / t``; 0 in both limits of t, where nothing moves."""
    if ts is None:
        return _unless_still(a if t in (0.0, 1.0, math.inf) else a / t, t, ts)
    return _unless_still(a / torch.where(_still(ts), 1.0, ts).to(a.dtype), t, ts)


def _unless_still(a: Tensor, t: float, ts: Tensor | None) -> Tensor:
    """Return a; 0 in both limits of t, whatever a is."""
    if ts is None:
        return torch.zeros_like(a) if t in (0.0, math.inf) else a
    return torch.where(_still(ts), 0.0, a)


def _still(ts: Tensor) -> Tensor:
    return (ts == 0) | torch.isinf(ts)


differentiable("softmax", _setup_map, _map_backward("softmax_vjp"))
differentiable("log_softmax", _setup_map, _map_backward("log_softmax_vjp"))
differentiable("logsumexp", _setup_reduction, _reduction_backward("logsumexp_vjp"))
differentiable("entropy", _setup_reduction, _reduction_backward("entropy_vjp"))
differentiable("softmax_vjp", _setup_vjp, _softmax_vjp_backward)
differentiable("log_softmax_vjp", _setup_vjp, _log_softmax_vjp_backward)
differentiable("logsumexp_vjp", _setup_reduction_vjp, _logsumexp_vjp_backward)
differentiable("entropy_vjp", _setup_reduction_vjp, _entropy_vjp_backward)
differentiable("softmax_jacobian", _setup_jacobian, _jacobian_backward)
differentiable("kl_divergence", _setup_divergence, _divergence_backward)
differentiable("gather_logprobs", _setup_gather, _gather_backward)
differentiable("top_k", _setup_top_k, _no_gradient)
differentiable("activation", _setup_activation, _activation_backward)

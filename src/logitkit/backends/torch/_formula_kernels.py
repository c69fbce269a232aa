"""The operators on a device without kernels of its own: formulas made of PyTorch's operators.

The formulas take what is in order; what only the values show is looked at here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from array_api_compat import torch as array_api
from torch import Tensor

from logitkit.backends import _arguments as arguments
from logitkit.backends import _formulas as formulas
from logitkit.backends import numpy as numpy_backend
from logitkit.backends._divergence import REDUCTION
from logitkit.backends._formulas import activations
from logitkit.backends._generic.sums import TreeSums
from logitkit.backends._labels import check_labels
from logitkit.backends.torch._dtypes import common, common_of_products
from logitkit.backends.torch._rows import normaliser, picked

Axes = Sequence[int]

# Sums in one order, so that the bits of a row depend on that row alone.
xp = TreeSums(array_api)


def softmax(x: Tensor, *options: Any) -> Tensor:
    """Return ``exp(x / t) / sum(exp(x / t))``."""
    return _map(formulas.softmax, x, *options)


def log_softmax(x: Tensor, *options: Any) -> Tensor:
    """Return the logarithm of softmax."""
    return _map(formulas.log_softmax, x, *options)


def _map(
    formula: Callable[..., Tensor],
    x: Tensor,
    axes: Axes,
    t: float,
    ts: Tensor | None,
    mask: Tensor | None,
    empty: str | None,
    dtype: torch.dtype,
    precision: str,
) -> Tensor:
    arguments.check_choice("empty", empty, numpy_backend.EMPTY)
    arguments.check_choice("precision", precision, numpy_backend.PRECISION)
    compute = _wide(x)
    divide = _divisor(x, axes, t, ts, compute)
    if empty == "raise":
        _refuse_without_any(x, tuple(axes), mask)
    return formula(xp, x.to(compute), tuple(axes), divide, mask, empty).to(dtype)


def logsumexp(x: Tensor, *options: Any) -> Tensor:
    """Return ``log(sum(exp(x / t)))``."""
    return _reduce(formulas.logsumexp, x, *options)


def entropy(x: Tensor, *options: Any) -> Tensor:
    """Return the entropy of softmax."""
    return _reduce(formulas.entropy, x, *options)


def _reduce(
    formula: Callable[..., Tensor],
    x: Tensor,
    axes: Axes,
    t: float,
    ts: Tensor | None,
    mask: Tensor | None,
    dtype: torch.dtype,
) -> Tensor:
    compute = _wide(x)
    divide = _divisor(x, axes, t, ts, compute)
    return formula(xp, x.to(compute), tuple(axes), divide, mask).to(dtype)


def softmax_vjp(p: Tensor, *options: Any) -> Tensor:
    """Return ``p * (g - sum(p * g)) / t``."""
    return _vjp(formulas.softmax_vjp, p, *options)


def log_softmax_vjp(log_p: Tensor, *options: Any) -> Tensor:
    """Return ``(g - p * sum(g)) / t``."""
    return _vjp(formulas.log_softmax_vjp, log_p, *options)


def logsumexp_vjp(x: Tensor, *options: Any) -> Tensor:
    """Return ``g * softmax(x) / t``."""
    return _vjp(formulas.logsumexp_vjp, x, *options)


def entropy_vjp(x: Tensor, *options: Any) -> Tensor:
    """Return ``-g * p * (log(p) + H) / t``."""
    return _vjp(formulas.entropy_vjp, x, *options)


def _vjp(
    formula: Callable[..., Tensor],
    x: Tensor,
    g: Tensor,
    axes: Axes,
    t: float,
    ts: Tensor | None,
    *mask: Tensor | None,
) -> Tensor:
    compute = _wide(x)
    divide = _divisor(x, axes, t, ts, compute)
    return formula(xp, x.to(compute), g.to(compute), tuple(axes), divide, *mask).to(x.dtype)


def softmax_jacobian(p: Tensor, t: float, ts: Tensor | None) -> Tensor:
    """Return ``(diag(p) - p p^T) / t``."""
    compute = _wide(p)
    divide = _divisor(p, (p.ndim - 1,), t, ts, compute)
    return formulas.softmax_jacobian(xp, p.to(compute), divide).to(p.dtype)


def kl_divergence(
    p: Tensor,
    q: Tensor,
    axes: Axes,
    t: float,
    ts: Tensor | None,
    mask: Tensor | None,
    reduction: str,
) -> Tensor:
    """Return the divergence of each row, their mean or their sum."""
    arguments.check_choice("reduction", reduction, REDUCTION)
    result = common(p.dtype, q.dtype)
    compute = _wide(p)
    divide = _divisor(p, axes, t, ts, compute)
    scores = p.to(compute), q.to(compute)
    rows = formulas.kl_divergence(xp, *scores, tuple(axes), divide, mask).to(result)
    if reduction == "none":
        return rows
    total = rows.sum(dtype=compute)
    return (total / rows.numel() if reduction == "mean" else total).to(result)


def gather_logprobs(
    x: Tensor, ids: Tensor, axis: int, t: float, ts: Tensor | None, mask: Tensor | None
) -> Tensor:
    """Return the logarithm of softmax at ids."""
    compute = _wide(x)
    divide = _divisor(x, (axis,), t, ts, compute)
    _refuse_labels(ids, x.shape[axis], name="ids")
    ids = ids.to(torch.int64)
    found = formulas.gather_logprobs(xp, x.to(compute), ids, axis, divide, mask)
    return found.to(x.dtype).contiguous()


def top_k(x: Tensor, k: int, axis: int) -> Tensor:
    """Return where the k largest elements stand."""
    return formulas.top_k(xp, x, k, axis)[1].contiguous()


def activation(x: Tensor, name: str, parameters: Sequence[float]) -> Tensor:
    """Return a function of each element."""
    formula = getattr(activations, name)
    result: Tensor = formula(xp, x.to(_wide(x)), *parameters)
    return result.to(x.dtype).contiguous()


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
    compute = _wide(x)
    if targets.is_floating_point():
        wanted = targets.to(compute)
    else:
        _refuse_labels(targets, x.shape[axis], ignore_index)
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
    _refuse_labels(targets, log_p.shape[axis], ignore_index)
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


def _refuse_labels(
    targets: Tensor, classes: int, ignore_index: int | None = None, name: str = "targets"
) -> None:
    labels = targets.to(torch.int64)
    known = (labels >= 0) & (labels < classes)
    if ignore_index is not None:
        known |= labels == ignore_index
    # The largest numbers of uint64 are negative ones by now.
    if targets.dtype is torch.uint64 or not bool(known.all()):
        check_labels(name, targets.cpu().numpy(), classes, ignore_index)


def _wide(x: Tensor) -> torch.dtype:
    """Return the dtype that is computed in: float64, which Apple's devices have not."""
    return torch.float32 if x.device.type == "mps" else torch.float64


def _divisor(x: Tensor, axes: Axes, t: float, ts: Tensor | None, compute: torch.dtype) -> Any:
    """Return the temperature in the dtype that is computed in; refuse a negative one and NaN."""
    given = t if ts is None else ts.cpu().to(torch.float64).numpy()
    arguments.broadcast_temperature(given, tuple(x.shape), tuple(axes))
    return t if ts is None else ts.to(compute)


def _refuse_without_any(x: Tensor, axes: tuple[int, ...], mask: Tensor | None) -> None:
    if x.numel():
        possible = x != -torch.inf if mask is None else (x != -torch.inf) & mask
        for axis in axes:
            possible = possible.any(axis, keepdim=True)
        single = x.ndim == len(axes)
        numpy_backend.refuse_empty_rows(possible.cpu().numpy(), axes, single)

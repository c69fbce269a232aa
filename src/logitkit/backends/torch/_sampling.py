"""Sampling from tensors on the CPU: NumPy's verbs on their memory."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from logitkit.backends import _arguments as arguments
from logitkit.backends import numpy as numpy_backend
from logitkit.backends.torch._arguments import temperature_of
from logitkit.backends.torch._calls import has_memory
from logitkit.backends.torch._dtypes import as_float, result_dtype
from logitkit.backends.torch._views import tensor_of, view, view_option


def filter_logits(x: Tensor, axis: Any, temperature: Any, *filters: Any) -> Tensor:
    """See `logitkit.filter_logits`; the derivative is that of x / temperature where it is kept."""
    _check_device(x)
    wanted = result_dtype(x)
    axes = arguments.normalize_axes(axis, x.ndim)
    divide, per_row = temperature_of(temperature, x, axes)
    scores = as_float(x).to(wanted)
    left = numpy_backend.filter_logits(
        view(scores),
        axis,
        divide if per_row is None else view_option(per_row, "temperature"),
        *filters,
    )
    result = tensor_of(left).reshape(x.shape)
    if not (torch.is_grad_enabled() and scores.requires_grad):
        return result
    t = torch.as_tensor(divide if per_row is None else per_row, dtype=torch.float64)
    result = _Kept.apply(scores, result, torch.where((t > 0) & t.isfinite(), 1 / t, 0))
    return result


def sample(x: Tensor, axis: Any, temperature: Any, *options: Any) -> Tensor:
    """See `logitkit.sample`."""
    _check_device(x)
    result_dtype(x)
    given = [temperature, *options]
    names = ["temperature", "top_k", "top_p", "min_p", "order", "seed", "size", "rows"]
    seen = [view_option(value, name) for value, name in zip(given, names, strict=True)]
    return tensor_of(numpy_backend.sample(view(x), axis, *seen))


def _check_device(x: Tensor) -> None:
    if not x.is_cpu:
        raise TypeError(f"x is on {x.device}; sampling takes tensors on the CPU: pass x.cpu()")
    if not has_memory(x):
        raise TypeError(
            "x has no memory of its own, as in a transform; sampling takes plain tensors"
        )


class _Kept(torch.autograd.Function):  # type: ignore[misc]  # it has no types in PyTorch
    """The values as a function of x with a slope where they are kept."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, values: Tensor, slope: Tensor) -> Tensor:
        ctx.save_for_backward(values > -torch.inf, slope)
        return values.view_as(values)

    @staticmethod
    def backward(ctx: Any, g: Tensor) -> tuple[Tensor, None, None]:
        kept, slope = ctx.saved_tensors
        nothing = ~kept | (slope == 0) | (g == 0)  # also where the slope is infinite
        return torch.where(nothing, 0, g * slope).to(g.dtype), None, None

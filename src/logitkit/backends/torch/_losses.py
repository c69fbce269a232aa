"""The losses on tensors: the gradient is computed with the loss where somebody records it."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from logitkit.backends import _arguments as arguments
from logitkit.backends._losses import Options
from logitkit.backends.torch import _cpu as cpu
from logitkit.backends.torch._arguments import check_memory, check_out, mask_of, tensor_like
from logitkit.backends.torch._calls import call, has_memory, is_plain
from logitkit.backends.torch._dtypes import INTEGERS, NUMPY, as_float, result_dtype


def cross_entropy(x: Tensor, targets: Any, axis: Any, options: Options, mask: Any) -> Tensor:
    """See `logitkit.cross_entropy`."""
    wanted = result_dtype(x)
    given = _given(x, targets, axis, options, mask)
    if torch.is_grad_enabled() and x.requires_grad:
        loss: Tensor = call("cross_entropy_with_grad", *given)[0]
    else:
        loss = call("cross_entropy", *given)
    return loss.to(wanted)


def cross_entropy_with_grad(
    x: Tensor, targets: Any, axis: Any, options: Options, mask: Any, out: Any
) -> tuple[Tensor, Tensor]:
    """See `logitkit.cross_entropy_with_grad`."""
    wanted = result_dtype(x)
    given = _given(x, targets, axis, options, mask)
    if out is not None:
        check_out(out, tuple(x.shape), wanted, x)
        if has_memory(out):
            others = {"targets": given[1], "weight": given[3], "mask": given[-1]}
            check_memory(out, True, x, **others)
        if x.dtype is wanted and is_plain(out, *given):
            loss, _ = cpu.cross_entropy_with_grad(*given, out=out if x.ndim else out.reshape(1))
            torch.autograd.graph.increment_version(out)
            return loss, out
    loss, grad = call("cross_entropy_with_grad", *given)
    grad = grad.detach().reshape(x.shape).to(wanted)
    return loss.to(wanted), grad if out is None else out.copy_(grad)


def _given(x: Tensor, targets: Any, axis: Any, options: Options, mask: Any) -> tuple[Any, ...]:
    """Return the arguments as the operators take them."""
    at = arguments.one_axis(axis, x.ndim)
    row = as_float(x if x.ndim else x.reshape(1))
    labels = _targets(targets, x, at, options)
    weight = options.weight
    if weight is not None:
        weight = as_float(tensor_like(weight, x, "weight"))
        if weight.shape != (row.shape[at],):
            raise ValueError(
                f"weight has the shape {tuple(weight.shape)}; it must have one number a class, "
                f"{(row.shape[at],)}"
            )
    _refuse_grad(targets=labels, weight=weight)
    number = not isinstance(options.normalizer, str)
    return (
        row,
        labels,
        at,
        weight,
        None if options.ignore_index is None else int(options.ignore_index),
        float(options.label_smoothing),
        float(options.z_loss),
        options.reduction,
        "number" if number else options.normalizer,
        float(options.normalizer) if number else 1.0,
        options.empty,
        mask_of(mask, row),
    )


def _targets(targets: Any, x: Tensor, at: int, options: Options) -> Tensor:
    """Return classes, one a row, or probabilities of the shape of x, which has a dimension then."""
    given = tensor_like(targets, x, "targets")
    shape = tuple(x.shape)
    if given.dtype in INTEGERS:
        rows = arguments.without_axes(shape or (1,), (at,))
        if tuple(given.shape) != rows:
            raise ValueError(
                f"targets has the shape {tuple(given.shape)}; class indices must have that of x "
                f"without its axis, {rows}, and probabilities that of x, {shape}"
            )
        return given
    if given.dtype not in NUMPY:
        raise TypeError(
            f"targets has the dtype {given.dtype}; accepted are integers, which are classes, and "
            "float16, bfloat16, float32, float64, which are probabilities"
        )
    if given.shape != x.shape:
        raise ValueError(
            f"targets has the shape {tuple(given.shape)}; probabilities must have that of x, "
            f"{shape}"
        )
    ignore = options.ignore_index
    if ignore is not None and 0 <= ignore < (shape or (1,))[at]:
        raise ValueError(
            f"ignore_index is {ignore}, a class, and targets are probabilities; a row of zeros is "
            "ignored among them, accepted is None"
        )
    return given if shape else given.reshape(1)


def _refuse_grad(**others: Tensor | None) -> None:
    for name, other in others.items():
        if other is not None and other.requires_grad and torch.is_grad_enabled():
            raise ValueError(
                f"{name} requires grad, and gradients flow to the scores alone; accepted is one "
                f"without: pass {name}.detach()"
            )

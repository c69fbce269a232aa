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
            check_memory(out, {"x": x}, others)
        if x.dtype is wanted and is_plain(out, *given):
            loss, _ = cpu.cross_entropy_with_grad(*given, out=out if x.ndim else out.reshape(1))
            torch.autograd.graph.increment_version(out)
            return loss, out
    loss, grad = call("cross_entropy_with_grad", *given)
    grad = grad.detach().reshape(x.shape).to(wanted)
    return loss.to(wanted), grad if out is None else out.copy_(grad)


def nll_loss(log_p: Tensor, targets: Any, axis: Any, options: Options, mask: Any) -> Tensor:
    """See `logitkit.nll_loss`."""
    wanted = result_dtype(log_p, name="log_p")
    at = arguments.one_axis(axis, log_p.ndim, "log_p")
    row = as_float(log_p if log_p.ndim else log_p.reshape(1))
    keep = mask_of(mask, row, "log_p")
    labels = tensor_like(targets, log_p, "targets")
    if labels.dtype not in INTEGERS:
        raise TypeError(
            f"targets has the dtype {labels.dtype}; accepted are integers, which are classes"
        )
    _check_classes(labels, row, at, "log_p", "")
    weight = _weight_of(options, row, at)
    choices = (options.reduction, *normalizer_of(options), options.empty, keep)
    result: Tensor = call("nll_loss", row, labels, at, weight, ignored(options), *choices)
    return result.to(wanted)


def _given(x: Tensor, targets: Any, axis: Any, options: Options, mask: Any) -> tuple[Any, ...]:
    """Return the arguments as the operators take them."""
    at = arguments.one_axis(axis, x.ndim)
    row = as_float(x if x.ndim else x.reshape(1))
    labels = _targets(targets, x, row, at, options)
    return (
        row,
        labels,
        at,
        _weight_of(options, row, at),
        ignored(options),
        float(options.label_smoothing),
        float(options.z_loss),
        options.reduction,
        *normalizer_of(options),
        options.empty,
        mask_of(mask, row),
    )


def _targets(targets: Any, x: Tensor, row: Tensor, at: int, options: Options) -> Tensor:
    """Return classes, one a row, or probabilities of the shape of x, which has a dimension then."""
    given = tensor_like(targets, x, "targets")
    if given.dtype in INTEGERS:
        _check_classes(given, row, at, "x", f", and probabilities that of x, {tuple(x.shape)}")
        return given
    if given.dtype not in NUMPY:
        raise TypeError(
            f"targets has the dtype {given.dtype}; accepted are integers, which are classes, and "
            "float16, bfloat16, float32, float64, which are probabilities"
        )
    if given.shape != x.shape:
        raise ValueError(
            f"targets has the shape {tuple(given.shape)}; probabilities must have that of x, "
            f"{tuple(x.shape)}"
        )
    ignore = options.ignore_index
    if ignore is not None and 0 <= ignore < row.shape[at]:
        raise ValueError(
            f"ignore_index is {ignore}, a class, and targets are probabilities; a row of zeros is "
            "ignored among them, accepted is None"
        )
    refuse_grad("targets", given)
    return given if x.ndim else given.reshape(1)


def _check_classes(targets: Tensor, row: Tensor, at: int, name: str, also: str) -> None:
    rows = arguments.without_axes(tuple(row.shape), (at,))
    if tuple(targets.shape) != rows:
        raise ValueError(
            f"targets has the shape {tuple(targets.shape)}; class indices must have that of {name} "
            f"without its axis, {rows}{also}"
        )


def _weight_of(options: Options, row: Tensor, at: int) -> Tensor | None:
    if options.weight is None:
        return None
    weight = as_float(tensor_like(options.weight, row, "weight"))
    if weight.shape != (row.shape[at],):
        raise ValueError(
            f"weight has the shape {tuple(weight.shape)}; it must have one number a class, "
            f"{(row.shape[at],)}"
        )
    refuse_grad("weight", weight)
    return weight


def ignored(options: Options) -> int | None:
    """Return the class that is left out."""
    return None if options.ignore_index is None else int(options.ignore_index)


def normalizer_of(options: Options) -> tuple[str, float]:
    """Return which it is, and the number if it is one."""
    if isinstance(options.normalizer, str):
        return options.normalizer, 1.0
    return "number", float(options.normalizer)


def refuse_grad(name: str, other: Tensor) -> None:
    """Raise if an argument that has no gradient here wants one."""
    if other.requires_grad and torch.is_grad_enabled():
        raise ValueError(
            f"{name} requires grad, and gradients flow to the scores alone; accepted is one "
            f"without: pass {name}.detach()"
        )

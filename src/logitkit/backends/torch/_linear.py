"""The loss of a last layer on tensors: its gradients are computed with it."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from logitkit.backends._linear import LinearCrossEntropy
from logitkit.backends._losses import Options
from logitkit.backends.torch._arguments import tensor_like
from logitkit.backends.torch._calls import call
from logitkit.backends.torch._dtypes import INTEGERS, as_float, result_dtype
from logitkit.backends.torch._losses import ignored, normalizer_of, refuse_grad


def linear_cross_entropy(
    h: Tensor, w: Any, targets: Any, bias: Any, options: Options, memory: Any
) -> Tensor:
    """See `logitkit.linear_cross_entropy`."""
    given = _given(h, w, targets, bias, options, memory)
    operands = [one for one in given[:4] if one is not None]
    if not torch.is_grad_enabled() or not any(one.requires_grad for one in operands):
        loss: Tensor = call("linear_cross_entropy", *given)
        return loss
    if options.reduction == "none":
        raise ValueError(
            "reduction is 'none', and an operand requires grad; its gradient is accepted with "
            "'mean' and 'sum'"
        )
    recorded: Tensor = call("linear_cross_entropy_with_grad", *given)[0]
    return recorded


def linear_cross_entropy_with_grad(
    h: Tensor, w: Any, targets: Any, bias: Any, options: Options, memory: Any
) -> LinearCrossEntropy:
    """See `logitkit.linear_cross_entropy_with_grad`."""
    with torch.no_grad():
        given = _given(h, w, targets, bias, options, memory)
        loss, by_h, by_w, by_bias = call("linear_cross_entropy_with_grad", *given)
    return LinearCrossEntropy(loss, by_h, by_w, None if bias is None else by_bias)


def _given(
    h: Tensor, w: Any, targets: Any, bias: Any, options: Options, memory: Any
) -> tuple[Any, ...]:
    """Return the arguments as the operators take them."""
    result_dtype(h, name="h")
    w, labels = tensor_like(w, h, "w"), tensor_like(targets, h, "targets")
    result_dtype(w, name="w")
    if w.ndim != 2:
        raise ValueError(
            f"w has the shape {tuple(w.shape)}; it must have two dimensions, (classes, D)"
        )
    if h.ndim == 0 or h.shape[-1] != w.shape[1]:
        raise ValueError(
            f"h has the shape {tuple(h.shape)}; its last axis must be that of w, {tuple(w.shape)}"
        )
    if labels.dtype not in INTEGERS or labels.shape != h.shape[:-1]:
        raise (TypeError if labels.dtype not in INTEGERS else ValueError)(
            f"targets has the dtype {labels.dtype} and the shape {tuple(labels.shape)}; accepted "
            f"are integers, which are classes, of the shape {tuple(h.shape[:-1])}"
        )
    if bias is not None:
        bias = as_float(tensor_like(bias, h, "bias"))
        if bias.shape != w.shape[:1]:
            raise ValueError(
                f"bias has the shape {tuple(bias.shape)}; it must have one number a class, "
                f"{tuple(w.shape[:1])}"
            )
    weight = options.weight
    if weight is not None:
        weight = as_float(tensor_like(weight, h, "weight"))
        refuse_grad("weight", weight)
    return (
        as_float(h),
        as_float(w),
        labels,
        bias,
        memory,
        weight,
        ignored(options),
        float(options.label_smoothing),
        float(options.z_loss),
        options.reduction,
        *normalizer_of(options),
        options.empty,
    )

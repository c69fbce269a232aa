"""The family as operators of PyTorch, ``torch.ops.logitkit``: schemas, shapes, devices.

An operator takes what `_arguments` made. Its kernel is chosen by the device of its first tensor;
a device without kernels of its own is served by formulas made of PyTorch's operators.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from importlib import import_module
from types import ModuleType
from typing import Any

import torch
from torch import Tensor, library

from logitkit.backends.torch import _cpu
from logitkit.backends.torch._dtypes import common, common_of_products

LIBRARY = library.Library("logitkit", "DEF")
KERNELS: dict[str, ModuleType] = {"cpu": _cpu}

_DIVISOR = "float t, Tensor? ts"
_LOSS = (
    "(Tensor x, Tensor targets, int axis, Tensor? weight, int? ignore_index, "
    "float label_smoothing, float z_loss, str reduction, str normalizer, float divisor, "
    "str empty, Tensor? mask)"
)
_NLL_LOSS = _LOSS.replace("float label_smoothing, float z_loss, ", "").replace("x,", "log_p,")
_LINEAR_LOSS = (
    "(Tensor h, Tensor w, Tensor targets, Tensor? bias, int memory, Tensor? weight, "
    "int? ignore_index, float label_smoothing, float z_loss, str reduction, str normalizer, "
    "float divisor, str empty)"
)
SCHEMAS = {
    "softmax": f"(Tensor x, int[] axes, {_DIVISOR}, Tensor? mask, str? empty, ScalarType dtype, "
    "str precision)",
    "log_softmax": f"(Tensor x, int[] axes, {_DIVISOR}, Tensor? mask, str? empty, "
    "ScalarType dtype, str precision)",
    "logsumexp": f"(Tensor x, int[] axes, {_DIVISOR}, Tensor? mask, ScalarType dtype)",
    "entropy": f"(Tensor x, int[] axes, {_DIVISOR}, Tensor? mask, ScalarType dtype)",
    "softmax_vjp": f"(Tensor p, Tensor g, int[] axes, {_DIVISOR})",
    "log_softmax_vjp": f"(Tensor log_p, Tensor g, int[] axes, {_DIVISOR})",
    "logsumexp_vjp": f"(Tensor x, Tensor g, int[] axes, {_DIVISOR}, Tensor? mask)",
    "entropy_vjp": f"(Tensor x, Tensor g, int[] axes, {_DIVISOR}, Tensor? mask)",
    "softmax_jacobian": f"(Tensor p, {_DIVISOR})",
    "kl_divergence": f"(Tensor p, Tensor q, int[] axes, {_DIVISOR}, Tensor? mask, str reduction)",
    "gather_logprobs": f"(Tensor x, Tensor ids, int axis, {_DIVISOR}, Tensor? mask)",
    "top_k": "(Tensor x, int k, int axis)",
    "activation": "(Tensor x, str name, float[] parameters)",
    "cross_entropy": _LOSS,
    "cross_entropy_with_grad": _LOSS,
    "nll_loss": _NLL_LOSS,
    "linear_cross_entropy": _LINEAR_LOSS,
    "linear_cross_entropy_with_grad": _LINEAR_LOSS,
}
_RESULTS = {
    "cross_entropy_with_grad": "(Tensor, Tensor)",
    "linear_cross_entropy_with_grad": "(Tensor, Tensor, Tensor, Tensor)",
}


def kernel(name: str, x: Tensor) -> Callable[..., Any]:
    """Return what computes an operator on the device of x."""
    kernels = KERNELS.get(x.device.type)
    if kernels is None:
        kernels = import_module("logitkit.backends.torch._formula_kernels")
    found: Callable[..., Any] = getattr(kernels, name)
    return found


def _on_its_device(name: str, x: Tensor, *arguments: Any) -> Any:
    return kernel(name, x)(x, *arguments)


# ---- shapes, for tensors without memory ---------------------------------------------------------


def _like_map(
    x: Tensor, axes: Any, t: Any, ts: Any, mask: Any, empty: Any, dtype: Any, _: Any
) -> Tensor:
    return torch.empty_like(x, dtype=dtype)


def _one_a_row(x: Tensor, axes: Any, t: Any, ts: Any, mask: Any, dtype: Any) -> Tensor:
    return x.new_empty(_kept(x, axes), dtype=dtype)


def _like_first(x: Tensor, *arguments: Any) -> Tensor:
    return torch.empty_like(x)


def _of_kl_divergence(
    p: Tensor, q: Tensor, axes: Any, t: Any, ts: Any, mask: Any, reduction: str
) -> Tensor:
    return p.new_empty(
        _kept(p, axes) if reduction == "none" else [], dtype=common(p.dtype, q.dtype)
    )


def _like_ids(x: Tensor, ids: Tensor, *arguments: Any) -> Tensor:
    return x.new_empty(ids.shape)


def _of_top_k(x: Tensor, k: int, axis: int) -> Tensor:
    shape = [min(k, n) if i == axis else n for i, n in enumerate(x.shape)]
    return x.new_empty(shape, dtype=torch.int64)


def _of_jacobian(p: Tensor, *arguments: Any) -> Tensor:
    return p.new_empty([*p.shape, p.shape[-1]])


def _contiguous(x: Tensor, *arguments: Any) -> Tensor:
    return x.new_empty(x.shape)


def _of_loss(x: Tensor, targets: Tensor, axis: int, *options: Any) -> Tensor:
    reduction = options[4]
    rows = [n for i, n in enumerate(x.shape) if i != axis]
    return x.new_empty(rows if reduction == "none" else [])


def _of_nll_loss(log_p: Tensor, targets: Tensor, axis: int, *options: Any) -> Tensor:
    return log_p.new_empty(targets.shape if options[2] == "none" else [])


def _of_linear_loss(h: Tensor, w: Tensor, targets: Tensor, *options: Any) -> Tensor:
    shape = targets.shape if options[6] == "none" else []
    dtype = h.dtype if h.dtype is w.dtype else common_of_products(h, w, options[0])
    return h.new_empty(shape, dtype=dtype)


def _of_linear_loss_with_grad(
    h: Tensor, w: Tensor, targets: Tensor, bias: Tensor | None, *options: Any
) -> tuple[Tensor, ...]:
    loss = _of_linear_loss(h, w, targets, bias, *options)
    by_bias = h.new_empty(0) if bias is None else bias.new_empty(bias.shape)
    return loss, h.new_empty(h.shape), w.new_empty(w.shape), by_bias


def _of_loss_with_grad(x: Tensor, *arguments: Any) -> tuple[Tensor, Tensor]:
    return _of_loss(x, *arguments), torch.empty_like(x)


def _kept(x: Tensor, axes: Any) -> list[int]:
    return [1 if i in axes else n for i, n in enumerate(x.shape)]


_SHAPES: dict[str, Callable[..., Any]] = {
    **dict.fromkeys(("softmax", "log_softmax"), _like_map),
    **dict.fromkeys(("logsumexp", "entropy"), _one_a_row),
    **dict.fromkeys(
        ("softmax_vjp", "log_softmax_vjp", "logsumexp_vjp", "entropy_vjp"), _like_first
    ),
    "softmax_jacobian": _of_jacobian,
    "kl_divergence": _of_kl_divergence,
    "gather_logprobs": _like_ids,
    "top_k": _of_top_k,
    "activation": _contiguous,
    "cross_entropy": _of_loss,
    "cross_entropy_with_grad": _of_loss_with_grad,
    "nll_loss": _of_nll_loss,
    "linear_cross_entropy": _of_linear_loss,
    "linear_cross_entropy_with_grad": _of_linear_loss_with_grad,
}

for _name, _schema in SCHEMAS.items():
    _results = _RESULTS.get(_name, "Tensor")
    LIBRARY.define(f"{_name}{_schema} -> {_results}", tags=torch.Tag.pt2_compliant_tag)
    LIBRARY.impl(_name, partial(_on_its_device, _name), "CompositeExplicitAutograd")
    library.register_fake(f"logitkit::{_name}", _SHAPES[_name], lib=LIBRARY)

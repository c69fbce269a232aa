"""The operators on a device without kernels of its own: formulas made of PyTorch's operators.

The formulas take what is in order; what only the values show is looked at here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from logitkit.backends import _arguments as arguments
from logitkit.backends import _formulas as formulas
from logitkit.backends import numpy as numpy_backend
from logitkit.backends._divergence import REDUCTION
from logitkit.backends._formulas import activations
from logitkit.backends.torch._dtypes import common
from logitkit.backends.torch._formula_losses import cross_entropy as cross_entropy
from logitkit.backends.torch._formula_losses import (
    cross_entropy_with_grad as cross_entropy_with_grad,
)
from logitkit.backends.torch._formula_losses import linear_cross_entropy as linear_cross_entropy
from logitkit.backends.torch._formula_losses import (
    linear_cross_entropy_with_grad as linear_cross_entropy_with_grad,
)
from logitkit.backends.torch._formula_losses import nll_loss as nll_loss
from logitkit.backends.torch._namespace import wide, xp
from logitkit.backends.torch._rows import refuse_labels

Axes = Sequence[int]


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
    compute = wide(x)
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
    compute = wide(x)
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
    compute = wide(x)
    divide = _divisor(x, axes, t, ts, compute)
    return formula(xp, x.to(compute), g.to(compute), tuple(axes), divide, *mask).to(x.dtype)


def softmax_jacobian(p: Tensor, t: float, ts: Tensor | None) -> Tensor:
    """Return ``(diag(p) - p p^T) / t``."""
    compute = wide(p)
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
    compute = wide(p)
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
    compute = wide(x)
    divide = _divisor(x, (axis,), t, ts, compute)
    refuse_labels(ids, x.shape[axis], name="ids")
    ids = ids.to(torch.int64)
    found = formulas.gather_logprobs(xp, x.to(compute), ids, axis, divide, mask)
    return found.to(x.dtype).contiguous()


def top_k(x: Tensor, k: int, axis: int) -> Tensor:
    """Return where the k largest elements stand."""
    return formulas.top_k(xp, x, k, axis)[1].contiguous()


def activation(x: Tensor, name: str, parameters: Sequence[float]) -> Tensor:
    """Return a function of each element."""
    formula = getattr(activations, name)
    result: Tensor = formula(xp, x.to(wide(x)), *parameters)
    return result.to(x.dtype).contiguous()


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

"""The operators on the CPU: NumPy's verbs on the memory of the tensors.

All that is said of a call is checked there. Results of the size of x go into memory that PyTorch
allocates.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from logitkit.backends import numpy as numpy_backend
from logitkit.backends._formulas import activations
from logitkit.backends._losses import Options, as_options
from logitkit.backends.torch._dtypes import NUMPY
from logitkit.backends.torch._views import tensor_of, view, view_option

Axes = Sequence[int]


def softmax(x: Tensor, *options: Any, out: Tensor | None = None) -> Tensor:
    """See `logitkit.softmax`."""
    return _map(numpy_backend.softmax, x, *options, out=out)


def log_softmax(x: Tensor, *options: Any, out: Tensor | None = None) -> Tensor:
    """See `logitkit.log_softmax`."""
    return _map(numpy_backend.log_softmax, x, *options, out=out)


def _map(
    verb: Callable[..., Any],
    x: Tensor,
    axes: Axes,
    t: Any,
    ts: Tensor | None,
    mask: Any,
    empty: str | None,
    dtype: torch.dtype,
    precision: str,
    *,
    out: Tensor | None,
) -> Tensor:
    result = torch.empty_like(x, dtype=dtype) if out is None else out
    verb(
        view(x),
        tuple(axes),
        _temperature(t, ts),
        view_option(mask, "mask"),
        empty,
        None if dtype is x.dtype else NUMPY[dtype],
        None,
        precision,
        into=view(result),
    )
    return result


def logsumexp(
    x: Tensor,
    axes: Axes,
    t: Any,
    ts: Tensor | None,
    mask: Any,
    dtype: torch.dtype,
    out: Tensor | None = None,
) -> Tensor:
    """See `logitkit.logsumexp`; reductions keep the axes as 1."""
    result = torch.empty(_kept(x, axes), dtype=dtype) if out is None else out
    asked = None if dtype is x.dtype else NUMPY[dtype]
    options = (tuple(axes), _temperature(t, ts), view_option(mask, "mask"))
    numpy_backend.logsumexp(view(x), *options, True, asked, None, into=view(result))
    return result


def entropy(
    x: Tensor, axes: Axes, t: Any, ts: Tensor | None, mask: Any, dtype: torch.dtype
) -> Tensor:
    """See `logitkit.entropy`; reductions keep the axes as 1."""
    result = torch.empty(_kept(x, axes), dtype=dtype)
    options = (tuple(axes), _temperature(t, ts), view_option(mask, "mask"))
    numpy_backend.entropy(view(x), *options, into=view(result))
    return result


def softmax_vjp(
    p: Tensor, g: Tensor, axes: Axes, t: Any, ts: Tensor | None, out: Tensor | None = None
) -> Tensor:
    """See `logitkit.softmax_vjp`."""
    result = torch.empty_like(p) if out is None else out
    options = (view(g, "g"), tuple(axes), _temperature(t, ts), None, "g")
    numpy_backend.softmax_vjp(view(p), *options, into=view(result))
    return result


def log_softmax_vjp(
    log_p: Tensor, g: Tensor, axes: Axes, t: Any, ts: Tensor | None, out: Tensor | None = None
) -> Tensor:
    """See `logitkit.log_softmax_vjp`."""
    result = torch.empty_like(log_p) if out is None else out
    options = (view(g, "g"), tuple(axes), _temperature(t, ts), None)
    numpy_backend.log_softmax_vjp(view(log_p), *options, into=view(result))
    return result


def logsumexp_vjp(x: Tensor, *options: Any, out: Tensor | None = None) -> Tensor:
    """See `logitkit.logsumexp_vjp`."""
    return _reduction_vjp(numpy_backend.logsumexp_vjp, x, *options, out=out)


def entropy_vjp(x: Tensor, *options: Any, out: Tensor | None = None) -> Tensor:
    """See `logitkit.entropy_vjp`."""
    return _reduction_vjp(numpy_backend.entropy_vjp, x, *options, out=out)


def _reduction_vjp(
    verb: Callable[..., Any],
    x: Tensor,
    g: Tensor,
    axes: Axes,
    t: Any,
    ts: Tensor | None,
    mask: Any,
    *,
    out: Tensor | None,
) -> Tensor:
    result = torch.empty_like(x) if out is None else out
    options = (view(g, "g"), tuple(axes), _temperature(t, ts), view_option(mask, "mask"), None)
    verb(view(x), *options, into=view(result))
    return result


def kl_divergence(
    p: Tensor, q: Tensor, axes: Axes, t: Any, ts: Tensor | None, mask: Any, reduction: str
) -> Tensor:
    """See `logitkit.kl_divergence`; reductions keep the axes as 1."""
    options = (tuple(axes), _temperature(t, ts), view_option(mask, "mask"), reduction)
    result = tensor_of(numpy_backend.kl_divergence(view(p), view(q, "q_logits"), *options))
    return result.reshape(_kept(p, axes)) if reduction == "none" else result


def gather_logprobs(
    x: Tensor, ids: Tensor, axis: int, t: Any, ts: Tensor | None, mask: Any
) -> Tensor:
    """See `logitkit.gather_logprobs`."""
    options = (axis, _temperature(t, ts), view_option(mask, "mask"))
    result = tensor_of(numpy_backend.gather_logprobs(view(x), view(ids, "ids"), *options))
    return result.contiguous()


def top_k(x: Tensor, k: int, axis: int) -> Tensor:
    """Return where the k largest elements stand, see `logitkit.top_k`."""
    _, ids = numpy_backend.top_k(view(x), k, axis)
    return tensor_of(ids)


def softmax_jacobian(p: Tensor, t: Any, ts: Tensor | None) -> Tensor:
    """See `logitkit.softmax_jacobian`."""
    array = numpy_backend.softmax_jacobian(view(p), temperature=_temperature(t, ts))
    return tensor_of(array)


def activation(x: Tensor, name: str, parameters: Sequence[float]) -> Tensor:
    """Return a function of each element, by its name in `_formulas.activations`."""
    array = numpy_backend.elementwise(view(x), getattr(activations, name), *parameters)
    return tensor_of(array).contiguous()


def cross_entropy(
    x: Tensor, targets: Tensor, axis: int, weight: Tensor | None, *choices: Any
) -> Tensor:
    """See `logitkit.cross_entropy`."""
    options, mask = _loss_options(weight, choices[:-1], choices[-1])
    return tensor_of(
        numpy_backend.cross_entropy(view(x), view(targets, "targets"), axis, options, mask)
    )


def cross_entropy_with_grad(
    x: Tensor,
    targets: Tensor,
    axis: int,
    weight: Tensor | None,
    *choices: Any,
    out: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """See `logitkit.cross_entropy_with_grad`."""
    options, mask = _loss_options(weight, choices[:-1], choices[-1])
    grad = torch.empty_like(x) if out is None else out
    loss, _ = numpy_backend.cross_entropy_with_grad(
        view(x), view(targets, "targets"), axis, options, mask, view(grad)
    )
    return tensor_of(loss), grad


def linear_cross_entropy(
    h: Tensor,
    w: Tensor,
    targets: Tensor,
    bias: Tensor | None,
    memory: int,
    weight: Tensor | None,
    *choices: Any,
) -> Tensor:
    """See `logitkit.linear_cross_entropy`."""
    options, _ = _loss_options(weight, choices, None)
    given = (view(h), view(w, "w"), view(targets, "targets"), _view_if_any(bias), options, memory)
    return tensor_of(numpy_backend.linear_cross_entropy(*given))


def linear_cross_entropy_with_grad(
    h: Tensor,
    w: Tensor,
    targets: Tensor,
    bias: Tensor | None,
    memory: int,
    weight: Tensor | None,
    *choices: Any,
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """See `logitkit.linear_cross_entropy_with_grad`; without a bias its gradient is empty."""
    options, _ = _loss_options(weight, choices, None)
    given = (view(h), view(w, "w"), view(targets, "targets"), _view_if_any(bias), options, memory)
    loss, *grads = numpy_backend.linear_cross_entropy_with_grad(*given)
    by_h, by_w, by_bias = (h.new_empty(0) if a is None else tensor_of(a) for a in grads)
    return tensor_of(loss), by_h, by_w, by_bias


def _view_if_any(bias: Tensor | None) -> Any:
    return None if bias is None else view(bias, "bias")


def nll_loss(
    log_p: Tensor,
    targets: Tensor,
    axis: int,
    weight: Tensor | None,
    ignore_index: int | None,
    *choices: Any,
) -> Tensor:
    """See `logitkit.nll_loss`."""
    smoothing = (ignore_index, 0.0, 0.0)
    options, mask = _loss_options(weight, (*smoothing, *choices[:-1]), choices[-1])
    given = (view(log_p), view(targets, "targets"), axis, options, mask)
    return tensor_of(numpy_backend.nll_loss(*given))


def _loss_options(weight: Tensor | None, choices: Sequence[Any], mask: Any) -> tuple[Options, Any]:
    ignore_index, label_smoothing, z_loss, reduction, normalizer, divisor, empty = choices
    by = divisor if normalizer == "number" else normalizer
    weights = None if weight is None else view(weight, "weight")
    options = as_options(weights, ignore_index, reduction, by, empty, label_smoothing, z_loss)
    return options, view_option(mask, "mask")


def _temperature(t: Any, ts: Tensor | None) -> Any:
    return t if ts is None else view_option(ts, "temperature")


def _kept(x: Tensor, axes: Axes) -> tuple[int, ...]:
    return tuple([1 if i in axes else n for i, n in enumerate(x.shape)])

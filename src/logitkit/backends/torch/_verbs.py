"""The verbs of the family on tensors: arguments brought into one form, and the operator called."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from logitkit import _core
from logitkit.backends import _arguments as arguments
from logitkit.backends._divergence import REDUCTION
from logitkit.backends.numpy import EMPTY, PRECISION
from logitkit.backends.torch import _cpu as cpu
from logitkit.backends.torch._arguments import (
    Axes,
    check_memory,
    check_out,
    mask_of,
    per_row,
    temperature_of,
    tensor_like,
)
from logitkit.backends.torch._calls import call, has_memory, is_plain
from logitkit.backends.torch._dtypes import INTEGERS, as_float, common, result_dtype
from logitkit.backends.torch._views import view

_SHORT = {"softmax": _core.SOFTMAX, "log_softmax": _core.LOG_SOFTMAX}


def softmax(x: Tensor, *options: Any) -> Tensor:
    """See `logitkit.softmax`."""
    return _map("softmax", x, *options)


def log_softmax(x: Tensor, *options: Any) -> Tensor:
    """See `logitkit.log_softmax`."""
    return _map("log_softmax", x, *options)


def _map(
    name: str,
    x: Tensor,
    axis: Any,
    temperature: Any,
    mask: Any,
    empty: str | None,
    dtype: Any,
    out: Any,
    precision: str,
) -> Tensor:
    if (
        type(axis) is int
        and axis == -1
        and type(temperature) is float
        and temperature == 1.0
        and mask is empty is dtype is out is None
        and precision == "default"
        and (x.dtype is torch.float32 or x.dtype is torch.float64)
        and x.layout is torch.strided
        and is_plain(x)
    ):
        result = torch.empty_like(x)
        if _core.map_plain(_SHORT[name], view(x), view(result)) is not None:
            return result

    wanted = result_dtype(x, dtype)
    axes = arguments.normalize_axes(axis, x.ndim)
    row = _as_row(x)
    t, ts = temperature_of(temperature, row, axes)
    keep = mask_of(mask, row)
    arguments.check_choice("empty", empty, EMPTY)
    arguments.check_choice("precision", precision, PRECISION)
    options = (axes, t, ts, keep, empty, wanted, precision)
    if out is None:
        return _shaped(call(name, row, *options), x.shape)
    check_out(out, tuple(x.shape), wanted, x)
    others = {"temperature": ts, "mask": keep}
    return _into(out, name, row, *options, operands={"x": x}, others=others)


def logsumexp(
    x: Tensor, axis: Any, temperature: Any, mask: Any, keepdims: bool, dtype: Any, out: Any
) -> Tensor:
    """See `logitkit.logsumexp`."""
    arguments.check_flag("keepdims", keepdims)
    wanted = result_dtype(x, dtype)
    axes = arguments.normalize_axes(axis, x.ndim)
    row = _as_row(x)
    t, ts = temperature_of(temperature, row, axes)
    keep = mask_of(mask, row)
    shape = _shape(x, axes, keepdims)
    if out is None:
        return _shaped(call("logsumexp", row, axes, t, ts, keep, wanted), shape)
    check_out(out, shape, wanted, x)
    others = {"x": x, "temperature": ts, "mask": keep}
    return _into(out, "logsumexp", row, axes, t, ts, keep, wanted, operands={}, others=others)


def entropy(x: Tensor, axis: Any, temperature: Any, mask: Any) -> Tensor:
    """See `logitkit.entropy`."""
    wanted = result_dtype(x)
    axes = arguments.normalize_axes(axis, x.ndim)
    row = _as_row(x)
    options = (*temperature_of(temperature, row, axes), mask_of(mask, row), wanted)
    return _shaped(call("entropy", row, axes, *options), _shape(x, axes))


def softmax_vjp(p: Tensor, g: Any, axis: Any, temperature: Any, out: Any, name: str) -> Tensor:
    """See `logitkit.softmax_vjp`; `name` is what the caller calls g."""
    return _vjp("softmax_vjp", p, g, axis, temperature, out, "p", name)


def log_softmax_vjp(log_p: Tensor, g: Any, axis: Any, temperature: Any, out: Any) -> Tensor:
    """See `logitkit.log_softmax_vjp`."""
    return _vjp("log_softmax_vjp", log_p, g, axis, temperature, out, "log_p", "g")


def _vjp(
    verb: str, p: Tensor, g: Any, axis: Any, temperature: Any, out: Any, p_name: str, g_name: str
) -> Tensor:
    wanted = result_dtype(p, name=p_name)
    g = tensor_like(g, p, g_name)
    result_dtype(g, name=g_name)
    axes = arguments.normalize_axes(axis, p.ndim, name=p_name)
    if p.shape != g.shape:
        raise ValueError(
            f"{g_name} has the shape {tuple(g.shape)}; it must have that of {p_name}, "
            f"{tuple(p.shape)}"
        )
    row, slope = _as_row(as_float(p)), _as_row(as_float(g))
    t, ts = temperature_of(temperature, row, axes)
    if out is None:
        return _shaped(call(verb, row, slope, axes, t, ts), p.shape).to(wanted)
    check_out(out, tuple(p.shape), wanted, p, g)
    operands, others = {p_name: p, g_name: g}, {"temperature": ts}
    return _into(out, verb, row, slope, axes, t, ts, operands=operands, others=others)


def logsumexp_vjp(x: Tensor, *options: Any) -> Tensor:
    """See `logitkit.logsumexp_vjp`."""
    return _reduction_vjp("logsumexp_vjp", x, *options)


def entropy_vjp(x: Tensor, *options: Any) -> Tensor:
    """See `logitkit.entropy_vjp`."""
    return _reduction_vjp("entropy_vjp", x, *options)


def _reduction_vjp(
    verb: str, x: Tensor, g: Any, axis: Any, temperature: Any, mask: Any, out: Any
) -> Tensor:
    wanted = result_dtype(x)
    g = tensor_like(g, x, "g")
    result_dtype(g, name="g")
    axes = arguments.normalize_axes(axis, x.ndim)
    slope = per_row(as_float(g), x, axes, "g")
    row = _as_row(as_float(x))
    t, ts = temperature_of(temperature, row, axes)
    options = (_as_row(slope), axes, t, ts, mask_of(mask, row))
    if out is None:
        return _shaped(call(verb, row, *options), x.shape).to(wanted)
    check_out(out, tuple(x.shape), wanted, x, g)
    others = {"g": g, "temperature": ts, "mask": options[-1]}
    return _into(out, verb, row, *options, operands={"x": x}, others=others)


def softmax_jacobian(p: Tensor, *, temperature: Any) -> Tensor:
    """See `logitkit.softmax_jacobian`."""
    wanted = result_dtype(p, name="p")
    if p.ndim == 0:
        raise ValueError("p is a scalar; softmax_jacobian needs probabilities along its last axis")
    options = temperature_of(temperature, p, (p.ndim - 1,))
    return call("softmax_jacobian", as_float(p), *options).to(wanted)


def kl_divergence(
    p: Tensor, q: Any, axis: Any, temperature: Any, mask: Any, reduction: Any
) -> Tensor:
    """See `logitkit.kl_divergence`."""
    q = tensor_like(q, p, "q_logits")
    wanted = common(result_dtype(p, name="p_logits"), result_dtype(q, name="q_logits"))
    try:
        shape = tuple(torch.broadcast_shapes(p.shape, q.shape))
    except RuntimeError:
        raise ValueError(
            f"q_logits has the shape {tuple(q.shape)}; it must broadcast with that of p_logits, "
            f"{tuple(p.shape)}"
        ) from None
    axes = arguments.normalize_axes(axis, len(shape), name="p_logits")
    arguments.check_choice("reduction", reduction, REDUCTION)
    scores, others = (as_float(one).expand(shape or (1,)) for one in (p, q))
    options = (*temperature_of(temperature, scores, axes), mask_of(mask, scores, "p_logits"))
    result = call("kl_divergence", scores, others, axes, *options, reduction).to(wanted)
    rows = arguments.without_axes(shape, axes) if reduction == "none" else ()
    return _shaped(result, rows)


def gather_logprobs(x: Tensor, ids: Any, axis: Any, temperature: Any, mask: Any) -> Tensor:
    """See `logitkit.gather_logprobs`."""
    wanted = result_dtype(x)
    at = arguments.one_axis(axis, x.ndim)
    ids = tensor_like(ids, x, "ids")
    if ids.dtype not in INTEGERS:
        raise TypeError(f"ids has the dtype {ids.dtype}; accepted are integers")
    row = _as_row(as_float(x))
    if ids.ndim not in (row.ndim, row.ndim - 1):
        raise ValueError(
            f"ids has the shape {tuple(ids.shape)}; it must have as many dimensions as x, whose "
            f"shape is {tuple(x.shape)}, or one less"
        )
    t, ts = temperature_of(temperature, row, (at,) if x.ndim else ())
    keep = mask_of(mask, row)
    places = ids if ids.ndim == row.ndim else ids.unsqueeze(at)
    classes, count = row.shape[at], places.shape[at]
    rows = _one_at(row.shape, at)
    if rows != _one_at(places.shape, at):
        try:
            rows = tuple(torch.broadcast_shapes(rows, _one_at(places.shape, at)))
        except RuntimeError:
            raise ValueError(
                f"ids has the shape {tuple(ids.shape)}; without the axis it must broadcast with x, "
                f"whose shape is {tuple(x.shape)}"
            ) from None
        whole = (*rows[:at], classes, *rows[at + 1 :])
        row, places = row.expand(whole), places.expand(*rows[:at], count, *rows[at + 1 :])
        ts = None if ts is None else ts.expand(rows)
        keep = None if keep is None else keep.expand(whole)
    found = call("gather_logprobs", row, places, at, t, ts, keep).to(wanted)
    return found if ids.ndim == row.ndim else found.squeeze(at)


def top_k(x: Tensor, k: Any, axis: Any) -> tuple[Tensor, Tensor]:
    """See `logitkit.top_k`."""
    result_dtype(x)
    at = arguments.one_axis(axis, x.ndim)
    row = _as_row(x)
    ids = call("top_k", row, min(arguments.count_of("k", k), row.shape[at]), at)
    return torch.gather(row, at, ids), ids


def elementwise(x: Tensor, formula: Callable[..., Any], *parameters: float) -> Tensor:
    """Apply a formula of `_formulas.activations`."""
    wanted = result_dtype(x)
    row = _as_row(as_float(x))
    result = call("activation", row, formula.__name__, list(parameters))
    return _shaped(result, x.shape).to(wanted)


def _as_row(x: Tensor) -> Tensor:
    """Return x with a dimension at least: a scalar counts as a vector of length 1."""
    return x if x.ndim else x.reshape(1)


def _shaped(result: Tensor, shape: tuple[int, ...]) -> Tensor:
    """Take away the dimension of a scalar, or those that were reduced."""
    return result if result.ndim == len(shape) else result.reshape(shape)


def _shape(x: Tensor, axes: Axes, keepdims: bool = False) -> tuple[int, ...]:
    """Return the shape of a reduction's result."""
    if keepdims:
        return tuple([1 if i in axes else n for i, n in enumerate(x.shape)])
    return arguments.without_axes(tuple(x.shape), axes)


def _one_at(shape: tuple[int, ...], at: int) -> tuple[int, ...]:
    return (*shape[:at], 1, *shape[at + 1 :])


def _into(
    out: Tensor,
    name: str,
    row: Tensor,
    *options: Any,
    operands: dict[str, Tensor],
    others: dict[str, Any],
) -> Tensor:
    """Put a result into `out`, which fits it: exactly where an operand is, or apart from all."""
    if has_memory(out):
        check_memory(out, operands, others)
    if is_plain(row, out, *options):
        getattr(cpu, name)(row, *options, out=_as_row(out))
        torch.autograd.graph.increment_version(out)
    else:
        out.copy_(_shaped(call(name, row, *options), out.shape))
    return out

"""NumPy arrays: the products with the derivatives of the family, and the Jacobian."""

from __future__ import annotations

from typing import Any

import numpy as np

from logitkit import _core
from logitkit.backends import _arguments as arguments
from logitkit.backends import _delivery as delivery
from logitkit.backends._arguments import Array


def softmax_vjp(
    p: Any, g: Any, axis: Any, temperature: Any, out: Any, name: str, *, into: Array | None = None
) -> Any:
    """See `logitkit.softmax_vjp`; `name` is what the caller calls g."""
    p = arguments.as_probabilities(p)
    return _vjp(_core.SOFTMAX_VJP, p, g, axis, temperature, "p", name, out, into)


def log_softmax_vjp(
    log_p: Any, g: Any, axis: Any, temperature: Any, out: Any, *, into: Array | None = None
) -> Any:
    """See `logitkit.log_softmax_vjp`."""
    log_p = arguments.as_log_probabilities(log_p)
    return _vjp(_core.LOG_SOFTMAX_VJP, log_p, g, axis, temperature, "log_p", "g", out, into)


def logsumexp_vjp(x: Any, *options: Any, into: Array | None = None) -> Any:
    """See `logitkit.logsumexp_vjp`."""
    return _reduction_vjp(_core.LOGSUMEXP_VJP, x, *options, into=into)


def entropy_vjp(x: Any, *options: Any, into: Array | None = None) -> Any:
    """See `logitkit.entropy_vjp`."""
    return _reduction_vjp(_core.ENTROPY_VJP, x, *options, into=into)


def softmax_jacobian(p: Any, *, temperature: Any) -> Any:
    """See `logitkit.softmax_jacobian`."""
    p = arguments.as_probabilities(p)
    if p.ndim == 0:
        raise ValueError("p is a scalar; softmax_jacobian needs probabilities along its last axis")
    axes = arguments.normalize_axes(-1, p.ndim)
    divide = arguments.broadcast_temperature(temperature, p.shape, axes)
    result_dtype, _ = arguments.result_dtypes(p.dtype, name="p")
    values = delivery.cast(p, np.dtype(np.float64))
    t = np.asarray(divide)
    if t.ndim:
        t = t[..., None]
    with np.errstate(all="ignore"):
        jacobian = -values[..., :, None] * values[..., None, :]
        diagonal = np.arange(p.shape[-1])
        jacobian[..., diagonal, diagonal] = values * (1.0 - values)
        # At the limits 0 and infinity of the temperature the probabilities do not move.
        jacobian = np.where(np.isnan(jacobian), np.nan, np.where(t > 0, jacobian / t, 0.0))
    # Where p is 0 so is the derivative, whatever the others are; and 0 has no sign.
    impossible = values == 0
    jacobian[impossible[..., :, None] | impossible[..., None, :] | (jacobian == 0)] = 0.0
    return delivery.cast(jacobian, result_dtype)


def _vjp(
    op: int,
    p: Array,
    g: Any,
    axis: Any,
    temperature: Any,
    p_name: str,
    g_name: str,
    out: Any,
    into: Array | None,
) -> Any:
    """Do a product from the result of a map, and a gradient of its shape."""
    g, _ = arguments.as_array(g, name=g_name)
    result_dtype, compute = arguments.result_dtypes(p.dtype, name=p_name)
    compute = arguments.common_compute(compute, arguments.result_dtypes(g.dtype, name=g_name)[1])
    axes = arguments.normalize_axes(axis, p.ndim, name=p_name)
    if p.shape != g.shape:
        raise ValueError(
            f"{g_name} has the shape {g.shape}; it must have that of {p_name}, {p.shape}"
        )
    divide = arguments.broadcast_temperature(temperature, p.shape, axes)
    if out is not None:
        operands = {p_name: p, g_name: g}
        arguments.check_out(out, p.shape, result_dtype, in_place=True, **operands)
        arguments.check_apart(out, temperature=temperature)
        into = out
    result = np.empty_like(p, result_dtype) if into is None else into
    delivery.apply(op, p, result, compute, axes, divide, None, g)
    return out if out is not None else delivery.deliver(result, p.shape, result_dtype)


def _reduction_vjp(
    op: int, x: Any, g: Any, axis: Any, temperature: Any, mask: Any, out: Any, *, into: Array | None
) -> Any:
    """Do a product from the scores, and a gradient of one number a row."""
    x, kept = arguments.as_array(x)
    g, _ = arguments.as_array(g, name="g")
    result_dtype, compute = arguments.result_dtypes(x.dtype)
    compute = arguments.common_compute(compute, arguments.result_dtypes(g.dtype, name="g")[1])
    axes = arguments.normalize_axes(axis, x.ndim)
    keep = arguments.broadcast_mask(mask, x.shape, kept)
    divide = arguments.broadcast_temperature(temperature, x.shape, axes)
    per_row = arguments.broadcast_per_row(g, x.shape, axes, "g")
    gradient = np.broadcast_to(per_row, x.shape)
    if out is not None:
        arguments.check_out(out, x.shape, result_dtype, in_place=True, x=x)
        arguments.check_apart(out, g=g, mask=mask, temperature=temperature)
        into = out
    result = np.empty_like(x, result_dtype) if into is None else into
    delivery.apply(op, x, result, compute, axes, divide, keep, gradient)
    return out if out is not None else delivery.deliver(result, x.shape, result_dtype)

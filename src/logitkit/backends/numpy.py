"""NumPy arrays: dtype policy, layout of the call, `out`; the rows themselves are done by the compiled core.

The dtype policy: float16 and bfloat16 are computed in float32 and rounded once; bool and integers up to 16 bit become
float32, wider ones float64, before anything is subtracted. A call is refused before anything is written.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from logitkit import _core
from logitkit.backends import _arguments as arguments

Array = npt.NDArray[Any]

_FLOAT32 = np.dtype(np.float32)
_FLOAT64 = np.dtype(np.float64)
_EMPTY = {None: 0, "nan": 0, "raise": 0, "zero": 1, "uniform": 2}


def softmax(x: Any, **options: Any) -> Any:
    """See `logitkit.softmax`."""
    return _map(_core.SOFTMAX, x, **options)


def log_softmax(x: Any, **options: Any) -> Any:
    """See `logitkit.log_softmax`."""
    return _map(_core.LOG_SOFTMAX, x, **options)


def logsumexp(x: Any, **options: Any) -> Any:
    """See `logitkit.logsumexp`."""
    return _reduce(_core.LOGSUMEXP, x, **options)


def entropy(x: Any, **options: Any) -> Any:
    """See `logitkit.entropy`."""
    return _reduce(_core.ENTROPY, x, keepdims=False, dtype=None, out=None, **options)


def is_plain(x: Any) -> bool:
    """Whether x goes to the core as it is: an array of native float32 or float64 with an axis."""
    return type(x) is np.ndarray and (x.dtype is _FLOAT32 or x.dtype is _FLOAT64) and x.ndim > 0


def map_plain(op: int, x: Array) -> Array:
    """Do the common call, all options at their defaults, without looking at them."""
    out = np.empty_like(x)
    _core.apply(op, x, out, 1 << (x.ndim - 1), 1.0)
    return out


def _map(
    op: int,
    x: Any,
    *,
    axis: Any,
    temperature: Any,
    mask: Any,
    empty: str | None,
    dtype: Any,
    out: Any,
    precision: str,
) -> Any:
    """An operation whose result has the shape of x."""
    x, mask = arguments.as_array(x, mask)
    axes = arguments.normalize_axes(axis, x.ndim)
    result_dtype, compute = arguments.result_dtypes(x.dtype, dtype)
    keep = arguments.broadcast_mask(mask, x.shape)
    divide = arguments.broadcast_temperature(temperature, x.shape, axes)
    arguments.check_choice("empty", empty, _EMPTY)
    arguments.check_choice("precision", precision, ("default", "exact"))
    if out is not None:
        arguments.check_out(out, x.shape, result_dtype, x=x, in_place=True)
        arguments.check_apart(out, mask=mask, temperature=temperature)
    if empty == "raise":
        _refuse_empty_rows(x, axes, keep)

    values = np.atleast_1d(x.astype(compute, copy=False))
    target = np.empty_like(values) if out is None or result_dtype != compute else np.atleast_1d(out)
    _core.apply(
        op, values, target, _bits(axes), divide, keep, None, _EMPTY[empty], precision == "exact"
    )
    return _deliver(target.reshape(x.shape) if x.ndim == 0 else target, result_dtype, out)


def _reduce(
    op: int,
    x: Any,
    *,
    axis: Any,
    temperature: Any,
    mask: Any,
    keepdims: bool,
    dtype: Any,
    out: Any,
) -> Any:
    """An operation with one value a row."""
    x, mask = arguments.as_array(x, mask)
    axes = arguments.normalize_axes(axis, x.ndim)
    result_dtype, compute = arguments.result_dtypes(x.dtype, dtype)
    keep = arguments.broadcast_mask(mask, x.shape)
    divide = arguments.broadcast_temperature(temperature, x.shape, axes)
    kept_shape = tuple(1 if i in axes else n for i, n in enumerate(x.shape))
    shape = kept_shape if keepdims else arguments.without_axes(x.shape, axes)
    if out is not None:
        arguments.check_out(out, shape, result_dtype, x=x, in_place=False)
        arguments.check_apart(out, mask=mask, temperature=temperature)

    values = np.atleast_1d(x.astype(compute, copy=False))
    result = np.empty(kept_shape or (1,), compute)
    _core.apply(op, values, result, _bits(axes), divide, keep)
    return _deliver(result.reshape(shape), result_dtype, out)


def softmax_vjp(p: Any, g: Any, *, axis: Any, temperature: Any) -> Any:
    """See `logitkit.softmax_vjp`."""
    p, _ = arguments.as_array(p, None, name="p")
    g, _ = arguments.as_array(g, None, name="g")
    axes = arguments.normalize_axes(axis, p.ndim)
    if p.shape != g.shape:
        raise ValueError(f"g has the shape {g.shape}; it must have that of p, {p.shape}")
    divide = arguments.broadcast_temperature(temperature, p.shape, axes)
    result_dtype, compute = arguments.result_dtypes(p.dtype, None)
    compute = np.result_type(compute, arguments.result_dtypes(g.dtype, None)[1])
    values, gradient = (np.atleast_1d(a.astype(compute, copy=False)) for a in (p, g))
    result = np.empty_like(values)
    _core.apply(_core.SOFTMAX_VJP, values, result, _bits(axes), divide, None, gradient)
    return _deliver(result.reshape(p.shape) if p.ndim == 0 else result, result_dtype, None)


def softmax_jacobian(p: Any, *, temperature: Any) -> Any:
    """See `logitkit.softmax_jacobian`."""
    p, _ = arguments.as_array(p, None, name="p")
    if p.ndim == 0:
        raise ValueError("p is a scalar; softmax_jacobian needs probabilities along its last axis")
    axes = arguments.normalize_axes(-1, p.ndim)
    divide = arguments.broadcast_temperature(temperature, p.shape, axes)
    result_dtype, _ = arguments.result_dtypes(p.dtype, None)
    values = p.astype(np.float64)
    # At the limits 0 and infinity of the temperature the probabilities do not move.
    t = np.asarray(divide)
    slope = np.divide(1.0, t, where=t > 0, out=np.zeros_like(t))
    if t.ndim:
        slope = slope[..., None]
    with np.errstate(all="ignore"):
        jacobian = -values[..., :, None] * values[..., None, :]
        diagonal = np.arange(p.shape[-1])
        jacobian[..., diagonal, diagonal] = values * (1.0 - values)
        jacobian *= slope
    # Where p is 0 so is the derivative, whatever the others are; and 0 has no sign.
    impossible = values == 0
    jacobian[impossible[..., :, None] | impossible[..., None, :] | (jacobian == 0)] = 0.0
    return jacobian.astype(result_dtype, copy=False)


def _bits(axes: tuple[int, ...]) -> int:
    # A 0-d array goes to the core as one row of one element.
    return sum(1 << axis for axis in axes) if axes else 1


def _deliver(result: Array, dtype: np.dtype[Any], out: Array | None) -> Any:
    """Round to the dtype of the result, into `out` where given; 0-d results become scalars."""
    if out is not None:
        if not np.may_share_memory(result, out):
            with np.errstate(over="ignore", under="ignore"):
                np.copyto(out, result, casting="same_kind")
        return out
    with np.errstate(over="ignore", under="ignore"):
        result = result.astype(dtype, copy=False)
    return result if result.ndim else result[()]


def _refuse_empty_rows(x: Array, axes: tuple[int, ...], keep: Array | None) -> None:
    """Raise if a row has nothing to normalise; done first, so that nothing is written."""
    if x.size == 0 or x.dtype.kind not in "f" and x.dtype.name != "bfloat16":
        if keep is None or x.size == 0:
            return
        possible = keep
    else:
        possible = x.reshape(keep.shape if keep is not None else x.shape) != -np.inf
        if keep is not None:
            possible = possible & keep
    empty = np.atleast_1d(~possible.any(axis=axes or None))
    if empty.any():
        row = np.unravel_index(int(empty.argmax()), empty.shape)
        where = tuple(int(i) for i in row) if x.ndim > len(axes) else ()
        raise ValueError(
            f"row {where} has no element that is kept and above -inf; empty='raise' refuses it, "
            "accepted are 'nan', 'zero' and 'uniform'"
        )


def elementwise(x: Any, function: Callable[[Array], Array]) -> Any:
    """Apply a function of one element, under the dtype policy."""
    x, _ = arguments.as_array(x, None)
    result_dtype, compute = arguments.result_dtypes(x.dtype, None)
    with np.errstate(all="ignore"):
        return _deliver(np.asarray(function(x.astype(compute, copy=False))), result_dtype, None)

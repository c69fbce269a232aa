"""The arguments of a call on NumPy arrays: brought into the core's form, or refused with what is accepted."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]

_ACCEPTED = "bool, integers, float16, bfloat16, float32, float64"


def as_array(x: Any, mask: Any, name: str = "x") -> tuple[Array, Any]:
    """Return x as a plain array; the mask of a masked array joins `mask`."""
    if isinstance(x, np.ma.MaskedArray):
        if x.mask is not np.ma.nomask:
            kept = ~np.ma.getmaskarray(x)
            mask = kept if mask is None else np.logical_and(kept, mask)
        x = x.data
    try:
        array = np.asarray(x)
    except ValueError as error:
        raise ValueError(f"{name} is no array: its rows have different lengths or kinds") from error
    return array, mask


def result_dtypes(dtype: np.dtype[Any], wanted: Any) -> tuple[np.dtype[Any], np.dtype[Any]]:
    """Return the dtype of the result and the one to compute in, for an input dtype and the `dtype` argument."""
    result = _result_dtype(dtype, "x has the dtype")
    compute = _compute_dtype(result)
    if wanted is not None:
        try:
            asked = np.dtype(wanted)
        except TypeError as error:
            raise TypeError(f"dtype is {wanted!r}; accepted are the names of floating dtypes") from error
        if not _is_float(asked):
            raise TypeError(f"dtype is {asked}; accepted are float16, bfloat16, float32, float64")
        result = asked.newbyteorder("=")
        compute = np.result_type(compute, _compute_dtype(result))
    return result, compute


def _is_float(dtype: np.dtype[Any]) -> bool:
    return dtype.name in ("float16", "bfloat16", "float32", "float64")


def _result_dtype(dtype: np.dtype[Any], what: str) -> np.dtype[Any]:
    if _is_float(dtype):
        return dtype.newbyteorder("=")
    if dtype.kind == "b" or (dtype.kind in "iu" and dtype.itemsize <= 2):
        return np.dtype(np.float32)
    if dtype.kind in "iu":
        return np.dtype(np.float64)
    raise TypeError(f"{what} {dtype}; accepted are {_ACCEPTED}")


def _compute_dtype(result: np.dtype[Any]) -> np.dtype[Any]:
    return np.dtype(np.float64 if result.name == "float64" else np.float32)


def normalize_axes(axis: Any, ndim: int) -> tuple[int, ...]:
    """Return the axes as rising numbers from 0; None is all of them."""
    if axis is None:
        return tuple(range(ndim))
    given: Iterable[Any] = axis if isinstance(axis, tuple) else (axis,)
    dims = max(ndim, 1)  # a scalar counts as a vector of length 1
    axes = []
    for one in given:
        try:
            index = one.__index__()
        except AttributeError:
            raise TypeError(f"axis is {axis!r}; accepted are an int, a tuple of ints, or None") from None
        if not -dims <= index < dims:
            raise np.exceptions.AxisError(f"axis {index} is out of bounds for x of {ndim} dimensions")
        axes.append(index % dims)
    if len(set(axes)) != len(axes):
        raise ValueError(f"axis is {axis!r}; it names an axis twice")
    return tuple(sorted(axes)) if ndim else ()


def without_axes(shape: tuple[int, ...], axes: tuple[int, ...]) -> tuple[int, ...]:
    """Return the shape that is left when the axes are reduced."""
    return tuple(n for i, n in enumerate(shape) if i not in axes)


def broadcast_mask(mask: Any, shape: tuple[int, ...]) -> Array | None:
    """Return the mask with the shape of x (at least 1-d), without copying it."""
    if mask is None:
        return None
    keep = np.asarray(mask)
    if keep.dtype != np.bool_:
        raise TypeError(f"mask has the dtype {keep.dtype}; it must be bool, True where x takes part")
    try:
        return np.broadcast_to(keep, shape or (1,))
    except ValueError:
        raise ValueError(
            f"mask has the shape {keep.shape}; it must broadcast against that of x, {shape}"
        ) from None


def broadcast_temperature(
    temperature: Any, shape: tuple[int, ...], axes: tuple[int, ...]
) -> float | Array:
    """Return a float, or an array with the shape of x whose strides along the reduced axes are 0."""
    if type(temperature) is float and temperature >= 0:
        return temperature
    try:
        t = np.asarray(temperature, dtype=np.float64)
        if np.iscomplexobj(temperature):
            raise TypeError
    except (TypeError, ValueError):
        raise TypeError(
            f"temperature is {temperature!r}; accepted are a number >= 0 or an array of them"
        ) from None
    bad = ~(t >= 0)
    if bad.any():
        at = "" if t.ndim == 0 else f" at index {tuple(int(i[0]) for i in np.nonzero(bad))}"
        value = float(t[bad][0]) if t.ndim else float(t)
        raise ValueError(
            f"temperature is {value}{at}; it must be >= 0 (0 is the argmax, inf the uniform limit)"
        )
    if t.ndim == 0:
        return float(t)
    rows = without_axes(shape, axes)
    kept_shape = tuple(1 if i in axes else n for i, n in enumerate(shape))
    try:
        if t.ndim == len(shape) and all(t.shape[i] == 1 for i in axes):
            per_row = np.broadcast_to(t, kept_shape)
        else:
            per_row = np.expand_dims(np.broadcast_to(t, rows), axes)
    except ValueError:
        raise ValueError(
            f"temperature has the shape {t.shape}; it must broadcast against one value a row, {rows}"
        ) from None
    return np.broadcast_to(per_row, shape or (1,))


def check_choice(name: str, value: Any, accepted: Iterable[Any]) -> None:
    """Raise unless value is one of the accepted ones."""
    accepted = tuple(accepted)
    if not isinstance(value, (str, type(None))) or value not in accepted:
        raise ValueError(f"{name} is {value!r}; accepted are {', '.join(map(repr, accepted))}")


def check_out(
    out: Any, shape: tuple[int, ...], dtype: np.dtype[Any], *, x: Array, in_place: bool
) -> None:
    """Raise unless the result can be written into `out`: right kind, shape, dtype, memory of its own or exactly x."""
    if not isinstance(out, np.ndarray):
        raise TypeError(f"out is a {type(out).__name__}; it must be a NumPy array")
    if out.shape != shape:
        raise ValueError(f"out has the shape {out.shape}; the result has {shape}")
    if out.dtype != dtype or not out.dtype.isnative:
        raise ValueError(f"out has the dtype {out.dtype!r}; the result has {dtype!r}")
    if not out.flags.writeable:
        raise ValueError("out is read-only; it must be writeable")
    if any(n > 1 and stride == 0 for n, stride in zip(out.shape, out.strides, strict=True)):
        raise ValueError("out holds several of its elements in one place; each needs its own")
    same = (
        in_place
        and out.__array_interface__["data"][0] == x.__array_interface__["data"][0]
        and out.strides == x.strides
        and out.dtype == x.dtype
    )
    if not same and _overlap(out, x):
        raise ValueError("out overlaps x in memory without being exactly x; pass x itself or memory of its own")


def check_apart(out: Array, **others: Any) -> None:
    """Raise if `out` shares memory with another argument."""
    for name, other in others.items():
        if isinstance(other, np.ndarray) and _overlap(out, other):
            raise ValueError(f"out overlaps {name} in memory; it needs memory of its own")


def _overlap(a: Array, b: Array) -> bool:
    if not np.may_share_memory(a, b):
        return False
    try:
        return np.shares_memory(a, b, max_work=100_000)
    except np.exceptions.TooHardError:
        return True

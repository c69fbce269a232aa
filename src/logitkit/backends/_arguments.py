"""The arguments of a call on NumPy arrays: brought into the core's form, or refused clearly."""

from __future__ import annotations

import operator
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]

_FLOAT32: np.dtype[Any] = np.dtype(np.float32)
_FLOAT64: np.dtype[Any] = np.dtype(np.float64)
_MOST_WORK: Any = 100_000  # NumPy's stubs know two special values only
_FLOATS = "float16, bfloat16, float32, float64"
# bfloat16 without `ml_dtypes`: its bits under a name, for the backends that have it themselves.
BFLOAT16_BITS: np.dtype[Any] = np.dtype([("bfloat16", np.uint16)])

# The dtype of the result for those that are met most; `_result_dtype` knows the others.
_POLICY: dict[np.dtype[Any], np.dtype[Any]] = {_FLOAT32: _FLOAT32, _FLOAT64: _FLOAT64}


def as_array(x: Any, name: str = "x") -> tuple[Array, Array | None]:
    """Return x as a plain array, and where a masked array is not masked."""
    if type(x) is np.ndarray:
        return x, None
    kept = None
    if isinstance(x, np.ma.MaskedArray):
        if x.mask is not np.ma.nomask:
            kept = ~np.ma.getmaskarray(x)
        x = x.data
    try:
        array = np.asarray(x)
    except ValueError as error:
        raise ValueError(f"{name} is no array: its rows have different lengths or kinds") from error
    return array, kept


def as_probabilities(p: Any) -> Array:
    """Return p as a plain array; a masked probability is 0."""
    array, kept = as_array(p, "p")
    return array if kept is None else np.where(kept, array, array.dtype.type(0))


def as_log_probabilities(log_p: Any) -> Array:
    """Return log_p as a plain array; a masked log-probability is -inf."""
    array, kept = as_array(log_p, "log_p")
    if kept is None:
        return array
    array = array.astype(result_dtypes(array.dtype, name="log_p")[0], copy=False)
    return np.where(kept, array, array.dtype.type(-np.inf))


def result_dtypes(
    dtype: np.dtype[Any], wanted: Any = None, name: str = "x"
) -> tuple[np.dtype[Any], np.dtype[Any]]:
    """Return the dtype of the result and the one the core is given; `wanted` is the dtype argument.

    The core loads and stores the four floating dtypes themselves, one for a whole call.
    """
    result = _POLICY.get(dtype) or _result_dtype(dtype, name)
    if wanted is None:
        return result, result
    try:
        asked = _canonical(np.dtype(wanted))
    except Exception as error:  # NumPy raises many kinds, deprecations among them
        raise TypeError(f"dtype is {wanted!r}; accepted are {_FLOATS}") from error
    if not is_float(asked):
        raise TypeError(f"dtype is {asked}; accepted are {_FLOATS}")
    if asked == result:
        return asked, asked
    wide = result is _FLOAT64 or asked is _FLOAT64
    return asked, _FLOAT64 if wide else _FLOAT32


def common_compute(one: np.dtype[Any], other: np.dtype[Any]) -> np.dtype[Any]:
    """Return the dtype that the core is given for two arrays; unequal halves meet in float32."""
    if one == other:
        return one
    return _FLOAT64 if _FLOAT64 in (one, other) else _FLOAT32


def is_float(dtype: np.dtype[Any]) -> bool:
    """Whether the core loads and stores the dtype."""
    return dtype.name in ("float16", "bfloat16", "float32", "float64") or dtype == BFLOAT16_BITS


def _canonical(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """Return NumPy's own object for a dtype: this machine's byte order, no metadata."""
    return np.dtype(dtype.type) if is_float(dtype) and dtype.names is None else dtype


def _result_dtype(dtype: np.dtype[Any], name: str) -> np.dtype[Any]:
    if is_float(dtype):
        return _canonical(dtype)
    if dtype.kind == "b" or (dtype.kind in "iu" and dtype.itemsize <= 2):
        return _FLOAT32
    if dtype.kind in "iu":
        return _FLOAT64
    raise TypeError(f"{name} has the dtype {dtype}; accepted are bool, integers, {_FLOATS}")


def normalize_axes(axis: Any, ndim: int, name: str = "x") -> tuple[int, ...]:
    """Return the axes as rising numbers from 0; None is all of them."""
    if type(axis) is int and -ndim <= axis < ndim:
        return (axis % ndim,)
    if axis is None:
        return tuple(range(ndim))
    given: Iterable[Any] = axis if isinstance(axis, tuple) else (axis,)
    dims = max(ndim, 1)  # a scalar counts as a vector of length 1
    axes = []
    for one in given:
        try:
            index = _index(one)
        except TypeError:
            raise TypeError(
                f"axis is {axis!r}; accepted are an int, a tuple of ints, or None"
            ) from None
        if not -dims <= index < dims:
            raise np.exceptions.AxisError(
                f"axis is {axis!r}; {name} has {ndim} dimensions, accepted are {-dims} to "
                f"{dims - 1}"
            )
        axes.append(index % dims)
    if len(set(axes)) != len(axes):
        raise ValueError(f"axis is {axis!r}; it names an axis twice, accepted is each once")
    return tuple(sorted(axes)) if ndim else ()


def _index(number: Any) -> int:
    """Return a whole number; a bool is none, as in NumPy: it was meant for another argument."""
    if isinstance(number, (bool, np.bool_)):
        raise TypeError
    return operator.index(number)


def count_of(name: str, value: Any, end: int | None = None) -> int:
    """Return an integer >= 0, and below `end`, a power of two."""
    most = "" if end is None else f" and < 2**{end.bit_length() - 1}"
    try:
        count = _index(value)
    except TypeError:
        raise TypeError(f"{name} is {value!r}; accepted is an integer >= 0{most}") from None
    if count < 0 or (end is not None and count >= end):
        raise ValueError(f"{name} is {count}; it must be >= 0{most}")
    return count


def one_axis(axis: Any, ndim: int, name: str = "x") -> int:
    """Return a single axis as a number from 0; a scalar counts as a vector of length 1."""
    try:
        axis = _index(axis)
    except TypeError:
        raise TypeError(f"axis is {axis!r}; accepted is an int") from None
    return (*normalize_axes(axis, ndim, name), 0)[0]


def without_axes(shape: tuple[int, ...], axes: tuple[int, ...]) -> tuple[int, ...]:
    """Return the shape that is left when the axes are reduced."""
    return tuple([n for i, n in enumerate(shape) if i not in axes])


def broadcast_mask(
    mask: Any, shape: tuple[int, ...], kept: Array | None = None, name: str = "x"
) -> Array | None:
    """Return what takes part, with the shape of x (at least 1-d): by `mask` and by x's own mask."""
    own = None if kept is None else np.broadcast_to(kept, shape or (1,))
    if mask is None:
        return own
    keep, _ = as_array(mask, "mask")
    if keep.dtype != np.bool_:
        raise TypeError(
            f"mask has the dtype {keep.dtype}; it must be bool, True where x takes part"
        )
    try:
        keep = np.broadcast_to(keep, shape or (1,))
    except ValueError:
        raise ValueError(
            f"mask has the shape {keep.shape}; it must broadcast against that of {name}, {shape}"
        ) from None
    return keep if own is None else keep & own


def broadcast_temperature(
    temperature: Any, shape: tuple[int, ...], axes: tuple[int, ...]
) -> float | Array:
    """Return a float, or an array of the shape of x with strides of 0 along the reduced axes."""
    if type(temperature) is float and temperature >= 0:
        return temperature
    given, _ = as_array(temperature, "temperature")
    if given.dtype.kind not in "biuf" and not is_float(given.dtype):
        raise TypeError(
            f"temperature is {temperature!r}; accepted are a number >= 0 or an array of them"
        )
    with np.errstate(all="ignore"):
        t = given.astype(np.float64)
    check_temperatures(t)
    if t.ndim == 0:
        return float(t)
    return np.broadcast_to(broadcast_per_row(t, shape, axes, "temperature"), shape or (1,))


def check_temperatures(t: Array) -> None:
    """Raise if one is negative or NaN."""
    bad = ~(t >= 0)
    if bad.any():
        at = "" if t.ndim == 0 else f" at index {tuple(int(i[0]) for i in np.nonzero(bad))}"
        value = float(t[bad][0]) if t.ndim else float(t)
        raise ValueError(
            f"temperature is {value}{at}; it must be >= 0 (0 is the argmax, inf the uniform limit)"
        )


def broadcast_per_row(
    values: Array, shape: tuple[int, ...], axes: tuple[int, ...], name: str
) -> Array:
    """Return one value a row in the dimensions of x, with 1 (or less than that) along the axes."""
    rows = without_axes(shape, axes)
    kept_shape = tuple(1 if i in axes else n for i, n in enumerate(shape))
    try:
        if values.ndim == len(shape) and all(values.shape[i] == 1 for i in axes):
            return np.broadcast_to(values, kept_shape)
        return np.expand_dims(np.broadcast_to(values, rows), axes)
    except ValueError:
        raise ValueError(
            f"{name} has the shape {values.shape}; it must broadcast against one value a row, "
            f"{rows}"
        ) from None


def check_flag(name: str, value: Any) -> None:
    """Raise unless value is True or False."""
    if not isinstance(value, bool | np.bool_):
        raise TypeError(f"{name} is {value!r}; accepted are True and False")


def check_choice(name: str, value: Any, accepted: Mapping[Any, Any]) -> None:
    """Raise unless value is one of the accepted ones."""
    if not (value is None or isinstance(value, str)) or value not in accepted:
        raise ValueError(f"{name} is {value!r}; accepted are {', '.join(map(repr, accepted))}")


def check_out(
    out: Any, shape: tuple[int, ...], dtype: np.dtype[Any], *, in_place: bool, **operands: Array
) -> None:
    """Raise unless `out` can take the result: kind, shape, dtype, memory of its own.

    In place it may have that of an operand.
    """
    if not isinstance(out, np.ndarray) or isinstance(out, np.ma.MaskedArray):
        raise TypeError(f"out is a {type(out).__name__}; it must be a plain NumPy array")
    if out.shape != shape:
        raise ValueError(f"out has the shape {out.shape}; the result has {shape}")
    if out.dtype is not dtype and (out.dtype != dtype or not out.dtype.isnative):
        raise ValueError(f"out has the dtype {out.dtype}; the result has {dtype}")
    if not out.flags.writeable:
        raise ValueError("out is read-only; it must be writeable")
    if out.size and _overlaps_itself(out):
        raise ValueError("out holds several of its elements in one place; each needs its own")
    for name, operand in operands.items():
        if in_place and (out is operand or _same_memory(out, operand)):
            continue
        if _overlap(out, operand):
            others = f" or exactly {name}" if in_place else ""
            raise ValueError(f"out overlaps {name} in memory; pass memory of its own{others}")


def check_apart(out: Array, **others: Any) -> None:
    """Raise if `out` shares memory with another argument."""
    for name, other in others.items():
        if isinstance(other, np.ndarray) and _overlap(out, other):
            raise ValueError(f"out overlaps {name} in memory; it needs memory of its own")


def _overlaps_itself(a: Array) -> bool:
    """Whether elements may share bytes: some step is shorter than what the smaller steps span."""
    span = a.itemsize
    for step, n in sorted((abs(s), n) for s, n in zip(a.strides, a.shape, strict=True) if n > 1):
        if step < span:
            return True
        span += step * (n - 1)
    return False


def _same_memory(a: Array, b: Array) -> bool:
    """Whether every element of one array is that element of the other; their shapes are equal."""
    return (
        a.dtype == b.dtype
        and a.strides == b.strides
        and a.__array_interface__["data"][0] == b.__array_interface__["data"][0]
    )


def _overlap(a: Array, b: Array) -> bool:
    if not np.may_share_memory(a, b):
        return False
    try:
        # Exact, but bounded: a puzzle that is too hard counts as an overlap.
        return np.shares_memory(a, b, max_work=_MOST_WORK)
    except np.exceptions.TooHardError:
        return True

"""The arguments of a call on arrays of any library: brought into one form, or refused clearly."""

from __future__ import annotations

from typing import Any

import numpy as np

from logitkit.backends import _arguments as plain
from logitkit.backends._generic.host import Array, Host


def broadcast_mask(host: Host, mask: Any, x: Array, name: str = "x") -> Array | None:
    """Return what takes part, an array that broadcasts against x, which has a dimension."""
    if mask is None:
        return None
    keep = host.asarray(mask, "mask", x)
    if host.name_of(keep.dtype) != "bool":
        raise TypeError(
            f"mask has the dtype {host.name_of(keep.dtype)}; it must be bool, True where x takes "
            "part"
        )
    if not _broadcasts(keep.shape, x.shape):
        raise ValueError(
            f"mask has the shape {keep.shape}; it must broadcast against that of {name}, "
            f"{tuple(x.shape)}"
        )
    return host.xp.reshape(keep, (1,) * (len(x.shape) - len(keep.shape)) + tuple(keep.shape))


def broadcast_temperature(
    host: Host, temperature: Any, x: Array, axes: tuple[int, ...], shape: tuple[int, ...]
) -> tuple[float | Array, Array | None]:
    """Return a float, or an array with 1 along the axes; and where it is good, if that is unknown.

    `shape` is that of x as the caller sees it.
    """
    if not host.owns(temperature):
        given = plain.broadcast_temperature(temperature, shape, axes)
        if isinstance(given, float):
            return given, None
        # Back to one a row: the axes are the dimensions that were broadcast.
        one_each = tuple(slice(1) if i in axes else slice(None) for i in range(given.ndim))
        return host.from_numpy(given[one_each], x), None
    name = host.name_of(temperature.dtype)
    if not host.has(name):
        raise TypeError(
            f"temperature has the dtype {name}; accepted are a number >= 0 or an array of them"
        )
    compute = host.result_names(temperature.dtype)[1]
    t = host.cast(temperature, compute if compute == "float64" else "float32")
    good = t >= 0
    if not host.is_known(good):
        good = per_row(host, good, x, axes, "temperature")
        return host.xp.where(good, per_row(host, t, x, axes, "temperature"), 1.0), good
    first_bad = first(host, ~good)
    if first_bad is not None:
        at = f" at index {first_bad}" if first_bad else ""
        raise ValueError(
            f"temperature is {float(t[first_bad])}{at}; it must be >= 0 (0 is the argmax, inf the "
            "uniform limit)"
        )
    return per_row(host, t, x, axes, "temperature"), None


def in_range(
    host: Host, name: str, given: Array, indices: Array, classes: int
) -> tuple[Array, Array | None]:
    """Return indices of classes; with 0 for the bad ones, and which are right, if it is unknown."""
    right = (indices >= 0) & (indices < classes)
    if not host.is_known(right):
        return host.xp.where(right, indices, host.xp.zeros_like(indices)), right
    refuse_labels(host, name, given, classes, None)
    return indices, None


def refuse_labels(
    host: Host, name: str, labels: Array, classes: int, ignore_index: int | None
) -> None:
    """Raise if a class is out of range and is not to be ignored; where the values are known."""
    bad = (labels < 0) | (labels >= classes)
    if ignore_index is not None:
        bad = bad & (labels != ignore_index)
    place = first(host, bad) if host.is_known(bad) else None
    if place is not None:
        at = f" at index {place}" if place else ""
        spare = "" if ignore_index is None else f", and ignore_index, {ignore_index}"
        raise IndexError(
            f"{name} is {int(labels[place])}{at}; accepted are the classes in [0, {classes}){spare}"
        )


def first(host: Host, flags: Array) -> tuple[int, ...] | None:
    """Return the index of the first True, or None; the values are known."""
    if 0 in flags.shape or not bool(host.xp.any(flags)):
        return None
    flat = host.xp.reshape(host.xp.astype(flags, host.xp.uint8), (-1,))
    where = int(host.xp.argmax(flat))
    return tuple(int(i) for i in np.unravel_index(where, tuple(flags.shape)))


def per_row(host: Host, values: Array, x: Array, axes: tuple[int, ...], name: str) -> Array:
    """Return one value a row in the dimensions of x, with 1 (or less than that) along the axes."""
    shape = tuple(x.shape)
    rows = plain.without_axes(shape, axes)
    kept = tuple(1 if i in axes else n for i, n in enumerate(shape))
    if len(values.shape) == len(shape) and _broadcasts(values.shape, kept):
        return values
    if not _broadcasts(values.shape, rows):
        raise ValueError(
            f"{name} has the shape {tuple(values.shape)}; it must broadcast against one value a "
            f"row, {rows}"
        )
    sizes = iter((1,) * (len(rows) - len(values.shape)) + tuple(values.shape))
    return host.xp.reshape(
        values, tuple(1 if i in axes else next(sizes) for i in range(len(shape)))
    )


def _broadcasts(shape: Any, target: tuple[int, ...]) -> bool:
    """Whether an array of one shape can be seen as one of another."""
    tail = tuple(target)[len(target) - len(shape) :] if shape else ()
    return len(shape) <= len(target) and all(n in (1, m) for n, m in zip(shape, tail, strict=True))

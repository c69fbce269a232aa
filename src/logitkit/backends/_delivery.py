"""The way in and out of the core: arrays as it takes them, results as the caller gets them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import product
from math import prod
from typing import Any

import numpy as np
import numpy.typing as npt

from logitkit import _core
from logitkit.backends._arguments import BFLOAT16_BITS

Array = npt.NDArray[Any]
Part = tuple[slice, ...]

# Elements that are converted at a time: work for 64 threads (`part_elements` in core/plan.cpp), of
# which a copy takes 8 MiB at most and is still in a large cache when the core reads it.
_PART_ELEMENTS = 2**20
# Longer rows are converted by the core, a block at a time.
LONGEST_ROW = _PART_ELEMENTS


def apply(
    op: int,
    x: Array,
    out: Array,
    compute: np.dtype[Any],
    axes: tuple[int, ...],
    temperature: Any,
    mask: Array | None = None,
    g: Array | None = None,
    ids: Array | None = None,
    run: Callable[..., None] | None = None,
    **choices: Any,
) -> None:
    """Let the core run an operation along the axes; arguments are checked, `out` is apart, x, or g.

    Arrays of another dtype than `compute` are converted on the way, by parts of whole rows; long
    rows by the core. `run`: its function, where that is not `apply`.
    """
    run = run or _core.apply  # now: what stands in its place by then is called
    if x.ndim == 0:
        x, out, g = x.reshape(1), out.reshape(1), None if g is None else g.reshape(1)
    bits = sum([1 << axis for axis in axes])
    stores = out.dtype.kind == "i" or has(out, compute)  # positions have a dtype of their own
    if stores and has(x, compute) and (g is None or has(g, compute)):
        gradient = None if g is None else raw(g)
        run(op, raw(x), raw(out), bits, temperature, mask, gradient, ids=ids, **choices)
        return
    if prod([x.shape[axis] for axis in axes]) > LONGEST_ROW:
        run(
            op,
            raw(x),
            raw(out),
            bits,
            temperature,
            mask,
            None if g is None else raw(g),
            ids=ids,
            **stored(compute, x, g, out),
            **choices,
        )
        return
    for part in parts(x, axes):
        target = out[part]
        result = target if stores else np.empty_like(target, compute)
        run(
            op,
            raw(converted(x[part], compute)),
            raw(result),
            bits,
            temperature if isinstance(temperature, float) else temperature[part],
            None if mask is None else mask[part],
            None if g is None else raw(converted(g[part], compute)),
            ids=None if ids is None else ids[part],
            **choices,
        )
        if not stores:
            with np.errstate(all="ignore"):
                target[...] = cast(result, out.dtype) if out.dtype.kind == "V" else result


def stored(compute: np.dtype[Any], x: Array, g: Array | None, out: Array | None) -> dict[str, Any]:
    """Return what the core is told of arrays that it converts itself, row by row."""
    return {
        "compute": "H" if compute.name == "bfloat16" else compute.char,
        "x_stored": x.dtype.str,
        "g_stored": "" if g is None else g.dtype.str,
        "out_stored": "" if out is None else out.dtype.str,
    }


def parts(x: Array, axes: tuple[int, ...]) -> Iterator[Part]:
    """Yield the indices of parts of x that are whole along the axes, and small if they can be."""
    if x.size <= _PART_ELEMENTS:
        return iter([(slice(None),) * x.ndim])
    steps = list(x.shape)
    # What is far apart in memory is taken apart first.
    for dim in sorted(range(x.ndim), key=lambda dim: -abs(x.strides[dim])):
        if dim not in axes:
            others = prod(steps[:dim] + steps[dim + 1 :])
            steps[dim] = max(1, min(steps[dim], _PART_ELEMENTS // others))
    return product(
        *[
            [slice(None)] if dim in axes else [slice(at, at + step) for at in range(0, n, step)]
            for dim, (n, step) in enumerate(zip(x.shape, steps, strict=True))
        ]
    )


def has(a: Array, dtype: np.dtype[Any]) -> bool:
    """Whether the core can take a as it is, being given a dtype."""
    return a.dtype is dtype or (a.dtype == dtype and a.dtype.isnative)


def converted(a: Array, dtype: np.dtype[Any]) -> Array:
    """Convert; what is one element in memory, seen at several places, stays one."""
    if has(a, dtype):
        return a
    if 0 not in a.strides:
        return cast(a, dtype)
    once = tuple([slice(None) if step else slice(1) for step in a.strides])
    return np.broadcast_to(cast(a[once], dtype), a.shape)


def raw(x: Array) -> Array:
    """Return x as a buffer; bfloat16, which has no buffer format, as its bits."""
    return x if x.dtype.kind in "biuf" else x.view(np.uint16)


def deliver(result: Array, shape: tuple[int, ...], dtype: np.dtype[Any]) -> Any:
    """Give the result its shape and dtype; 0-d results become scalars."""
    if result.shape != shape:
        result = result.reshape(shape)
    if result.dtype is not dtype:
        result = cast(result, dtype)
    return result if shape else result[()]


_PIECE = 2**14  # elements


def cast(a: Array, dtype: np.dtype[Any]) -> Array:
    """Convert without a warning: out of the range is infinite, a signalling NaN is a NaN."""
    with np.errstate(all="ignore"):
        if a.dtype == dtype:
            return a.astype(dtype, copy=False)
        if a.dtype == BFLOAT16_BITS:
            a = (a.view(np.uint16).astype(np.uint32) << 16).view(np.float32)
        # NumPy knows neither bfloat16; and ml_dtypes rounds a double to a float on the way.
        return _as_bfloat16(a, dtype) if dtype.kind == "V" else a.astype(dtype, copy=False)


def _as_bfloat16(a: Array, dtype: np.dtype[Any]) -> Array:
    """Round to the nearest bfloat16, ties to even; by pieces, of which it takes copies."""
    result = np.empty(a.shape, dtype)
    given, to = a.reshape(-1), result.reshape(-1)
    for start in range(0, a.size, _PIECE):
        piece = slice(start, start + _PIECE)
        to[piece] = _piece_as_bfloat16(given[piece], dtype)
    return result


def _piece_as_bfloat16(a: Array, dtype: np.dtype[Any]) -> Array:
    short = np.asarray(a, np.float32)
    bits = short.view(np.uint32)
    if a.dtype == np.float64:
        # Rounded to odd first: what is no tie stays none.
        wide = short.astype(np.float64)
        bits = (bits - (np.abs(wide) > np.abs(a))) | (wide != a)
    rounded = (bits + 0x7FFF + (bits >> 16 & 1)) >> 16
    rounded = np.where(np.isnan(short), 0x7FC0 | (bits >> 16 & 0x8000), rounded)
    return rounded.astype(np.uint16).view(dtype)

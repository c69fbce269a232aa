"""The way in and out of the core: arrays as it takes them, results as the caller gets them."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from logitkit import _core

Array = npt.NDArray[Any]


def operand(x: Array, compute: np.dtype[Any]) -> Array:
    """Return x in the dtype that the core is given, at least 1-d."""
    if x.dtype is not compute:
        x = cast(x, compute)
    return x if x.ndim else x.reshape(1)


def apply(
    op: int,
    x: Array,
    out: Array,
    axes: tuple[int, ...],
    temperature: Any,
    mask: Array | None = None,
    g: Array | None = None,
    **choices: Any,
) -> None:
    """Let the core run an operation along the axes; arguments are checked, `out` is apart or x."""
    bits = sum([1 << axis for axis in axes])
    gradient = None if g is None else raw(g)
    _core.apply(op, raw(x), raw(out), bits, temperature, mask, gradient, **choices)


def raw(x: Array) -> Array:
    """Return x as a buffer; bfloat16, which has no buffer format, as its bits."""
    return x if x.dtype.kind in "fi" else x.view(np.uint16)


def deliver(result: Array, shape: tuple[int, ...], dtype: np.dtype[Any], out: Array | None) -> Any:
    """Give the result its shape and dtype, into `out` where given; 0-d results become scalars."""
    if result.shape != shape:
        result = result.reshape(shape)
    if out is not None:
        if not np.may_share_memory(result, out):
            with np.errstate(all="ignore"):
                np.copyto(out, result, casting="same_kind")
        return out
    if result.dtype is not dtype:
        result = cast(result, dtype)
    return result if shape else result[()]


def cast(a: Array, dtype: np.dtype[Any]) -> Array:
    """Convert without a warning: out of the range is infinite, a signalling NaN is a NaN."""
    with np.errstate(all="ignore"):
        return a.astype(dtype, copy=False)

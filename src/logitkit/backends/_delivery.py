"""The way in and out of the core: arrays as it takes them, results as the caller gets them."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]


def operand(x: Array, compute: np.dtype[Any]) -> Array:
    """Return x as the core takes it: in the dtype of the computation, at least 1-d."""
    if x.dtype is not compute:
        x = x.astype(compute, copy=False)
    return x if x.ndim else x.reshape(1)


def bits(axes: tuple[int, ...]) -> int:
    """Return the axes as the core takes them."""
    return sum([1 << axis for axis in axes])


def deliver(result: Array, shape: tuple[int, ...], dtype: np.dtype[Any], out: Array | None) -> Any:
    """Give the result its shape and dtype, into `out` where given; 0-d results become scalars."""
    if result.shape != shape:
        result = result.reshape(shape)
    if out is not None:
        if not np.may_share_memory(result, out):
            with np.errstate(over="ignore", under="ignore"):
                np.copyto(out, result, casting="same_kind")
        return out
    if result.dtype is not dtype:
        result = rounded(result, dtype)
    return result if shape else result[()]


def rounded(result: Array, dtype: np.dtype[Any]) -> Array:
    """Return the result in its dtype."""
    with np.errstate(over="ignore", under="ignore"):
        return result.astype(dtype, copy=False)

"""The distance of a result from the right one, in units in the last place."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import ml_dtypes
import numpy as np
from numpy.typing import NDArray

from logitkit.bench.operations import OPERATIONS
from logitkit.bench.right import Right

Array = NDArray[Any]


@dataclass(frozen=True)
class Worst:
    """The largest error in ULP, and the place in the result where it is."""

    ulp: float
    place: tuple[int, ...]


def reference(op: str, operands: tuple[Array, ...]) -> Right:
    """Return the right result along the last axis, in long double."""
    if np.finfo(np.longdouble).nmant < 63:
        raise RuntimeError("the long double of this machine has no more digits than float64")
    return OPERATIONS[op].right_in(np.longdouble, operands, -1)


def unit(size: Array, dtype: str) -> Array:
    """Return one unit in the last place of the dtype at each value, subnormals included."""
    info = ml_dtypes.finfo(dtype)
    _, exponent = np.frexp(size)
    exponent = np.where(size == 0, info.minexp, exponent - 1)
    # Below the smallest normal number, 2^minexp, the unit shrinks no further.
    return np.ldexp(size.dtype.type(1), np.maximum(exponent, info.minexp) - info.nmant)


def worst(result: Array, right: Right) -> Worst:
    """Return the largest distance from the right values; infinite for NaN and infinity."""
    if result.shape != right.value.shape:
        raise ValueError(f"the result has the shape {result.shape}, not {right.value.shape}")
    distance = np.abs(result.astype(right.value.dtype) - right.value)
    distance /= unit(right.size, result.dtype.name)
    distance = np.where(np.isnan(distance), np.inf, distance)
    place = np.unravel_index(int(distance.argmax()), distance.shape)
    return Worst(float(distance[place]), tuple(int(i) for i in place))

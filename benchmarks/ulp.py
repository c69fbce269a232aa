"""The right results, in more digits than any library returns, and the distance from them in ULP.

With m the largest score of a row, M how often it occurs and R the sum of the other exponentials,

    softmax      exp(x - m) / (M + R)
    log_softmax  (x - m) - (log M + log1p(R / M))
    logsumexp    m + (log M + log1p(R / M))

in long double, whose 64 bits leave 11 for an error of float64 to show in. Only logsumexp near 0 can
lose them, where m and the logarithm cancel: these rows are computed again in 60 digits (mpmath).
What is left is the rounding of x - m: for the float64 inputs used here less than 0.05 ULP.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import ml_dtypes
import mpmath
import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]

# A row cancels where logsumexp is smaller than the largest score by this factor.
CANCELS = 1 / 16


@dataclass(frozen=True)
class Worst:
    """The largest error in ULP, and the place in the result where it is."""

    ulp: float
    place: tuple[int, ...]


def references(x: Array) -> dict[str, Array]:
    """Return softmax, log_softmax and logsumexp of the rows of x, in long double."""
    if np.finfo(np.longdouble).nmant < 63:
        raise RuntimeError("the long double of this machine has no more digits than float64")
    wide = x.astype(np.longdouble)
    m = wide.max(axis=-1, keepdims=True)
    shifted = wide - m
    e = np.exp(shifted)
    largest = shifted == 0
    count = largest.sum(axis=-1, keepdims=True).astype(np.longdouble)
    rest = np.where(largest, 0, e).sum(axis=-1, keepdims=True)
    logarithm = np.log(count) + np.log1p(rest / count)
    total = (m + logarithm)[..., 0]
    for row in np.flatnonzero(np.abs(total) < CANCELS * np.abs(m[..., 0])):
        total[row] = _precise_logsumexp(x[row])
    return {
        "softmax": e / (count + rest),
        "log_softmax": shifted - logarithm,
        "logsumexp": total,
    }


def _precise_logsumexp(row: Array) -> np.longdouble:
    with mpmath.workdps(60):
        value = mpmath.log(mpmath.fsum(mpmath.exp(mpmath.mpf(float(v))) for v in row))
        high = float(value)
        return np.longdouble(high) + np.longdouble(float(value - high))


def unit(expected: Array, dtype: str) -> Array:
    """Return one unit in the last place of the dtype at each value, subnormals included."""
    info = ml_dtypes.finfo(dtype)
    _, exponent = np.frexp(expected)
    exponent = np.where(expected == 0, info.minexp, exponent - 1)
    # Below the smallest normal number, 2^minexp, the unit shrinks no further.
    return np.ldexp(expected.dtype.type(1), np.maximum(exponent, info.minexp) - info.nmant)


def worst(result: Array, expected: Array) -> Worst:
    """Return the largest distance from the expected values; infinite for NaN."""
    distance = np.abs(result.astype(expected.dtype) - expected)
    distance /= unit(expected, result.dtype.name)
    distance = np.where(np.isnan(distance), np.inf, distance)
    place = np.unravel_index(int(distance.argmax()), distance.shape)
    return Worst(float(distance[place]), tuple(int(i) for i in place))

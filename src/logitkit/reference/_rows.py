"""Rows of scores in float64, and their normaliser: what the functions are made of."""

from __future__ import annotations

import math
import operator
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]
Axis = int | tuple[int, ...] | None
quiet = np.errstate(all="ignore")  # NaN and inf are results here, not accidents


class Scores:
    """The rows of `x` and their normaliser, named as in the preamble; (n, K) or (n, 1)."""

    @quiet
    def __init__(
        self, x: ArrayLike, axis: Axis, temperature: ArrayLike, mask: ArrayLike | None
    ) -> None:
        values = as_float64(x)
        self.rows = rows = Rows(values, axis)
        self.keep = rows.split(keep_of(x, values, mask))
        self.kept = self.keep.sum(axis=1, keepdims=True).astype(np.float64)
        self.x = np.where(self.keep, rows.split(values), -np.inf)
        self.m = self.x.max(axis=1, keepdims=True, initial=-np.inf)
        self.t = rows.temperature(temperature)

        winners = self.x == self.m
        winners = np.where(self.t == np.inf, self.x > -np.inf, winners)
        winners &= (self.t > 0) | (np.cumsum(winners, axis=1) == 1)  # at T = 0 only the first
        q, error = quotient(self.x, self.m, self.t)
        limit = (self.t == 0) | (self.t == np.inf)
        self.q = np.where(winners, 0.0, np.where(limit, -np.inf, q))
        self.error = np.where(winners | limit, 0.0, error)
        self.weights = np.exp(self.q) * (1 + self.error)
        self.top = winners.sum(axis=1, keepdims=True)
        # In long double: equal weights would add up their roundings, several ULP of a small rest.
        rest = np.where(winners, 0.0, self.weights).sum(axis=1, keepdims=True, dtype=np.longdouble)
        self.rest = rest.astype(np.float64)
        self.log_sum = np.log(self.top) + np.log1p(self.rest / self.top)
        self.p = self.weights / (self.top + self.rest)
        self.log_p = self.q + (self.error - self.log_sum)

    def finish(
        self, values: Array, empty: str | None, fills: dict[str, Any], masked: float
    ) -> Array:
        """Put the results that no arithmetic gives into the rows that have no proper softmax."""
        if empty not in (None, "nan", "zero", "uniform", "raise"):
            accepted = "None, 'nan', 'zero', 'uniform' or 'raise'"
            raise ValueError(f"empty must be {accepted}, got {empty!r}")
        without = self.m == -np.inf
        if empty == "raise" and values.size and without.any():
            row = np.unravel_index(int(np.argmax(without)), self.rows.reduced)
            name = ", ".join(str(int(i)) for i in row) or "0"
            raise ValueError(f"x has no score above -inf to normalise in row {name}")
        values = np.where(np.isfinite(self.m), values, np.nan)
        values = np.where(without, fills.get(empty or "", np.nan), values)
        return np.where(self.keep, values, masked)


class Rows:
    """The two-dimensional form of an array: one row for each reduced vector, and the way back."""

    def __init__(self, a: Array, axis: Axis) -> None:
        self.shape = a.shape
        ndim = max(a.ndim, 1)
        self.full = a.shape or (1,)  # a 0-d array is a vector of length 1
        named = range(ndim) if axis is None else axis if isinstance(axis, tuple) else (axis,)
        for i in map(operator.index, named):
            if not -ndim <= i < ndim:
                raise ValueError(f"axis must be from {-ndim} to {ndim - 1}, got {i}")
        self.axes = tuple(sorted({i % ndim for i in named}))
        if len(self.axes) != len(tuple(named)):
            raise ValueError(f"axis must not name an axis twice, got {axis}")
        self.last = tuple(range(-len(self.axes), 0))
        self.reduced = tuple(n for i, n in enumerate(self.full) if i not in self.axes)
        self.kept = tuple(1 if i in self.axes else n for i, n in enumerate(self.full))

    def split(self, a: NDArray[Any]) -> NDArray[Any]:
        """Return `a` as (rows, columns), contiguous so that NumPy sums it pairwise."""
        moved = np.moveaxis(a.reshape(self.full), self.axes, self.last)
        rows = math.prod(self.reduced)
        columns = math.prod(self.full[i] for i in self.axes)
        return np.ascontiguousarray(moved.reshape(rows, columns))

    def join(self, rows: Array) -> Array:
        """Undo `split`."""
        moved = rows.reshape(self.reduced + tuple(self.full[i] for i in self.axes))
        return np.moveaxis(moved, self.last, self.axes).reshape(self.shape)[()]

    def reduce(self, column: Array, keepdims: bool = False) -> Array:
        """Return one value a row, (rows, 1), in the shape that ``np.sum`` would give it."""
        return column.reshape(self.kept if keepdims and self.shape else self.reduced)[()]

    def temperature(self, temperature: ArrayLike) -> Array:
        """Return the temperature of each row, (rows, 1)."""
        t = np.asarray(temperature, dtype=np.float64)
        if not np.all(t >= 0):
            bad = t[~(t >= 0)].flat[0]
            raise ValueError(f"temperature must be 0, positive or inf, got {bad}")
        return self.per_row(t, "temperature")

    def per_row(self, values: ArrayLike, name: str) -> Array:
        """Return a number, or one a row, as (rows, 1)."""
        a = as_float64(values, name)
        target = self.kept if a.ndim == len(self.full) else self.reduced
        try:
            return np.broadcast_to(a, target).reshape(-1, 1)
        except ValueError:
            text = f"{name} must be a number or one a row, of shape {self.reduced} or "
            raise ValueError(f"{text}{self.kept}, got shape {a.shape}") from None


def as_float64(x: ArrayLike, name: str = "x") -> Array:
    a = np.asarray(x)
    if a.dtype.name != "bfloat16" and (a.dtype.kind not in "biuf" or a.dtype.itemsize > 8):
        raise TypeError(f"{name} must be of booleans, integers or floats to 64 bit, got {a.dtype}")
    return a.astype(np.float64)


def keep_of(x: ArrayLike, values: Array, mask: ArrayLike | None) -> NDArray[np.bool_]:
    """Return True where `x` counts: kept by `mask` and not masked in a masked array."""
    given = np.asarray(True if mask is None else mask)
    if given.dtype != bool:
        raise TypeError(f"mask must be boolean (True = keep), got {given.dtype}")
    try:
        keep = np.broadcast_to(given, values.shape)
    except ValueError:
        text = f"mask must broadcast to the shape of x, {values.shape}"
        raise ValueError(f"{text}, got shape {given.shape}") from None
    return keep & ~np.ma.getmaskarray(x) if isinstance(x, np.ma.MaskedArray) else keep


def quotient(x: Array, m: Array, t: Array) -> tuple[Array, Array]:
    """Return q and its error: ``q + error = (x - m) / t`` to twice the precision of float64."""
    # A common factor keeps the difference of the largest numbers finite.
    factor = np.where(np.maximum(np.abs(x), np.abs(m)) > 1e300, 0.25, 1.0)
    x, m, t = x * factor, m * factor, t * factor
    d = x - m
    back = d - x
    d_error = (x - (d - back)) - (m + back)  # what the subtraction lost (Knuth's two-sum)
    # Divide by t = f * 2**k as by f, so that no product below can leave the range.
    f, k = np.frexp(t)
    scaled = np.ldexp(d, -k)
    q = scaled / f
    q_hi, f_hi = _leading(q), _leading(f)
    q_lo, f_lo = q - q_hi, f - f_hi
    product = q * f
    p_error = ((q_hi * f_hi - product) + q_hi * f_lo + q_lo * f_hi) + q_lo * f_lo
    error = ((scaled - product) - p_error + np.ldexp(d_error, -k)) / f
    return q, np.where((np.abs(q) < 2.0**50) & np.isfinite(error), error, 0.0)


def _leading(a: Array) -> Array:
    """Return the upper 26 bits of `a` (Veltkamp's split), so that products of parts are exact."""
    c = 134217729.0 * a
    return c - (c - a)


def over(slope: Array, t: Array) -> Array:
    """Return ``slope / t``; 0 in both limits of t, where the softmax no longer moves."""
    limit = (t == 0) | (t == np.inf)
    return np.where(limit, slope * 0.0 + 0.0, slope / t)

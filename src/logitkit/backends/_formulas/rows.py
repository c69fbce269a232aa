"""Rows along any axes brought to the last one, and their normaliser."""

from __future__ import annotations

import math
from typing import Any

Array = Any
Axes = tuple[int, ...]


class Rows:
    """The way from the shape of an array to rows along the last axis, and back."""

    def __init__(self, xp: Any, shape: tuple[int, ...], axes: Axes) -> None:
        self.xp, self.shape = xp, shape
        outer = [i for i in range(len(shape)) if i not in axes]
        self._order = (*outer, *axes)
        self._back = tuple(sorted(range(len(shape)), key=lambda i: self._order[i]))
        self._moved = tuple(shape[i] for i in self._order)
        self.outer = tuple(shape[i] for i in outer)
        self.length = math.prod(shape[i] for i in axes)
        self.kept = tuple(1 if i in axes else n for i, n in enumerate(shape))

    def split(self, a: Array) -> Array:
        """Return what broadcasts against the shape as rows, (..., K)."""
        a = self.xp.permute_dims(self.xp.broadcast_to(a, self.shape), self._order)
        return self.xp.reshape(a, (*self.outer, self.length))

    def one_each(self, a: Array) -> Array:
        """Return what has 1 along the axes as one value a row, (..., 1)."""
        return self.xp.reshape(self.xp.broadcast_to(a, self.kept), (*self.outer, 1))

    def join(self, rows: Array) -> Array:
        """Undo `split`."""
        return self.xp.permute_dims(self.xp.reshape(rows, self._moved), self._back)

    def reduced(self, column: Array) -> Array:
        """Undo `one_each`: one value a row, (..., 1), gets the axes as 1."""
        return self.xp.reshape(column, self.kept)


class Scores:
    """The rows of x and their normaliser, named as in `logitkit.reference`; (..., K) or (..., 1).

    q + error is the distance of a score from the maximum m in units of t, to twice the precision;
    `weights` are their exponentials, `top` the number of maxima, `rest` the sum of the others.
    """

    def __init__(self, xp: Any, x: Array, axes: Axes, t: Any, keep: Array | None) -> None:
        self.xp, self.dtype = xp, x.dtype
        self.rows = Rows(xp, x.shape, axes)
        self.t = t if isinstance(t, float) else self.rows.one_each(t)
        self.keep = None if keep is None else self.rows.split(keep)
        x = self.rows.split(x)
        self.x = x if self.keep is None else xp.where(self.keep, x, -math.inf)
        self.m = _maximum(xp, self.x)
        self.proper = xp.isfinite(self.m)

        anchor = xp.where(self.proper, self.m, 0.0)
        q, error = quotient(xp, self.x, anchor, self.t)
        winners, still = self._winners()
        self.q = xp.where(winners, 0.0, xp.where(still, -math.inf, q))
        error = xp.where(winners | still, 0.0, error)
        self.error = error
        e = xp.exp(self.q)
        self.weights = e + e * error
        self.top = self.count(winners)
        self.rest = xp.sum(xp.where(winners, 0.0, self.weights), axis=-1, keepdims=True)
        top = self.at_least_one(self.top)
        self.log_sum = xp.log(top) + xp.log1p(self.rest / top)

    @property
    def p(self) -> Array:
        return self.weights / (self.top + self.rest)

    @property
    def log_p(self) -> Array:
        return self.q + (self.error - self.log_sum)

    @property
    def kept(self) -> Array:
        """How many slots of each row are not masked, (..., 1)."""
        if self.keep is None:
            return self.xp.full_like(self.m, float(self.rows.length))
        return self.count(self.keep)

    def _winners(self) -> tuple[Array, Array]:
        """Return where the maxima stand, and where no other slot has a share (T is 0 or infinite).

        At T = 0 the first of the maxima wins alone, at infinity every possible slot does.
        """
        xp, t = self.xp, self.t
        most = (self.x == self.m) & self.proper
        none = xp.zeros_like(most)
        possible = (self.x > -math.inf) & self.proper
        if isinstance(t, float):
            if t == 0:
                return _first(xp, most), ~none
            return (possible, ~none) if t == math.inf else (most, none)
        winners = xp.where(t == math.inf, possible, xp.where(t == 0, _first(xp, most), most))
        return winners, xp.broadcast_to((t == 0) | (t == math.inf), most.shape)

    def count(self, flags: Array) -> Array:
        """Return how many are True in each row, (..., 1); floats would not count beyond 2^24."""
        count = self.xp.count_nonzero(flags, axis=-1, keepdims=True)
        return self.xp.astype(count, self.dtype)

    def at_least_one(self, counts: Array) -> Array:
        """Return counts that can be divided by."""
        return self.xp.where(counts > 0, counts, 1.0)

    def finish(self, values: Array, fill: Any, masked: float) -> Array:
        """Put in what no arithmetic gives; `fill` is for a row of all -inf, `masked` for a slot."""
        xp = self.xp
        values = xp.where(self.proper, values, math.nan)
        values = xp.where(self.m == -math.inf, fill, values)
        return self.rows.join(values if self.keep is None else xp.where(self.keep, values, masked))


def quotient(xp: Any, x: Array, m: Array, t: Any) -> tuple[Array, Array]:
    """Return q and its error: ``q + error = (x - m) / t``, to twice the precision where in range.

    The difference by Knuth's two-sum, the division by Dekker's product.
    """
    plain = isinstance(t, float) and t == 1
    if not plain:
        # A common factor keeps the difference of the largest numbers finite.
        huge = float(xp.finfo(x.dtype).max) / 4
        beyond = (xp.abs(x) > huge) | (xp.abs(m) > huge)
        factor = 1.0 - 0.75 * xp.astype(beyond, x.dtype)
        x, m, t = x * factor, m * factor, t * factor
    d = x - m
    back = d - x
    d_error = (x - (d - back)) - (m + back)
    if plain:
        return d, xp.where(xp.isfinite(d), d_error, 0.0)
    q = xp.where(d == 0, 0.0, d / t)
    product = q * t
    q_hi, t_hi = _leading(xp, q), _leading(xp, t)
    q_lo, t_lo = q - q_hi, t - t_hi
    p_error = ((q_hi * t_hi - product) + q_hi * t_lo + q_lo * t_hi) + q_lo * t_lo
    error = ((d - product) - p_error + d_error) / t
    # Where the products left the range there is no error to be had, nor is it needed.
    good = xp.isfinite(error) & xp.isfinite(q) & (xp.abs(error) <= xp.abs(q))
    return q, xp.where(good, error, 0.0)


def over(xp: Any, slope: Array, t: Any) -> Array:
    """Return ``slope / t``; 0 in both limits of t, where the softmax no longer moves."""
    if isinstance(t, float):
        return slope if t == 1 else slope * 0.0 + 0.0 if t in (0, math.inf) else slope / t
    still = (t == 0) | (t == math.inf)
    return xp.where(still, slope * 0.0 + 0.0, slope / xp.where(still, 1.0, t))


def positions(xp: Any, length: int, like: Array) -> Array:
    """Return 0 ... length - 1 beside an array; in a program of JAX that is where it runs."""
    if xp.__name__.startswith("jax"):
        return xp.arange(length)
    return xp.arange(length, device=like.device)


def _maximum(xp: Any, x: Array) -> Array:
    if x.shape[-1] == 0:
        return xp.sum(x, axis=-1, keepdims=True) - math.inf
    return xp.max(x, axis=-1, keepdims=True)


def _first(xp: Any, flags: Array) -> Array:
    numbers = xp.astype(flags, xp.int32)
    return flags & (xp.cumulative_sum(numbers, axis=-1) == 1)


def _leading(xp: Any, a: Array) -> Array:
    """Return the upper half of the bits of `a` (Veltkamp's split): products of them are exact."""
    digits = {8: 27, 4: 12}[xp.finfo(a.dtype).bits // 8]
    c = a * float(2**digits + 1)
    return c - (c - a)

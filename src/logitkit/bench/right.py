"""The right results: the formula of each operation, in the dtype of its operands.

In float64 they guard against measuring something else than the operation (`Accepted` in
`operations`). In long double, whose 64 bits leave 11 for an error of float64 to show in, an error
is measured from them (`benchmarks/ulp.py`). With m the largest score of a row, y = x - m, M how
often m occurs and R the sum of the other exponentials,

    softmax          p = exp(y) / (M + R)
    log_softmax      y - L, where L = log M + log1p(R / M)
    logsumexp        m + L
    entropy          L - sum(p y)
    kl_divergence    sum(p (d + log1p(B))), where d = y - z, z and Q as y and P = M + R, of the
                     other scores, and B = Q / P - 1 = sum(exp(y) expm1(-d)) / P
    softmax_vjp      p (g - sum(p g))
    log_softmax_vjp  g - p sum(g)
    logsumexp_vjp    g p
    entropy_vjp      -g p (y - sum(p y))
    cross_entropy    L - y of the class
    cross_entropy_grad  p, at the class p - 1 = expm1(y - L): of the sum over the rows

The sums of numbers of both signs can lose even the digits of long double, and so can logsumexp near
0: where they do, they are computed again in 60 digits (mpmath).

A difference cannot have more digits than its terms: there an error is measured in units of the
largest of them. `Right.size` is the number whose unit counts, never less than the result.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]

# A sum cancels where it is smaller than its largest part, or the sum of the sizes, by this factor.
CANCELS = 1 / 16


class Right(NamedTuple):
    """A right result, and the number in whose units in the last place an error counts."""

    value: Array
    size: Array


def _itself(value: Array) -> Right:
    return Right(value, np.abs(value))


def _with_terms(value: Array, terms: Array) -> Right:
    return Right(value, np.maximum(np.abs(value), terms))


class _Rows:
    """What the operations on scores share; reduced axes are kept as 1."""

    def __init__(self, x: Array, axis: int) -> None:
        self.m = x.max(axis=axis, keepdims=True)
        self.y = x - self.m
        self.e = np.exp(self.y)
        largest = self.y == 0
        self.count = largest.sum(axis=axis, keepdims=True).astype(x.dtype)
        self.rest = np.where(largest, 0, self.e).sum(axis=axis, keepdims=True)
        self.total = self.count + self.rest
        self.log_total = np.log(self.count) + np.log1p(self.rest / self.count)

    @property
    def p(self) -> Array:
        return self.e / self.total


def softmax(x: Array, axis: int) -> Right:
    """Measured at itself."""
    return _itself(_Rows(x, axis).p)


def log_softmax(x: Array, axis: int) -> Right:
    """Measured at itself."""
    rows = _Rows(x, axis)
    return _itself(rows.y - rows.log_total)


def logsumexp(x: Array, axis: int) -> Right:
    """Measured at itself."""
    rows = _Rows(x, axis)
    value = np.squeeze(rows.m + rows.log_total, axis)
    if _is_long(x):
        for row in np.flatnonzero(np.abs(value) < CANCELS * np.abs(rows.m[..., 0])):
            value[row] = _precise(_log_sum_exp, x[row])
    return _itself(value)


def entropy(x: Array, axis: int) -> Right:
    """Measured at itself: its two terms have one sign."""
    rows = _Rows(x, axis)
    return _itself(np.squeeze(rows.log_total, axis) - (rows.p * rows.y).sum(axis=axis))


def kl_divergence(x: Array, other: Array, axis: int) -> Right:
    """Measured at the largest p (log p - log q) of the row."""
    first, second = _Rows(x, axis), _Rows(other, axis)
    d = (x - other) - (first.m - second.m)  # more exact than y - z where the scores are alike
    with np.errstate(over="ignore", invalid="ignore"):  # of what `where` does not take
        near = first.e * np.expm1(-d)
    grown = np.where(np.abs(d) < 1, near, second.e - first.e).sum(axis=axis, keepdims=True)
    terms = first.p * (d + np.log1p(grown / first.total))
    value = terms.sum(axis=axis)
    return _with_terms(value, np.abs(terms).max(axis=axis))


def gather_logprobs(x: Array, ids: Array, axis: int) -> Right:
    """Measured at itself."""
    return _itself(np.take_along_axis(log_softmax(x, axis).value, ids, axis))


def cross_entropy(x: Array, ids: Array, axis: int) -> Right:
    """Measured at itself."""
    log_p = np.take_along_axis(log_softmax(x, axis).value, ids, axis)
    return _itself(np.squeeze(0 - log_p, axis))


def cross_entropy_grad(x: Array, ids: Array, axis: int) -> Right:
    """Measured at the larger of p and 1 at the class, elsewhere at itself."""
    rows = _Rows(x, axis)
    p = rows.p
    log_p = np.take_along_axis(rows.y, ids, axis) - rows.log_total
    value, terms = p.copy(), np.zeros_like(p)
    np.put_along_axis(value, ids, np.expm1(log_p), axis)
    np.put_along_axis(terms, ids, np.ones_like(log_p), axis)
    return _with_terms(value, terms)


def softmax_vjp(p: Array, g: Array, axis: int) -> Right:
    """Measured at the larger of p g and p sum(p g); also the product with a direction, the jvp."""
    total = _sum_of_products(axis, p, g)
    return _with_terms(p * (g - total), p * np.maximum(np.abs(g), np.abs(total)))


def log_softmax_vjp(log_p: Array, g: Array, axis: int) -> Right:
    """Measured at the larger of g and p sum(g)."""
    expected = np.exp(log_p) * _sum_of_products(axis, g)
    return _with_terms(g - expected, np.maximum(np.abs(g), np.abs(expected)))


def logsumexp_vjp(x: Array, g: Array, axis: int) -> Right:
    """Measured at itself."""
    return _itself(g * _Rows(x, axis).p)


def entropy_vjp(x: Array, g: Array, axis: int) -> Right:
    """Measured at the larger of g p |y| and g p mean(|y|)."""
    rows = _Rows(x, axis)
    share, mean = g * rows.p, (rows.p * rows.y).sum(axis=axis, keepdims=True)
    return _with_terms(-share * (rows.y - mean), np.abs(share) * np.maximum(-rows.y, -mean))


def _sum_of_products(axis: int, *factors: Array) -> Array:
    products = factors[0] if len(factors) == 1 else factors[0] * factors[1]
    total = products.sum(axis=axis, keepdims=True)
    if _is_long(products):
        sizes = np.abs(products).sum(axis=axis, keepdims=True)
        for row in np.flatnonzero(np.abs(total) < CANCELS * sizes):
            total[row] = _precise(_dot, *(factor[row] for factor in factors))
    return total


def _is_long(x: Array) -> bool:
    """Say whether errors are measured from it; its rows then lie along the last of two axes."""
    return x.dtype == np.longdouble


def _precise(compute: Callable[..., Any], *rows: Array) -> np.longdouble:
    """Return what is computed from rows in 60 digits."""
    import mpmath  # not a requirement of the package

    with mpmath.workdps(60):
        value = compute(mpmath, *([float(number) for number in row] for row in rows))
        high = float(value)
        return np.longdouble(high) + np.longdouble(float(value - high))


def _log_sum_exp(mpmath: Any, row: list[float]) -> Any:
    return mpmath.log(mpmath.fsum(map(mpmath.exp, row)))


def _dot(mpmath: Any, *rows: list[float]) -> Any:
    return mpmath.fdot(*rows) if len(rows) == 2 else mpmath.fsum(*rows)

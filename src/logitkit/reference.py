"""Every function of logitkit in plain float64 NumPy: the specification and the tests' oracle.

The rules
---------
A *row* is what is normalised together: the elements along `axis`, in C order when there are
several axes. Everything is converted to float64 first and returned in float64, without a warning.

- A masked slot (False in `mask`, or masked in an ``np.ma`` array) does not exist: its probability
  and gradient are exactly 0, its log-probability is -inf, whatever stands in it.
- NaN or +inf in a kept slot: every kept slot of the row is NaN. ``logsumexp`` is +inf for +inf.
- A row whose kept slots are all -inf is *empty*: NaN, or what `empty` says ("zero", "uniform",
  "raise"). A fully masked row is 0 (log: -inf) unless `empty` is "raise".
- Temperature 0 is the one-hot of the first maximum, infinity is uniform over the slots above -inf.
- A gradient is exactly 0 where the probability is exactly 0, and what comes in there is ignored.

The method
----------
With m the largest score, M the number of slots that hold it, and q = (x - m) / T <= 0::

    log sum exp(x / T) = m / T + L,    L = log(M) + log1p(R / M),    R = the sum of exp(q) elsewhere
    softmax = exp(q) / (M + R),        log_softmax = q - L,          entropy = L - sum(p * q)

Nothing overflows, the terms of each sum have one sign, and a log-probability near 0 keeps its
digits, because R is never added to 1 before the logarithm. The rounding error of q itself, which
exp would magnify up to 700 times, is carried along as a second number (Dekker, 1971).
The limits in T are limits of q: 0 for the slots that win and -inf for the others.

References
----------
P. Blanchard, D. J. Higham, N. J. Higham, "Accurately computing the log-sum-exp and softmax
functions", IMA J. Numer. Anal. 41 (2021). T. J. Dekker, "A floating-point technique for extending
the available precision", Numer. Math. 18 (1971).
"""

import math
import operator
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = [
    "entropy",
    "leaky_relu",
    "log_softmax",
    "logsumexp",
    "relu",
    "sigmoid",
    "silu",
    "softmax",
    "softmax_jacobian",
    "softmax_jvp",
    "softmax_vjp",
    "tanh",
]

Array = NDArray[np.float64]
Axis = int | tuple[int, ...] | None
_quiet = np.errstate(all="ignore")  # NaN and inf are results here, not accidents


@_quiet
def softmax(
    x: ArrayLike,
    /,
    *,
    axis: Axis = -1,
    temperature: ArrayLike = 1.0,
    mask: ArrayLike | None = None,
    empty: str | None = None,
) -> Array:
    """Return the probabilities ``exp(x / T) / sum(exp(x / T))``, in the shape of `x`.

    >>> softmax([0.0, 0.0, float("-inf")])
    array([0.5, 0.5, 0. ])
    """
    s = _Scores(x, axis, temperature, mask)
    p = s.weights / (s.top + s.rest)
    return s.rows.join(s.finish(p, empty, {"zero": 0.0, "uniform": 1 / s.kept}, masked=0.0))


@_quiet
def log_softmax(
    x: ArrayLike,
    /,
    *,
    axis: Axis = -1,
    temperature: ArrayLike = 1.0,
    mask: ArrayLike | None = None,
    empty: str | None = None,
) -> Array:
    """Return the logarithm of the softmax, in the shape of `x`.

    >>> log_softmax([100.0, 0.0])
    array([-3.72007598e-44, -1.00000000e+02])
    """
    s = _Scores(x, axis, temperature, mask)
    logp = s.q + (s.error - s.log_sum)
    fills = {"zero": -np.inf, "uniform": -np.log(s.kept)}
    return s.rows.join(s.finish(logp, empty, fills, masked=-np.inf))


@_quiet
def logsumexp(
    x: ArrayLike,
    /,
    *,
    axis: Axis = -1,
    temperature: ArrayLike = 1.0,
    mask: ArrayLike | None = None,
    keepdims: bool = False,
) -> Array:
    """Return ``log(sum(exp(x / T)))`` without the reduced axes; -inf for a row without a score.

    At temperature 0 it is the limit: infinite with the sign of the largest score, or the logarithm
    of the number of maxima when that score is 0.

    >>> float(logsumexp([1000.0, 1000.0])) == 1000 + math.log(2)
    True
    """
    s = _Scores(x, axis, temperature, mask)
    anchor, error = _quotient(s.m, np.zeros_like(s.m), s.t)
    value = anchor + (error + s.log_sum)
    at_zero = np.where(s.m == 0, np.log(np.sum(s.x == s.m, axis=1, keepdims=True)), s.m * np.inf)
    value = np.where(s.t == 0, at_zero, value)
    # An empty row is -inf, +inf wins over every number and NaN over everything: that is m itself.
    return s.rows.reduce(np.where(np.isfinite(s.m), value, s.m), keepdims)


@_quiet
def entropy(
    x: ArrayLike,
    /,
    *,
    axis: Axis = -1,
    temperature: ArrayLike = 1.0,
    mask: ArrayLike | None = None,
) -> Array:
    """Return the entropy of ``softmax(x)`` in nats, ``-sum(p * log(p))``, with ``0 log 0 = 0``.

    >>> bool(np.isclose(entropy([3.0, 3.0]), math.log(2)))
    True
    """
    s = _Scores(x, axis, temperature, mask)
    p = s.weights / (s.top + s.rest)
    value = s.log_sum - np.sum(np.where(p > 0, p * s.q, 0.0), axis=1, keepdims=True)
    value = np.where(np.isfinite(s.m), value, np.nan)
    return s.rows.reduce(np.where(s.kept == 0, 0.0, value))


@_quiet
def softmax_vjp(
    p: ArrayLike, g: ArrayLike, /, *, axis: Axis = -1, temperature: ArrayLike = 1.0
) -> Array:
    """Return ``p * (g - sum(p * g)) / T``: the gradient for the scores, given `g` for `p`.

    At temperature 0 the softmax is constant between its jumps, so the gradient is 0.

    >>> softmax_vjp([0.5, 0.5], [1.0, 0.0])
    array([ 0.25, -0.25])
    """
    rows = _Rows(_as_float64(p, "p"), axis)
    if np.shape(g) != rows.shape:
        raise ValueError(f"g must have the shape of p, {rows.shape}, got {np.shape(g)}")
    weights = rows.split(_as_float64(p, "p"))
    there = weights != 0
    g_rows = np.where(there, rows.split(_as_float64(g, "g")), 0.0)
    slope = weights * (g_rows - np.sum(weights * g_rows, axis=1, keepdims=True))
    return rows.join(np.where(there, _over(slope, rows.temperature(temperature)), 0.0))


def softmax_jvp(
    p: ArrayLike, v: ArrayLike, /, *, axis: Axis = -1, temperature: ArrayLike = 1.0
) -> Array:
    """Return ``p * (v - sum(p * v)) / T``: the change of `p` when the scores change by `v`.

    The Jacobian is symmetric, so this is `softmax_vjp` under the name of its other use.

    >>> softmax_jvp([0.5, 0.5], [1.0, 0.0])
    array([ 0.25, -0.25])
    """
    return softmax_vjp(p, v, axis=axis, temperature=temperature)


@_quiet
def softmax_jacobian(p: ArrayLike, /, *, temperature: ArrayLike = 1.0) -> Array:
    """Return ``(diag(p) - p p^T) / T`` for each row: shape (..., K) becomes (..., K, K).

    >>> softmax_jacobian([0.5, 0.5])
    array([[ 0.25, -0.25],
           [-0.25,  0.25]])
    """
    probs = np.atleast_1d(_as_float64(p, "p"))
    t = _Rows(probs, -1).temperature(temperature).reshape(*probs.shape[:-1], 1, 1)
    column, row = probs[..., :, None], probs[..., None, :]
    diagonal = np.eye(probs.shape[-1], dtype=bool)
    jacobian = _over(np.where(diagonal, column * (1 - row), -column * row), t)
    return np.where((column != 0) & (row != 0), jacobian, 0.0)


@_quiet
def sigmoid(x: ArrayLike, /) -> Array:
    """Return ``1 / (1 + exp(-x))``, the softmax of ``[x, 0]`` in its first slot."""
    a = _as_float64(x)
    small = np.exp(-np.abs(a))  # never overflows
    return np.asarray(np.where(a >= 0, 1.0, small) / (1 + small))[()]


def tanh(x: ArrayLike, /) -> Array:
    """Return the hyperbolic tangent."""
    return np.tanh(_as_float64(x))


def relu(x: ArrayLike, /) -> Array:
    """Return ``max(x, 0)``; NaN stays NaN."""
    return np.maximum(_as_float64(x), 0.0)


@_quiet
def leaky_relu(x: ArrayLike, /, *, negative_slope: float = 0.01) -> Array:
    """Return `x` where it is positive and ``negative_slope * x`` elsewhere."""
    a = _as_float64(x)
    return np.where(a > 0, a, negative_slope * a)[()]


@_quiet
def silu(x: ArrayLike, /) -> Array:
    """Return ``x * sigmoid(x)``; its limit at -inf is 0."""
    a = _as_float64(x)
    root = np.exp(np.minimum(a, 0.0) / 2)  # exp(x) in two steps keeps the subnormal results exact
    negative = np.where(a == -np.inf, 0.0, a * root * root / (1 + root * root))
    return np.where(a < 0, negative, a / (1 + np.exp(-np.abs(a))))[()]


class _Scores:
    """The rows of `x` and their normaliser, named as in the preamble; (n, K) or (n, 1)."""

    @_quiet
    def __init__(
        self, x: ArrayLike, axis: Axis, temperature: ArrayLike, mask: ArrayLike | None
    ) -> None:
        values = _as_float64(x)
        self.rows = rows = _Rows(values, axis)
        self.keep = rows.split(_keep(x, values, mask))
        self.kept = self.keep.sum(axis=1, keepdims=True).astype(np.float64)
        self.x = np.where(self.keep, rows.split(values), -np.inf)
        self.m = self.x.max(axis=1, keepdims=True, initial=-np.inf)
        self.t = rows.temperature(temperature)

        winners = self.x == self.m
        winners = np.where(self.t == np.inf, self.x > -np.inf, winners)
        winners &= (self.t > 0) | (np.cumsum(winners, axis=1) == 1)  # at T = 0 only the first
        q, error = _quotient(self.x, self.m, self.t)
        limit = (self.t == 0) | (self.t == np.inf)
        self.q = np.where(winners, 0.0, np.where(limit, -np.inf, q))
        self.error = np.where(winners | limit, 0.0, error)
        self.weights = np.exp(self.q) * (1 + self.error)
        self.top = winners.sum(axis=1, keepdims=True)
        self.rest = np.where(winners, 0.0, self.weights).sum(axis=1, keepdims=True)
        self.log_sum = np.log(self.top) + np.log1p(self.rest / self.top)

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


class _Rows:
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
        target = self.kept if t.ndim == len(self.full) else self.reduced
        try:
            return np.broadcast_to(t, target).reshape(-1, 1)
        except ValueError:
            text = f"temperature must be a number or one a row, of shape {self.reduced} or "
            raise ValueError(f"{text}{self.kept}, got shape {t.shape}") from None


def _as_float64(x: ArrayLike, name: str = "x") -> Array:
    a = np.asarray(x)
    if a.dtype.name != "bfloat16" and (a.dtype.kind not in "biuf" or a.dtype.itemsize > 8):
        raise TypeError(f"{name} must be of booleans, integers or floats to 64 bit, got {a.dtype}")
    return a.astype(np.float64)


def _keep(x: ArrayLike, values: Array, mask: ArrayLike | None) -> NDArray[np.bool_]:
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


def _quotient(x: Array, m: Array, t: Array) -> tuple[Array, Array]:
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


def _over(slope: Array, t: Array) -> Array:
    """Return ``slope / t``; 0 in both limits of t, where the softmax no longer moves."""
    limit = (t == 0) | (t == np.inf)
    return np.where(limit, slope * 0.0 + 0.0, slope / t)

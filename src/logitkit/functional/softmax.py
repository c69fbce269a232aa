"""The softmax family: probabilities, their logarithms, the normaliser and the entropy."""

from __future__ import annotations

from typing import Any

from logitkit import _core
from logitkit.backends import backend_of
from logitkit.backends import numpy as numpy_backend
from logitkit.functional._plain import ARRAY, DEFAULT, LAST, ONE

_SOFTMAX, _LOG_SOFTMAX = _core.SOFTMAX, _core.LOG_SOFTMAX


def softmax(
    x: Any,
    /,
    *,
    axis: int | tuple[int, ...] | None = LAST,
    temperature: Any = ONE,
    mask: Any = None,
    empty: str | None = None,
    dtype: Any = None,
    out: Any = None,
    precision: str = DEFAULT,
) -> Any:
    """Turn scores into probabilities: ``exp(x / T) / sum(exp(x / T))`` along an axis.

    Each value lies in [0, 1], each row sums to 1, and the order of the scores is kept. No finite
    input overflows.

    Parameters
    ----------
    x : array_like
        Scores (logits), any shape; bool, integer, float16, bfloat16, float32 or float64. -inf is an
        impossible class.
    axis : int, tuple of int, or None
        The axis, or axes, along which probabilities sum to 1; None is all of them.
    temperature : float or array_like
        T >= 0: below 1 sharpens, above 1 flattens. 0 gives exactly the one-hot of the first
        maximum, infinity exactly the uniform distribution over the possible classes. An array gives
        one T a row: the shape of x without `axis`, or with it as 1.
    mask : array_like of bool, optional
        True where x takes part; broadcasts against x. What stands in a masked slot has no effect;
        its result is 0.
    empty : {"nan", "zero", "uniform", "raise"}, optional
        What a row gives in which every slot that takes part is -inf; by default NaN. A fully masked
        row is 0.
    dtype : dtype, optional
        Floating dtype of the result. By default that of x; float32 for bool and integers up to 16
        bit, float64 for wider ones.
    out : ndarray, optional
        Where to put the result: right shape and dtype, apart from x or exactly x (in place).
    precision : {"default", "exact"}
        "default" is within 2 ULP (1.71 is the worst found), "exact" computes float32 in float64
        and is within 0.51 ULP. float64 is within 2 ULP either way.

    Returns
    -------
    ndarray
        The shape of x; a scalar for a scalar, which counts as a row of one.

    Raises
    ------
    TypeError
        For a dtype outside the list above, or a mask that is not boolean.
    ValueError
        For a temperature that is negative or NaN, shapes that do not broadcast, an `out` that does
        not fit, an unknown choice, and for an empty row with ``empty="raise"``. Nothing is written
        then.

    Notes
    -----
    A row with NaN or +inf in a slot that takes part is NaN. One sweep over the row finds maximum
    and sum, block by block, a second one stores the result: O(n) time. No memory but the result for
    native floating dtypes along a contiguous axis. Strided rows pass through scratch: at most 2^19
    elements a thread; of longer rows a block of 4096 at a time. What has another dtype than is
    computed in, such as integers and byte-swapped arrays, is converted by parts of whole rows, 2^20
    elements at a time, longer rows by blocks. No array, nor any long row, is copied as a whole. The
    bits of a row depend on that row alone, not on the batch, the memory layout, the number of
    threads or the instruction set.

    The scores are taken apart into powers of two and remainders without subtracting the maximum,
    whose rounding is analysed by Blanchard, D. J. Higham and N. J. Higham, "Accurately computing
    the log-sum-exp and softmax functions", IMA J. Numer. Anal. 41 (2021).

    Examples
    --------
    >>> import logitkit as lk
    >>> lk.softmax([1.5, 2.2, -0.3, 0.8]).round(2)
    array([0.27, 0.55, 0.04, 0.14])
    >>> lk.softmax([1000.0, 1001.0, 1002.0]).round(4)
    array([0.09  , 0.2447, 0.6652])
    >>> lk.softmax([1.0, 3.0, 3.0], temperature=0)
    array([0., 1., 0.])
    >>> lk.softmax([1.0, 2.0, float("nan")], mask=[True, True, False]).round(3)
    array([0.269, 0.731, 0.   ])
    """
    if (
        type(x) is ARRAY
        and axis is LAST
        and temperature is ONE
        and mask is None
        and empty is None
        and dtype is None
        and precision is DEFAULT
        and (result := _core.map_plain(_SOFTMAX, x, out)) is not None
    ):
        return result
    return backend_of(x).softmax(x, axis, temperature, mask, empty, dtype, out, precision)


def log_softmax(
    x: Any,
    /,
    *,
    axis: int | tuple[int, ...] | None = LAST,
    temperature: Any = ONE,
    mask: Any = None,
    empty: str | None = None,
    dtype: Any = None,
    out: Any = None,
    precision: str = DEFAULT,
) -> Any:
    """Logarithm of softmax, in nats: ``x / T - logsumexp(x / T)`` along an axis, never above 0.

    Probabilities near 1 keep all their digits: their logarithm is computed from the sum of the
    others.

    Parameters
    ----------
    x, axis, temperature, mask, empty, dtype, out, precision
        As for `logitkit.softmax`. A masked slot gives -inf; ``empty="zero"`` gives -inf,
        ``"uniform"`` -log(n).

    Returns
    -------
    ndarray
        Log-probabilities in nats, the shape of x.

    Raises
    ------
    TypeError, ValueError
        As `logitkit.softmax`.

    Notes
    -----
    ``(x - m)/T - log1p(R)`` with m the maximum and R what the other exponentials come to beside it:
    both terms have one sign, so nothing cancels. Within 1 ULP in float32, 2 in float64. O(n) time,
    memory as for `logitkit.softmax`.

    Examples
    --------
    >>> import logitkit as lk
    >>> lk.log_softmax([1.5, 2.2, -0.3, 0.8]).round(3)
    array([-1.302, -0.602, -3.102, -2.002])
    >>> lk.log_softmax([0.0, -40.0])
    array([-4.24835426e-18, -4.00000000e+01])
    """
    if (
        type(x) is ARRAY
        and axis is LAST
        and temperature is ONE
        and mask is None
        and empty is None
        and dtype is None
        and precision is DEFAULT
        and (result := _core.map_plain(_LOG_SOFTMAX, x, out)) is not None
    ):
        return result
    return backend_of(x).log_softmax(x, axis, temperature, mask, empty, dtype, out, precision)


def logsumexp(
    x: Any,
    /,
    *,
    axis: int | tuple[int, ...] | None = LAST,
    temperature: Any = ONE,
    mask: Any = None,
    keepdims: bool = False,
    dtype: Any = None,
    out: Any = None,
) -> Any:
    """Logarithm of the sum of exponentials: ``log(sum(exp(x / T)))`` along an axis, in nats.

    Parameters
    ----------
    x, axis, temperature, mask, dtype, out
        As for `logitkit.softmax`; `out` has the shape of the result and shares no memory with x.
    keepdims : bool
        Keep the reduced axes with size 1.

    Returns
    -------
    ndarray or scalar
        One value a row. A row of all -inf, a fully masked one and one of length 0 give -inf, a row
        with +inf gives +inf. At temperature 0 the limit: +inf, -inf, or log of the number of maxima
        where they are 0.

    Raises
    ------
    TypeError, ValueError
        As `logitkit.softmax`.

    Notes
    -----
    ``m/T + log1p(R)``, see `logitkit.log_softmax`; a result near 0, where the terms
    cancel, is computed again in float64. Within 1 ULP in float32; in float64 within 2 ULP of the
    larger of the terms, for a result near 0 lacks the digits that they shared. O(n) time,
    memory as for `logitkit.softmax`.

    Examples
    --------
    >>> import logitkit as lk
    >>> float(lk.logsumexp([1000.0, 1000.0]))
    1000.6931471805599
    >>> float(lk.logsumexp([0.0, -40.0]))
    4.248354255291589e-18
    """
    if (
        numpy_backend.is_plain(x)
        and axis is LAST
        and temperature is ONE
        and mask is dtype is out is None
        and keepdims is False
    ):
        return numpy_backend.reduce_plain(_core.LOGSUMEXP, x)
    return backend_of(x).logsumexp(x, axis, temperature, mask, keepdims, dtype, out)


def entropy(
    x: Any,
    /,
    *,
    axis: int | tuple[int, ...] | None = LAST,
    temperature: Any = ONE,
    mask: Any = None,
) -> Any:
    """Entropy of softmax(x), in nats: 0 for certainty, log(n) for n equally likely classes.

    Parameters
    ----------
    x, axis, temperature, mask
        As for `logitkit.softmax`: x are scores, not probabilities.

    Returns
    -------
    ndarray or scalar
        One value a row, >= 0; NaN where softmax is NaN, 0 for a fully masked row and one of length
        0.

    Raises
    ------
    TypeError, ValueError
        As `logitkit.softmax`.

    Notes
    -----
    ``log(S) + sum(e_i (m - x_i)/T) / S`` with ``e_i = exp((x_i - m)/T)`` and S their sum: both
    terms are >= 0, a probability of 0 adds 0. Computed in float64. O(n) time, memory as for
    `logitkit.softmax`. Shannon, "A mathematical theory of communication" (1948).

    Examples
    --------
    >>> import logitkit as lk
    >>> float(lk.entropy([0.0, 0.0]))
    0.6931471805599453
    >>> lk.entropy([[3.0, 0.0], [30.0, 0.0]]).round(4)
    array([0.1909, 0.    ])
    """
    return backend_of(x).entropy(x, axis, temperature, mask)

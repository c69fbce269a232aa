"""The derivatives of the family: products with a gradient, and the Jacobian of softmax.

``d p_i / d x_j = p_i (delta_ij - p_j) / T``: ``p_i (1 - p_i)`` on the diagonal, ``-p_i p_j`` off
it. Where a map is differentiated the functions take its result, which a caller has already; where
a reduction is, the scores.
"""

from __future__ import annotations

from typing import Any

from logitkit import _core
from logitkit.backends import backend_of
from logitkit.functional._plain import ARRAY, LAST, ONE

_SOFTMAX_VJP, _LOG_SOFTMAX_VJP = _core.SOFTMAX_VJP, _core.LOG_SOFTMAX_VJP


def softmax_vjp(
    p: Any,
    g: Any,
    /,
    *,
    axis: int | tuple[int, ...] | None = LAST,
    temperature: Any = ONE,
    out: Any = None,
) -> Any:
    """Vector-Jacobian product: the gradient in the scores, ``p * (g - sum(p * g)) / T``.

    Parameters
    ----------
    p : array_like
        Probabilities, the result of `logitkit.softmax`.
    g : array_like
        The gradient of a loss with respect to p, the shape of p.
    axis : int, tuple of int, or None
        The axis along which p sums to 1.
    temperature : float or array_like
        The temperature that p was made with. At 0 and infinity the result is 0.
    out : ndarray, optional
        Where to put the result; its shape and dtype. It may be exactly p, or exactly g, and must
        not overlap them otherwise.

    Returns
    -------
    ndarray
        The gradient of the loss with respect to the scores: shape and dtype of p. Where p is 0
        (masked, impossible) it is 0, whatever stands in g.

    Raises
    ------
    TypeError, ValueError
        As `logitkit.softmax`; also if the shapes of p and g differ.

    Notes
    -----
    O(n) time, memory as for `logitkit.softmax`, also where p and g differ in dtype; the Jacobian is
    never formed. Sums are in float64; float32 and shorter types are within 3 ULP of the larger of
    ``p * g`` and ``p * sum(p * g)``.

    Examples
    --------
    >>> import logitkit as lk
    >>> p = lk.softmax([1.5, 2.2, -0.3, 0.8])
    >>> lk.softmax_vjp(p, [0.0, 1.0, 0.0, 0.0]).round(4)
    array([-0.1491,  0.2477, -0.0246, -0.074 ])
    """
    if (result := _plain(_SOFTMAX_VJP, p, g, axis, temperature, out)) is not None:
        return result
    return backend_of(p).softmax_vjp(p, g, axis, temperature, out, "g")


def softmax_jvp(
    p: Any,
    v: Any,
    /,
    *,
    axis: int | tuple[int, ...] | None = -1,
    temperature: Any = 1.0,
    out: Any = None,
) -> Any:
    """Jacobian-vector product: the change of the probabilities when the scores move along v.

    The Jacobian of softmax is symmetric, so this is `logitkit.softmax_vjp` under the name that
    forward-mode differentiation looks for.

    Parameters
    ----------
    p : array_like
        Probabilities, the result of `logitkit.softmax`.
    v : array_like
        A direction in the scores, the shape of p.
    axis, temperature, out
        As for `logitkit.softmax_vjp`.

    Returns
    -------
    ndarray
        ``p * (v - sum(p * v)) / T``: shape and dtype of p.

    Raises
    ------
    TypeError, ValueError
        As `logitkit.softmax_vjp`.

    Examples
    --------
    >>> import logitkit as lk
    >>> p = lk.softmax([0.0, 0.0])
    >>> lk.softmax_jvp(p, [0.01, 0.0])
    array([ 0.0025, -0.0025])
    """
    return backend_of(p).softmax_vjp(p, v, axis, temperature, out, "v")


def log_softmax_vjp(
    log_p: Any,
    g: Any,
    /,
    *,
    axis: int | tuple[int, ...] | None = LAST,
    temperature: Any = ONE,
    out: Any = None,
) -> Any:
    """Gradient in the scores, given one in the log-probabilities: ``(g - p * sum(g)) / T``.

    Parameters
    ----------
    log_p : array_like
        Log-probabilities, the result of `logitkit.log_softmax`.
    g : array_like
        The gradient of a loss with respect to log_p, the shape of log_p.
    axis : int, tuple of int, or None
        The axis along which ``exp(log_p)`` sums to 1.
    temperature : float or array_like
        The temperature that log_p was made with. At 0 and infinity the result is 0.
    out : ndarray, optional
        Where to put the result; its shape and dtype. It may be exactly log_p, or exactly g, and
        must not overlap them otherwise.

    Returns
    -------
    ndarray
        The gradient of the loss with respect to the scores: shape and dtype of log_p. Where log_p
        is -inf (masked, impossible) it is 0, and what stands in g there has no effect.

    Raises
    ------
    TypeError, ValueError
        As `logitkit.softmax`; also if the shapes of log_p and g differ.

    Notes
    -----
    O(n) time, memory as for `logitkit.softmax_vjp`. Sums are in float64; float32 and shorter types
    are within 5 ULP of the larger of ``g`` and ``p * sum(g)``.

    Examples
    --------
    >>> import logitkit as lk
    >>> log_p = lk.log_softmax([1.5, 2.2, -0.3, 0.8])
    >>> lk.log_softmax_vjp(log_p, [0.0, 1.0, 0.0, 0.0]).round(4)
    array([-0.2721,  0.4521, -0.045 , -0.1351])
    """
    if (result := _plain(_LOG_SOFTMAX_VJP, log_p, g, axis, temperature, out)) is not None:
        return result
    return backend_of(log_p).log_softmax_vjp(log_p, g, axis, temperature, out)


def logsumexp_vjp(
    x: Any,
    g: Any,
    /,
    *,
    axis: int | tuple[int, ...] | None = -1,
    temperature: Any = 1.0,
    mask: Any = None,
    out: Any = None,
) -> Any:
    """Gradient in the scores, given one in their logsumexp: ``g * softmax(x) / T``.

    Parameters
    ----------
    x : array_like
        Scores, as for `logitkit.softmax`.
    g : array_like
        The gradient of a loss with respect to ``logsumexp(x)``: one number a row, the shape of x
        without `axis`, or with it as 1.
    axis, temperature, mask
        As for `logitkit.logsumexp`. At the temperatures 0 and infinity the result is 0.
    out : ndarray, optional
        Where to put the result; its shape and dtype. It may be exactly x, and must not overlap x
        or g otherwise.

    Returns
    -------
    ndarray
        Shape and dtype of x. A masked or impossible slot is 0, and so is a row of all -inf, whose
        logsumexp does not move; a row whose softmax is NaN otherwise is NaN.

    Raises
    ------
    TypeError, ValueError
        As `logitkit.softmax`; also if g is not one number a row.

    Notes
    -----
    As accurate as `logitkit.softmax`. O(n) time, memory as for `logitkit.softmax_vjp`.

    Examples
    --------
    >>> import logitkit as lk
    >>> lk.logsumexp_vjp([[1.5, 2.2, -0.3, 0.8], [0.0, 0.0, 0.0, 0.0]], [1.0, 2.0]).round(4)
    array([[0.2721, 0.5479, 0.045 , 0.1351],
           [0.5   , 0.5   , 0.5   , 0.5   ]])
    """
    return backend_of(x).logsumexp_vjp(x, g, axis, temperature, mask, out)


def entropy_vjp(
    x: Any,
    g: Any,
    /,
    *,
    axis: int | tuple[int, ...] | None = -1,
    temperature: Any = 1.0,
    mask: Any = None,
    out: Any = None,
) -> Any:
    """Gradient in the scores, given one in their entropy: ``-g * p * (log(p) + H) / T``.

    Parameters
    ----------
    x : array_like
        Scores, as for `logitkit.softmax`.
    g : array_like
        The gradient of a loss with respect to ``entropy(x)``: one number a row, the shape of x
        without `axis`, or with it as 1.
    axis, temperature, mask
        As for `logitkit.entropy`. At the temperatures 0 and infinity the result is 0.
    out : ndarray, optional
        As for `logitkit.logsumexp_vjp`.

    Returns
    -------
    ndarray
        Shape and dtype of x. A masked or impossible slot is 0; a row whose entropy is NaN is NaN.

    Raises
    ------
    TypeError, ValueError
        As `logitkit.softmax`; also if g is not one number a row.

    Notes
    -----
    With y the distance of a score from the maximum, in units of T, ``log(p) + H`` is
    ``y - sum(p * y)``: the logarithm of the normaliser has cancelled. Computed in float64. O(n)
    time, memory as for `logitkit.softmax_vjp`.

    Examples
    --------
    >>> import logitkit as lk
    >>> lk.entropy_vjp([1.0, 2.0, 3.0], 1.0).round(4)
    array([ 0.1418,  0.1408, -0.2826])
    """
    return backend_of(x).entropy_vjp(x, g, axis, temperature, mask, out)


def softmax_jacobian(p: Any, /, *, temperature: Any = 1.0) -> Any:
    """Jacobian of softmax along the last axis: ``(diag(p) - p p^T) / T``.

    Parameters
    ----------
    p : array_like, shape (..., K)
        Probabilities, the result of `logitkit.softmax`.
    temperature : float or array_like
        The temperature that p was made with; an array gives one a row. At 0 and infinity the result
        is 0.

    Returns
    -------
    ndarray, shape (..., K, K)
        Symmetric, each row sums to 0. ``p_i (1 - p_i) / T`` on the diagonal, ``-p_i p_j / T`` off
        it.

    Raises
    ------
    TypeError, ValueError
        As `logitkit.softmax`; also for a scalar.

    Notes
    -----
    O(K^2) time and memory a row: for looking at. `logitkit.softmax_vjp` multiplies by it in O(K).

    Examples
    --------
    >>> import logitkit as lk
    >>> lk.softmax_jacobian(lk.softmax([1.0, 2.0, 3.0])).round(4)
    array([[ 0.0819, -0.022 , -0.0599],
           [-0.022 ,  0.1848, -0.1628],
           [-0.0599, -0.1628,  0.2227]])
    """
    return backend_of(p).softmax_jacobian(p, temperature=temperature)


def _plain(op: int, p: Any, g: Any, axis: Any, temperature: Any, out: Any) -> Any:
    """Return the product where the core does it alone, else None."""
    if type(p) is ARRAY and axis is LAST and temperature is ONE:
        return _core.vjp_plain(op, p, g, out)
    return None

"""The functions that softmax is compared with, element by element.

Where each belongs: softmax for classes that exclude each other; sigmoid for one class against none,
and for labels that do not exclude each other; tanh, ReLU, leaky ReLU and SiLU inside a network.
"""

from __future__ import annotations

from numbers import Real
from typing import Any

from logitkit.backends import backend_of
from logitkit.backends._formulas import activations as formulas


def sigmoid(x: Any, /) -> Any:
    """Logistic function ``1 / (1 + exp(-x))`` of each element: binary and multi-label classes.

    Parameters
    ----------
    x : array_like
        Scores, any shape; the dtypes of `logitkit.softmax`.

    Returns
    -------
    ndarray or scalar
        The shape of x; its dtype, float32 for integers up to 16 bit, float64 for wider ones.

    Raises
    ------
    TypeError
        For another dtype.

    Examples
    --------
    >>> import logitkit as lk
    >>> lk.sigmoid([-1000.0, 0.0, 2.0]).round(3)
    array([0.   , 0.5  , 0.881])
    """
    return backend_of(x).elementwise(x, formulas.sigmoid)


def tanh(x: Any, /) -> Any:
    """Hyperbolic tangent, each element by itself, in (-1, 1): hidden layers. ``2 sigmoid(2x) - 1``.

    Parameters
    ----------
    x : array_like
        As for `logitkit.sigmoid`.

    Returns
    -------
    ndarray or scalar
        The shape of x; dtype as for `logitkit.sigmoid`.

    Examples
    --------
    >>> import logitkit as lk
    >>> lk.tanh([-1.0, 0.0, 1.0]).round(3)
    array([-0.762,  0.   ,  0.762])
    """
    return backend_of(x).elementwise(x, formulas.tanh)


def relu(x: Any, /) -> Any:
    """Rectified linear unit ``max(x, 0)``, each element by itself: hidden layers.

    Parameters
    ----------
    x : array_like
        As for `logitkit.sigmoid`.

    Returns
    -------
    ndarray or scalar
        The shape of x; dtype as for `logitkit.sigmoid`.

    Examples
    --------
    >>> import logitkit as lk
    >>> lk.relu([-1.0, 0.0, 2.0])
    array([0., 0., 2.])
    """
    return backend_of(x).elementwise(x, formulas.relu)


def leaky_relu(x: Any, /, *, negative_slope: float = 0.01) -> Any:
    """Leaky ReLU: x where it is positive, ``negative_slope * x`` elsewhere: hidden layers.

    Parameters
    ----------
    x : array_like
        As for `logitkit.sigmoid`.
    negative_slope : float
        The slope left of 0; negative_slope 0 is `logitkit.relu`.

    Returns
    -------
    ndarray or scalar
        The shape of x; dtype as for `logitkit.sigmoid`.

    Raises
    ------
    TypeError, ValueError
        For a slope that is no number, or beyond the range of float64.

    Examples
    --------
    >>> import logitkit as lk
    >>> lk.leaky_relu([-1.0, 2.0])
    array([-0.01,  2.  ])
    """
    if not isinstance(negative_slope, Real):
        raise TypeError(f"negative_slope is {negative_slope!r}; accepted is a number")
    try:
        slope = float(negative_slope)
    except OverflowError:
        raise ValueError(
            f"negative_slope is {negative_slope!r}; accepted is a number in the range of float64"
        ) from None
    return backend_of(x).elementwise(x, formulas.leaky_relu, slope)


def silu(x: Any, /) -> Any:
    """Sigmoid linear unit (swish) ``x * sigmoid(x)``, each element by itself: hidden layers.

    Parameters
    ----------
    x : array_like
        As for `logitkit.sigmoid`.

    Returns
    -------
    ndarray or scalar
        The shape of x; dtype as for `logitkit.sigmoid`. -inf gives 0, the limit.

    Notes
    -----
    Elfwing, Uchibe and Doya, "Sigmoid-weighted linear units" (2018).

    Examples
    --------
    >>> import logitkit as lk
    >>> lk.silu([-2.0, 0.0, 2.0]).round(3)
    array([-0.238,  0.   ,  1.762])
    """
    return backend_of(x).elementwise(x, formulas.silu)

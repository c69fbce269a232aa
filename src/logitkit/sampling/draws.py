"""Draws from a row's softmax."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from logitkit.backends import backend_of


def sample(
    x: Any,
    /,
    *,
    seed: int,
    temperature: Any = 1.0,
    top_k: int | None = None,
    top_p: float | None = None,
    min_p: float | None = None,
    order: str | Sequence[str] = "hf",
    size: int | tuple[int, ...] | None = None,
    axis: int | tuple[int, ...] | None = -1,
    rows: Any = None,
) -> Any:
    """Draw indices from ``softmax(filter_logits(x, ...))``, each row on its own.

    A draw follows from the seed, the number of its row and its own number alone: it is the same
    in any batch, on any number of threads.

    Parameters
    ----------
    x : array_like
        Logits of any shape; dtypes as for `logitkit.softmax`. What is at -inf or masked in a masked
        array is never drawn.
    seed : int in [0, 2**64)
        The key of the random numbers.
    temperature, top_k, top_p, min_p, order
        As for `logitkit.filter_logits`. Temperature 0 gives the largest, the first of several.
    size : int or tuple of int, optional
        How many draws of each row, with replacement. None: one.
    axis : int, tuple of int or None
        The axis along which probabilities sum to 1. Along several, an index counts their elements
        in C order.
    rows : int or array_like of int, optional
        The number of each row, >= 0, to draw for a part of a batch what the whole would give.
        Broadcasts against one value a row. None: 0, 1, 2, ... in C order.

    Returns
    -------
    ndarray of int64 or scalar
        The shape of x without the axis, behind that of `size`.

    Raises
    ------
    TypeError
        For an argument of a kind that is not accepted.
    ValueError
        For a number out of its range, and for a row that nothing can be drawn from, with its place:
        a logit of NaN or +inf, or none above -inf.

    See Also
    --------
    logitkit.filter_logits : What is drawn from.
    logitkit.gather_logprobs : The log-probability of what was drawn.

    Notes
    -----
    The random number of a draw is u = 53 bits of Philox 4x32-10, whose key is the seed and whose
    counter the numbers of row and draw. The index is the first at which the sum of the weights, in
    the order of the row, passes u times their whole. Weights are whole numbers, e^((x - max) / T)
    in units of 2^-80: an index of probability 0 is never drawn, and there is no rounding in the
    sums. O(C) time a row, and O(log C) more for each further draw where C is at most 1024, else
    up to 1024 weights and C / 256. Salmon et al., "Parallel random numbers: as easy as 1, 2, 3"
    (2011).

    Examples
    --------
    >>> import logitkit as lk
    >>> x = [[1.5, 2.2, -0.3, 0.8], [0.0, 0.0, 9.0, 0.0]]
    >>> lk.sample(x, seed=7)
    array([1, 2])
    >>> lk.sample(x, seed=7, size=5, top_k=2)
    array([[1, 2],
           [1, 2],
           [0, 2],
           [0, 2],
           [1, 2]])

    The second row alone:

    >>> lk.sample(x[1], seed=7, rows=1)
    np.int64(2)
    """
    return backend_of(x).sample(x, axis, temperature, top_k, top_p, min_p, order, seed, size, rows)

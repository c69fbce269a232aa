"""Single elements of a row: log-probabilities at given classes, and the k largest scores."""

from __future__ import annotations

from typing import Any, NamedTuple

from logitkit.backends import backend_of


def gather_logprobs(
    x: Any,
    ids: Any,
    /,
    *,
    axis: int = -1,
    temperature: Any = 1.0,
    mask: Any = None,
) -> Any:
    """Log-probabilities of given classes, in nats: log_softmax(x) at `ids`, and nowhere else.

    Parameters
    ----------
    x : array_like
        Scores, as for `logitkit.softmax`.
    ids : array_like of int
        Classes, from 0 to C - 1 where C is the length of the axis; any integer dtype. As many
        dimensions as x: several classes a row, along `axis`, as for ``numpy.take_along_axis``; one
        dimension less: one class a row. The other dimensions broadcast with those of x.
    axis : int
        The axis along which probabilities sum to 1.
    temperature, mask
        As for `logitkit.softmax`; they belong to x. A masked class gives -inf.

    Returns
    -------
    ndarray or scalar
        The shape of `ids` (broadcast with x), the dtype of ``log_softmax(x)``, and the same bits as
        ``log_softmax(x, ...)`` has at these places.

    Raises
    ------
    IndexError
        For a class outside [0, C), with its place. Negative ones do not count from the end.
    TypeError, ValueError
        As `logitkit.softmax`; also for ids that are no integers or do not fit x, and an axis that
        is not one int.

    Notes
    -----
    One or two passes over x for the normaliser, see `logitkit.log_softmax`, then O(1) a class: O(n)
    time. No memory but for the result and a copy of `ids`; other dtypes are converted as by
    `logitkit.softmax`.

    Examples
    --------
    >>> import logitkit as lk
    >>> x = [[1.5, 2.2, -0.3, 0.8], [0.0, 0.0, 0.0, 0.0]]
    >>> lk.gather_logprobs(x, [1, 3]).round(3)
    array([-0.602, -1.386])
    >>> lk.gather_logprobs(x, [[1, 0], [3, 2]]).round(3)
    array([[-0.602, -1.302],
           [-1.386, -1.386]])
    """
    return backend_of(x).gather_logprobs(x, ids, axis, temperature, mask)


class TopK(NamedTuple):
    """The k largest elements of each row, in descending order, and where they stand."""

    values: Any
    ids: Any


def top_k(x: Any, k: int, /, *, axis: int = -1) -> TopK:
    """Give the k largest elements of each row, in descending order, and their indices.

    Parameters
    ----------
    x : array_like
        Any shape; dtypes as for `logitkit.softmax`.
    k : int
        How many, >= 0. More than there are gives all of them: a stable sort in descending order.
    axis : int
        The axis along which the largest are sought.

    Returns
    -------
    values : ndarray
        The shape of x with ``min(k, C)`` along the axis, in the dtype of x. A scalar counts as a
        vector of length 1.
    ids : ndarray of int64
        Where they stand along the axis. Of equal elements (0 and -0 are equal) the lower index
        comes first. NaN counts as larger than every number, as for NumPy's sort and PyTorch.

    Raises
    ------
    TypeError
        For a k or an axis that is no integer, a dtype that `logitkit.softmax` does not take, and a
        masked array.
    ValueError
        For a negative k.

    Notes
    -----
    One sweep compares with the k-th largest so far, which is the root of a heap: O(C) for a small k
    and rows in no particular order, O(C log k) at worst. Memory as for `logitkit.softmax`,
    but 64-bit integers beyond 2^53 are sorted as a whole, in NumPy. Floyd, "Algorithm 245:
    Treesort", Comm. ACM 7 (1964), for the heap.

    Examples
    --------
    >>> import logitkit as lk
    >>> values, ids = lk.top_k([1.5, 2.2, -0.3, 2.2], 3)
    >>> values
    array([2.2, 2.2, 1.5])
    >>> ids
    array([1, 3, 0])
    """
    return TopK(*backend_of(x).top_k(x, k, axis))

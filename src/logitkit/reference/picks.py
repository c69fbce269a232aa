"""Single elements of a row."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from logitkit.reference._rows import Array, as_float64
from logitkit.reference.family import log_softmax


def gather_logprobs(
    x: ArrayLike,
    ids: ArrayLike,
    /,
    *,
    axis: int = -1,
    temperature: ArrayLike = 1.0,
    mask: ArrayLike | None = None,
) -> Array:
    """Return ``log_softmax(x)`` at `ids`: several a row along `axis`, or one a row without it.

    >>> gather_logprobs([[0.0, 0.0], [0.0, -np.inf]], [1, 1])
    array([-0.69314718,        -inf])
    """
    log_p = np.atleast_1d(log_softmax(x, axis=axis, temperature=temperature, mask=mask))
    wanted = np.asarray(ids)
    if wanted.dtype.kind not in "iu":
        raise TypeError(f"ids must be integers, got {wanted.dtype}")
    classes = log_p.shape[axis]
    if not np.all((wanted >= 0) & (wanted < classes)):
        raise IndexError(f"ids must be from 0 to {classes - 1}, got {wanted}")
    one_a_row = wanted.ndim == log_p.ndim - 1
    if one_a_row:
        wanted = np.expand_dims(wanted, axis)
    if wanted.ndim != log_p.ndim:
        raise ValueError(f"ids must have the dimensions of x or one less, got {wanted.ndim}")
    found = np.take_along_axis(log_p, wanted.astype(np.int64), axis)
    return found.squeeze(axis)[()] if one_a_row else found


def top_k(x: ArrayLike, k: int, /, *, axis: int = -1) -> tuple[Array, NDArray[np.int64]]:
    """Return the k largest elements in descending order and their indices; NaN is the largest.

    >>> top_k([1.0, 3.0, 3.0], 2)
    (array([3., 3.]), array([1, 2]))
    """
    values = np.atleast_1d(as_float64(x))
    if k < 0:
        raise ValueError(f"k must be >= 0, got {k}")
    unknown = np.isnan(values)
    order = np.lexsort((np.where(unknown, 0.0, -values), ~unknown), axis=axis)
    ids = np.take(order, np.arange(min(k, values.shape[axis])), axis=axis)
    return np.take_along_axis(values, ids, axis), ids

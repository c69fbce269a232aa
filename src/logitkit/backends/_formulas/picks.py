"""Single elements of a row, by their index or by their rank."""

from __future__ import annotations

from typing import Any

from logitkit.backends._formulas.family import log_softmax
from logitkit.backends._formulas.rows import Array


def gather_logprobs(
    xp: Any, x: Array, ids: Array, axis: int, t: Any, keep: Array | None = None
) -> Array:
    """Return the logarithm of softmax at ids, which have the dimensions of x and are in range."""
    return xp.take_along_axis(log_softmax(xp, x, (axis,), t, keep), ids, axis=axis)


def top_k(xp: Any, x: Array, k: int, axis: int) -> tuple[Array, Array]:
    """Return the k largest elements in descending order and their indices; NaN is the largest."""
    if not xp.isdtype(x.dtype, "real floating"):
        order = xp.argsort(x, axis=axis, descending=True, stable=True)
    else:
        # The standard leaves open where NaN goes: beside infinity, and from there to the front.
        unknown = xp.isnan(x)
        order = xp.argsort(xp.where(unknown, xp.inf, x), axis=axis, descending=True, stable=True)
        first = xp.take_along_axis(xp.astype(unknown, xp.uint8), order, axis=axis)
        again = xp.argsort(first, axis=axis, descending=True, stable=True)
        order = xp.take_along_axis(order, again, axis=axis)
    front = (*(slice(None),) * axis, slice(min(k, x.shape[axis])), ...)
    ids = order[front]
    return xp.take_along_axis(x, ids, axis=axis), ids

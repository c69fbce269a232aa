"""NumPy arrays: single elements of a row, by their index or by their rank."""

from __future__ import annotations

from typing import Any

import numpy as np

from logitkit import _core
from logitkit.backends import _arguments as arguments
from logitkit.backends import _delivery as delivery
from logitkit.backends._arguments import Array
from logitkit.backends._labels import check_labels

_EXACT_INTEGER = 2**53  # integers up to here are doubles


def gather_logprobs(x: Any, ids: Any, axis: Any, temperature: Any, mask: Any) -> Any:
    """See `logitkit.gather_logprobs`."""
    x, kept = arguments.as_array(x)
    ids, _ = arguments.as_array(ids, "ids")
    result_dtype, compute = arguments.result_dtypes(x.dtype)
    at = arguments.one_axis(axis, x.ndim)
    keep = arguments.broadcast_mask(mask, x.shape, kept)
    divide = arguments.broadcast_temperature(temperature, x.shape, (at,) if x.ndim else ())
    x = x if x.ndim else x.reshape(1)
    if ids.dtype.kind not in "iu":
        raise TypeError(f"ids has the dtype {ids.dtype}; accepted are integers")
    if ids.ndim == x.ndim:
        wanted = np.moveaxis(ids, at, -1)
    elif ids.ndim == x.ndim - 1:
        wanted = ids[..., None]
    else:
        raise ValueError(
            f"ids has the shape {ids.shape}; it must have as many dimensions as x, whose shape is "
            f"{x.shape}, or one less"
        )
    scores = np.moveaxis(x, at, -1)
    try:
        rows = np.broadcast_shapes(wanted.shape[:-1], scores.shape[:-1])
    except ValueError:
        raise ValueError(
            f"ids has the shape {ids.shape}; without the axis it must broadcast with x, whose "
            f"shape is {x.shape}"
        ) from None
    check_labels("ids", ids, x.shape[at])

    positions = np.empty((*rows, wanted.shape[-1]), np.int64)
    positions[...] = wanted
    result = np.empty(positions.shape, compute)
    if result.size:
        whole = (*rows, x.shape[at])

        def along_last(a: Array) -> Array:
            return np.broadcast_to(np.moveaxis(a, at, -1), whole)

        delivery.apply(
            _core.GATHER_LOGPROBS,
            np.broadcast_to(scores, whole),
            result,
            compute,
            (len(rows),),
            divide if isinstance(divide, float) else along_last(divide),
            None if keep is None else along_last(keep),
            ids=positions,
        )
    if ids.ndim == x.ndim:
        return delivery.cast(np.moveaxis(result, -1, at), result_dtype)
    return delivery.deliver(result, rows, result_dtype)


def top_k(x: Any, k: Any, axis: Any) -> tuple[Array, Array]:
    """See `logitkit.top_k`."""
    if isinstance(x, np.ma.MaskedArray):
        raise TypeError(
            "x is a masked array; top_k takes plain ones: fill it, for instance x.filled(-np.inf)"
        )
    x, _ = arguments.as_array(x)
    _, compute = arguments.result_dtypes(x.dtype)
    at = arguments.one_axis(axis, x.ndim)
    x = x if x.ndim else x.reshape(1)
    wanted = arguments.count_of("k", k)
    scores = np.moveaxis(x, at, -1)
    count = min(wanted, x.shape[at])
    shape = (*scores.shape[:-1], count)
    if np.prod(shape, dtype=object) == 0:
        ids = np.empty(shape, np.int64)
    elif _fits_double(x):
        ids = np.empty(shape, np.int64)
        delivery.apply(_core.TOP_K, scores, ids, compute, (x.ndim - 1,), 1.0)
    else:
        # ~x is in the opposite order without overflow, and a stable sort keeps the first of equals.
        ids = np.argsort(~scores, axis=-1, kind="stable")[..., :count]
    ids = np.ascontiguousarray(np.moveaxis(ids, -1, at))
    return np.take_along_axis(x, ids, at), ids


def _fits_double(x: Array) -> bool:
    """Whether every element is exact in the dtype of the computation."""
    if x.dtype.kind not in "iu" or x.dtype.itemsize < 8:
        return True
    return bool(int(x.max()) <= _EXACT_INTEGER and int(x.min()) >= -_EXACT_INTEGER)

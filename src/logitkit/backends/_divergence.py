"""NumPy arrays: what two rows of scores have to do with each other."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from logitkit import _core
from logitkit.backends import _arguments as arguments
from logitkit.backends import _delivery as delivery

REDUCTION = {"mean": True, "sum": True, "none": False}


def kl_divergence(p: Any, q: Any, axis: Any, temperature: Any, mask: Any, reduction: Any) -> Any:
    """See `logitkit.kl_divergence`."""
    p, p_kept = arguments.as_array(p, "p_logits")
    q, q_kept = arguments.as_array(q, "q_logits")
    p_dtypes = arguments.result_dtypes(p.dtype, name="p_logits")
    q_dtypes = arguments.result_dtypes(q.dtype, name="q_logits")
    compute = arguments.common_compute(p_dtypes[1], q_dtypes[1])
    result_dtype = p_dtypes[0] if p_dtypes[0] == q_dtypes[0] else compute
    try:
        shape = np.broadcast_shapes(p.shape, q.shape)
    except ValueError:
        raise ValueError(
            f"q_logits has the shape {q.shape}; it must broadcast with that of p_logits, {p.shape}"
        ) from None
    axes = arguments.normalize_axes(axis, len(shape), name="p_logits")
    kept = None
    for own in (p_kept, q_kept):
        if own is not None:
            kept = np.broadcast_to(own, shape) if kept is None else kept & own
    keep = arguments.broadcast_mask(mask, shape, kept, name="p_logits")
    divide = arguments.broadcast_temperature(temperature, shape, axes)
    arguments.check_choice("reduction", reduction, REDUCTION)

    whole = shape or (1,)
    scores = np.broadcast_to(p, whole)
    others = np.broadcast_to(q, whole)
    kept_shape = tuple([1 if i in axes else n for i, n in enumerate(whole)])
    rows = np.empty(kept_shape, compute)
    delivery.apply(_core.KL_DIVERGENCE, scores, rows, compute, axes, divide, keep, others)
    if reduction == "none":
        return delivery.deliver(rows, arguments.without_axes(shape, axes), result_dtype)
    with np.errstate(over="ignore"):
        total = delivery.cast(rows, np.dtype(np.float64)).sum()
    if reduction == "mean":
        total = total / rows.size if rows.size else math.nan
    return delivery.deliver(np.asarray(total, np.float64), (), result_dtype)

"""Cross-entropy of h @ w.T + bias for arrays of any library: the checks."""

from __future__ import annotations

import math
from typing import Any

from logitkit.backends._generic import arguments
from logitkit.backends._generic.host import Array, Host
from logitkit.backends._generic.linear_parts import Problem
from logitkit.backends._linear import LinearCrossEntropy, bytes_of
from logitkit.backends._losses import Options


def linear_cross_entropy(
    host: Host,
    h: Any,
    w: Any,
    targets: Any,
    bias: Any,
    options: Options,
    memory: Any,
    *,
    gradient: bool,
) -> tuple[Any, LinearCrossEntropy | None]:
    """Return the loss, and all results if the gradients are asked for."""
    xp = host.xp
    w = host.asarray(w, "w", h)
    shape, w_shape = tuple(h.shape), tuple(w.shape)
    if len(w_shape) != 2:
        raise ValueError(f"w has the shape {w_shape}; it must have two dimensions, (classes, D)")
    if not shape or shape[-1] != w_shape[1]:
        raise ValueError(f"h has the shape {shape}; its last axis must be that of w, {w_shape}")
    h_dtype, w_dtype = (host.result_names(a.dtype, name=n)[0] for a, n in ((h, "h"), (w, "w")))
    compute = host.common(host.common(h_dtype, w_dtype), "float32")
    if bias is not None:
        bias = host.asarray(bias, "bias", h)
        if tuple(bias.shape) != w_shape[:1]:
            raise ValueError(
                f"bias has the shape {tuple(bias.shape)}; it must have one number a class, "
                f"{w_shape[:1]}"
            )
        bias = host.cast(bias, host.result_names(bias.dtype, name="bias")[0])
        compute = host.common(compute, host.name_of(bias.dtype))
    budget = bytes_of(memory)
    ids = _classes(host, targets, h, w_shape[0], options)
    weight = _weight(host, options.weight, h, w_shape[0])

    rows = host.shaped(host.cast(h, h_dtype), (ids.shape[0], shape[-1]))
    problem = Problem(rows, host.cast(w, w_dtype), bias, ids, weight, compute, budget)
    loss, grads = host.linear_cross_entropy(
        problem, options, gradient, h_dtype if h_dtype == w_dtype else compute
    )
    if options.reduction == "none":
        loss = host.shaped(loss, shape[:-1])
    if grads is None:
        return loss, None
    by_h = xp.reshape(grads["h"], shape)
    return loss, LinearCrossEntropy(loss, by_h, grads["w"], grads.get("bias"))


def _classes(host: Host, targets: Any, h: Array, classes: int, options: Options) -> Array:
    """Return the class of each row in one dimension."""
    given = host.asarray(targets, "targets", h)
    if "int" not in host.name_of(given.dtype):
        raise TypeError(
            f"targets has the dtype {host.name_of(given.dtype)}; accepted are integers, which are "
            "classes: probabilities would be as large as the logits, and are taken by "
            "cross_entropy alone"
        )
    rows = tuple(h.shape)[:-1]
    if tuple(given.shape) != rows:
        raise ValueError(
            f"targets has the shape {tuple(given.shape)}; class indices must have that of h @ w.T "
            f"without its axis, {rows}"
        )
    ignore = None if options.ignore_index is None else int(options.ignore_index)
    arguments.refuse_labels(host, "targets", given, classes, ignore)
    return host.shaped(given, (math.prod(rows),))


def _weight(host: Host, weight: Any, h: Array, classes: int) -> Array | None:
    if weight is None:
        return None
    values = host.asarray(weight, "weight", h)
    name = host.result_names(values.dtype, name="weight")[1]
    if tuple(values.shape) != (classes,):
        raise ValueError(
            f"weight has the shape {tuple(values.shape)}; it must have one number a class, "
            f"{(classes,)}"
        )
    return host.cast(values, "float64" if name == "float64" else "float32")

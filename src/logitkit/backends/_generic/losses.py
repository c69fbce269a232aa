"""Cross-entropy of arrays of any library: the checks."""

from __future__ import annotations

from typing import Any

from logitkit.backends import _arguments as plain
from logitkit.backends._generic import arguments
from logitkit.backends._generic.host import Array, Host
from logitkit.backends._losses import Options


def cross_entropy(
    host: Host, x: Any, targets: Any, axis: Any, options: Options, mask: Any, *, gradient: bool
) -> tuple[Any, Any]:
    """Return the loss, and the gradient if it is asked for."""
    xp = host.xp
    result, compute = host.result_names(x.dtype)
    shape = tuple(x.shape)
    at = plain.one_axis(axis, len(shape))
    x = x if shape else xp.reshape(x, (1,))
    keep = arguments.broadcast_mask(host, mask, x)
    wanted, compute = _targets(host, targets, x, shape, at, options, compute)
    weight = _weight(host, options.weight, x, at)
    loss, grad = host.cross_entropy(
        host.cast(x, compute), wanted, at, options, weight, keep, gradient, result
    )
    if options.reduction == "none":
        loss = xp.reshape(loss, plain.without_axes(tuple(x.shape), (at,)))
    if grad is None:
        return loss, None
    return loss, host.cast(grad if shape else xp.reshape(grad, ()), result)


def nll_loss(host: Host, log_p: Any, targets: Any, axis: Any, options: Options, mask: Any) -> Any:
    """Return the loss of given log-probabilities."""
    xp = host.xp
    result, compute = host.result_names(log_p.dtype, name="log_p")
    shape = tuple(log_p.shape)
    at = plain.one_axis(axis, len(shape), "log_p")
    log_p = host.cast(log_p if shape else xp.reshape(log_p, (1,)), compute)
    keep = arguments.broadcast_mask(host, mask, log_p, "log_p")
    given = host.asarray(targets, "targets", log_p)
    if "int" not in host.name_of(given.dtype):
        raise TypeError(
            f"targets has the dtype {host.name_of(given.dtype)}; accepted are integers, which are "
            "classes"
        )
    ids = _classes(host, given, log_p, at, options.ignore_index, "log_p")
    weight = _weight(host, options.weight, log_p, at)
    loss = host.nll_loss(log_p, ids, at, options, weight, keep, result)
    if options.reduction == "none":
        loss = xp.reshape(loss, plain.without_axes(tuple(log_p.shape), (at,)))
    return loss


def _classes(
    host: Host, given: Array, x: Array, at: int, ignore: int | None, name: str, also: str = ""
) -> Array:
    """Return the class of each row, with 1 along the axis."""
    rows = plain.without_axes(tuple(x.shape), (at,))
    if tuple(given.shape) != rows:
        raise ValueError(
            f"targets has the shape {tuple(given.shape)}; class indices must have that of {name} "
            f"without its axis, {rows}{also}"
        )
    ignore = None if ignore is None else int(ignore)
    arguments.refuse_labels(host, "targets", given, x.shape[at], ignore)
    return host.xp.expand_dims(given, axis=at)


def _targets(
    host: Host,
    targets: Any,
    x: Array,
    shape: tuple[int, ...],
    at: int,
    options: Options,
    dtype: str,
) -> tuple[Array, str]:
    """Return classes with 1 along the axis, or probabilities, and the dtype that is computed in."""
    given = host.asarray(targets, "targets", x)
    name = host.name_of(given.dtype)
    classes = x.shape[at]
    ignore = None if options.ignore_index is None else int(options.ignore_index)
    if "int" in name:
        also = f", and probabilities that of x, {shape}"
        return _classes(host, given, x, at, ignore, "x", also), dtype
    if "float" not in name:
        raise TypeError(
            f"targets has the dtype {name}; accepted are integers, which are classes, and "
            "float16, bfloat16, float32, float64, which are probabilities"
        )
    compute = host.common(dtype, host.result_names(given.dtype, name="targets")[1])
    if tuple(given.shape) != shape:
        raise ValueError(
            f"targets has the shape {tuple(given.shape)}; probabilities must have that of x, "
            f"{shape}"
        )
    if ignore is not None and 0 <= ignore < classes:
        raise ValueError(
            f"ignore_index is {ignore}, a class, and targets are probabilities; a row of zeros is "
            "ignored among them, accepted is None"
        )
    return host.cast(host.xp.reshape(given, tuple(x.shape)), compute), compute


def _weight(host: Host, weight: Any, x: Array, at: int) -> Array | None:
    """Return one weight a class, with 1 along the other axes."""
    if weight is None:
        return None
    values = host.asarray(weight, "weight", x)
    name = host.result_names(values.dtype, name="weight")[1]
    classes = x.shape[at]
    if tuple(values.shape) != (classes,):
        raise ValueError(
            f"weight has the shape {tuple(values.shape)}; it must have one number a class, "
            f"{(classes,)}"
        )
    values = host.cast(values, "float64" if name == "float64" else "float32")
    return host.xp.reshape(values, tuple(classes if i == at else 1 for i in range(len(x.shape))))

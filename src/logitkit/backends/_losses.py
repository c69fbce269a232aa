"""NumPy arrays: cross-entropy, its gradient, and what its mean is divided by."""

from __future__ import annotations

import math
import numbers
from dataclasses import dataclass
from typing import Any

import numpy as np

from logitkit import _core
from logitkit.backends import _arguments as arguments
from logitkit.backends import _delivery as delivery
from logitkit.backends._arguments import Array
from logitkit.backends._labels import check_labels

_REDUCTION = {"mean": True, "sum": True, "none": False}
_NORMALIZER = {"weight": True, "count": True}
_EMPTY = {"nan": math.nan, "zero": 0.0}
_FLOAT64 = np.dtype(np.float64)


@dataclass(frozen=True)
class Options:
    """The options of `logitkit.cross_entropy`, checked as far as that needs no array."""

    weight: Any
    ignore_index: int | None
    label_smoothing: float
    z_loss: float
    reduction: str
    normalizer: str | float
    empty: str

    def __post_init__(self) -> None:
        arguments.check_choice("reduction", self.reduction, _REDUCTION)
        arguments.check_choice("empty", self.empty, _EMPTY)
        if isinstance(self.normalizer, str):
            arguments.check_choice("normalizer", self.normalizer, _NORMALIZER)
        else:
            by = _number("normalizer", self.normalizer, "'weight', 'count' or a number above 0")
            if not 0 < by < math.inf:
                raise ValueError(f"normalizer is {self.normalizer!r}; a number must be above 0")
        if self.reduction != "mean" and self.normalizer != "weight":
            raise ValueError(
                f"normalizer is {self.normalizer!r} and reduction {self.reduction!r}; it divides "
                "the mean, and is accepted with reduction='mean'"
            )
        smoothing = _number("label_smoothing", self.label_smoothing, "a number from 0 to 1")
        if not 0 <= smoothing <= 1:
            raise ValueError(f"label_smoothing is {self.label_smoothing!r}; it must be from 0 to 1")
        z_loss = _number("z_loss", self.z_loss, "a number >= 0")
        if not 0 <= z_loss < math.inf:
            raise ValueError(f"z_loss is {self.z_loss!r}; it must be finite and >= 0")
        if self.ignore_index is not None and (
            isinstance(self.ignore_index, bool | np.bool_)
            or not isinstance(self.ignore_index, numbers.Integral)
        ):
            raise TypeError(f"ignore_index is {self.ignore_index!r}; accepted are an int and None")


def _number(name: str, value: Any, accepted: str) -> float:
    if isinstance(value, bool | np.bool_) or not isinstance(value, numbers.Real):
        raise TypeError(f"{name} is {value!r}; accepted is {accepted}")
    return float(value)


@dataclass(frozen=True)
class _Targets:
    """One class a row in `ids`, -1 for a row left out, or the `soft` target of each element."""

    ids: Array | None
    soft: Array | None


def cross_entropy(x: Any, targets: Any, axis: Any, options: Options, mask: Any) -> Any:
    """See `logitkit.cross_entropy`."""
    return _cross_entropy(x, targets, axis, options, mask, None, gradient=False)[0]


def cross_entropy_with_grad(
    x: Any, targets: Any, axis: Any, options: Options, mask: Any, out: Any
) -> tuple[Any, Any]:
    """See `logitkit.cross_entropy_with_grad`."""
    return _cross_entropy(x, targets, axis, options, mask, out, gradient=True)


def _cross_entropy(
    x: Any, targets: Any, axis: Any, options: Options, mask: Any, out: Any, *, gradient: bool
) -> tuple[Any, Any]:
    x, kept = arguments.as_array(x)
    result_dtype, compute = arguments.result_dtypes(x.dtype)
    shape = x.shape
    at = arguments.one_axis(axis, x.ndim)
    keep = arguments.broadcast_mask(mask, shape, kept)
    wanted, compute = _targets_of(targets, x, at, options, compute)
    weight = _weight_of(options.weight, (shape or (1,))[at])
    if out is not None:
        arguments.check_out(out, shape, result_dtype, x=x, in_place=True)
        arguments.check_apart(out, targets=targets, weight=options.weight, mask=mask)
    grad = out
    if gradient and out is None:
        grad = np.empty_like(x, result_dtype)
    whole = x if x.ndim else x.reshape(1)

    by = _divisor(whole, wanted, weight, keep, at, options)
    rows = tuple([1 if i == at else n for i, n in enumerate(whole.shape)])
    losses = np.zeros(rows)
    total = _apply(
        whole,
        None if grad is None else grad.reshape(whole.shape),
        losses,
        at,
        wanted,
        keep,
        compute,
        weight,
        float(options.label_smoothing),
        float(options.z_loss),
        1 / by if by else math.inf if options.empty == "nan" else 0.0,
    )
    if options.reduction == "none":
        loss = delivery.deliver(losses, arguments.without_axes(whole.shape, (at,)), result_dtype)
    else:
        value = total / by if by else _EMPTY[options.empty]
        loss = delivery.deliver(np.asarray(value, np.float64), (), result_dtype)
    if grad is None:
        return loss, None
    return loss, grad if out is not None or grad.shape else grad[()]


def _targets_of(
    targets: Any, x: Array, at: int, options: Options, compute: np.dtype[Any]
) -> tuple[_Targets, np.dtype[Any]]:
    """Return the targets as the core takes them, and the dtype that it computes in."""
    if isinstance(targets, np.ma.MaskedArray):
        raise TypeError(
            "targets is a masked array; accepted are plain ones: fill it with ignore_index"
        )
    given, _ = arguments.as_array(targets, "targets")
    whole = x.shape or (1,)
    classes = whole[at]
    ignore = None if options.ignore_index is None else int(options.ignore_index)
    if given.dtype.kind in "iu":
        rows = arguments.without_axes(whole, (at,))
        if given.shape != rows:
            raise ValueError(
                f"targets has the shape {given.shape}; class indices must have that of x without "
                f"its axis, {rows}, and probabilities that of x, {x.shape}"
            )
        check_labels("targets", given, classes, ignore)
        ids = given.astype(np.int64)  # a copy: a label may be changed below
        if ignore is not None:
            ids[given == ignore] = -1
        return _Targets(np.expand_dims(ids, at), None), compute
    if given.dtype.kind != "f" and given.dtype.name != "bfloat16":
        raise TypeError(
            f"targets has the dtype {given.dtype}; accepted are integers, which are classes, and "
            "float16, bfloat16, float32, float64, which are probabilities"
        )
    own = arguments.result_dtypes(given.dtype, name="targets")[1]
    if given.shape != x.shape:
        raise ValueError(
            f"targets has the shape {given.shape}; probabilities must have that of x, {x.shape}"
        )
    if ignore is not None and 0 <= ignore < classes:
        raise ValueError(
            f"ignore_index is {ignore}, a class, and targets are probabilities; a row of zeros is "
            "ignored among them, accepted is None"
        )
    return _Targets(None, given.reshape(whole)), arguments.common_compute(compute, own)


def _weight_of(weight: Any, classes: int) -> Array | None:
    if weight is None:
        return None
    values, kept = arguments.as_array(weight, "weight")
    arguments.result_dtypes(values.dtype, name="weight")
    if kept is not None or values.shape != (classes,):
        raise ValueError(
            f"weight has the shape {values.shape}; it must have one number a class, {(classes,)}"
        )
    return np.ascontiguousarray(delivery.cast(values, _FLOAT64))


def _divisor(
    x: Array, wanted: _Targets, weight: Array | None, keep: Array | None, at: int, options: Options
) -> float:
    """Return what the sum of the losses is divided by; 0 is nothing to average."""
    if options.reduction != "mean":
        return 1.0
    if not isinstance(options.normalizer, str):
        return float(options.normalizer)
    if x.size == 0:
        return 0.0
    count = options.normalizer == "count"
    if wanted.ids is not None:
        ids = wanted.ids
        if count or weight is None:
            return float(ids.size if options.ignore_index is None else (ids >= 0).sum())
        weights = weight[ids[ids >= 0]]
        return float(_core.total(weights))
    if count:
        return float(x.size // x.shape[at])
    soft: Any = wanted.soft
    by_class: Any = 1.0
    if weight is not None:
        by_class = np.expand_dims(weight, [i for i in range(x.ndim) if i != at])
    sums = []
    for part in delivery.parts(soft, (at,)):
        terms = delivery.cast(soft[part], _FLOAT64) * by_class
        sums.append(terms.sum(where=True if keep is None else keep[part]))
    return float(_core.total(np.asarray(sums, np.float64)))


def _apply(
    x: Array,
    grad: Array | None,
    losses: Array,
    at: int,
    wanted: _Targets,
    keep: Array | None,
    compute: np.dtype[Any],
    *options: Any,
) -> float:
    """Let the core fill `losses` and, if it is there, `grad`; return the sum of the losses."""
    soft = wanted.soft
    arrays = [a for a in (x, grad, soft) if a is not None]
    direct = all(delivery.has(a, compute) for a in arrays)
    for part in [(slice(None),) * x.ndim] if direct else delivery.parts(x, (at,)):
        rows = tuple([slice(None) if i == at else one for i, one in enumerate(part)])
        target = None if grad is None else grad[part]
        stores = target is None or delivery.has(target, compute)
        result = target if target is None or stores else np.empty_like(target, compute)
        _core.cross_entropy(
            delivery.raw(delivery.converted(x[part], compute)),
            None if result is None else delivery.raw(result),
            losses[rows],
            1 << at,
            None if wanted.ids is None else wanted.ids[rows],
            None if soft is None else delivery.raw(delivery.converted(soft[part], compute)),
            None if keep is None else keep[part],
            *options,
        )
        if target is not None and result is not None and not stores:
            target[...] = delivery.cast(result, target.dtype)
    return float(_core.total(losses))

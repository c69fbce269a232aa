"""NumPy arrays: cross-entropy, its gradient, the loss of given log-probabilities, their means."""

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
from logitkit.backends._labels import as_targets, classes_of

_REDUCTION = {"mean": 1, "sum": 2, "none": 0}  # as the core numbers them
_NORMALIZER = {"weight": True, "count": True}
_EMPTY = {"nan": math.nan, "zero": 0.0}
_FLOAT64 = np.dtype(np.float64)


@dataclass(frozen=True)
class Options:
    """The options of `logitkit.cross_entropy`, checked as far as that needs no array."""

    weight: Any
    ignore_index: int | None
    reduction: str
    normalizer: str | float
    empty: str
    label_smoothing: float = 0.0
    z_loss: float = 0.0

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
    try:
        return float(value)
    except OverflowError:
        raise ValueError(f"{name} is beyond the range of float64; accepted is {accepted}") from None


@dataclass(frozen=True)
class _Targets:
    """One class a row in `ids`, -1 for a row left out, or the `soft` target of each element."""

    ids: Array | None
    soft: Array | None


_PLAIN = {reduction: Options(None, None, reduction, "weight", "nan") for reduction in _REDUCTION}


def as_options(
    weight: Any,
    ignore_index: Any,
    reduction: Any,
    normalizer: Any,
    empty: Any,
    label_smoothing: Any = 0.0,
    z_loss: Any = 0.0,
) -> Options:
    """Return checked options; where all but reduction have their defaults, always the same ones."""
    if (
        weight is None
        and ignore_index is None
        and type(label_smoothing) is type(z_loss) is float
        and label_smoothing == z_loss == 0
        and type(reduction) is type(normalizer) is type(empty) is str
        and (normalizer, empty) == ("weight", "nan")
        and reduction in _PLAIN
    ):
        return _PLAIN[reduction]
    return Options(weight, ignore_index, reduction, normalizer, empty, label_smoothing, z_loss)


def cross_entropy(x: Any, targets: Any, axis: Any, options: Options, mask: Any) -> Any:
    """See `logitkit.cross_entropy`."""
    return _cross_entropy(x, targets, axis, options, mask, None, gradient=False)[0]


def cross_entropy_with_grad(
    x: Any, targets: Any, axis: Any, options: Options, mask: Any, out: Any
) -> tuple[Any, Any]:
    """See `logitkit.cross_entropy_with_grad`."""
    return _cross_entropy(x, targets, axis, options, mask, out, gradient=True)


def nll_loss(log_p: Any, targets: Any, axis: Any, options: Options, mask: Any) -> Any:
    """See `logitkit.nll_loss`."""
    log_p, kept = arguments.as_array(log_p, "log_p")
    result_dtype, _ = arguments.result_dtypes(log_p.dtype, name="log_p")
    at = arguments.one_axis(axis, log_p.ndim, "log_p")
    keep = arguments.broadcast_mask(mask, log_p.shape, kept, "log_p")
    given = as_targets(targets)
    whole = log_p if log_p.ndim else log_p.reshape(1)
    if given.dtype.kind not in "iu":
        raise TypeError(
            f"targets has the dtype {given.dtype}; accepted are integers, which are classes"
        )
    ids = classes_of(given, whole.shape, at, options.ignore_index, "log_p")
    weight = weight_of(options.weight, whole.shape[at])
    by = divisor_of_classes(ids, whole, weight, options)
    losses = np.zeros(ids.shape)
    if whole.size:
        rows = ids >= 0
        classes = np.where(rows, ids, 0)
        picked = delivery.cast(np.take_along_axis(whole, classes, at), _FLOAT64)
        if keep is not None:  # a target that is masked is impossible, a row of nothing is left out
            picked = np.where(np.take_along_axis(keep, classes, at), picked, -math.inf)
            rows &= keep.any(axis=at, keepdims=True)
        counts = 1.0 if weight is None else weight[classes]
        with np.errstate(all="ignore"):
            values = counts * (0.0 - picked)
        # A weight of 0 counts for nothing, but a NaN is one.
        nothing = ~rows | ((counts == 0) & ~np.isnan(picked))
        losses = np.where(nothing, 0.0, values)
    total = float(_core.total(losses))
    return reduced(losses, total, by, whole.shape, at, options, result_dtype)


def _cross_entropy(
    x: Any, targets: Any, axis: Any, options: Options, mask: Any, out: Any, *, gradient: bool
) -> tuple[Any, Any]:
    if mask is None and type(axis) is int and axis == -1:
        reduction = options.reduction
        if options is _PLAIN[reduction]:
            plain: Any = _core.loss_plain(x, targets, out, gradient, _REDUCTION[reduction])
            if plain is not None:
                loss, grad = plain
                return loss[()] if reduction == "none" else x.dtype.type(loss), grad
    x, kept = arguments.as_array(x)
    result_dtype, compute = arguments.result_dtypes(x.dtype)
    shape = x.shape
    at = arguments.one_axis(axis, x.ndim)
    keep = arguments.broadcast_mask(mask, shape, kept)
    wanted, compute = _targets_of(targets, x, at, options, compute)
    weight = weight_of(options.weight, (shape or (1,))[at])
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
        1 / by if by else math.nan,
    )
    if grad is not None and not by and options.empty == "zero":
        grad[...] = 0
    loss = reduced(losses, total, by, whole.shape, at, options, result_dtype)
    if grad is None:
        return loss, None
    return loss, grad if out is not None or grad.shape else grad[()]


def reduced(
    losses: Array,
    total: float,
    by: float,
    shape: tuple[int, ...],
    at: int,
    options: Options,
    dtype: np.dtype[Any],
) -> Any:
    """Return what is asked for of the losses of rows, their sum, and what divides it."""
    if options.reduction == "none":
        return delivery.deliver(losses, arguments.without_axes(shape, (at,)), dtype)
    value = total / by if by else _EMPTY[options.empty]
    return delivery.deliver(np.asarray(value, np.float64), (), dtype)


def _targets_of(
    targets: Any, x: Array, at: int, options: Options, compute: np.dtype[Any]
) -> tuple[_Targets, np.dtype[Any]]:
    """Return the targets as the core takes them, and the dtype that it computes in."""
    given = as_targets(targets)
    whole = x.shape or (1,)
    if given.dtype.kind in "iu":
        also = f", and probabilities that of x, {x.shape}"
        ids = classes_of(given, whole, at, options.ignore_index, "x", also)
        return _Targets(ids, None), compute
    if given.dtype.kind != "f" and not arguments.is_float(given.dtype):
        raise TypeError(
            f"targets has the dtype {given.dtype}; accepted are integers, which are classes, and "
            "float16, bfloat16, float32, float64, which are probabilities"
        )
    own = arguments.result_dtypes(given.dtype, name="targets")[1]
    if given.shape != x.shape:
        raise ValueError(
            f"targets has the shape {given.shape}; probabilities must have that of x, {x.shape}"
        )
    ignore = options.ignore_index
    if ignore is not None and 0 <= ignore < whole[at]:
        raise ValueError(
            f"ignore_index is {ignore}, a class, and targets are probabilities; a row of zeros is "
            "ignored among them, accepted is None"
        )
    return _Targets(None, given.reshape(whole)), arguments.common_compute(compute, own)


def weight_of(weight: Any, classes: int) -> Array | None:
    if weight is None:
        return None
    values, kept = arguments.as_array(weight, "weight")
    arguments.result_dtypes(values.dtype, name="weight")
    if kept is not None or values.shape != (classes,):
        raise ValueError(
            f"weight has the shape {values.shape}; it must have one number a class, {(classes,)}"
        )
    return np.require(delivery.cast(values, _FLOAT64), requirements=("C", "A"))


def _divisor(
    x: Array, wanted: _Targets, weight: Array | None, keep: Array | None, at: int, options: Options
) -> float:
    """Return what the sum of the losses is divided by; 0 is nothing to average."""
    if wanted.ids is not None:
        return divisor_of_classes(wanted.ids, x, weight, options)
    fixed = _fixed_divisor(x, options)
    if fixed is not None:
        return fixed
    if options.normalizer == "count":
        return float(x.size // x.shape[at])
    soft: Any = wanted.soft
    by_class: Any = 1.0
    if weight is not None:
        by_class = np.expand_dims(weight, [i for i in range(x.ndim) if i != at])
    sums = []
    for part in delivery.parts(soft, (at,)):
        with np.errstate(all="ignore"):
            terms = delivery.cast(soft[part], _FLOAT64) * by_class
            sums.append(terms.sum(where=True if keep is None else keep[part]))
    return float(_core.total(np.asarray(sums, np.float64)))


def divisor_of_classes(ids: Array, x: Array, weight: Array | None, options: Options) -> float:
    """Return the same for one class a row, -1 for a row that is left out."""
    fixed = _fixed_divisor(x, options)
    if fixed is not None:
        return fixed
    if options.normalizer == "count" or weight is None:
        return float(ids.size if options.ignore_index is None else (ids >= 0).sum())
    return float(_core.total(weight[ids[ids >= 0]]))


def _fixed_divisor(x: Array, options: Options) -> float | None:
    """Return it where no target is asked, else None."""
    if options.reduction != "mean":
        return 1.0
    if not isinstance(options.normalizer, str):
        return float(options.normalizer)
    return 0.0 if x.size == 0 else None


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
    if direct or x.shape[at] > delivery.LONGEST_ROW:
        _core.cross_entropy(
            delivery.raw(x),
            None if grad is None else delivery.raw(grad),
            losses,
            1 << at,
            wanted.ids,
            None if soft is None else delivery.raw(soft),
            keep,
            *options,
            **({} if direct else delivery.stored(compute, x, soft, grad)),
        )
        return float(_core.total(losses))
    for part in delivery.parts(x, (at,)):
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

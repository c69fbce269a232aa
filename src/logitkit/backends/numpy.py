"""NumPy arrays: dtype policy, layout of the call, `out`; the compiled core does the rows.

The dtype policy: float16 and bfloat16 are computed in float32 and rounded once, inside the core;
bool and integers up to 16 bit become float32, wider ones float64, before anything is subtracted. A
call is refused before anything is written.

A backend whose arrays these verbs see as NumPy's makes the memory for a result itself: `into` is
taken as it is, with the shape and dtype of the result.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from logitkit import _core
from logitkit.backends import _arguments as arguments
from logitkit.backends._delivery import apply as _apply
from logitkit.backends._delivery import cast as _cast
from logitkit.backends._delivery import deliver as _deliver
from logitkit.backends._delivery import parts as _parts
from logitkit.backends._divergence import kl_divergence as kl_divergence
from logitkit.backends._gradients import entropy_vjp as entropy_vjp
from logitkit.backends._gradients import log_softmax_vjp as log_softmax_vjp
from logitkit.backends._gradients import logsumexp_vjp as logsumexp_vjp
from logitkit.backends._gradients import softmax_jacobian as softmax_jacobian
from logitkit.backends._gradients import softmax_vjp as softmax_vjp
from logitkit.backends._linear import linear_cross_entropy as linear_cross_entropy
from logitkit.backends._linear import (
    linear_cross_entropy_with_grad as linear_cross_entropy_with_grad,
)
from logitkit.backends._losses import cross_entropy as cross_entropy
from logitkit.backends._losses import cross_entropy_with_grad as cross_entropy_with_grad
from logitkit.backends._losses import nll_loss as nll_loss
from logitkit.backends._picks import gather_logprobs as gather_logprobs
from logitkit.backends._picks import top_k as top_k
from logitkit.backends._sampling import filter_logits as filter_logits
from logitkit.backends._sampling import sample as sample

Array = npt.NDArray[Any]

_FLOAT32 = np.dtype(np.float32)
_FLOAT64 = np.dtype(np.float64)
# The core's numbers for the choices; what "raise" refuses never reaches it.
EMPTY = {None: 0, "nan": 0, "raise": 0, "zero": 1, "uniform": 2}
PRECISION = {"default": False, "exact": True}

# The core does the short calls alone. An array of this very type needs no dispatch to other makers.
_core.set_arrays(np.ndarray, getattr(np.empty_like, "__wrapped__", np.empty_like))


def softmax(x: Any, *options: Any, into: Array | None = None) -> Any:
    """See `logitkit.softmax`."""
    return _map(_core.SOFTMAX, x, *options, into=into)


def log_softmax(x: Any, *options: Any, into: Array | None = None) -> Any:
    """See `logitkit.log_softmax`."""
    return _map(_core.LOG_SOFTMAX, x, *options, into=into)


def logsumexp(x: Any, *options: Any, into: Array | None = None) -> Any:
    """See `logitkit.logsumexp`."""
    return _reduce(_core.LOGSUMEXP, x, *options, into=into)


def entropy(x: Any, axis: Any, temperature: Any, mask: Any, *, into: Array | None = None) -> Any:
    """See `logitkit.entropy`."""
    dtype = None if into is None else into.dtype
    return _reduce(_core.ENTROPY, x, axis, temperature, mask, False, dtype, None, into=into)


def is_plain(x: Any) -> bool:
    """Whether x goes to the core as it is: an array of native float32 or float64 with an axis."""
    return type(x) is np.ndarray and (x.dtype is _FLOAT32 or x.dtype is _FLOAT64) and x.ndim > 0


def reduce_plain(op: int, x: Array) -> Any:
    """Do the common reduction: `is_plain`, all options at their defaults."""
    shape = x.shape[:-1]
    result = np.empty((*shape, 1), x.dtype)
    _core.apply(op, x, result, 1 << (x.ndim - 1), 1.0)
    return result.reshape(shape) if shape else result[0]


def _map(
    op: int,
    x: Any,
    axis: Any,
    temperature: Any,
    mask: Any,
    empty: str | None,
    dtype: Any,
    out: Any,
    precision: str,
    *,
    into: Array | None,
) -> Any:
    """Do an operation whose result has the shape of x."""
    x, kept = arguments.as_array(x)
    axes = arguments.normalize_axes(axis, x.ndim)
    result_dtype, compute = arguments.result_dtypes(x.dtype, dtype)
    keep = arguments.broadcast_mask(mask, x.shape, kept)
    divide = arguments.broadcast_temperature(temperature, x.shape, axes)
    arguments.check_choice("empty", empty, EMPTY)
    arguments.check_choice("precision", precision, PRECISION)
    if out is not None:
        arguments.check_out(out, x.shape, result_dtype, x=x, in_place=True)
        arguments.check_apart(out, mask=mask, temperature=temperature)
        into = out
    if empty == "raise":
        _refuse_without_any(x, axes, keep)

    result = np.empty_like(x, result_dtype) if into is None else into
    _apply(
        op,
        x,
        result,
        compute,
        axes,
        divide,
        keep,
        empty=EMPTY[empty],
        exact=PRECISION[precision],
    )
    return out if out is not None else _deliver(result, x.shape, result_dtype)


def _reduce(
    op: int,
    x: Any,
    axis: Any,
    temperature: Any,
    mask: Any,
    keepdims: bool,
    dtype: Any,
    out: Any,
    *,
    into: Array | None,
) -> Any:
    """Do an operation with one value a row."""
    x, kept = arguments.as_array(x)
    axes = arguments.normalize_axes(axis, x.ndim)
    result_dtype, compute = arguments.result_dtypes(x.dtype, dtype)
    keep = arguments.broadcast_mask(mask, x.shape, kept)
    divide = arguments.broadcast_temperature(temperature, x.shape, axes)
    arguments.check_flag("keepdims", keepdims)
    kept_shape = tuple([1 if i in axes else n for i, n in enumerate(x.shape)])
    shape = kept_shape if keepdims else arguments.without_axes(x.shape, axes)
    if out is not None:
        arguments.check_out(out, shape, result_dtype, x=x, in_place=False)
        arguments.check_apart(out, mask=mask, temperature=temperature)
        into = out

    result = np.empty(kept_shape, result_dtype) if into is None else into.reshape(kept_shape)
    _apply(op, x, result, compute, axes, divide, keep)
    return out if out is not None else _deliver(result, shape, result_dtype)


def _comparable(a: Array) -> Array:
    return a if a.dtype != arguments.BFLOAT16_BITS else _cast(a, _FLOAT32)


def _refuse_without_any(x: Array, axes: tuple[int, ...], keep: Array | None) -> None:
    """Raise if a row has nothing to normalise; done first, so that nothing is written."""
    is_float = arguments.is_float(x.dtype)
    if x.size == 0 or (keep is None and not is_float):
        return
    scores = x if x.ndim else x.reshape(1)
    possible = np.zeros([1 if i in axes else n for i, n in enumerate(scores.shape)], np.bool_)
    # A row may be taken apart here: it is enough that one of its parts has something.
    for part in _parts(scores, ()):
        here: Any = _comparable(scores[part]) != -np.inf if is_float else True
        if keep is not None:
            here = here & keep[part]
        rows = tuple([slice(None) if i in axes else at for i, at in enumerate(part)])
        possible[rows] |= here.any(axis=axes, keepdims=True)
    refuse_empty_rows(possible, axes, single=x.ndim == len(axes))


def refuse_empty_rows(possible: Array, axes: tuple[int, ...], single: bool) -> None:
    """Raise if a row has nothing; `possible` is one flag a row, with 1 along the axes."""
    empty = np.atleast_1d(~possible.squeeze(axes))
    if empty.any():
        index = tuple(int(i) for i in np.unravel_index(int(empty.argmax()), empty.shape))
        row = "x" if single else f"row {index[0] if len(index) == 1 else index}"
        raise ValueError(
            f"{row} has no element that takes part and is above -inf, which empty='raise' refuses; "
            "accepted otherwise are 'nan', 'zero' and 'uniform'"
        )


def elementwise(x: Any, formula: Callable[..., Any], *parameters: float) -> Any:
    """Apply a formula of `_formulas.activations`, under the dtype policy."""
    x, kept = arguments.as_array(x)
    result_dtype, compute = arguments.result_dtypes(x.dtype)
    compute = compute if compute is _FLOAT64 else _FLOAT32
    with np.errstate(all="ignore"):
        result = np.asarray(formula(np, _cast(x, compute), *parameters))
    delivered = _deliver(result, x.shape, result_dtype)
    # There is no sum that a masked element could be left out of: it stays masked.
    return delivered if kept is None else np.ma.array(delivered, mask=~kept)

"""NumPy arrays: the cross-entropy of h @ w.T, whose logits are never there all at once.

Rows that are ignored are left out from the start: they cost nothing, and what they hold reaches no
gradient. Those that count are taken a few at a time with all classes, the logits become their
gradient in place, and three products are all that it takes. Where only few rows would fit beside
each other, or a gradient of halves would be added to more than once, `_linear_tiles` takes the
classes apart as well, for one product more.
"""

from __future__ import annotations

import math
import numbers
from typing import Any, NamedTuple

import numpy as np

from logitkit import _core
from logitkit.backends import _arguments as arguments
from logitkit.backends import _delivery as delivery
from logitkit.backends._arguments import Array
from logitkit.backends._labels import as_targets, classes_of
from logitkit.backends._linear_layer import Gradients, Layer, Terms, blocks
from logitkit.backends._linear_tiles import by_tiles
from logitkit.backends._losses import Options, divisor_of_classes, reduced, weight_of

# With fewer rows than these beside each other the products wait for memory: measured.
_FEWEST_ROWS = 64


class LinearCrossEntropy(NamedTuple):
    """What `logitkit.linear_cross_entropy_with_grad` returns."""

    loss: Any
    grad_h: Array
    grad_w: Array
    grad_bias: Array | None


def linear_cross_entropy(
    h: Any, w: Any, targets: Any, bias: Any, options: Options, memory: Any
) -> Any:
    """See `logitkit.linear_cross_entropy`."""
    return _linear_cross_entropy(h, w, targets, bias, options, memory, gradient=False)[0]


def linear_cross_entropy_with_grad(
    h: Any, w: Any, targets: Any, bias: Any, options: Options, memory: Any
) -> LinearCrossEntropy:
    """See `logitkit.linear_cross_entropy_with_grad`."""
    loss, grads = _linear_cross_entropy(h, w, targets, bias, options, memory, gradient=True)
    assert grads is not None
    return LinearCrossEntropy(loss, grads.h, grads.w, grads.bias)


def _linear_cross_entropy(
    h: Any, w: Any, targets: Any, bias: Any, options: Options, memory: Any, *, gradient: bool
) -> tuple[Any, Gradients | None]:
    h, w = _plain(h, "h"), _plain(w, "w")
    if w.ndim != 2:
        raise ValueError(f"w has the shape {w.shape}; it must have two dimensions, (classes, D)")
    if h.ndim == 0 or h.shape[-1] != w.shape[1]:
        raise ValueError(f"h has the shape {h.shape}; its last axis must be that of w, {w.shape}")
    h_dtype, h_compute = arguments.result_dtypes(h.dtype, name="h")
    w_dtype, w_compute = arguments.result_dtypes(w.dtype, name="w")
    compute = _of_products(arguments.common_compute(h_compute, w_compute))
    bias_dtype = w_dtype
    if bias is not None:
        bias = _plain(bias, "bias")
        if bias.shape != w.shape[:1]:
            raise ValueError(
                f"bias has the shape {bias.shape}; it must have one number a class, {w.shape[:1]}"
            )
        bias_dtype, bias_compute = arguments.result_dtypes(bias.dtype, name="bias")
        compute = _of_products(arguments.common_compute(compute, bias_compute))
    budget = bytes_of(memory)
    shape = (*h.shape[:-1], w.shape[0])  # of the logits
    wanted = as_targets(targets)
    if wanted.dtype.kind not in "iu":
        raise TypeError(
            f"targets has the dtype {wanted.dtype}; accepted are integers, which are classes: "
            "probabilities would be as large as the logits, and are taken by cross_entropy alone"
        )
    at = len(shape) - 1
    ids = classes_of(wanted, shape, at, options.ignore_index, "h @ w.T")
    weight = weight_of(options.weight, w.shape[0])

    nowhere = np.broadcast_to(np.zeros((), compute), shape)
    by = divisor_of_classes(ids, nowhere, weight, options)
    terms = Terms(
        weight,
        float(options.label_smoothing),
        float(options.z_loss),
        1 / by if by else math.nan,
    )
    kept = np.flatnonzero(ids >= 0)
    rows = h if h.ndim > 1 else h[np.newaxis]
    layer = Layer(rows, w, bias, kept, ids.reshape(-1)[kept], compute)
    grads = None
    if gradient:
        grads = Gradients(
            np.zeros(rows.shape, h_dtype),
            np.zeros(w.shape, w_dtype),
            None if bias is None else np.zeros(bias.shape, bias_dtype),
        )
    losses = np.zeros(ids.size)
    if layer.rows:
        wanted_grads = None if options.empty == "zero" and not by else grads  # zeros, as they are
        with np.errstate(all="ignore"):
            losses[kept] = _losses(layer, terms, wanted_grads, budget)
    result_dtype = h_dtype if h_dtype == w_dtype else compute
    loss = reduced(losses, float(_core.total(losses)), by, shape, at, options, result_dtype)
    if grads is not None and h.ndim == 1:
        grads = Gradients(grads.h[0], grads.w, grads.bias)
    return loss, grads


def _plain(x: Any, name: str) -> Array:
    if isinstance(x, np.ma.MaskedArray):
        raise TypeError(f"{name} is a masked array; accepted are plain ones")
    return arguments.as_array(x, name)[0]


def _of_products(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """Return what products are formed in: there is no BLAS for halves."""
    return dtype if dtype.itemsize > 2 else np.dtype(np.float32)


def bytes_of(memory: Any) -> int:
    """Return the budget, or refuse what is none."""
    if isinstance(memory, bool | np.bool_) or not isinstance(memory, numbers.Integral):
        raise TypeError(f"memory is {memory!r}; accepted is an int, a number of bytes above 0")
    if memory <= 0:
        raise ValueError(f"memory is {memory!r}; it must be a number of bytes above 0")
    return int(memory)


def _losses(layer: Layer, terms: Terms, grads: Gradients | None, memory: int) -> Array:
    """Return the loss of each row that counts, in float64, and fill the gradients."""
    share = memory // 8  # of a product on its way into the gradient of w, and of a converted w
    w_step = max(1, min(layer.classes, share // layer.width))
    besides = share * (1 if layer.w_is_ready else 2) + 16 * layer.classes  # a bias, its gradient
    a_row = layer.classes * layer.compute.itemsize + 3 * layer.width
    step = (memory - besides) // a_row
    adds = grads is None or grads.can_add(layer.compute)
    if step >= layer.rows or (step >= _FEWEST_ROWS and adds):
        return _by_rows(layer, terms, grads, int(step), w_step)
    return by_tiles(layer, terms, grads, memory)


def _by_rows(layer: Layer, terms: Terms, grads: Gradients | None, step: int, w_step: int) -> Array:
    """Take all classes at once: the logits of some rows become their gradient in place."""
    parts = blocks(layer.rows, step)
    w_blocks = blocks(layer.classes, layer.classes if layer.w_is_ready else w_step)
    longest = max(part.stop - part.start for part in parts)
    memory = np.empty((longest, layer.classes), layer.compute)
    losses = np.zeros((layer.rows, 1))
    for part in parts:
        h = layer.h_rows(part)
        logits = memory[: len(h)]
        for block in w_blocks:
            layer.logits(h, layer.w_rows(block), block, logits[:, block])
        _core.cross_entropy(
            logits,
            None if grads is None else logits,
            losses[part],
            2,  # along axis 1
            layer.ids[part, np.newaxis],
            None,
            None,
            terms.weight,
            terms.smoothing,
            terms.z_loss,
            terms.scale,
        )
        if grads is not None:
            _add_to_w(grads, logits, h, w_step, first=part.start == 0)
            into_h = sum(logits[:, block] @ layer.w_rows(block) for block in w_blocks)
            grads.h[layer.place(part)] = delivery.cast(np.asarray(into_h), grads.h.dtype)
    return losses[:, 0]


def _add_to_w(grads: Gradients, by_logits: Array, h: Array, w_step: int, *, first: bool) -> None:
    """Add what some rows give to the gradients of w and bias; NumPy's products add nothing."""
    direct = first and delivery.has(grads.w, h.dtype)
    classes, width = grads.w.shape
    spare = None if direct else np.empty((w_step, width), h.dtype)
    for block in blocks(classes, classes if direct else w_step):
        out = grads.w[block] if spare is None else spare[: block.stop - block.start]
        np.matmul(by_logits[:, block].T, h, out=out)
        if spare is None:
            continue
        if first:
            grads.w[block] = delivery.cast(out, grads.w.dtype)
        else:
            grads.w[block] += out
    if grads.bias is not None:
        sums = delivery.cast(0.0 + by_logits.sum(axis=0, dtype=np.float64), grads.bias.dtype)
        if first:
            grads.bias[...] = sums
        else:
            by_bias = grads.bias
            by_bias += sums

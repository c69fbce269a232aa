"""Cross-entropy of h @ w.T + bias in parts within a budget, and its derivatives.

The rows go through a loop in the compiled program, some at a time: their logits are a call of the
core on a CPU, which gives the loss and the gradient in one pass, and that is multiplied into the
gradients of h, w and bias before the next rows come. Where a derivative is asked for, these are
formed with the loss and scaled at the end. With one loss a row the scales are known no sooner
than then, and the loop runs a second time.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import lax
from jax.custom_derivatives import SymbolicZero

from logitkit.backends._generic.linear_parts import divisor, is_ignored, reduced
from logitkit.backends._generic.sums import TreeSums
from logitkit.backends.jax import losses
from logitkit.backends.jax.calls import varying

Array = Any
Operands = dict[str, Array]  # h, w and perhaps bias; gradients of some of them
Data = dict[str, Array]  # ids, and perhaps weight

ARRAYS = ("h", "w", "bias", "ids", "weight")
_SUMS = TreeSums(jnp)


class Fixed(NamedTuple):
    """What is fixed when a program is compiled."""

    part: losses.Fixed  # of some rows: one loss each
    reduction: str
    normalizer: str | float
    empty: str
    compute: str  # dtype of the products and of the sums of the gradients
    result: str  # dtype of the loss
    rows: int  # at a time
    classes: int  # of a product on its way into the gradient of w, and of a converted w


@partial(jax.custom_vjp, nondiff_argnums=(0,))
def linear_loss(fixed: Fixed, operands: Operands, data: Data) -> Array:
    """Return the loss: a number, or one a row."""
    rows = _sweep(fixed, operands, data, (), None)[0]
    return _reduced(fixed, operands, data, rows)


def linear_loss_and_gradients(
    fixed: Fixed, operands: Operands, data: Data, wanted: tuple[str, ...] | None = None
) -> tuple[Array, Operands]:
    """Return the loss and the gradients, of all operands or of those that are wanted."""
    by, none = _divisor(fixed, operands, data)
    scales = jnp.broadcast_to(1 / by, data["ids"].shape)
    rows, grads = _sweep(fixed, operands, data, wanted or tuple(operands), scales)
    if fixed.empty == "zero":
        grads = {name: jnp.where(none, 0, grad) for name, grad in grads.items()}
    return _reduced(fixed, operands, data, rows), grads


def _forward(fixed: Fixed, operands: Any, data: Any) -> tuple[Array, Any]:
    if "weight" in data and data["weight"].perturbed:
        raise TypeError(
            "weight is differentiated; linear_cross_entropy has a derivative in h, w and bias "
            "alone: accepted is jax.lax.stop_gradient(weight)"
        )
    wanted = tuple(name for name, a in operands.items() if a.perturbed)
    operands, data = ({key: a.value for key, a in given.items()} for given in (operands, data))
    if fixed.reduction == "none":
        # What is wanted is told by the keys of a dictionary, which no tracer hides.
        return linear_loss(fixed, operands, data), (operands, data, dict.fromkeys(wanted, ()))
    loss, grads = linear_loss_and_gradients(fixed, operands, data, wanted)
    return loss, (dict.fromkeys(operands, ()), {}, grads)


def _backward(fixed: Fixed, residuals: Any, g: Array) -> tuple[Any, None]:
    operands, data, grads = residuals
    if type(g) is SymbolicZero:
        return dict.fromkeys(operands), None
    if fixed.reduction == "none":
        scales = g.astype(fixed.compute)
        slopes = _sweep(fixed, operands, data, tuple(grads), scales)[1]
    else:
        slopes = {name: (g * grad).astype(grad.dtype) for name, grad in grads.items()}
    return {name: slopes.get(name) for name in operands}, None


linear_loss.defvjp(_forward, _backward, symbolic_zeros=True)


# ---- the mean ----------------------------------------------------------------------------------


def _divisor(fixed: Fixed, operands: Operands, data: Data) -> tuple[Array, Array]:
    ids, weight = data["ids"], data.get("weight")
    like = jnp.zeros(ids.shape, fixed.part.result)
    out = is_ignored(jnp, ids, fixed.part.ignore_index)
    weight = None if weight is None else weight.astype(like.dtype)
    return divisor(_SUMS, operands["w"].shape[0], ids, weight, out, fixed._asdict(), like)


def _reduced(fixed: Fixed, operands: Operands, data: Data, rows: Array) -> Array:
    by, none = _divisor(fixed, operands, data)
    return reduced(_SUMS, rows, by, none, fixed._asdict()).astype(fixed.result)


# ---- the loop ----------------------------------------------------------------------------------


def _sweep(
    fixed: Fixed, operands: Operands, data: Data, wanted: tuple[str, ...], scales: Array | None
) -> tuple[Array, Operands]:
    """Return the loss of each row, and the gradients of the rows' losses, each times its scale."""
    h, w, ids = operands["h"], operands["w"], data["ids"]
    out = is_ignored(jnp, ids, fixed.part.ignore_index)
    beside = {"weight": data["weight"][None]} if "weight" in data else {}
    # What is ignored has no gradient, whatever the scale is.
    factors = None if scales is None else jnp.where(out, 0, scales).astype(fixed.compute)
    of = partial(_zeros, like=h)
    # The gradient of h is whole after a part of the rows, those of the others at the end.
    sums = {
        name: of(operands[name].shape, h.dtype if name == "h" else fixed.compute) for name in wanted
    }

    def step(carry: tuple[Array, Operands], start: Any, size: int) -> tuple[Array, Operands]:
        rows_loss, sums = carry
        ignored = _cut(out, start, size)
        rows = jnp.where(ignored[:, None], 0, _cut(h, start, size).astype(fixed.compute))
        logits = _logits(fixed, operands, rows)
        labels = beside | {"ids": _cut(ids, start, size)[:, None]}
        if not wanted:
            loss = losses.loss_of(fixed.part, logits, labels)
            return _put(rows_loss, loss[:, 0], start), sums
        loss, slope = losses.loss_and_gradient(fixed.part, logits, labels)
        by = _cut(factors, start, size)[:, None]
        return _put(rows_loss, loss[:, 0], start), _added(fixed, w, sums, slope, rows, by, start)

    first = of(ids.shape, fixed.part.result), sums
    # Without a class there is nothing to sum up.
    rows_loss, sums = _fold(ids.shape[0] if w.shape[0] else 0, fixed.rows, step, first)
    return rows_loss, {name: grad.astype(operands[name].dtype) for name, grad in sums.items()}


def _logits(fixed: Fixed, operands: Operands, rows: Array) -> Array:
    """Return the logits of some rows; a w of another dtype is converted a part at a time."""
    w = operands["w"]
    if w.dtype == fixed.compute:
        logits = _product("rd,vd->rv", rows, w)
    else:

        def step(logits: Array, start: Any, size: int) -> Array:
            some = _cut(w, start, size).astype(fixed.compute)
            return _put(logits, _product("rd,vd->rv", rows, some), start, axis=1)

        first = _zeros((rows.shape[0], w.shape[0]), fixed.compute, rows)
        logits = _fold(w.shape[0], fixed.classes, step, first)
    return logits + operands["bias"].astype(fixed.compute) if "bias" in operands else logits


def _added(
    fixed: Fixed, w: Array, sums: Operands, slope: Array, rows: Array, by: Array, start: Any
) -> Operands:
    """Return the gradients with what some rows add to them."""
    sums, scaled = dict(sums), rows * by

    def into_h(total: Array, first: Any, size: int) -> Array:
        some = _cut(w, first, size).astype(fixed.compute)
        return total + _product("rv,vd->rd", _cut(slope, first, size, axis=1), some)

    def into_w(total: Array, first: Any, size: int) -> Array:
        change = _product("rv,rd->vd", _cut(slope, first, size, axis=1), scaled)
        return _put(total, _cut(total, first, size) + change, first)

    if "h" in sums:
        at_once = w.shape[0] if w.dtype == fixed.compute else fixed.classes
        total = _fold(w.shape[0], at_once, into_h, jnp.zeros_like(scaled))
        sums["h"] = _put(sums["h"], (by * total).astype(sums["h"].dtype), start)
    if "w" in sums:
        sums["w"] = _fold(w.shape[0], fixed.classes, into_w, sums["w"])
    if "bias" in sums:
        sums["bias"] = sums["bias"] + _product("rv,ro->v", slope, by)
    return sums


def _fold(n: int, at_once: int, step: Callable[..., Any], first: Any) -> Any:
    """Run ``carry = step(carry, start, size)`` over the parts of n, the rest apart."""
    parts = -(-n // at_once) if n else 0
    size = -(-n // parts) if parts else 1
    whole = n // size
    carry = first
    if whole == 1:
        carry = step(carry, 0, size)
    elif whole:
        starts = size * jnp.arange(whole)
        carry, _ = lax.scan(lambda carry, start: (step(carry, start, size), None), carry, starts)
    return step(carry, whole * size, n - whole * size) if n % size else carry


def _product(indices: str, a: Array, b: Array) -> Array:
    """Multiply in the dtype of the operands: no device may take shorter numbers for them."""
    return jnp.einsum(indices, a, b, precision=lax.Precision.HIGHEST)


def _cut(a: Array, start: Any, size: int, axis: int = 0) -> Array:
    return lax.dynamic_slice_in_dim(a, start, size, axis)


def _put(a: Array, part: Array, start: Any, axis: int = 0) -> Array:
    return lax.dynamic_update_slice_in_dim(a, part, start, axis)


def beside_each_other(arrays: list[Array]) -> list[Array]:
    """Return the arrays so that all vary over the axes of shard_map over which one of them does.

    What it has to be added up over, to be a gradient, is then known to JAX.
    """
    axes = frozenset().union(*(varying(jax.typeof(a)) for a in arrays))
    missing = [tuple(axes - frozenset(varying(jax.typeof(a)))) for a in arrays]
    return [
        lax.pcast(a, more, to="varying") if more else a
        for a, more in zip(arrays, missing, strict=True)
    ]


def _zeros(shape: tuple[int, ...], dtype: Any, like: Array) -> Array:
    """Return zeros that vary over the axes of shard_map as another array does."""
    (zeros, _) = beside_each_other([jnp.zeros(shape, dtype), like])
    return zeros

"""Cross-entropy as a call in a compiled program: the loss, and its gradient in the same pass."""

from __future__ import annotations

from functools import cache, partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.custom_derivatives import SymbolicZero
from jax.extend.core import Primitive
from jax.interpreters import batching, mlir

from logitkit import _core
from logitkit.backends import _formulas as formulas
from logitkit.backends.jax import rules
from logitkit.backends.jax.calls import TARGET, Call, aval_like, lead_of

Array = Any
Beside = dict[str, Array]

# The operands beside x in their order, and the bits by which xla/losses.hpp names them.
_BESIDE = {"soft": 1, "keep": 2, "ids": 8, "weight": 16}
_REDUCTION = {"none": 0, "mean": 1, "sum": 2}
_NORMALIZER = {"weight": 0, "count": 1}


class Fixed(NamedTuple):
    """What is fixed when a program is compiled."""

    axis: int
    ndim: int  # of x; under vmap operands have more
    result: str  # dtype of the loss
    ignore_index: int | None
    label_smoothing: float
    z_loss: float
    reduction: str
    normalizer: str | float
    empty: str
    given: bool = False  # x are log-probabilities: nll_loss

    @property
    def options(self) -> dict[str, Any]:
        """The options of the formula."""
        others = ("label_smoothing", "z_loss") if self.given else ()
        return {name: getattr(self, name) for name in self._fields[3:9] if name not in others}


# ---- with derivatives ----------------------------------------------------------------------------


@partial(jax.custom_jvp, nondiff_argnums=(0,))
def loss_of(fixed: Fixed, x: Array, beside: Beside) -> Array:
    """Return the loss; with ``reduction="none"`` it has 1 along the axis.

    `beside` are "soft", probabilities, or "ids", classes with 1 along the axis, and perhaps "keep"
    and "weight", which broadcast against x.
    """
    return _bind(fixed, x, beside, gradient=False)[0]


@partial(jax.custom_jvp, nondiff_argnums=(0,))
def loss_and_gradient(fixed: Fixed, x: Array, beside: Beside) -> tuple[Array, Array]:
    """Return the loss, and the gradient of the sum of what it is."""
    loss, gradient = _bind(fixed, x, beside, gradient=True)
    return loss, gradient


def _loss_rule(fixed: Fixed, primals: Any, tangents: Any) -> tuple[Array, Array]:
    loss, gradient = loss_and_gradient(fixed, *primals)
    _refuse(tangents[1])
    return loss, _along(fixed, gradient, tangents[0])


def _both_rule(fixed: Fixed, primals: Any, tangents: Any) -> Any:
    (x, beside), (dx, others) = primals, tangents
    _refuse(others)
    loss, gradient = loss_and_gradient(fixed, x, beside)
    _, change = jax.jvp(lambda x: _plain_gradient(fixed, x, beside), [x], [dx])
    return (loss, gradient), (_along(fixed, gradient, dx), change.astype(gradient.dtype))


@partial(jax.custom_jvp, nondiff_argnums=(0,))
def nll_of(fixed: Fixed, log_p: Array, beside: Beside) -> Array:
    """Return the loss of given log-probabilities, which is linear in them."""
    return _bind(fixed, log_p, beside, gradient=False)[0]


def _nll_rule(fixed: Fixed, primals: Any, tangents: Any) -> tuple[Array, Array]:
    log_p, beside = primals
    _refuse(tangents[1])
    wide = jnp.promote_types(log_p.dtype, jnp.float32)
    ids = beside["ids"]
    ignored = jnp.zeros_like(ids, bool) if fixed.ignore_index is None else ids == fixed.ignore_index
    places = jnp.where(ignored, 0, ids)
    v = jnp.ones(ids.shape, wide)
    if "weight" in beside:
        v = jnp.take_along_axis(
            jnp.broadcast_to(beside["weight"], log_p.shape), places, axis=fixed.axis
        ).astype(wide)
    here = ~ignored
    if "keep" in beside:
        keep = jnp.broadcast_to(beside["keep"], log_p.shape)
        here = here & jnp.take_along_axis(keep, places, axis=fixed.axis)
    by: Any = 1.0
    if fixed.reduction == "mean":
        by, none = formulas.divisor(jnp, fixed.normalizer, v, ignored, wide)
        here = here & ~none
    moved = jnp.take_along_axis(tangents[0].astype(wide), places, axis=fixed.axis)
    steps = jnp.where(here, -v / by * moved, 0)
    change = steps if fixed.reduction == "none" else jnp.sum(steps)
    return nll_of(fixed, *primals), change.astype(fixed.result)


nll_of.defjvp(_nll_rule, symbolic_zeros=True)
loss_of.defjvp(_loss_rule, symbolic_zeros=True)
loss_and_gradient.defjvp(_both_rule, symbolic_zeros=True)


def _refuse(tangents: Any) -> None:
    """Targets and weights are data: a derivative in them would silently be 0."""
    for name, tangent in tangents.items():
        if name in ("soft", "weight") and type(tangent) is not SymbolicZero:
            name = "targets" if name == "soft" else name
            raise TypeError(
                f"{name} is differentiated; cross_entropy has a derivative in x alone: accepted is "
                f"jax.lax.stop_gradient({name})"
            )


def _along(fixed: Fixed, gradient: Array, dx: Array) -> Array:
    """Return how the loss changes when the scores move along dx."""
    wide = jnp.promote_types(gradient.dtype, jnp.float32)
    steps = jnp.where(gradient == 0, 0, gradient.astype(wide) * dx.astype(wide))
    none = fixed.reduction == "none"
    total = jnp.sum(steps, axis=fixed.axis, keepdims=True) if none else jnp.sum(steps)
    return total.astype(fixed.result)


def _plain_gradient(fixed: Fixed, x: Array, beside: Beside) -> Array:
    """Return the gradient in operations that JAX differentiates: for the second derivative."""
    wide = jnp.promote_types(x.dtype, jnp.float32)
    x, keep, axis = x.astype(wide), beside.get("keep"), fixed.axis
    here = True if keep is None else jnp.broadcast_to(keep, x.shape)
    call = Call((axis,), 1.0)
    p = rules.softmax(call, x, None, keep)
    classes = x.shape[axis]
    ignored: Any = False
    if "ids" in beside:
        ids = beside["ids"]
        ignored = False if fixed.ignore_index is None else ids == fixed.ignore_index
        places = jnp.arange(classes).reshape([-1 if i == axis else 1 for i in range(x.ndim)])
        wanted = jnp.where(ignored, 0.0, (ids == places).astype(wide))
    else:
        wanted = jnp.where(here, beside["soft"].astype(wide), 0.0)
    w = beside["weight"].astype(wide) if "weight" in beside else 1.0
    kept = jnp.sum(jnp.broadcast_to(here, x.shape), axis=axis, keepdims=True)
    share = w * fixed.label_smoothing / jnp.maximum(kept, 1)
    a = w * (1 - fixed.label_smoothing) * wanted + jnp.where(here, share, 0.0)
    v = jnp.sum(w * wanted, axis=axis, keepdims=True)
    scale = jnp.sum(a, axis=axis, keepdims=True)
    if fixed.z_loss:
        lse = rules.logsumexp(call, x, None, keep)
        scale = scale + 2 * fixed.z_loss * v * jnp.where(kept > 0, lse, 0.0)
    by: Any = fixed.normalizer
    if fixed.reduction != "mean":
        by = 1.0
    elif by == "weight":
        by = jnp.sum(jnp.where(ignored, 0.0, v))
    elif by == "count":
        by = jnp.sum(jnp.broadcast_to(~jnp.asarray(ignored), v.shape))
    still = ignored | ~jnp.asarray(here) | (x == -jnp.inf)
    return jnp.where(still, 0.0, (scale * p - a) / by)


# ---- the call ------------------------------------------------------------------------------------

_loss = Primitive("logitkit_cross_entropy")
_loss.multiple_results = True


def _bind(fixed: Fixed, x: Array, beside: Beside, *, gradient: bool) -> list[Array]:
    keys = tuple(key for key in _BESIDE if key in beside)
    of_rank = [a.reshape((1,) * (x.ndim - a.ndim) + a.shape) for a in (beside[key] for key in keys)]
    results: list[Array] = _loss.bind(x, *of_rank, fixed=fixed, keys=keys, gradient=gradient)
    return results


@cache
def _compiled(**fixed: Any) -> Any:
    return jax.jit(partial(_loss.bind, **fixed))


def _results(*avals: Any, fixed: Fixed, keys: tuple[str, ...], gradient: bool) -> list[Any]:
    lead = lead_of(fixed.ndim, avals)
    own = list(avals[0].shape[len(lead) :])
    shape = own.copy()
    shape[fixed.axis] = 1
    loss_shape = (*lead, *shape) if fixed.reduction == "none" else lead
    loss = aval_like(avals, loss_shape, jnp.dtype(fixed.result))
    if not gradient:
        return [loss]
    return [loss, aval_like(avals, (*lead, *own), avals[0].dtype)]


def _batch(operands: Any, dims: Any, **fixed: Any) -> tuple[list[Array], list[int]]:
    moved = [
        a[None] if dim is None else jnp.moveaxis(a, dim, 0)
        for a, dim in zip(operands, dims, strict=True)
    ]
    results = _loss.bind(*moved, **fixed)
    return results, [0] * len(results)


def _on_cpu(*operands: Array, fixed: Fixed, keys: tuple[str, ...], gradient: bool) -> Any:
    avals = _results(*map(jax.typeof, operands), fixed=fixed, keys=keys, gradient=gradient)
    by = fixed.normalizer
    return jax.ffi.ffi_call(TARGET, avals, vmap_method="expand_dims")(
        *operands,
        op=np.int64(_core.CROSS_ENTROPY),
        rank=np.int64(fixed.ndim),
        axes=np.int64(1 << (fixed.ndim - 1 - fixed.axis)),
        operands=np.int64(sum(_BESIDE[key] for key in keys)),
        ignored=np.int64(fixed.ignore_index is not None),
        ignore_index=np.int64(fixed.ignore_index or 0),
        smoothing=np.float64(fixed.label_smoothing),
        z_loss=np.float64(fixed.z_loss),
        reduction=np.int64(_REDUCTION[fixed.reduction]),
        normalizer=np.int64(_NORMALIZER.get(by, 2) if isinstance(by, str) else 2),
        by=np.float64(1.0 if isinstance(by, str) else by),
        zero=np.int64(fixed.empty == "zero"),
        given=np.int64(fixed.given),
    )


def _elsewhere(*operands: Array, fixed: Fixed, keys: tuple[str, ...], gradient: bool) -> Any:
    lead = lead_of(fixed.ndim, operands)
    f = partial(_formula, fixed=fixed, keys=keys, gradient=gradient)
    for _ in lead:
        f = jax.vmap(f)
    depth = len(lead)
    return f(*(jnp.broadcast_to(a, (*lead, *a.shape[depth:])) for a in operands))


def _formula(*operands: Array, fixed: Fixed, keys: tuple[str, ...], gradient: bool) -> list[Array]:
    x, given = operands[0], dict(zip(keys, operands[1:], strict=True))
    wide = jnp.promote_types(x.dtype, jnp.float32)
    soft, weight = given.get("soft"), given.get("weight")
    options = fixed.options | {
        "weight": None if weight is None else weight.astype(wide),
        "keep": given.get("keep"),
    }
    if fixed.given:
        nll = formulas.nll_loss(jnp, x.astype(wide), given["ids"], fixed.axis, **options)
        return [nll.astype(fixed.result)]
    loss, slope = formulas.cross_entropy_with_grad(
        jnp,
        x.astype(wide),
        given["ids"] if soft is None else soft.astype(wide),
        fixed.axis,
        **options,
    )
    loss = loss.astype(fixed.result)
    return [loss, slope.astype(x.dtype)] if gradient else [loss]


_loss.def_impl(lambda *operands, **fixed: _compiled(**fixed)(*operands))
_loss.def_abstract_eval(_results)
batching.primitive_batchers[_loss] = _batch
mlir.register_lowering(_loss, mlir.lower_fun(_on_cpu, multiple_results=True), platform="cpu")
mlir.register_lowering(_loss, mlir.lower_fun(_elsewhere, multiple_results=True))

"""The operations with their derivatives, of any order, forward and reverse.

Each rule gives the change of the result as a map that is linear in the change of the scores. A
temperature that changes by dt changes x / t as the scores do that move by -(x / t) dt.
"""

from __future__ import annotations

from functools import cache, partial
from typing import Any

import jax
import jax.numpy as jnp
from jax.custom_derivatives import SymbolicZero

from logitkit.backends import _formulas as formulas
from logitkit.backends._formulas.rows import over
from logitkit.backends.jax.calls import Call, run
from logitkit.backends.jax.linear import Half, Pair, linear

Array = Any


# ---- softmax and its logarithm ------------------------------------------------------------------


@partial(jax.custom_jvp, nondiff_argnums=(0,))
def softmax(call: Call, x: Array, t: Array | None, keep: Array | None) -> Array:
    """Return probabilities; the arguments are as for the formulas, t None where the call has it."""
    return run("softmax", call, x, t=t, keep=keep)


@partial(jax.custom_jvp, nondiff_argnums=(0,))
def log_softmax(call: Call, x: Array, t: Array | None, keep: Array | None) -> Array:
    """Return log-probabilities."""
    return run("log_softmax", call, x, t=t, keep=keep)


def softmax_vjp(call: Call, p: Array, g: Array, t: Array | None) -> Array:
    """Return the product with the Jacobian of softmax, which is symmetric."""
    return linear(_softmax_pair(call), (p, t), g)


def log_softmax_vjp(call: Call, log_p: Array, g: Array, t: Array | None) -> Array:
    """Return the product with the transposed Jacobian of log_softmax."""
    return linear(Pair(*reversed(_log_softmax_pair(call))), (log_p, t), g)


def _softmax_rule(call: Call, primals: Any, tangents: Any) -> tuple[Array, Array]:
    x, t, _ = primals
    p = softmax(call, *primals)
    return p, softmax_vjp(_bare(call), p, _direction(call, x, t, *tangents[:2]), t)


def _log_softmax_rule(call: Call, primals: Any, tangents: Any) -> tuple[Array, Array]:
    x, t, _ = primals
    log_p = log_softmax(call, *primals)
    v = _direction(call, x, t, *tangents[:2])
    return log_p, linear(_log_softmax_pair(_bare(call)), (log_p, t), v)


softmax.defjvp(_softmax_rule, symbolic_zeros=True)
log_softmax.defjvp(_log_softmax_rule, symbolic_zeros=True)


@cache
def _softmax_pair(call: Call) -> Pair:
    half = Half(partial(_kernel, "softmax_vjp", call), partial(_plain, "softmax_vjp", call))
    return Pair(half, half)


@cache
def _log_softmax_pair(call: Call) -> Pair:
    plain = partial(_plain, "log_softmax_jvp", call)
    back = Half(partial(_kernel, "log_softmax_vjp", call), partial(_plain, "log_softmax_vjp", call))
    return Pair(Half(plain, plain), back)


def _kernel(name: str, call: Call, residuals: Any, v: Array) -> Array:
    p, t = residuals
    return run(name, call, p, g=v, t=t)


def _plain(name: str, call: Call, residuals: Any, v: Array) -> Array:
    p, t = residuals
    product = getattr(formulas, name)(jnp, _wide(p), _wide(v), call.axes, _temperature(call, t, p))
    return product.astype(p.dtype)


# ---- one value a row ----------------------------------------------------------------------------


@partial(jax.custom_jvp, nondiff_argnums=(0,))
def logsumexp(call: Call, x: Array, t: Array | None, keep: Array | None) -> Array:
    """Return the logarithm of the normaliser, with the axes as 1."""
    return run("logsumexp", call, x, t=t, keep=keep)


@partial(jax.custom_jvp, nondiff_argnums=(0,))
def entropy(call: Call, x: Array, t: Array | None, keep: Array | None) -> Array:
    """Return the entropy, with the axes as 1."""
    return run("entropy", call, x, t=t, keep=keep)


def logsumexp_vjp(call: Call, x: Array, g: Array, t: Array | None, keep: Array | None) -> Array:
    """Return the gradient in the scores, given one in their logsumexp, with the axes as 1."""
    return linear(Pair(*reversed(_reduction_pair("logsumexp", call))), (x, t, keep), g)


def entropy_vjp(call: Call, x: Array, g: Array, t: Array | None, keep: Array | None) -> Array:
    """Return the gradient in the scores, given one in their entropy, with the axes as 1."""
    return linear(Pair(*reversed(_reduction_pair("entropy", call))), (x, t, keep), g)


def _reduction_rule(
    name: str, function: Any, call: Call, primals: Any, tangents: Any
) -> tuple[Array, Array]:
    x, t, _ = primals
    v = _direction(call, x, t, *tangents[:2])
    return function(call, *primals), linear(_reduction_pair(name, call), primals, v)


logsumexp.defjvp(partial(_reduction_rule, "logsumexp", logsumexp), symbolic_zeros=True)
entropy.defjvp(partial(_reduction_rule, "entropy", entropy), symbolic_zeros=True)


@cache
def _reduction_pair(name: str, call: Call) -> Pair:
    slope = partial(_slope, name, call)
    kernel = partial(_slope_kernel, name, call)
    return Pair(
        Half(partial(_along, call, kernel), partial(_along, call, slope)),
        Half(partial(_spread_kernel, name, call), partial(_spread, slope)),
    )


def _slope_kernel(name: str, call: Call, x: Array, t: Array | None, keep: Array | None) -> Array:
    ones = jnp.ones([1 if i in call.axes else n for i, n in enumerate(x.shape)], x.dtype)
    return run(f"{name}_vjp", call, x, g=ones, t=t, keep=keep)


def _spread_kernel(name: str, call: Call, residuals: Any, g: Array) -> Array:
    x, t, keep = residuals
    return run(f"{name}_vjp", call, x, g=g, t=t, keep=keep)


def _slope(name: str, call: Call, x: Array, t: Array | None, keep: Array | None) -> Array:
    """Return the derivative of a row's value in each of its scores, in operations with rules."""
    p = softmax(call, x, t, keep)
    slope = p
    if name == "entropy":
        log_p = jnp.where(p > 0, log_softmax(call, x, t, keep), 0)
        slope = -p * (log_p + entropy(call, x, t, keep))
    return jnp.where(p > 0, over(jnp, slope, _temperature(call, t, x)), 0)


def _along(call: Call, slope: Any, residuals: Any, v: Array) -> Array:
    x, t, keep = residuals
    s = slope(_wide(x), t, keep)
    return jnp.sum(jnp.where(s == 0, 0, s * v), axis=call.axes, keepdims=True).astype(x.dtype)


def _spread(slope: Any, residuals: Any, g: Array) -> Array:
    x, t, keep = residuals
    return (slope(_wide(x), t, keep) * g).astype(x.dtype)


# ---- the others ---------------------------------------------------------------------------------


@partial(jax.custom_jvp, nondiff_argnums=(0,))
def gather_logprobs(call: Call, x: Array, t: Array | None, keep: Array | None, ids: Array) -> Array:
    """Return log-probabilities at ids along the last axis."""
    return run("gather_logprobs", call, x, t=t, keep=keep, ids=ids)


def _gather_rule(call: Call, primals: Any, tangents: Any) -> tuple[Array, Array]:
    x, t, keep, ids = primals
    log_p = log_softmax(call, x, t, keep)
    v = _direction(call, x, t, *tangents[:2])
    change = linear(_log_softmax_pair(call), (log_p, t), v)
    return gather_logprobs(call, *primals), jnp.take_along_axis(change, ids, axis=-1)


gather_logprobs.defjvp(_gather_rule, symbolic_zeros=True)


@partial(jax.custom_jvp, nondiff_argnums=(0,))
def kl_divergence(call: Call, p: Array, q: Array, t: Array | None, keep: Array | None) -> Array:
    """Return the divergence of each row, with the axes as 1."""
    return run("kl_divergence", call, p, g=q, t=t, keep=keep)


def _divergence_rule(call: Call, primals: Any, tangents: Any) -> tuple[Array, Array]:
    p, q, t, keep = primals
    dp, dq, dt, _ = tangents
    value = kl_divergence(call, *primals)
    share, other = (softmax(call, a, t, keep) for a in (p, q))
    log_share, log_other = (log_softmax(call, a, t, keep) for a in (p, q))
    change = jnp.zeros((), p.dtype)
    for x, dx, slope in (
        (p, dp, share * (jnp.where(share > 0, log_share - log_other, 0) - value)),
        (q, dq, other - share),
    ):
        if type(dx) is not SymbolicZero or _moves(dt):
            v = _direction(call, x, t, dx, dt)
            step = over(jnp, slope, _temperature(call, t, x))
            change = change + jnp.where((step == 0) | (x == -jnp.inf), 0, step * v)
    return value, jnp.sum(change, axis=call.axes, keepdims=True).astype(value.dtype)


kl_divergence.defjvp(_divergence_rule, symbolic_zeros=True)


# ---- what they share ----------------------------------------------------------------------------


def _bare(call: Call) -> Call:
    """Return the call of a product, whose only choices are its axes and its temperature."""
    return Call(call.axes, call.t)


def _wide(a: Array) -> Array:
    return a if a.dtype == jnp.float64 else a.astype(jnp.float32)


def _temperature(call: Call, t: Array | None, like: Array) -> Any:
    return call.t if t is None else t.astype(_wide(like).dtype)


def _moves(dt: Any) -> bool:
    return dt is not None and type(dt) is not SymbolicZero


def _direction(call: Call, x: Array, t: Array | None, dx: Any, dt: Any) -> Array:
    """Return the change of the scores that changes x / t as dx and dt do."""
    v = jnp.zeros_like(x) if type(dx) is SymbolicZero else dx
    if _moves(dt):
        divisor = _temperature(call, t, x)
        inside = (divisor > 0) & (divisor < jnp.inf)
        ratio = _wide(x) / jnp.where(inside, divisor, 1)
        v = v - jnp.where(inside, ratio * dt, 0).astype(x.dtype)
    # A row of all -inf is constant, whatever it was given for a result.
    return jnp.where(x == -jnp.inf, 0, v) if call.empty == "uniform" else v

"""JAX on the CPU: jitted, the operands on the device, timed until the result is ready.

The products that start from probabilities are `jax.nn.softmax`'s own rule of differentiation, and
the same of its logarithm; those that start from scores are `jax.vjp`.

XLA sizes its thread pool once, from the environment variable NPROC: the worker process sets it.
"""

from collections.abc import Callable

import jax
import numpy as np
from jax import Array
from jax import numpy as jnp

from . import Bound, Operands, Provider, gradient_of


def _entropy(x: Array, axis: int) -> Array:
    log_p = jax.nn.log_softmax(x, axis)
    return -(jnp.exp(log_p) * log_p).sum(axis)


def _kl_divergence(x: Array, other: Array, axis: int) -> Array:
    log_p, log_q = jax.nn.log_softmax(x, axis), jax.nn.log_softmax(other, axis)
    return (jnp.exp(log_p) * (log_p - log_q)).sum(axis)


def _gather_logprobs(x: Array, ids: Array, axis: int) -> Array:
    return jnp.take_along_axis(jax.nn.log_softmax(x, axis), ids, axis)


def _cross_entropy(x: Array, ids: Array, axis: int) -> Array:
    return -_gather_logprobs(x, ids, axis).squeeze(axis)


def _cross_entropy_grad(x: Array, ids: Array, axis: int) -> tuple[Array, Array]:
    return jax.value_and_grad(lambda scores: _cross_entropy(scores, ids, axis).sum())(x)


def _softmax_vjp(p: Array, g: Array, axis: int) -> Array:
    return p * (g - (p * g).sum(axis, keepdims=True))


def _log_softmax_vjp(log_p: Array, g: Array, axis: int) -> Array:
    return g - jnp.exp(log_p) * g.sum(axis, keepdims=True)


def _by_vjp(function: Callable[[Array, int], Array]) -> Callable[..., Array]:
    def vjp(x: Array, g: Array, axis: int) -> Array:
        value, pull = jax.vjp(lambda scores: function(scores, axis), x)
        return pull(g.reshape(value.shape))[0]

    return vjp


FUNCTIONS = {
    "softmax": jax.nn.softmax,
    "log_softmax": jax.nn.log_softmax,
    "logsumexp": jax.nn.logsumexp,
    "entropy": _entropy,
    "kl_divergence": _kl_divergence,
    "gather_logprobs": _gather_logprobs,
    "cross_entropy": _cross_entropy,
    "cross_entropy_grad": _cross_entropy_grad,
    "softmax_vjp": _softmax_vjp,
    "softmax_jvp": _softmax_vjp,
    "log_softmax_vjp": _log_softmax_vjp,
    "logsumexp_vjp": _by_vjp(jax.nn.logsumexp),
    "entropy_vjp": _by_vjp(_entropy),
}


def providers(threads: int) -> list[Provider]:
    """Return the jitted functions."""
    jax.config.update("jax_platforms", "cpu")
    jax.config.update("jax_enable_x64", True)  # else float64 input is rounded to float32
    return [Provider("jax", "jax", _bind)]


def _bind(op: str, operands: Operands, axis: int) -> Bound:
    function = FUNCTIONS[op]
    jitted = jax.jit(lambda *arrays: function(*arrays, axis))
    arrays = [jax.device_put(each) for each in operands]
    if op == "cross_entropy_grad":
        both = jax.block_until_ready
        return Bound(lambda: both(jitted(*arrays)), lambda got: np.asarray(gradient_of(got)))
    return Bound(lambda: jitted(*arrays).block_until_ready(), np.asarray)

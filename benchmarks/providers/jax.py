"""JAX on the CPU: jitted, the input on the device, timed until the result is ready.

XLA sizes its thread pool once, from the environment variable NPROC: the worker process sets it.
"""

import jax
import numpy as np

from . import Array, Bound, Provider

FUNCTIONS = {
    "softmax": jax.nn.softmax,
    "log_softmax": jax.nn.log_softmax,
    "logsumexp": jax.nn.logsumexp,
}


def providers(threads: int) -> list[Provider]:
    """Return the jitted functions."""
    jax.config.update("jax_platforms", "cpu")
    jax.config.update("jax_enable_x64", True)  # else float64 input is rounded to float32
    return [Provider("jax", "jax", _bind)]


def _bind(op: str, x: Array, axis: int) -> Bound:
    function = FUNCTIONS[op]
    jitted = jax.jit(lambda array: function(array, axis=axis))
    array = jax.device_put(x)
    return Bound(lambda: jitted(array).block_until_ready(), np.asarray)

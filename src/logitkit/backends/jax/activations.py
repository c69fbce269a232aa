"""The functions of one element, with derivatives that hold at every point."""

from __future__ import annotations

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp

from logitkit.backends._formulas import activations as formulas

Array = Any


def with_derivative(formula: Any, x: Array, *parameters: float) -> Array:
    """Return ``formula(x)``; where JAX's derivative of it fails at a point there is another."""
    return _WITH.get(formula, partial(formula, jnp))(x, *parameters)


@jax.custom_jvp
def _sigmoid(x: Array) -> Array:
    return formulas.sigmoid(jnp, x)


@_sigmoid.defjvp
def _(primals: Any, tangents: Any) -> tuple[Array, Array]:
    (x,), (dx,) = primals, tangents
    s = _sigmoid(x)
    return s, s * _sigmoid(-x) * dx


@jax.custom_jvp
def _silu(x: Array) -> Array:
    return formulas.silu(jnp, x)


@_silu.defjvp
def _(primals: Any, tangents: Any) -> tuple[Array, Array]:
    (x,), (dx,) = primals, tangents
    # The limits of x s(x) s(-x), which is 0 times infinity there.
    finite = jnp.where(jnp.isinf(x), 0, x)
    return _silu(x), (_sigmoid(x) + finite * _sigmoid(x) * _sigmoid(-x)) * dx


@jax.custom_jvp
def _relu(x: Array) -> Array:
    return formulas.relu(jnp, x)


@_relu.defjvp
def _(primals: Any, tangents: Any) -> tuple[Array, Array]:
    (x,), (dx,) = primals, tangents
    return _relu(x), jnp.where(x > 0, dx, 0)


_WITH = {formulas.sigmoid: _sigmoid, formulas.silu: _silu, formulas.relu: _relu}

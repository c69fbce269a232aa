"""JAX, as the shared verbs see it."""

from __future__ import annotations

from functools import cache
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from logitkit.backends import _formulas as formulas
from logitkit.backends._generic.host import Host, loss_options
from logitkit.backends._generic.linear_parts import Problem
from logitkit.backends.jax import activations, linear_loss, losses, rules
from logitkit.backends.jax.calls import Call, top_ids

Array = Any


class JaxHost(Host):
    """JAX's arrays, known or traced; which dtypes there are depends on ``jax_enable_x64``."""

    def __init__(self) -> None:
        super().__init__(jnp, "jax")

    def owns(self, value: Any) -> bool:
        """Whether value is a JAX array, traced ones among them."""
        return isinstance(value, jax.Array)

    def from_numpy(self, a: np.ndarray[Any, Any], like: Array | None) -> Array:
        """Return a copy of a NumPy array; it stands where the program runs."""
        return jnp.asarray(a)

    def is_known(self, array: Array) -> bool:
        """Whether the values can be looked at."""
        return not isinstance(array, jax.core.Tracer)

    def has(self, name: str) -> bool:
        """Whether JAX has the dtype of that name at present."""
        wide = name in ("float64", "int64", "uint64")
        return super().has(name) and (not wide or bool(jax.config.jax_enable_x64))

    def default_float(self, name: str) -> str:
        """Return JAX's own default, whatever the integers are."""
        return str(jnp.zeros(()).dtype)

    def cast(self, array: Array, name: str) -> Array:
        """Return the array in the dtype of that name."""
        return array if array.dtype.name == name else array.astype(name)

    def call(
        self, name: str, *arrays: Array, t: Any = None, keep: Any = None, **choices: Any
    ) -> Any:
        """Run an operation with its derivatives."""
        if name == "softmax_jacobian":
            return super().call(name, *arrays, t=t)
        if name == "gather_logprobs":
            return _gather(*arrays, t=t, keep=keep, **choices)
        fixed, t = (t, None) if isinstance(t, float) else (None, t)
        call = Call(tuple(choices["axes"]), fixed, choices.get("empty"), bool(choices.get("exact")))
        masks = () if name in ("softmax_vjp", "log_softmax_vjp") else (keep,)
        return _compiled(name)(call, *arrays, t, *masks)

    def cross_entropy(
        self,
        x: Array,
        targets: Array,
        axis: int,
        options: Any,
        weight: Array | None,
        keep: Array | None,
        gradient: bool,
        result: str,
    ) -> tuple[Array, Array | None]:
        """Return the loss in the dtype of `result`, and the gradient in that of x, or None."""
        fixed = losses.Fixed(axis, x.ndim, result, **loss_options(options))
        soft = jnp.issubdtype(targets.dtype, jnp.floating)
        targets = targets if soft else _as_index(targets)
        beside = {"soft" if soft else "ids": targets, "keep": keep, "weight": weight}
        beside = {key: a for key, a in beside.items() if a is not None}
        if gradient:
            both: tuple[Array, Array] = _compiled("loss_and_gradient")(fixed, x, beside)
            return both
        return _compiled("loss_of")(fixed, x, beside), None

    def nll_loss(
        self,
        log_p: Array,
        ids: Array,
        axis: int,
        options: Any,
        weight: Array | None,
        keep: Array | None,
        result: str,
    ) -> Array:
        """Return the loss of given log-probabilities in the dtype of `result`."""
        fixed = losses.Fixed(axis, log_p.ndim, result, **loss_options(options), given=True)
        beside = {"ids": _as_index(ids), "keep": keep, "weight": weight}
        beside = {key: a for key, a in beside.items() if a is not None}
        return _compiled("nll_of")(fixed, log_p, beside)

    def linear_cross_entropy(
        self, problem: Problem, options: Any, gradient: bool, result: str
    ) -> tuple[Array, dict[str, Array] | None]:
        """Return the loss in the dtype of `result`, and the gradients by name, or None."""
        chosen = loss_options(options)
        # A logit and its gradient stand beside each other.
        rows, classes = problem.cuts(2 * jnp.dtype(problem.compute).itemsize)
        wide = "float64" if self.has("float64") else "float32"
        one_row = chosen | {"reduction": "none", "normalizer": "weight", "empty": "nan"}
        fixed = linear_loss.Fixed(
            part=losses.Fixed(1, 2, wide, **one_row),
            reduction=chosen["reduction"],
            normalizer=chosen["normalizer"],
            empty=chosen["empty"],
            compute=problem.compute,
            result=result,
            rows=rows,
            classes=classes,
        )
        arrays = problem._replace(ids=_as_index(problem.ids))._asdict()
        names = [name for name in linear_loss.ARRAYS if arrays[name] is not None]
        moved = linear_loss.beside_each_other([arrays[name] for name in names])
        by_name = dict(zip(names, moved, strict=True))
        data = {name: by_name.pop(name) for name in ("ids", "weight") if name in by_name}
        given = by_name, data
        if gradient:
            both: tuple[Array, dict[str, Array]] = _compiled("linear_loss_and_gradients")(
                fixed, *given
            )
            return both
        return _compiled("linear_loss")(fixed, *given), None

    def each(self, formula: Any, x: Array, *parameters: float) -> Array:
        """Run a formula of one element, with the derivative that it has at every point."""
        wide = x if x.dtype == jnp.float64 else x.astype(jnp.float32)
        return activations.with_derivative(formula, wide, *parameters).astype(x.dtype)

    def top_k(self, x: Array, k: int, axis: int) -> tuple[Array, Array]:
        """Return the k largest elements and their indices; the elements have a derivative."""
        if not jnp.issubdtype(x.dtype, jnp.floating):
            return formulas.top_k(jnp, x, k, axis)
        k = min(k, x.shape[axis])
        scores = jnp.moveaxis(jax.lax.stop_gradient(x), axis, -1)
        ids = jnp.moveaxis(top_ids(scores, k), -1, axis)
        return jnp.take_along_axis(x, ids, axis=axis), ids


@cache
def _compiled(name: str) -> Any:
    """Return an operation compiled by itself: a call outside of a program takes JAX's fast way."""
    function = next(getattr(of, name) for of in (rules, losses, linear_loss) if hasattr(of, name))
    return jax.jit(function, static_argnums=0, inline=True)


def _as_index(ids: Array) -> Array:
    """Return integers in a dtype that the kernels read."""
    return ids if ids.dtype.name in ("int32", "int64") else ids.astype(jnp.arange(0).dtype)


def _gather(x: Array, *, t: Any, keep: Any, ids: Array, axis: int) -> Array:
    """Run the kernel, which takes classes along the last axis."""

    def last(a: Any) -> Any:
        return None if a is None else jnp.moveaxis(a, axis, -1)

    fixed, t = (t, None) if isinstance(t, float) else (None, t)
    call = Call((x.ndim - 1,), fixed)
    found = _compiled("gather_logprobs")(call, last(x), last(t), last(keep), last(_as_index(ids)))
    return jnp.moveaxis(found, -1, axis)

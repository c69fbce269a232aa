"""Maps that are linear in their last argument, with the transpose computed by a kernel of its own.

JAX derives reverse mode from forward mode by transposing what is linear in the tangents; a foreign
call it cannot transpose. This primitive pairs such a call with that of its transpose. What else the
map depends on, the residuals, may be differentiated again.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax.extend.core import Primitive
from jax.interpreters import ad, batching, mlir

Array = Any


class Half(NamedTuple):
    """A map ``(residuals, v) -> array`` in two forms."""

    run: Callable[..., Array]  # as it is computed
    plain: Callable[..., Array]  # the same in operations that JAX differentiates in the residuals


class Pair(NamedTuple):
    """A linear map and its transpose."""

    forward: Half
    backward: Half


def linear(pair: Pair, residuals: Any, v: Array) -> Array:
    """Return ``pair.forward(residuals, v)``, differentiable in both any number of times."""
    leaves, tree = jax.tree.flatten(residuals)
    return _linear.bind(*leaves, v, pair=pair, tree=tree)


_linear = Primitive("logitkit_linear")


def _run(*args: Array, pair: Pair, tree: Any) -> Array:
    return pair.forward.run(jax.tree.unflatten(tree, args[:-1]), args[-1])


def _jvp(primals: Any, tangents: Any, *, pair: Pair, tree: Any) -> tuple[Array, Any]:
    *residuals, v = primals
    *moves, dv = tangents
    out = _linear.bind(*primals, pair=pair, tree=tree)
    changes = []
    if type(dv) is not ad.Zero:
        changes.append(_linear.bind(*residuals, dv, pair=pair, tree=tree))
    moving = [i for i, move in enumerate(moves) if type(move) is not ad.Zero]
    if moving:

        def at(*values: Array) -> Array:
            leaves = list(residuals)
            for i, value in zip(moving, values, strict=True):
                leaves[i] = value
            return pair.forward.plain(jax.tree.unflatten(tree, leaves), v)

        _, more = jax.jvp(at, [residuals[i] for i in moving], [moves[i] for i in moving])
        changes.append(more)
    return out, sum(changes[1:], changes[0])


def _transpose(cotangent: Array, *args: Any, pair: Pair, tree: Any) -> list[Any]:
    *residuals, v = args
    if type(cotangent) is ad.Zero:
        return [None] * len(residuals) + [ad.Zero(v.aval)]
    back = _linear.bind(*residuals, cotangent, pair=Pair(*reversed(pair)), tree=tree)
    return [None] * len(residuals) + [back]


def _batch(args: Any, dims: Any, *, pair: Pair, tree: Any) -> tuple[Array, int]:
    (size,) = {a.shape[d] for a, d in zip(args, dims, strict=True) if d is not None}
    moved = [a if d is None else jnp.moveaxis(a, d, 0) for a, d in zip(args, dims, strict=True)]
    if dims[-1] is None:
        moved[-1] = jnp.broadcast_to(moved[-1], (size, *moved[-1].shape))
    flags = tuple(d is not None for d in dims[:-1])
    batched = Pair(*(Half(*(partial(_mapped, f, flags) for f in half)) for half in pair))
    return _linear.bind(*moved, pair=batched, tree=tree), 0


def _mapped(f: Callable[..., Array], flags: tuple[bool, ...], residuals: Any, v: Array) -> Array:
    """Map f over the first dimension of v, and of the residuals that have one more."""
    leaves, tree = jax.tree.flatten(residuals)

    def one(leaves: list[Array], v: Array) -> Array:
        return f(jax.tree.unflatten(tree, leaves), v)

    return jax.vmap(one, in_axes=([0 if flag else None for flag in flags], 0))(leaves, v)


_linear.def_impl(_run)
_linear.def_abstract_eval(
    lambda *avals, pair, tree: _aval_of(partial(_run, pair=pair, tree=tree), avals)
)
mlir.register_lowering(_linear, mlir.lower_fun(_run, multiple_results=False))
ad.primitive_jvps[_linear] = _jvp
ad.primitive_transposes[_linear] = _transpose
batching.primitive_batchers[_linear] = _batch


def _aval_of(f: Callable[..., Array], avals: Any) -> Any:
    (aval,) = jax.make_jaxpr(f)(*avals).out_avals
    return aval

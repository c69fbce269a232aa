"""One operation as a call in a compiled program: the core on a CPU, the formulas elsewhere.

Which of them it becomes is decided when a program is lowered, for the platform that it is for.
"""

from __future__ import annotations

from functools import cache, partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.extend.core import Primitive
from jax.interpreters import batching, mlir

from logitkit import _core
from logitkit.backends import _formulas as formulas

Array = Any

TARGET = "logitkit"
jax.ffi.register_ffi_target(TARGET, _core.xla_handler(), platform="cpu")

_OPS = {
    "softmax": _core.SOFTMAX,
    "log_softmax": _core.LOG_SOFTMAX,
    "logsumexp": _core.LOGSUMEXP,
    "entropy": _core.ENTROPY,
    "softmax_vjp": _core.SOFTMAX_VJP,
    "log_softmax_vjp": _core.LOG_SOFTMAX_VJP,
    "logsumexp_vjp": _core.LOGSUMEXP_VJP,
    "entropy_vjp": _core.ENTROPY_VJP,
    "kl_divergence": _core.KL_DIVERGENCE,
    "gather_logprobs": _core.GATHER_LOGPROBS,
    "top_k": _core.TOP_K,
}
_REDUCTIONS = ("logsumexp", "entropy", "kl_divergence")
_UNMASKED = ("softmax_vjp", "log_softmax_vjp")
_EMPTY = {None: 0, "nan": 0, "raise": 0, "zero": 1, "uniform": 2}


# The operands beside x in their order, and the bits by which xla/handler.hpp names them.
_BESIDE = {"g": 1, "keep": 2, "t": 4, "ids": 8}


class Call(NamedTuple):
    """What is fixed when a program is compiled: hashable, the key of JAX's caches."""

    axes: tuple[int, ...]
    t: float | None = None  # None where the temperature is an array
    empty: str | None = None
    exact: bool = False
    k: int = 0  # of top_k


def run(
    name: str,
    call: Call,
    x: Array,
    g: Array | None = None,
    t: Array | None = None,
    keep: Array | None = None,
    ids: Array | None = None,
) -> Array:
    """Run an operation; it has no derivative of its own. `ids` lie along the last axis."""
    beside = {"g": g, "keep": keep, "t": t, "ids": ids}
    given = {key: _of_rank(x.ndim, a) for key, a in beside.items() if a is not None}
    return _call.bind(x, *given.values(), name=name, call=call, keys=tuple(given))


def top_ids(x: Array, k: int) -> Array:
    """Return the positions of the k largest floats along the last axis."""
    return _call.bind(x, name="top_k", call=Call((x.ndim - 1,), 1.0, k=k), keys=())


_call = Primitive("logitkit")


@cache
def _compiled(name: str, call: Call, keys: tuple[str, ...]) -> Any:
    return jax.jit(partial(_call.bind, name=name, call=call, keys=keys))


def _result(*avals: Any, name: str, call: Call, keys: tuple[str, ...]) -> Any:
    """Return the shape and dtype of the result: all operands broadcast, then reduced."""
    x = avals[0]
    rows = np.broadcast_shapes(*(_outside(call.axes, a.shape) for a in avals))
    last = {"top_k": call.k}
    if "ids" in keys:
        last = {name: avals[1 + keys.index("ids")].shape[-1]}
    shape = list(rows)
    for axis in call.axes:
        shape[axis] = 1 if name in _REDUCTIONS else last.get(name, x.shape[axis])
    dtype = jnp.arange(0).dtype if name == "top_k" else x.dtype
    return aval_like(avals, tuple(shape), dtype)


def aval_like(avals: Any, shape: tuple[int, ...], dtype: Any) -> Any:
    """Return the type of a result: it varies over the axes of shard_map as the operands do."""
    like = max(avals, key=lambda aval: len(varying(aval)))
    if len(shape) == len(like.shape):
        return like.update(shape=shape, dtype=dtype, weak_type=False)
    spec = jax.sharding.PartitionSpec(*[None] * len(shape))
    sharding = jax.sharding.NamedSharding(like.sharding.mesh, spec)
    return like.update(shape=shape, dtype=dtype, weak_type=False, sharding=sharding)


def varying(aval: Any) -> Any:
    """Return the axes of shard_map over which an array differs."""
    # JAX has renamed it.
    kind = getattr(aval, "manual_axis_type", None)
    return getattr(aval, "vma", ()) if kind is None else kind.varying


def lead_of(rank: int, arrays: Any) -> tuple[int, ...]:
    """Return the dimensions that vmap put in front of those of one problem."""
    return np.broadcast_shapes(*(a.shape[: len(a.shape) - rank] for a in arrays))


def _outside(axes: tuple[int, ...], shape: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(1 if i in axes else n for i, n in enumerate(shape))


def _batch(
    operands: Any, dims: Any, *, name: str, call: Call, keys: tuple[str, ...]
) -> tuple[Array, int]:
    """Put the new dimension in front: more rows for one call."""
    moved = [
        a[None] if dim is None else jnp.moveaxis(a, dim, 0)
        for a, dim in zip(operands, dims, strict=True)
    ]
    call = call._replace(axes=tuple(axis + 1 for axis in call.axes))
    return _call.bind(*moved, name=name, call=call, keys=keys), 0


def _on_cpu(*operands: Array, name: str, call: Call, keys: tuple[str, ...]) -> Array:
    aval = _result(*map(jax.typeof, operands), name=name, call=call, keys=keys)
    rank = operands[0].ndim
    return jax.ffi.ffi_call(TARGET, aval, vmap_method="expand_dims")(
        *operands,
        op=np.int64(_OPS[name]),
        axes=np.int64(sum(1 << (rank - 1 - axis) for axis in call.axes)),
        operands=np.int64(sum(_BESIDE[key] for key in keys)),
        empty=np.int64(_EMPTY[call.empty]),
        exact=np.int64(call.exact),
        temperature=np.float64(1.0 if call.t is None else call.t),
    )


def _elsewhere(*operands: Array, name: str, call: Call, keys: tuple[str, ...]) -> Array:
    aval = _result(*map(jax.typeof, operands), name=name, call=call, keys=keys)
    x, given = operands[0], dict(zip(keys, operands[1:], strict=True))
    shape = tuple(
        x.shape[i] if i in call.axes else n for i, n in enumerate(aval.shape)
    )  # under vmap the scores may be shared by rows that differ in the rest
    x = jnp.broadcast_to(x, shape)
    if name == "top_k":
        return formulas.top_k(jnp, x, call.k, x.ndim - 1)[1].astype(aval.dtype)
    wide = jnp.float64 if x.dtype == jnp.float64 else jnp.float32
    floats = [x.astype(wide)]
    if "g" in given:
        floats.append(given["g"].astype(wide))
    if call.t is None:
        t = given["t"].astype(wide)
    else:
        with np.errstate(over="ignore"):
            t = float(np.dtype(wide).type(call.t))
    options: dict[str, Any] = {} if name in _UNMASKED else {"keep": given.get("keep")}
    if name in ("softmax", "log_softmax"):
        options["empty"] = call.empty
    where: Any = call.axes
    if name == "gather_logprobs":
        ids = given["ids"]
        floats.append(jnp.broadcast_to(ids, (*shape[:-1], ids.shape[-1])))
        (where,) = call.axes
    return getattr(formulas, name)(jnp, *floats, where, t, **options).astype(x.dtype)


def _of_rank(rank: int, a: Array) -> Array:
    return a if a.ndim == rank else a.reshape((1,) * (rank - a.ndim) + a.shape)


_call.def_impl(lambda *operands, **fixed: _compiled(**fixed)(*operands))
_call.def_abstract_eval(_result)
batching.primitive_batchers[_call] = _batch
mlir.register_lowering(_call, mlir.lower_fun(_on_cpu, multiple_results=False), platform="cpu")
mlir.register_lowering(_call, mlir.lower_fun(_elsewhere, multiple_results=False))

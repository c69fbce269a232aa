"""One operation as a call in a compiled program: the core on a CPU, the formulas elsewhere."""

from __future__ import annotations

from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from logitkit import _core
from logitkit.backends import _formulas as formulas

Array = Any

_TARGET = "logitkit"
jax.ffi.register_ffi_target(_TARGET, _core.xla_handler(), platform="cpu")

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


class Call(NamedTuple):
    """What is fixed when a program is compiled: hashable, the key of JAX's caches."""

    axes: tuple[int, ...]
    t: float | None = None  # None where the temperature is an array
    empty: str | None = None
    exact: bool = False


@partial(jax.jit, static_argnames=("name", "call"), inline=True)
def run(
    name: str,
    call: Call,
    x: Array,
    g: Array | None = None,
    t: Array | None = None,
    keep: Array | None = None,
    ids: Array | None = None,
) -> Array:
    """Run an operation; it has no derivative of its own."""
    operands = {"x": x, "g": g, "keep": keep, "t": t, "ids": ids}
    given = {k: v for k, v in operands.items() if v is not None}
    return jax.lax.platform_dependent(
        given, cpu=partial(_core_call, name, call), default=partial(_formula, name, call)
    )


@partial(jax.jit, static_argnames=("k",), inline=True)
def top_ids(x: Array, k: int) -> Array:
    """Return the positions of the k largest floats along the last axis."""
    ids = jax.ShapeDtypeStruct((*x.shape[:-1], k), jnp.arange(0).dtype)
    return jax.lax.platform_dependent(
        x,
        cpu=lambda x: _bind("top_k", Call((x.ndim - 1,), 1.0), ids, [x], 0),
        default=lambda x: formulas.top_k(jnp, x, k, x.ndim - 1)[1].astype(ids.dtype),
    )


def _core_call(name: str, call: Call, given: dict[str, Array]) -> Array:
    x = given["x"]
    shape = list(x.shape)
    if name in _REDUCTIONS:
        shape = [1 if i in call.axes else n for i, n in enumerate(shape)]
    if name == "gather_logprobs":
        shape[-1] = given["ids"].shape[-1]
    # Which arguments there are, by the bits that xla/handler.hpp names.
    order = {"g": 1, "keep": 2, "t": 4, "ids": 8}
    present = [key for key in order if key in given]
    operands = [x, *(_of_rank(x.ndim, given[key]) for key in present)]
    bits = sum(order[key] for key in present)
    return _bind(name, call, jax.ShapeDtypeStruct(tuple(shape), x.dtype), operands, bits)


def _bind(
    name: str, call: Call, result: jax.ShapeDtypeStruct, operands: list[Array], bits: int
) -> Array:
    rank = operands[0].ndim
    varying = frozenset().union(*(getattr(jax.typeof(a), "vma", frozenset()) for a in operands))
    if varying:
        result = jax.ShapeDtypeStruct(result.shape, result.dtype, vma=varying)
    # Axes from the end: they stay what they are when vmap puts a dimension in front.
    axes = sum(1 << (rank - 1 - axis) for axis in call.axes)
    return jax.ffi.ffi_call(_TARGET, result, vmap_method="expand_dims")(
        *operands,
        op=np.int64(_OPS[name]),
        axes=np.int64(axes),
        operands=np.int64(bits),
        empty=np.int64(_EMPTY[call.empty]),
        exact=np.int64(call.exact),
        temperature=np.float64(1.0 if call.t is None else call.t),
    )


def _formula(name: str, call: Call, given: dict[str, Array]) -> Array:
    x = given["x"]
    wide = jnp.float64 if x.dtype == jnp.float64 else jnp.float32
    operands = [given[key].astype(wide) for key in ("x", "g") if key in given]
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
        operands.append(given["ids"])
        (where,) = call.axes
    return getattr(formulas, name)(jnp, *operands, where, t, **options).astype(x.dtype)


def _of_rank(rank: int, a: Array) -> Array:
    return a if a.ndim == rank else a.reshape((1,) * (rank - a.ndim) + a.shape)

"""The verbs of a backend for arrays of any library: checks, then the host's computation."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from logitkit.backends import _arguments as plain
from logitkit.backends._generic import arguments, linear, losses
from logitkit.backends._generic.host import Array, Host

_EMPTY = dict.fromkeys((None, "nan", "zero", "uniform", "raise"))
_PRECISION = dict.fromkeys(("default", "exact"))
_REDUCTION = dict.fromkeys(("mean", "sum", "none"))


class Verbs:
    """What the public functions do with arrays of one library; see there what each means."""

    def __init__(self, host: Host) -> None:
        self.host = host

    def softmax(self, x: Any, *options: Any) -> Any:
        """See `logitkit.softmax`."""
        return self._map("softmax", x, *options)

    def log_softmax(self, x: Any, *options: Any) -> Any:
        """See `logitkit.log_softmax`."""
        return self._map("log_softmax", x, *options)

    def logsumexp(
        self, x: Any, axis: Any, temperature: Any, mask: Any, keepdims: Any, dtype: Any, out: Any
    ) -> Any:
        """See `logitkit.logsumexp`."""
        self._refuse_out(out)
        return self._reduce("logsumexp", x, axis, temperature, mask, keepdims, dtype)

    def entropy(self, x: Any, axis: Any, temperature: Any, mask: Any) -> Any:
        """See `logitkit.entropy`."""
        return self._reduce("entropy", x, axis, temperature, mask, False, None)

    def softmax_vjp(
        self, p: Any, g: Any, axis: Any, temperature: Any, out: Any, g_name: str
    ) -> Any:
        """See `logitkit.softmax_vjp`; `g_name` is what the caller calls g."""
        self._refuse_out(out)
        return self._vjp("softmax_vjp", p, g, axis, temperature, "p", g_name)

    def log_softmax_vjp(self, log_p: Any, g: Any, axis: Any, temperature: Any, out: Any) -> Any:
        """See `logitkit.log_softmax_vjp`."""
        self._refuse_out(out)
        return self._vjp("log_softmax_vjp", log_p, g, axis, temperature, "log_p", "g")

    def logsumexp_vjp(self, x: Any, *options: Any) -> Any:
        """See `logitkit.logsumexp_vjp`."""
        return self._reduction_vjp("logsumexp_vjp", x, *options)

    def entropy_vjp(self, x: Any, *options: Any) -> Any:
        """See `logitkit.entropy_vjp`."""
        return self._reduction_vjp("entropy_vjp", x, *options)

    def softmax_jacobian(self, p: Any, *, temperature: Any) -> Any:
        """See `logitkit.softmax_jacobian`."""
        host = self.host
        result, compute = host.result_names(p.dtype, name="p")
        if not p.shape:
            raise ValueError(
                "p is a scalar; softmax_jacobian needs probabilities along its last axis"
            )
        axes = (len(p.shape) - 1,)
        t, good = arguments.broadcast_temperature(host, temperature, p, axes, tuple(p.shape))
        jacobian = host.call("softmax_jacobian", host.cast(p, compute), t=t)
        return host.cast(host.guard(jacobian, None if good is None else good[..., None]), result)

    def gather_logprobs(self, x: Any, ids: Any, axis: Any, temperature: Any, mask: Any) -> Any:
        """See `logitkit.gather_logprobs`."""
        host, xp = self.host, self.host.xp
        ids = host.asarray(ids, "ids", x)
        result, compute = host.result_names(x.dtype)
        at = plain.one_axis(axis, len(x.shape))
        shape = tuple(x.shape)
        x = host.cast(x if shape else xp.reshape(x, (1,)), compute)
        keep = arguments.broadcast_mask(host, mask, x)
        axes = (at,) if shape else ()
        t, good = arguments.broadcast_temperature(host, temperature, x, axes, shape)
        if "int" not in host.name_of(ids.dtype):
            raise TypeError(f"ids has the dtype {host.name_of(ids.dtype)}; accepted are integers")
        one_a_row = len(ids.shape) == len(x.shape) - 1
        if not one_a_row and len(ids.shape) != len(x.shape):
            raise ValueError(
                f"ids has the shape {tuple(ids.shape)}; it must have as many dimensions as x, "
                f"whose shape is {shape}, or one less"
            )
        wanted = xp.expand_dims(ids, axis=at) if one_a_row else ids
        wanted, right = arguments.in_range(host, "ids", ids, wanted, x.shape[at])
        x, wanted = self._broadcast_outside(x, wanted, at, shape, tuple(ids.shape))
        if keep is not None:
            keep = xp.broadcast_to(keep, x.shape)
        found = host.call("gather_logprobs", x, t=t, keep=keep, ids=wanted, axis=at)
        found = host.guard(host.guard(found, right), good)
        return host.cast(xp.squeeze(found, axis=at) if one_a_row else found, result)

    def top_k(self, x: Any, k: Any, axis: Any) -> tuple[Array, Array]:
        """See `logitkit.top_k`."""
        host, xp = self.host, self.host.xp
        host.result_names(x.dtype)
        at = plain.one_axis(axis, len(x.shape))
        x = x if x.shape else xp.reshape(x, (1,))
        wanted = plain.count_of("k", k)
        is_bool = host.name_of(x.dtype) == "bool"
        values, ids = host.top_k(host.cast(x, "uint8") if is_bool else x, wanted, at)
        return (host.cast(values, "bool") if is_bool else values), ids

    def filter_logits(self, x: Any, *options: Any) -> Any:
        """Refuse: what it asks for is the core's alone."""
        self._refuse_sampling(x)

    def sample(self, x: Any, *options: Any) -> Any:
        """Refuse: what it asks for is the core's alone."""
        self._refuse_sampling(x)

    def _refuse_sampling(self, x: Any) -> None:
        raise TypeError(
            f"x is a {type(x).__module__}.{type(x).__qualname__}; sampling takes NumPy arrays and "
            "PyTorch tensors on the CPU: pass numpy.asarray(x)"
        )

    def kl_divergence(
        self, p: Any, q: Any, axis: Any, temperature: Any, mask: Any, reduction: Any
    ) -> Any:
        """See `logitkit.kl_divergence`."""
        host, xp = self.host, self.host.xp
        q = host.asarray(q, "q_logits", p)
        p_names = host.result_names(p.dtype, name="p_logits")
        q_names = host.result_names(q.dtype, name="q_logits")
        compute = host.common(p_names[1], q_names[1])
        result = p_names[0] if p_names[0] == q_names[0] else compute
        p, q = host.cast(p, compute), host.cast(q, compute)
        try:
            p, q = xp.broadcast_arrays(p, q)
        except ValueError:
            raise ValueError(
                f"q_logits has the shape {tuple(q.shape)}; it must broadcast with that of "
                f"p_logits, {tuple(p.shape)}"
            ) from None
        shape = tuple(p.shape)
        axes = plain.normalize_axes(axis, len(shape), name="p_logits")
        if not shape:
            p, q, axes = xp.reshape(p, (1,)), xp.reshape(q, (1,)), ()
        keep = arguments.broadcast_mask(host, mask, p, name="p_logits")
        t, good = arguments.broadcast_temperature(host, temperature, p, axes, tuple(p.shape))
        plain.check_choice("reduction", reduction, _REDUCTION)
        rows = host.call("kl_divergence", p, q, t=t, keep=keep, axes=axes)
        rows = host.guard(rows, good)
        if reduction == "none":
            return host.cast(xp.reshape(rows, plain.without_axes(shape, axes)), result)
        total = xp.sum(rows)
        if reduction == "mean":
            total = total / math.prod(rows.shape) if math.prod(rows.shape) else total * math.nan
        return host.cast(total, result)

    def cross_entropy(self, x: Any, targets: Any, axis: Any, options: Any, mask: Any) -> Any:
        """See `logitkit.cross_entropy`."""
        return losses.cross_entropy(self.host, x, targets, axis, options, mask, gradient=False)[0]

    def cross_entropy_with_grad(
        self, x: Any, targets: Any, axis: Any, options: Any, mask: Any, out: Any
    ) -> tuple[Any, Any]:
        """See `logitkit.cross_entropy_with_grad`."""
        self._refuse_out(out)
        return losses.cross_entropy(self.host, x, targets, axis, options, mask, gradient=True)

    def nll_loss(self, log_p: Any, targets: Any, axis: Any, options: Any, mask: Any) -> Any:
        """See `logitkit.nll_loss`."""
        return losses.nll_loss(self.host, log_p, targets, axis, options, mask)

    def linear_cross_entropy(self, *given: Any) -> Any:
        """See `logitkit.linear_cross_entropy`."""
        return linear.linear_cross_entropy(self.host, *given, gradient=False)[0]

    def linear_cross_entropy_with_grad(self, *given: Any) -> Any:
        """See `logitkit.linear_cross_entropy_with_grad`."""
        return linear.linear_cross_entropy(self.host, *given, gradient=True)[1]

    def elementwise(self, x: Any, formula: Callable[..., Any], *parameters: float) -> Any:
        """Apply a formula of `_formulas.activations`, under the dtype policy."""
        host = self.host
        result, compute = host.result_names(x.dtype)
        return host.cast(host.each(formula, host.cast(x, compute), *parameters), result)

    # ---- what they share ------------------------------------------------------------------------

    def _map(
        self,
        name: str,
        x: Any,
        axis: Any,
        temperature: Any,
        mask: Any,
        empty: Any,
        dtype: Any,
        out: Any,
        precision: Any,
    ) -> Any:
        """Do an operation whose result has the shape of x."""
        host = self.host
        self._refuse_out(out)
        result, x, axes, t, good, keep, shape = self._scores(x, axis, temperature, mask, dtype)
        plain.check_choice("empty", empty, _EMPTY)
        plain.check_choice("precision", precision, _PRECISION)
        if empty == "raise":
            self._refuse_empty_rows(x, axes, keep, shape)
        values = host.call(
            name, x, t=t, keep=keep, axes=axes, empty=empty, exact=precision == "exact"
        )
        return host.cast(host.shaped(host.guard(values, good), shape), result)

    def _reduce(
        self, name: str, x: Any, axis: Any, temperature: Any, mask: Any, keepdims: Any, dtype: Any
    ) -> Any:
        """Do an operation with one value a row."""
        host = self.host
        result, x, axes, t, good, keep, shape = self._scores(x, axis, temperature, mask, dtype)
        plain.check_flag("keepdims", keepdims)
        values = host.guard(host.call(name, x, t=t, keep=keep, axes=axes), good)
        kept = tuple(values.shape) if shape else ()
        left = kept if keepdims else plain.without_axes(shape, axes)
        return host.cast(host.shaped(values, left), result)

    def _scores(self, x: Any, axis: Any, temperature: Any, mask: Any, dtype: Any) -> Any:
        """Check what all maps and reductions take; a scalar becomes a vector of length 1."""
        host = self.host
        shape = tuple(x.shape)
        axes = plain.normalize_axes(axis, len(shape))
        result, compute = host.result_names(x.dtype, dtype)
        x = host.cast(x if shape else host.xp.reshape(x, (1,)), compute)
        keep = arguments.broadcast_mask(host, mask, x)
        t, good = arguments.broadcast_temperature(host, temperature, x, axes, shape)
        return result, x, axes, t, good, keep, shape

    def _vjp(
        self, name: str, p: Any, g: Any, axis: Any, temperature: Any, p_name: str, g_name: str
    ) -> Any:
        """Do a product from the result of a map, and a gradient of its shape."""
        host = self.host
        g = host.asarray(g, g_name, p)
        result, compute = host.result_names(p.dtype, name=p_name)
        compute = host.common(compute, host.result_names(g.dtype, name=g_name)[1])
        shape = tuple(p.shape)
        axes = plain.normalize_axes(axis, len(shape), name=p_name)
        if shape != tuple(g.shape):
            raise ValueError(
                f"{g_name} has the shape {tuple(g.shape)}; it must have that of {p_name}, {shape}"
            )
        whole = shape or (1,)
        p, g = (host.cast(host.shaped(a, whole), compute) for a in (p, g))
        t, good = arguments.broadcast_temperature(host, temperature, p, axes, shape)
        values = host.guard(host.call(name, p, g, t=t, axes=axes), good)
        return host.cast(host.shaped(values, shape), result)

    def _reduction_vjp(
        self, name: str, x: Any, g: Any, axis: Any, temperature: Any, mask: Any, out: Any
    ) -> Any:
        """Do a product from the scores, and a gradient of one number a row."""
        self._refuse_out(out)
        host = self.host
        g = host.asarray(g, "g", x)
        common = host.common(host.result_names(x.dtype)[1], host.result_names(g.dtype, name="g")[1])
        result, x, axes, t, good, keep, shape = self._scores(x, axis, temperature, mask, None)
        x, g = host.cast(x, common), host.cast(g, common)
        g = arguments.per_row(host, g, x, axes, "g")
        kept = tuple(1 if i in axes else n for i, n in enumerate(x.shape))
        g = host.xp.broadcast_to(g, kept)
        values = host.guard(host.call(name, x, g, t=t, keep=keep, axes=axes), good)
        return host.cast(host.shaped(values, shape), result)

    def _refuse_empty_rows(
        self, x: Array, axes: tuple[int, ...], keep: Array | None, shape: tuple[int, ...]
    ) -> None:
        host, xp = self.host, self.host.xp
        possible = x != -xp.inf
        if keep is not None:
            possible = possible & keep
        if not host.is_known(possible):
            raise ValueError(
                "empty is 'raise', which must look at the values; accepted where they are traced "
                "are 'nan', 'zero' and 'uniform'"
            )
        some = xp.any(possible, axis=axes) if axes else possible
        row = None if 0 in x.shape else arguments.first(host, ~some)
        if row is not None:
            one = len(row) == 1 and shape
            where = f"row {row[0] if one else row}" if row and shape else "x"
            raise ValueError(
                f"{where} has no element that takes part and is above -inf, which empty='raise' "
                "refuses; accepted otherwise are 'nan', 'zero' and 'uniform'"
            )

    def _refuse_out(self, out: Any) -> None:
        if out is not None:
            raise TypeError(
                f"out is a {type(out).__name__}; accepted is None: for arrays of "
                f"{self.host.owner} the result is always a new array"
            )

    def _broadcast_outside(
        self, x: Array, ids: Array, at: int, shape: tuple[int, ...], ids_shape: tuple[int, ...]
    ) -> tuple[Array, Array]:
        """Broadcast x and ids with each other, but for the axis of the classes."""
        rows = []
        for i, (n, m) in enumerate(zip(x.shape, ids.shape, strict=True)):
            if i != at and n != m and 1 not in (n, m):
                raise ValueError(
                    f"ids has the shape {ids_shape}; without the axis it must broadcast with x, "
                    f"whose shape is {shape}"
                )
            rows.append(m if n == 1 else n)
        sizes = [tuple(a.shape[at] if i == at else n for i, n in enumerate(rows)) for a in (x, ids)]
        return tuple(
            self.host.xp.broadcast_to(a, size) for a, size in zip((x, ids), sizes, strict=True)
        )

"""logitkit: a new array, into `out=`, and with `precision="exact"`."""

from types import ModuleType

import numpy as np

import logitkit

from . import Array, Bound, Provider


def providers(threads: int) -> list[Provider]:
    """Return the three ways to call logitkit."""
    logitkit.set_num_threads(threads)
    return [*new_and_out("logitkit", logitkit), Provider("logitkit exact", "logitkit", _exact)]


def new_and_out(name: str, module: ModuleType) -> list[Provider]:
    """Return two ways to call a logitkit: for a new array, and into one."""

    def new(op: str, x: Array, axis: int) -> Bound:
        function = getattr(module, op)
        return Bound(lambda: function(x, axis=axis), np.asarray)

    def into(op: str, x: Array, axis: int) -> Bound | None:
        function = getattr(module, op)
        result = function(x, axis=axis)
        if not isinstance(result, np.ndarray):
            return None  # a scalar has no buffer
        out = np.empty_like(result)
        return Bound(lambda: function(x, axis=axis, out=out), np.asarray)

    return [Provider(name, name, new), Provider(f"{name} out=", name, into)]


def _exact(op: str, x: Array, axis: int) -> Bound | None:
    if op == "logsumexp":
        return None  # it has one precision
    function = getattr(logitkit, op)
    return Bound(lambda: function(x, axis=axis, precision="exact"), np.asarray)

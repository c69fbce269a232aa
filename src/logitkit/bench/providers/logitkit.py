"""logitkit: a new array, into `out=`, and with `precision="exact"`."""

from inspect import signature
from types import ModuleType
from typing import Any

import numpy as np

import logitkit

from . import Bound, Operands, Provider

# A value a row, as the other operations give.
OPTIONS: dict[str, dict[str, Any]] = {"kl_divergence": {"reduction": "none"}}


def providers(threads: int) -> list[Provider]:
    """Return the three ways to call logitkit."""
    logitkit.set_num_threads(threads)
    return [*new_and_out("logitkit", logitkit), Provider("logitkit exact", "logitkit", _exact)]


def new_and_out(name: str, module: ModuleType) -> list[Provider]:
    """Return two ways to call a logitkit: for a new array, and into one."""

    def new(op: str, operands: Operands, axis: int) -> Bound | None:
        function = getattr(module, op, None)
        if function is None:
            return None  # an older one may lack it
        if len(operands) == 1:  # as people write it: unpacking costs a tenth of a short call
            (x,) = operands
            return Bound(lambda: function(x, axis=axis), np.asarray)
        options = {"axis": axis, **OPTIONS.get(op, {})}
        return Bound(lambda: function(*operands, **options), np.asarray)

    def into(op: str, operands: Operands, axis: int) -> Bound | None:
        bound = new(op, operands, axis)
        function = getattr(module, op, None)
        if bound is None or function is None or not takes(function, "out"):
            return None
        result = bound.call()
        if not isinstance(result, np.ndarray):
            return None  # a scalar has no buffer
        out = np.empty_like(result)
        if len(operands) == 1:
            (x,) = operands
            return Bound(lambda: function(x, axis=axis, out=out), np.asarray)
        return Bound(lambda: function(*operands, axis=axis, out=out), np.asarray)

    return [Provider(name, name, new), Provider(f"{name} out=", name, into)]


def takes(function: Any, option: str) -> bool:
    """Say whether a function has an option."""
    return option in signature(function).parameters


def _exact(op: str, operands: Operands, axis: int) -> Bound | None:
    function = getattr(logitkit, op)
    if not takes(function, "precision"):
        return None  # it has one precision
    return Bound(lambda: function(*operands, axis=axis, precision="exact"), np.asarray)

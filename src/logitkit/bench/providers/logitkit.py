"""logitkit: a new array, into `out=`, and with `precision="exact"`."""

from inspect import signature
from types import ModuleType
from typing import Any

import numpy as np

import logitkit

from . import Array, Bound, Operands, Provider, gradient_of, without_axis

# A value a row, as the other operations give; the gradient is that of the sum.
OPTIONS: dict[str, dict[str, Any]] = {
    "kl_divergence": {"reduction": "none"},
    "cross_entropy": {"reduction": "none"},
    "cross_entropy_grad": {"reduction": "sum"},
}


def function_of(module: ModuleType, op: str) -> Any:
    """Return the function of a logitkit that computes an operation; an older one may lack it."""
    return getattr(module, "cross_entropy_with_grad" if op == "cross_entropy_grad" else op, None)


def providers(threads: int) -> list[Provider]:
    """Return the three ways to call logitkit."""
    logitkit.set_num_threads(threads)
    return [*new_and_out("logitkit", logitkit), Provider("logitkit exact", "logitkit", _exact)]


def new_and_out(name: str, module: ModuleType) -> list[Provider]:
    """Return two ways to call a logitkit: for a new array, and into one."""

    def new(op: str, operands: Operands, axis: int) -> Bound | None:
        function = function_of(module, op)
        if function is None:
            return None
        if len(operands) == 1:  # as people write it: unpacking costs a tenth of a short call
            (x,) = operands
            return Bound(lambda: function(x, axis=axis), np.asarray)
        options = {"axis": axis, **OPTIONS.get(op, {})}
        given = without_axis(op, operands, axis)
        return Bound(lambda: function(*given, **options), _array)

    def into(op: str, operands: Operands, axis: int) -> Bound | None:
        bound = new(op, operands, axis)
        function = function_of(module, op)
        if bound is None or function is None or not takes(function, "out"):
            return None
        result = gradient_of(bound.call())
        if not isinstance(result, np.ndarray):
            return None  # a scalar has no buffer
        out = np.empty_like(result)
        if len(operands) == 1:
            (x,) = operands
            return Bound(lambda: function(x, axis=axis, out=out), np.asarray)
        options = {"axis": axis, "out": out, **OPTIONS.get(op, {})}
        given = without_axis(op, operands, axis)
        return Bound(lambda: function(*given, **options), _array)

    return [Provider(name, name, new), Provider(f"{name} out=", name, into)]


def _array(result: Any) -> Array:
    return np.asarray(gradient_of(result))


def takes(function: Any, option: str) -> bool:
    """Say whether a function has an option."""
    return option in signature(function).parameters


def _exact(op: str, operands: Operands, axis: int) -> Bound | None:
    function = function_of(logitkit, op)
    if not takes(function, "precision"):
        return None  # it has one precision
    return Bound(lambda: function(*operands, axis=axis, precision="exact"), np.asarray)

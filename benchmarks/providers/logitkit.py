"""logitkit: a new array, into `out=`, and with `precision="exact"`."""

import numpy as np

import logitkit

from . import Array, Bound, Provider

FUNCTIONS = {
    "softmax": logitkit.softmax,
    "log_softmax": logitkit.log_softmax,
    "logsumexp": logitkit.logsumexp,
}


def providers(threads: int) -> list[Provider]:
    """Return the three ways to call logitkit."""
    logitkit.set_num_threads(threads)
    return [
        Provider("logitkit", "logitkit", _new),
        Provider("logitkit out=", "logitkit", _out),
        Provider("logitkit exact", "logitkit", _exact),
    ]


def _new(op: str, x: Array, axis: int) -> Bound:
    function = FUNCTIONS[op]
    return Bound(lambda: function(x, axis=axis), np.asarray)


def _out(op: str, x: Array, axis: int) -> Bound | None:
    function = FUNCTIONS[op]
    result = function(x, axis=axis)
    if not isinstance(result, np.ndarray):
        return None  # a scalar has no buffer
    out = np.empty_like(result)
    return Bound(lambda: function(x, axis=axis, out=out), np.asarray)


def _exact(op: str, x: Array, axis: int) -> Bound | None:
    if op == "logsumexp":
        return None  # it has one precision
    function = FUNCTIONS[op]
    return Bound(lambda: function(x, axis=axis, precision="exact"), np.asarray)

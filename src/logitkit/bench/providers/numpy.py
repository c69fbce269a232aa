"""NumPy: the formula that everybody writes by hand, from log_softmax where there are logarithms.

It has no bfloat16 of its own.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from . import Array, Bound, Operands, Provider, gradient_of


def _softmax(x: Array, axis: int) -> Array:
    e = np.exp(x - x.max(axis=axis, keepdims=True))
    return e / e.sum(axis=axis, keepdims=True)


def _log_softmax(x: Array, axis: int) -> Array:
    s = x - x.max(axis=axis, keepdims=True)
    return s - np.log(np.exp(s).sum(axis=axis, keepdims=True))


def _logsumexp(x: Array, axis: int) -> Array:
    m = x.max(axis=axis, keepdims=True)
    return np.squeeze(m, axis) + np.log(np.exp(x - m).sum(axis=axis))


def _entropy(x: Array, axis: int) -> Array:
    log_p = _log_softmax(x, axis)
    return -(np.exp(log_p) * log_p).sum(axis=axis)


def _kl_divergence(x: Array, other: Array, axis: int) -> Array:
    log_p, log_q = _log_softmax(x, axis), _log_softmax(other, axis)
    return (np.exp(log_p) * (log_p - log_q)).sum(axis=axis)


def _gather_logprobs(x: Array, ids: Array, axis: int) -> Array:
    return np.take_along_axis(_log_softmax(x, axis), ids, axis)


def _softmax_vjp(p: Array, g: Array, axis: int) -> Array:
    return p * (g - (p * g).sum(axis=axis, keepdims=True))


def _log_softmax_vjp(log_p: Array, g: Array, axis: int) -> Array:
    return g - np.exp(log_p) * g.sum(axis=axis, keepdims=True)


def _logsumexp_vjp(x: Array, g: Array, axis: int) -> Array:
    return g * _softmax(x, axis)


def _entropy_vjp(x: Array, g: Array, axis: int) -> Array:
    log_p = _log_softmax(x, axis)
    p = np.exp(log_p)
    return -g * p * (log_p - (p * log_p).sum(axis=axis, keepdims=True))


def _cross_entropy(x: Array, ids: Array, axis: int) -> Array:
    return -np.squeeze(np.take_along_axis(_log_softmax(x, axis), ids, axis), axis)


def _cross_entropy_grad(x: Array, ids: Array, axis: int) -> tuple[Array, Array]:
    log_p = _log_softmax(x, axis)
    loss = -np.take_along_axis(log_p, ids, axis).sum()
    grad = np.exp(log_p)
    np.put_along_axis(grad, ids, np.take_along_axis(grad, ids, axis) - 1, axis)
    return loss, grad


FUNCTIONS: dict[str, Callable[..., Any]] = {
    "softmax": _softmax,
    "log_softmax": _log_softmax,
    "logsumexp": _logsumexp,
    "entropy": _entropy,
    "kl_divergence": _kl_divergence,
    "gather_logprobs": _gather_logprobs,
    "cross_entropy": _cross_entropy,
    "cross_entropy_grad": _cross_entropy_grad,
    "softmax_vjp": _softmax_vjp,
    "softmax_jvp": _softmax_vjp,
    "log_softmax_vjp": _log_softmax_vjp,
    "logsumexp_vjp": _logsumexp_vjp,
    "entropy_vjp": _entropy_vjp,
}


def providers(threads: int) -> list[Provider]:
    """Return the formula; NumPy runs it on one thread whatever `threads` is."""
    return [Provider("numpy", "numpy", _bind)]


def _bind(op: str, operands: Operands, axis: int) -> Bound | None:
    if operands[0].dtype.kind != "f":
        return None
    function = FUNCTIONS[op]
    return Bound(lambda: function(*operands, axis), lambda got: np.asarray(gradient_of(got)))

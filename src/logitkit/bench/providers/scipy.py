"""SciPy: `scipy.special`, and what is made of its functions.

The divergence is taken from log_softmax: `rel_entr` of two softmaxes is infinite where one of them
underflows. The products that start from probabilities or their logarithms would be NumPy's alone.
It has no bfloat16 of its own.
"""

import numpy as np
from scipy import special

from . import Array, Bound, Operands, Provider, gradient_of


def _entr(p: Array) -> Array:
    return special.entr(p).astype(p.dtype, copy=False)  # it has no float16 of its own


def _entropy(x: Array, axis: int) -> Array:
    return _entr(special.softmax(x, axis)).sum(axis=axis)


def _kl_divergence(x: Array, other: Array, axis: int) -> Array:
    log_p, log_q = special.log_softmax(x, axis), special.log_softmax(other, axis)
    return (np.exp(log_p) * (log_p - log_q)).sum(axis=axis)


def _gather_logprobs(x: Array, ids: Array, axis: int) -> Array:
    return np.take_along_axis(special.log_softmax(x, axis), ids, axis)


def _cross_entropy(x: Array, ids: Array, axis: int) -> Array:
    return -np.squeeze(_gather_logprobs(x, ids, axis), axis)


def _cross_entropy_grad(x: Array, ids: Array, axis: int) -> tuple[Array, Array]:
    log_p = special.log_softmax(x, axis)
    loss = -np.take_along_axis(log_p, ids, axis).sum()
    grad = np.exp(log_p)
    np.put_along_axis(grad, ids, np.take_along_axis(grad, ids, axis) - 1, axis)
    return loss, grad


def _logsumexp_vjp(x: Array, g: Array, axis: int) -> Array:
    return g * special.softmax(x, axis)


def _entropy_vjp(x: Array, g: Array, axis: int) -> Array:
    p = special.softmax(x, axis)
    return -g * p * (special.log_softmax(x, axis) + _entr(p).sum(axis=axis, keepdims=True))


FUNCTIONS = {
    "softmax": special.softmax,
    "log_softmax": special.log_softmax,
    "logsumexp": special.logsumexp,
    "entropy": _entropy,
    "kl_divergence": _kl_divergence,
    "gather_logprobs": _gather_logprobs,
    "cross_entropy": _cross_entropy,
    "cross_entropy_grad": _cross_entropy_grad,
    "logsumexp_vjp": _logsumexp_vjp,
    "entropy_vjp": _entropy_vjp,
}


def providers(threads: int) -> list[Provider]:
    """Return `scipy.special`; it runs on one thread whatever `threads` is."""
    return [Provider("scipy", "scipy", _bind)]


def _bind(op: str, operands: Operands, axis: int) -> Bound | None:
    function = FUNCTIONS.get(op)
    if function is None or operands[0].dtype.kind != "f":
        return None
    return Bound(lambda: function(*operands, axis), lambda got: np.asarray(gradient_of(got)))

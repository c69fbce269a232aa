"""PyTorch on the CPU: a new tensor, and into `out=`; its own tensors.

The gradients of softmax and log_softmax are the operators that autograd calls, on the result of the
forward pass; the Jacobian of softmax is symmetric, so one of them is the jvp too. Where only scores
are given, autograd runs forward and backward. The entropy is taken from log_softmax: that of
`torch.distributions.Categorical`, from x - logsumexp(x), is slower and less exact far from 0.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from . import Array, Bound, Operands, Provider, gradient_of, without_axis


def _entropy(x: Tensor, axis: int) -> Tensor:
    log_p = torch.log_softmax(x, axis)
    return -(log_p.exp() * log_p).sum(axis)


def _kl_divergence(x: Tensor, other: Tensor, axis: int) -> Tensor:
    log_p, log_q = torch.log_softmax(x, axis), torch.log_softmax(other, axis)
    return functional.kl_div(log_q, log_p, reduction="none", log_target=True).sum(axis)


def _gather_logprobs(x: Tensor, ids: Tensor, axis: int) -> Tensor:
    return torch.gather(torch.log_softmax(x, axis), axis, ids)


def _classes_second(x: Tensor, axis: int) -> Tensor:
    return x if x.ndim == 1 or axis % x.ndim == 1 else x.movedim(axis, 1)


def _cross_entropy(x: Tensor, ids: Tensor, axis: int) -> Tensor:
    return functional.cross_entropy(_classes_second(x, axis), ids, reduction="none")


def _cross_entropy_grad(x: Tensor, ids: Tensor, axis: int) -> tuple[Tensor, Tensor]:
    with torch.enable_grad():
        leaf = x.detach().requires_grad_()
        loss = functional.cross_entropy(_classes_second(leaf, axis), ids, reduction="sum")
    return loss, torch.autograd.grad(loss, leaf)[0]


def _softmax_vjp(p: Tensor, g: Tensor, axis: int, **out: Tensor) -> Tensor:
    return torch._softmax_backward_data(g, p, axis, p.dtype, **out)


def _log_softmax_vjp(log_p: Tensor, g: Tensor, axis: int, **out: Tensor) -> Tensor:
    return torch._log_softmax_backward_data(g, log_p, axis, log_p.dtype, **out)


def _by_autograd(function: Callable[[Tensor, int], Tensor]) -> Callable[..., Tensor]:
    def vjp(x: Tensor, g: Tensor, axis: int) -> Tensor:
        with torch.enable_grad():
            leaf = x.detach().requires_grad_()
            value = function(leaf, axis)
        return torch.autograd.grad(value, leaf, g.reshape(value.shape))[0]

    return vjp


FUNCTIONS = {
    "softmax": torch.softmax,
    "log_softmax": torch.log_softmax,
    "logsumexp": torch.logsumexp,
    "entropy": _entropy,
    "kl_divergence": _kl_divergence,
    "gather_logprobs": _gather_logprobs,
    "cross_entropy": _cross_entropy,
    "cross_entropy_grad": _cross_entropy_grad,
    "softmax_vjp": _softmax_vjp,
    "softmax_jvp": _softmax_vjp,
    "log_softmax_vjp": _log_softmax_vjp,
    "logsumexp_vjp": _by_autograd(torch.logsumexp),
    "entropy_vjp": _by_autograd(_entropy),
}
# Those that are one operator, and what it calls a tensor to write into.
OUT = {
    **dict.fromkeys(("softmax", "log_softmax", "logsumexp"), "out"),
    **dict.fromkeys(("softmax_vjp", "softmax_jvp"), "grad_input"),
    "log_softmax_vjp": "out",
}


def providers(threads: int) -> list[Provider]:
    """Return both ways to call PyTorch."""
    torch.set_num_threads(threads)
    torch.set_grad_enabled(False)
    return [Provider("torch", "torch", _new), Provider("torch out=", "torch", _out)]


def _new(op: str, operands: Operands, axis: int) -> Bound:
    function = FUNCTIONS[op]
    tensors = [_tensor(each) for each in without_axis(op, operands, axis)]
    return Bound(lambda: function(*tensors, axis), _fetcher(operands))


def _out(op: str, operands: Operands, axis: int) -> Bound | None:
    if op not in OUT:
        return None
    function = FUNCTIONS[op]
    tensors = [_tensor(each) for each in operands]
    out = {OUT[op]: torch.empty_like(function(*tensors, axis))}
    return Bound(lambda: function(*tensors, axis, **out), _fetcher(operands))


# NumPy and PyTorch give each other no bfloat16, but 16-bit integers.


def _tensor(array: Array) -> Tensor:
    if array.dtype.name == "bfloat16":
        return torch.from_numpy(array.view("i2")).clone().view(torch.bfloat16)
    return torch.from_numpy(array).clone()


def _fetcher(operands: Operands) -> Callable[[Any], Array]:
    dtype = operands[0].dtype
    if dtype.name == "bfloat16":
        return lambda got: gradient_of(got).view(torch.int16).numpy().view(dtype)
    return lambda got: gradient_of(got).numpy()

"""PyTorch on the CPU: a new tensor, and into `out=`; its own tensors, without gradients."""

import torch

from . import Array, Bound, Provider

FUNCTIONS = {
    "softmax": torch.softmax,
    "log_softmax": torch.log_softmax,
    "logsumexp": torch.logsumexp,
}


def providers(threads: int) -> list[Provider]:
    """Return both ways to call PyTorch."""
    torch.set_num_threads(threads)
    torch.set_grad_enabled(False)
    return [Provider("torch", "torch", _new), Provider("torch out=", "torch", _out)]


def _new(op: str, x: Array, axis: int) -> Bound:
    function = FUNCTIONS[op]
    tensor = torch.from_numpy(x).clone()
    return Bound(lambda: function(tensor, axis), torch.Tensor.numpy)


def _out(op: str, x: Array, axis: int) -> Bound:
    function = FUNCTIONS[op]
    tensor = torch.from_numpy(x).clone()
    out = torch.empty_like(function(tensor, axis))
    return Bound(lambda: function(tensor, axis, out=out), torch.Tensor.numpy)

"""A call of an operator, by the shortest way that keeps what PyTorch does around it.

An eager call that nobody records goes to the kernel; one that is recorded, or transformed by
`torch.func`, through a `torch.autograd.Function`. What is compiled or traced becomes a node of the
graph: the registered operator, which has the same derivative.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, library
from torch.autograd import forward_ad

from logitkit.backends.torch._operators import KERNELS, LIBRARY, kernel

Setup = Callable[[Any, tuple[Any, ...], Any], None]
Backward = Callable[..., tuple[Any, ...]]

# Two forms of one function: `torch.func` takes only the second, whose call takes twice as long.
_RECORDED: dict[str, type[torch.autograd.Function]] = {}
_TRANSFORMED: dict[str, type[torch.autograd.Function]] = {}
# A mean over some of the rows cannot be taken out of one over all of them.
_ONE_BY_ONE = frozenset(
    {
        "cross_entropy",
        "cross_entropy_with_grad",
        "nll_loss",
        "linear_cross_entropy",
        "linear_cross_entropy_with_grad",
    }
)
_PLAIN = (Tensor, torch.nn.Parameter)


def call(name: str, *arguments: Any) -> Any:
    """Run an operator; it is differentiable, and so is its derivative."""
    if is_plain(*arguments):
        return kernel(name, arguments[0])(*arguments)
    if not torch.compiler.is_compiling():
        if is_transformed():
            return _TRANSFORMED[name].apply(*arguments)
        if _is_recorded(arguments) and not is_traced():
            return _RECORDED[name].apply(*arguments)
    return getattr(torch.ops.logitkit, name)(*arguments)


def is_plain(*arguments: Any) -> bool:
    """Whether a call is nothing but its result, and the kernel is at hand.

    PyTorch's dispatcher takes several times as long as a short row.
    """
    if torch.compiler.is_compiling() or is_transformed() or is_traced():
        return False
    if forward_ad._current_level >= 0:
        return False
    records = torch.is_grad_enabled()
    for value in arguments:
        if isinstance(value, Tensor) and (
            type(value) not in _PLAIN
            or value.device.type not in KERNELS
            or (records and value.requires_grad)
        ):
            return False
    return True


def has_memory(tensor: Tensor) -> bool:
    """Whether it is known where the elements of a tensor lie."""
    if torch.compiler.is_compiling() or is_transformed() or is_traced():
        return False
    return type(tensor) in _PLAIN and tensor.device.type != "meta"


def is_transformed() -> bool:
    """Whether `torch.func` maps or differentiates what is called."""
    return torch._C._functorch.peek_interpreter_stack() is not None


def is_traced() -> bool:
    """Whether somebody sees the operators that are called: fake tensors, `make_fx`, export."""
    return bool(torch._C._len_torch_dispatch_stack()) or torch.jit.is_tracing()


def _is_recorded(arguments: tuple[Any, ...]) -> bool:
    # A tangent does not show in the tensor that has one; autograd refuses it, for want of a rule.
    if forward_ad._current_level >= 0:
        return True
    return torch.is_grad_enabled() and any(
        isinstance(value, Tensor) and value.requires_grad for value in arguments
    )


def differentiable(name: str, setup: Setup, backward: Backward) -> None:
    """Give an operator its derivative: in eager calls, under `torch.func`, and in graphs."""

    def forward(*arguments: Any) -> Any:
        if is_plain(*arguments):
            return kernel(name, arguments[0])(*arguments)
        return getattr(torch.ops.logitkit, name)(*arguments)

    def batched(info: Any, in_dims: tuple[Any, ...], *arguments: Any) -> tuple[Any, Any]:
        if name in _ONE_BY_ONE:
            return _one_by_one(name, info.batch_size, in_dims, arguments)
        return _batched(name, info.batch_size, in_dims, arguments), 0

    def recorded(ctx: Any, *arguments: Any) -> Any:
        result = forward(*arguments)
        setup(ctx, arguments, result)
        return result

    def function(**methods: Callable[..., Any]) -> type[torch.autograd.Function]:
        methods["backward"] = backward
        members = {key: staticmethod(method) for key, method in methods.items()}
        return type(name, (torch.autograd.Function,), members)

    _RECORDED[name] = function(forward=recorded)
    _TRANSFORMED[name] = function(forward=forward, setup_context=setup, vmap=batched)
    qualified = f"logitkit::{name}"
    library.register_autograd(qualified, backward, setup_context=setup, lib=LIBRARY)
    library.register_vmap(qualified, batched, lib=LIBRARY)


def _batched(name: str, batch: int, in_dims: tuple[Any, ...], arguments: tuple[Any, ...]) -> Tensor:
    """Call an operator once for all: the batch becomes the first dimension, and axes move on."""
    schema = getattr(torch.ops.logitkit, name).default._schema.arguments
    moved: list[Any] = []
    for argument, dim, value in zip(schema, in_dims, arguments, strict=True):
        if isinstance(value, Tensor):
            value = value.unsqueeze(0) if dim is None else value.movedim(dim, 0)
            if isinstance(argument.type, torch.TensorType):
                value = value.expand(batch, *value.shape[1:])
        elif argument.name == "axes":
            value = [axis + 1 for axis in value]
        elif argument.name == "axis":
            value = value + 1
        moved.append(value)
    if name != "kl_divergence" or moved[-1] == "none":
        return call(name, *moved)
    rows = call(name, *moved[:-1], "none").reshape(batch, -1)
    total = rows.sum(1, dtype=torch.float64)
    return (total / rows.shape[1] if moved[-1] == "mean" else total).to(rows.dtype)


def _one_by_one(
    name: str, batch: int, in_dims: tuple[Any, ...], arguments: tuple[Any, ...]
) -> tuple[Any, Any]:
    """Call an operator for one after the other."""

    def one(i: int) -> Any:
        return call(
            name,
            *[
                value if dim is None or not isinstance(value, Tensor) else value.select(dim, i)
                for dim, value in zip(in_dims, arguments, strict=True)
            ],
        )

    results = [one(i) for i in range(batch)]
    if isinstance(results[0], Tensor):
        return torch.stack(results), 0
    stacked = tuple([torch.stack(each) for each in zip(*results, strict=True)])
    return stacked, (0,) * len(stacked)

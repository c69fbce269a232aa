"""The arguments of a call on tensors, brought into the form that the operators take.

An operator's temperature is a float, or a tensor with 1 along the axes; its mask is boolean and of
the shape of the scores. Values are not looked at here, so that a call can be traced: what is wrong
with them the operator says when it runs.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from logitkit.backends import _arguments as arguments
from logitkit.backends.torch._calls import has_memory
from logitkit.backends.torch._views import tensor_of_any

Axes = tuple[int, ...]


def temperature_of(temperature: Any, x: Tensor, axes: Axes) -> tuple[float, Tensor | None]:
    """Return one temperature, or 1 and one a row."""
    if isinstance(temperature, (int, float)):
        return float(temperature), None
    if not isinstance(temperature, Tensor):
        checked = arguments.broadcast_temperature(temperature, tuple(x.shape), axes)
        if isinstance(checked, float):
            return checked, None
        temperature = tensor_of_any(np.asarray(temperature, np.float64))
    if temperature.requires_grad and torch.is_grad_enabled():
        raise ValueError(
            "temperature requires grad, and gradients flow to the scores alone; accepted is one "
            "without: divide the scores by it, or pass temperature.detach()"
        )
    if temperature.is_complex() or temperature.device.type not in ("cpu", x.device.type):
        raise TypeError(
            f"temperature is a tensor of {temperature.dtype} on {temperature.device}; accepted are "
            f"numbers >= 0, on {x.device}"
        )
    if has_memory(temperature):
        arguments.check_temperatures(temperature.detach().to("cpu", torch.float64).numpy())
    return 1.0, per_row(temperature.to(x.device), x, axes, "temperature")


def per_row(values: Tensor, x: Tensor, axes: Axes, name: str) -> Tensor:
    """Return one value a row in the dimensions of x, with 1 along the axes."""
    shape = tuple(x.shape)
    kept = tuple([1 if i in axes else n for i, n in enumerate(shape)])
    rows = arguments.without_axes(shape, axes)
    along = values.ndim == len(shape) and all(values.shape[i] == 1 for i in axes)
    if not _broadcasts(values, kept if along else rows):
        raise ValueError(
            f"{name} has the shape {tuple(values.shape)}; it must broadcast against one value a "
            f"row, {rows}"
        )
    return values.expand(kept) if along else values.expand(rows).reshape(kept)


def mask_of(mask: Any, x: Tensor, name: str = "x") -> Tensor | None:
    """Return where x takes part, in its shape."""
    if mask is None:
        return None
    if not isinstance(mask, Tensor):
        keep = arguments.broadcast_mask(mask, tuple(x.shape), name=name)
        return None if keep is None else tensor_of_any(keep).to(x.device)
    if mask.dtype is not torch.bool:
        raise TypeError(
            f"mask has the dtype {mask.dtype}; it must be bool, True where {name} takes part"
        )
    if mask.shape != x.shape and not _broadcasts(mask, tuple(x.shape)):
        raise ValueError(
            f"mask has the shape {tuple(mask.shape)}; it must broadcast against that of {name}, "
            f"{tuple(x.shape)}"
        )
    mask = mask if mask.device == x.device else mask.to(x.device)
    return mask if mask.shape == x.shape else mask.expand(x.shape)


def _broadcasts(value: Tensor, shape: Axes) -> bool:
    tail = shape[len(shape) - value.ndim :]
    return value.ndim <= len(shape) and all(
        n in (1, m) for n, m in zip(value.shape, tail, strict=True)
    )


def tensor_like(value: Any, x: Tensor, name: str) -> Tensor:
    """Return an argument beside x as a tensor of its device."""
    if isinstance(value, Tensor):
        if value.device != x.device:
            raise ValueError(f"{name} is on {value.device}; it must be on that of x, {x.device}")
        return value
    array, _ = arguments.as_array(value, name)
    return tensor_of_any(array).to(x.device)


def check_out(out: Any, shape: Axes, dtype: torch.dtype, x: Tensor, *others: Tensor) -> None:
    """Raise unless `out` can take the result: kind, shape, dtype, device, no gradient."""
    if not isinstance(out, Tensor):
        raise TypeError(f"out is a {type(out).__name__}; it must be a plain tensor")
    if tuple(out.shape) != shape:
        raise ValueError(f"out has the shape {tuple(out.shape)}; the result has {shape}")
    if out.dtype is not dtype:
        raise ValueError(f"out has the dtype {out.dtype}; the result has {dtype}")
    if out.device != x.device:
        raise ValueError(f"out is on {out.device}; the result is on {x.device}")
    if torch.is_grad_enabled() and any(one.requires_grad for one in (out, x, *others)):
        raise ValueError(
            "out cannot take a result that requires grad; accepted is a call without out, or under "
            "torch.no_grad()"
        )


def check_memory(out: Tensor, operands: dict[str, Tensor], others: dict[str, Any]) -> None:
    """Raise unless `out` is exactly where an operand is, or apart from all."""
    place = _places(out)
    memory = {name: _places(operand) for name, operand in operands.items()}
    arguments.check_out(place, place.shape, place.dtype, in_place=True, **memory)
    tensors = {name: other for name, other in others.items() if isinstance(other, Tensor)}
    arguments.check_apart(place, **{name: _places(other) for name, other in tensors.items()})


class _Places:
    """Where the elements of a tensor lie, on any device: nobody looks at what is there."""

    def __init__(self, tensor: Tensor) -> None:
        size = tensor.element_size()
        self.__array_interface__ = {
            "data": (tensor.data_ptr(), False),
            "shape": tuple(tensor.shape),
            "strides": tuple([step * size for step in tensor.stride()]),
            "typestr": f"|V{size}",
            "version": 3,
        }


def _places(tensor: Tensor) -> arguments.Array:
    return np.asarray(_Places(tensor))

"""Tensors as NumPy arrays of the same memory, and the other way round."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from logitkit.backends._arguments import BFLOAT16_BITS, Array


def view(tensor: torch.Tensor, name: str = "x") -> Array:
    """Return the memory of a tensor as an array; bfloat16, which NumPy has not, as its bits."""
    if not tensor.is_cpu:
        raise ValueError(f"{name} is on {tensor.device}; it must be on the device of x, cpu")
    if tensor.requires_grad:
        tensor = tensor.detach()
    if tensor.is_neg():
        tensor = tensor.resolve_neg()
    if tensor.dtype is torch.bfloat16:
        return np.asarray(tensor.view(torch.uint16).numpy()).view(BFLOAT16_BITS)
    array: Array = tensor.numpy()
    return array


def view_option(value: Any, name: str) -> Any:
    """Return a temperature or a mask as NumPy has it; what is no tensor stays as it is."""
    if not isinstance(value, torch.Tensor):
        return value
    return view(value.float() if value.dtype is torch.bfloat16 else value, name)


def tensor_of(array: Any) -> torch.Tensor:
    """Return a tensor of the memory of an array that is no one else's; undoes `view`."""
    array = np.asarray(array)
    if array.dtype == BFLOAT16_BITS:
        return torch.from_numpy(array.view(np.uint16)).view(torch.bfloat16)
    return torch.from_numpy(array)


def tensor_of_any(array: Array) -> torch.Tensor:
    """Return a tensor of the elements of an array: of its memory, if a tensor can have that."""
    if array.dtype.name == "bfloat16":
        array = array.view(BFLOAT16_BITS)
    native = array.dtype.newbyteorder("=")
    if not (array.flags.writeable and array.dtype == native and min(array.strides, default=0) >= 0):
        array = np.array(array, native, order="C", copy=True)
    return tensor_of(array)


def to_numpy(x: torch.Tensor) -> Array:
    """Return a tensor of any device as an array to look at; bfloat16 as float32."""
    x = x.detach().cpu()
    return view(x.float() if x.dtype is torch.bfloat16 else x)

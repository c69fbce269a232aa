"""Which dtype comes out, and what of a tensor is accepted."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from logitkit.backends import _arguments as arguments

NUMPY: dict[torch.dtype, np.dtype[Any]] = {
    torch.float16: np.dtype(np.float16),
    torch.bfloat16: arguments.BFLOAT16_BITS,
    torch.float32: np.dtype(np.float32),
    torch.float64: np.dtype(np.float64),
}
_NARROW = frozenset({torch.bool, torch.uint8, torch.int8, torch.uint16, torch.int16})
_WIDE = frozenset({torch.uint32, torch.int32, torch.uint64, torch.int64})
INTEGERS = (_NARROW | _WIDE) - {torch.bool}


def result_dtype(x: torch.Tensor, wanted: Any = None, name: str = "x") -> torch.dtype:
    """Return the dtype of the result: `wanted`, or that of x; of integers PyTorch's default."""
    if x.layout is not torch.strided or x.is_nested:
        raise TypeError(f"{name} is a tensor of layout {x.layout}; accepted are strided ones")
    if x.dtype in NUMPY:
        result = x.dtype
    elif x.dtype in _NARROW or x.dtype in _WIDE:
        result = torch.get_default_dtype()
    else:
        raise TypeError(
            f"{name} has the dtype {x.dtype}; accepted are bool, integers, float16, bfloat16, "
            "float32, float64"
        )
    if wanted is None:
        return result
    if isinstance(wanted, torch.dtype):
        if wanted not in NUMPY:
            raise TypeError(f"dtype is {wanted}; accepted are float16, bfloat16, float32, float64")
        return wanted
    found: torch.dtype = getattr(
        torch, arguments.result_dtypes(NUMPY[torch.float32], wanted)[0].name
    )
    return found


def computed_in(dtype: torch.dtype, result: torch.dtype | None = None) -> torch.dtype:
    """Return the dtype that formulas compute in, for scores of `dtype` and a result of `result`."""
    wide = dtype is torch.float64 or dtype in _WIDE or result is torch.float64
    return torch.float64 if wide else torch.float32


def as_float(x: torch.Tensor) -> torch.Tensor:
    """Return x as a float; an integer is converted before anything is subtracted."""
    return x if x.dtype in NUMPY else x.to(computed_in(x.dtype))


def common_of_products(*tensors: torch.Tensor | None) -> torch.dtype:
    """Return what the products of several tensors are formed in."""
    wide = any(one is not None and one.dtype is torch.float64 for one in tensors)
    return torch.float64 if wide else torch.float32


def common(one: torch.dtype, other: torch.dtype) -> torch.dtype:
    """Return the dtype of a result of two arguments; unequal halves meet in float32."""
    return one if one is other else computed_in(one, other)

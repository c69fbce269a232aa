"""How the functions of one element rise, by their names in `_formulas.activations`."""

from __future__ import annotations

import torch
from torch import Tensor

from logitkit.backends.torch._calls import call


def _sigmoid(x: Tensor) -> Tensor:
    result: Tensor = call("activation", x, "sigmoid", [])
    return result


def _sigmoid_slope(x: Tensor) -> Tensor:
    # 1 - sigmoid(x) is sigmoid(-x), which keeps its digits.
    return _sigmoid(x) * _sigmoid(-x)


def _silu_slope(x: Tensor) -> Tensor:
    finite = torch.where(torch.isinf(x), 0.0, x)
    slope = _sigmoid(finite) * (1 + finite * _sigmoid(-finite))
    return torch.where(torch.isinf(x), (x > 0).to(x.dtype), slope)


def _step(x: Tensor, below: float = 0.0) -> Tensor:
    return torch.where(x > 0, 1.0, below).to(x.dtype)


SLOPES = {
    "sigmoid": _sigmoid_slope,
    "tanh": lambda x: 4 * _sigmoid_slope(2 * x),
    "relu": _step,
    "leaky_relu": _step,
    "silu": _silu_slope,
}

"""What the formulas compute with on PyTorch's devices."""

from __future__ import annotations

import torch
from array_api_compat import torch as array_api
from torch import Tensor

from logitkit.backends._generic.sums import TreeSums

# Sums in one order, so that the bits of a row depend on that row alone.
xp = TreeSums(array_api)


def wide(x: Tensor) -> torch.dtype:
    """Return the dtype that is computed in: float64, which Apple's devices have not."""
    return torch.float32 if x.device.type == "mps" else torch.float64

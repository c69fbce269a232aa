"""What logitkit has for PyTorch alone: modules for networks, `logitkit.torch.nn`.

The functions of `logitkit` take tensors themselves, with or without this module.
"""

try:
    import torch as _torch  # noqa: F401
except ImportError as error:
    raise ImportError(
        "logitkit.torch needs PyTorch, which is not installed: pip install logitkit[torch]"
    ) from error

from logitkit.torch import nn as nn

__all__ = ["nn"]

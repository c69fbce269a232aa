"""Modules for networks, with the names and the arguments of `torch.nn`."""

from __future__ import annotations

import warnings
from typing import Any

from torch import Tensor, nn

from logitkit.functional.softmax import log_softmax, softmax

__all__ = ["LogSoftmax", "Softmax"]


class _Map(nn.Module):
    """A function along a dimension that keeps the shape."""

    def __init__(
        self,
        dim: int | tuple[int, ...] | None = None,
        *,
        temperature: float = 1.0,
        empty: str | None = None,
    ) -> None:
        super().__init__()
        self.dim, self.temperature, self.empty = dim, temperature, empty

    def _options(self, x: Tensor, mask: Any) -> dict[str, Any]:
        dim = _implicit_dim(x.ndim) if self.dim is None else self.dim
        return {
            "axis": dim,
            "temperature": self.temperature,
            "mask": mask,
            "empty": self.empty,
        }

    def extra_repr(self) -> str:
        """Return what the module was made with."""
        given = [f"dim={self.dim}"]
        if self.temperature != 1.0:
            given.append(f"temperature={self.temperature}")
        if self.empty is not None:
            given.append(f"empty={self.empty!r}")
        return ", ".join(given)


class Softmax(_Map):
    """`logitkit.softmax` as a module, in the place of `torch.nn.Softmax`.

    Parameters
    ----------
    dim : int, tuple of int, or None
        The dimension along which probabilities sum to 1. None chooses as PyTorch does, the first of
        1 and 3 dimensions, else the second, and warns as it does.
    temperature : float
        T >= 0, see `logitkit.softmax`.
    empty : {"nan", "zero", "uniform", "raise"}, optional
        What a row gives in which every slot that takes part is -inf.

    Examples
    --------
    >>> import torch
    >>> from logitkit.torch import nn
    >>> nn.Softmax(dim=-1)(torch.tensor([0.0, 0.0]))
    tensor([0.5000, 0.5000])
    >>> nn.Softmax(dim=-1, temperature=0.5)
    Softmax(dim=-1, temperature=0.5)
    """

    def forward(self, x: Tensor, mask: Any = None) -> Tensor:
        """Return the probabilities; `mask` is True where x takes part."""
        result: Tensor = softmax(x, **self._options(x, mask))
        return result


class LogSoftmax(_Map):
    """`logitkit.log_softmax` as a module, in the place of `torch.nn.LogSoftmax`.

    Parameters
    ----------
    dim, temperature, empty
        As for `Softmax`.

    Examples
    --------
    >>> import torch
    >>> from logitkit.torch import nn
    >>> nn.LogSoftmax(dim=-1)(torch.tensor([0.0, 0.0]))
    tensor([-0.6931, -0.6931])
    """

    def forward(self, x: Tensor, mask: Any = None) -> Tensor:
        """Return the log-probabilities; `mask` is True where x takes part."""
        result: Tensor = log_softmax(x, **self._options(x, mask))
        return result


def _implicit_dim(dims: int) -> int:
    dim = 0 if dims in (0, 1, 3) else 1
    warnings.warn(
        f"dim is None, and {dim} is taken for {dims} dimensions, as torch.nn does; accepted without "
        "a warning is an int, or a tuple of ints",
        stacklevel=4,
    )
    return dim

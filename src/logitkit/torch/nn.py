"""Modules for networks, with the names and the arguments of `torch.nn`."""

from __future__ import annotations

import warnings
from typing import Any

from torch import Tensor, nn

from logitkit.functional.linear import linear_cross_entropy
from logitkit.functional.losses import cross_entropy
from logitkit.functional.softmax import log_softmax, softmax

__all__ = ["CrossEntropyLoss", "LinearCrossEntropyLoss", "LogSoftmax", "Softmax"]


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


class CrossEntropyLoss(nn.Module):
    """`logitkit.cross_entropy` as a module, in the place of `torch.nn.CrossEntropyLoss`.

    The classes are along dimension 1, ``(N, C)`` or ``(N, C, d1, ...)``, or along the only one,
    ``(C,)``. The gradient is computed together with the loss, so the scores need not be kept.

    Parameters
    ----------
    weight : Tensor, optional
        One weight a class; it moves with the module.
    ignore_index : int
        A target that is left out; -100. Of probabilities none is.
    reduction : {"mean", "sum", "none"}
        "mean" divides by the sum of the weights of the targets, for probabilities by the number of
        rows, as PyTorch does.
    label_smoothing : float
        The part of each target, from 0 to 1, that is spread over the classes; 0.
    z_loss, empty
        As for `logitkit.cross_entropy`; PyTorch has not these.

    Examples
    --------
    >>> import torch
    >>> from logitkit.torch import nn
    >>> x = torch.tensor([[2.0, 1.0, 0.1], [0.5, 2.5, 0.0]])
    >>> nn.CrossEntropyLoss()(x, torch.tensor([0, -100]))
    tensor(0.4170)
    """

    weight: Tensor | None

    def __init__(
        self,
        weight: Tensor | None = None,
        *,
        ignore_index: int = -100,
        reduction: str = "mean",
        label_smoothing: float = 0.0,
        z_loss: float = 0.0,
        empty: str = "nan",
    ) -> None:
        super().__init__()
        self.register_buffer("weight", weight)
        self.ignore_index, self.reduction = ignore_index, reduction
        self.label_smoothing, self.z_loss, self.empty = label_smoothing, z_loss, empty

    def forward(self, x: Tensor, targets: Tensor, mask: Any = None) -> Tensor:
        """Return the loss; `mask` is True where a class takes part."""
        soft = targets.is_floating_point()
        result: Tensor = cross_entropy(
            x,
            targets,
            axis=1 if x.ndim > 1 else -1,
            weight=self.weight,
            ignore_index=None if soft else self.ignore_index,
            label_smoothing=self.label_smoothing,
            z_loss=self.z_loss,
            reduction=self.reduction,
            normalizer="count" if soft and self.reduction == "mean" else "weight",
            empty=self.empty,
            mask=mask,
        )
        return result

    def extra_repr(self) -> str:
        """Return what the module was made with, where that is not the default."""
        given = {
            "ignore_index": (self.ignore_index, -100),
            "reduction": (self.reduction, "mean"),
            "label_smoothing": (self.label_smoothing, 0.0),
            "z_loss": (self.z_loss, 0.0),
            "empty": (self.empty, "nan"),
        }
        return ", ".join(f"{k}={v!r}" for k, (v, default) in given.items() if v != default)


class LinearCrossEntropyLoss(nn.Linear):
    """The last layer and its loss in one: `logitkit.linear_cross_entropy` as a module.

    In the place of `torch.nn.Linear` and `torch.nn.CrossEntropyLoss` after it; the parameters are
    those of the layer, so its state can be loaded.

    Parameters
    ----------
    in_features, out_features, bias, device, dtype
        As for `torch.nn.Linear`; the classes are the output features.
    ignore_index : int
        A target that is left out; -100.
    reduction : {"mean", "sum", "none"}
        "none" has no gradient.
    label_smoothing, z_loss, empty
        As for `CrossEntropyLoss`.

    Examples
    --------
    >>> import torch
    >>> from logitkit.torch import nn
    >>> layer = nn.LinearCrossEntropyLoss(4, 3)
    >>> layer(torch.zeros(2, 4), torch.tensor([0, -100])).shape
    torch.Size([])
    """

    def __init__(
        self,
        in_features: int,
        out_features: int,
        bias: bool = True,
        device: Any = None,
        dtype: Any = None,
        *,
        ignore_index: int = -100,
        reduction: str = "mean",
        label_smoothing: float = 0.0,
        z_loss: float = 0.0,
        empty: str = "nan",
    ) -> None:
        super().__init__(in_features, out_features, bias, device, dtype)
        self.ignore_index, self.reduction = ignore_index, reduction
        self.label_smoothing, self.z_loss, self.empty = label_smoothing, z_loss, empty

    def forward(self, h: Tensor, targets: Tensor) -> Tensor:
        """Return the loss of the layer's logits, which are never there all at once."""
        result: Tensor = linear_cross_entropy(
            h,
            self.weight,
            targets,
            bias=self.bias,
            ignore_index=self.ignore_index,
            label_smoothing=self.label_smoothing,
            z_loss=self.z_loss,
            reduction=self.reduction,
            empty=self.empty,
        )
        return result


def _implicit_dim(dims: int) -> int:
    dim = 0 if dims in (0, 1, 3) else 1
    warnings.warn(
        f"dim is None, and {dim} is taken for {dims} dimensions, as torch.nn does; accepted "
        "without a warning is an int, or a tuple of ints",
        stacklevel=4,
    )
    return dim

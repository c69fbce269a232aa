"""Which class of each row a target names, and what it weighs; on any device, and traced."""

from __future__ import annotations

import torch
from torch import Tensor

from logitkit.backends._labels import check_labels


def picked(
    targets: Tensor,
    axis: int,
    weight: Tensor | None,
    ignore_index: int | None,
    mask: Tensor | None,
) -> tuple[Tensor, Tensor, Tensor]:
    """Return of each row the weight, 0 for one that is ignored, its class, and if that is kept."""
    labels = targets.to(torch.int64).unsqueeze(axis)
    ignored = torch.zeros_like(labels, dtype=torch.bool)
    if ignore_index is not None:
        ignored = labels == ignore_index
    ids = torch.where(ignored, 0, labels)
    ones = torch.ones_like(labels, dtype=torch.float64)
    counts = ones if weight is None else weight.to(torch.float64)[ids]
    kept = ~ignored if mask is None else ~ignored & torch.gather(mask, axis, ids)
    return torch.where(ignored, 0.0, counts), ids, kept


def normaliser(
    counts: Tensor, normalizer: str, divisor: float, targets: Tensor, ignore_index: int | None
) -> Tensor:
    """Return what the mean of the losses divides by."""
    if normalizer == "number":
        return torch.full_like(counts.sum(), divisor)
    if normalizer == "weight":
        return counts.sum()
    there = torch.ones_like(targets, dtype=torch.bool)
    if ignore_index is not None:
        there = targets.to(torch.int64) != ignore_index
    return there.sum().to(counts.dtype)


def refuse_labels(
    targets: Tensor, classes: int, ignore_index: int | None = None, name: str = "targets"
) -> None:
    """Raise if a class is out of range, with the first of them; this waits for the device."""
    labels = targets.to(torch.int64)
    known = (labels >= 0) & (labels < classes)
    if ignore_index is not None:
        known |= labels == ignore_index
    # The largest numbers of uint64 are negative ones by now.
    if targets.dtype is torch.uint64 or not bool(known.all()):
        check_labels(name, targets.cpu().numpy(), classes, ignore_index)

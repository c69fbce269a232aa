"""The operands of h @ w.T + bias, a few rows of h and a few classes of w at a time."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from logitkit.backends import _delivery as delivery
from logitkit.backends._arguments import Array


@dataclass(frozen=True)
class Layer:
    """The operands in the caller's memory, and which rows of h have a loss."""

    h: Array  # (..., D)
    w: Array  # (V, D)
    bias: Array | None  # (V,)
    kept: Array  # which of the rows of h count, in C order; R of them
    ids: Array  # the class of each of those
    compute: np.dtype[Any]  # what the products are formed in

    @property
    def rows(self) -> int:
        """How many rows count."""
        return int(self.kept.size)

    @property
    def classes(self) -> int:
        """How many classes there are."""
        return int(self.w.shape[0])

    @property
    def width(self) -> int:
        """The length of a row of h and of w in bytes, in the dtype of the products."""
        return max(1, int(self.w.shape[1])) * self.compute.itemsize

    @property
    def w_is_ready(self) -> bool:
        """Whether BLAS takes w where it is."""
        flags = self.w.flags
        ordered = flags.c_contiguous or flags.f_contiguous
        return bool(ordered and flags.aligned) and delivery.has(self.w, self.compute)

    def place(self, part: slice) -> tuple[Array, ...]:
        """Return where some of the rows that count stand in h."""
        return np.unravel_index(self.kept[part], self.h.shape[:-1])

    def h_rows(self, part: slice) -> Array:
        """Return some of the rows that count: (r, D), a copy."""
        return delivery.cast(self.h[self.place(part)], self.compute)

    def w_rows(self, block: slice) -> Array:
        """Return some classes: (v, D), a copy only if BLAS does not take them where they are."""
        if self.w_is_ready:
            return self.w[block]
        return np.ascontiguousarray(delivery.cast(self.w[block], self.compute))

    def logits(self, h: Array, w: Array, block: slice, out: Array) -> None:
        """Put the logits of rows of h and a block of classes into `out`."""
        np.matmul(h, w.T, out=out)
        if self.bias is not None:
            out += delivery.cast(self.bias[block], self.compute)


@dataclass(frozen=True)
class Terms:
    """What a row's loss is made of: the options, in the core's form."""

    weight: Array | None  # of each class, in float64
    smoothing: float
    z_loss: float
    scale: float  # of the gradient: 1 over what the mean divides by


@dataclass(frozen=True)
class Gradients:
    """Where the gradients go: zeros in the caller's dtypes."""

    h: Array
    w: Array
    bias: Array | None

    def can_add(self, compute: np.dtype[Any]) -> bool:
        """Whether parts may be added up in the gradients of w and bias, without a rounding each."""
        return delivery.has(self.w, compute) and (
            self.bias is None or delivery.has(self.bias, compute)
        )


def blocks(n: int, step: int) -> list[slice]:
    """Cut n into the fewest parts of at most `step`, nearly equal: the last is not a rest."""
    count = -(-n // max(1, step))
    edges = [n * i // count for i in range(count + 1)] if count else [0]
    return [slice(a, b) for a, b in pairwise(edges)]

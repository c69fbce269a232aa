"""The cells that are timed: operation, shape and axis; their inputs."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np

from logitkit import cpu_info

from .operations import OPERATIONS, Operands, known

SEED = 20
# What a whole run times; any other operation is timed when it is named.
OPS = ["softmax", "log_softmax", "logsumexp"]
SHAPES = [
    "10",
    "1000",
    "128x10",
    "1000000x2",
    "1000000x10",
    "100000x100",
    "1024x1000",
    "8192x1000",
    "64x32000",
    "64x50257",
    "64x128256",
    "1x128256",
    "16x262144",
    "1x16777216",
    "1000x16384@0",
]
QUICK_SHAPES = ["10", "128x10", "1024x1000", "64x50257", "1x128256"]


@dataclass(frozen=True)
class Cell:
    """One operation on one shape along one axis."""

    op: str
    shape: tuple[int, ...]
    axis: int

    @property
    def size(self) -> str:
        """The shape as it stands in CSV files: "1024x1000"."""
        return "x".join(map(str, self.shape))


def cells(ops: list[str], shapes: list[str]) -> list[Cell]:
    """Return the cells of the operations on the shapes, in that order."""
    return [Cell(op, *parse_shape(shape)) for op in known(ops) for shape in shapes]


def parse_shape(text: str) -> tuple[tuple[int, ...], int]:
    """Parse "1000x16384@0" into a shape and an axis; without "@" the axis is the last."""
    match = re.fullmatch(r"([1-9]\d*(?:x[1-9]\d*)*)(?:@(\d+))?", text)
    shape = tuple(map(int, match[1].split("x"))) if match else ()
    axis = int(match[2]) if match and match[2] else -1
    if not shape or axis >= len(shape):
        raise ValueError(f"shape is {text!r}; accepted are sizes and an axis, as in 1000x16384@0")
    return shape, axis


def inputs(cell: Cell) -> list[Operands]:
    """Return float32 operands of scores from N(0, 4), standard deviation 4, to be used in turn.

    One set where it and its result fit in a quarter of the last cache, and it is timed from there;
    else so many that each comes from memory: twice the cache between two uses.
    """
    random = np.random.default_rng(SEED)
    operation = OPERATIONS[cell.op]
    cache = max(cpu_info()["caches"].values()) or 32 << 20

    def one() -> Operands:
        return operation.make(4 * random.standard_normal(cell.shape, np.float32), cell.axis, random)

    first = one()
    # A reduction counts as if it gave rows: the cells of one shape have as many inputs.
    touched = sum(each.nbytes for each in first) + first[0].nbytes
    count = 1 if touched <= cache / 4 else 1 + -(-2 * cache // touched)
    return [first, *(one() for _ in range(count - 1))]

"""The cells that are timed: operation, shape, axis and dtype; their inputs."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from logitkit import cpu_info

from .operations import OPERATIONS, Array, Operands

SEED = 20
DTYPES = ("float32", "float64", "float16", "bfloat16")


@dataclass(frozen=True)
class Cell:
    """One operation on one shape along one axis, in one dtype."""

    op: str
    shape: tuple[int, ...]
    axis: int
    dtype: str = "float32"

    @property
    def size(self) -> str:
        """The shape as it stands in CSV files: "1024x1000"."""
        return "x".join(map(str, self.shape))


def parse_shape(text: str) -> tuple[tuple[int, ...], int]:
    """Parse "1000x16384@0" into a shape and an axis; without "@" the axis is the last."""
    match = re.fullmatch(r"([1-9]\d*(?:x[1-9]\d*)*)(?:@(\d+))?", text)
    shape = tuple(map(int, match[1].split("x"))) if match else ()
    axis = int(match[2]) if match and match[2] else -1
    if not shape or axis >= len(shape):
        raise ValueError(f"shape is {text!r}; accepted are sizes and an axis, as in 1000x16384@0")
    return shape, axis


def dtype_named(name: str) -> np.dtype[np.generic]:
    """Return a dtype; NumPy by itself does not know bfloat16.

    Raises ImportError with the command that installs what is missing, ValueError for another name.
    """
    if name not in DTYPES:
        raise ValueError(f"dtype is {name!r}; accepted are {', '.join(DTYPES)}")
    if name != "bfloat16":
        return np.dtype(name)
    try:
        import ml_dtypes
    except ImportError as error:
        raise ImportError("bfloat16 needs ml_dtypes: pip install ml_dtypes") from error
    bfloat16: np.dtype[np.generic] = np.dtype(ml_dtypes.bfloat16)
    return bfloat16


class Inputs:
    """Makes the inputs of cells; the scores of a shape and dtype are kept for its next operation.

    They are from N(0, 4), standard deviation 4.
    """

    def __init__(self) -> None:
        self._kind: tuple[tuple[int, ...], str] = ((), "")
        self._scores: list[Array] = []

    def of(self, cell: Cell) -> Iterator[Operands]:
        """Yield operands to be used in turn.

        One set where it and its result fit in a quarter of the last cache, and it is timed from
        there; also where one alone is four times the cache: it comes from memory at each use. Else
        so many that each comes from memory: twice the cache between two uses.
        """
        operation = OPERATIONS[cell.op]
        cache = max(cpu_info()["caches"].values()) or 32 << 20
        if self._kind != (cell.shape, cell.dtype):
            self._kind, self._scores = (cell.shape, cell.dtype), []
        number, count = 0, 1
        while number < count:
            random = np.random.default_rng([SEED, number, 1])
            operands = operation.make(self._numbered(number), cell.axis, random)
            # A reduction counts as if it gave rows: the cells of one shape have as many inputs.
            touched = sum(each.nbytes for each in operands) + operands[0].nbytes
            if cache / 4 < touched < 4 * cache:
                count = 1 + -(-2 * cache // touched)
            yield operands
            number += 1

    def _numbered(self, number: int) -> Array:
        shape, dtype = self._kind
        if number == len(self._scores):
            scores = np.random.default_rng([SEED, number]).standard_normal(shape, np.float32)
            scores *= 4
            self._scores.append(scores.astype(dtype_named(dtype), copy=False))
        return self._scores[number]

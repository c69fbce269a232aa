"""What every file format reads and writes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["Advance", "DataError", "Table", "numeric", "plural"]

Advance = Callable[[int], None]
"""Told the number of rows that a long write has just finished."""


class DataError(Exception):
    """Input data that cannot be used; the message is one sentence that names the place."""


@dataclass(frozen=True, eq=False)
class Table:
    """An array of numbers, and what a file can say about it.

    Attributes
    ----------
    array : numpy.ndarray
        The numbers, of any shape; text formats hold the leading axes as lines.
    labels : tuple of str, optional
        Names of the entries of the last axis: the header of a text file.
    source : str
        Where the numbers came from, for messages.
    name : str
        What the numbers are: the name of the array in an ``.npz`` file.
    index : mapping of str to sequence of str
        Columns of text that stand before the numbers, one entry a line. ``.npy`` has no place
        for them.
    document : mapping, optional
        What a JSON file holds instead of the labels and the array.
    """

    array: NDArray[Any]
    labels: tuple[str, ...] | None = None
    source: str = "input"
    name: str = "array"
    index: Mapping[str, Sequence[str]] = field(default_factory=dict)
    document: Mapping[str, object] | None = None

    def rows(self) -> NDArray[Any]:
        """Return the array with two axes: lines and columns."""
        array = self.array
        return array.reshape(-1, array.shape[-1]) if array.ndim > 1 else array.reshape(1, -1)


def numeric(array: NDArray[Any], source: str) -> NDArray[Any]:
    """Return ``array`` when it holds at least one real number, else raise.

    Parameters
    ----------
    array : numpy.ndarray
        What a file held, of any shape and dtype.
    source : str
        The file, for the message.

    Raises
    ------
    DataError
        If the array is empty or its dtype is not boolean, integer or real floating point.
    """
    if array.dtype.kind not in "biuf":
        raise DataError(f"{source} holds {kind(array.dtype)} (dtype {array.dtype}), not numbers")
    if array.size == 0:
        raise DataError(f"{source} holds no numbers: its shape is {array.shape}")
    return array


def plural(count: int, noun: str, more: str = "") -> str:
    """Return the count with its noun; the plural is ``more``, or the noun with an s.

    >>> plural(1, "row"), plural(2, "row"), plural(1, "more class", "more classes")
    ('1 row', '2 rows', '1 more class')
    """
    return f"{count} {noun if count == 1 else more or noun + 's'}"


def kind(dtype: np.dtype[Any]) -> str:
    """Say in words what an array of ``dtype`` holds."""
    words = {"U": "text", "S": "bytes", "c": "complex numbers", "O": "Python objects"}
    return words.get(dtype.kind, "values")

"""Strict JSON: the numbers that JSON lacks are the strings "NaN", "Infinity" and "-Infinity"."""

import json
import math
from collections.abc import Mapping
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from logitkit.stream.formats.table import Advance, Table

__all__ = ["dumps", "write"]


def write(file: BinaryIO, table: Table, advance: Advance | None = None) -> None:
    """Write the document of a table on one line."""
    file.write(dumps(document(table)).encode() + b"\n")


def document(table: Table) -> Mapping[str, object]:
    """Return what the JSON form of a table holds."""
    if table.document is not None:
        return table.document
    return {**table.index, "labels": table.labels, table.name: table.array}


def dumps(value: object) -> str:
    """Return strict JSON of numbers, text, arrays, and mappings and sequences of them.

    Parameters
    ----------
    value : object
        The document. Narrow floats are written with the fewest digits that give them back.

    Returns
    -------
    str
        One line.

    Examples
    --------
    >>> dumps({"p": np.array([0.1, np.nan], dtype=np.float32), "T": float("inf")})
    '{"p": [0.1, "NaN"], "T": "Infinity"}'
    """
    return json.dumps(plain(value), allow_nan=False, ensure_ascii=False)


def plain(value: Any) -> Any:
    """Return ``value`` in the types that JSON has."""
    if isinstance(value, np.ndarray):
        return plain_array(value)
    if isinstance(value, np.generic):
        return plain_array(np.asarray(value))
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return special(value)
    return value


def plain_array(array: NDArray[Any]) -> Any:
    """Return an array as nested lists (a scalar as a number)."""
    if array.dtype.kind != "f":
        return array.tolist()
    if array.dtype != np.float64:
        array = array.astype(str).astype(np.float64)
    if np.isfinite(array).all():
        return array.tolist()
    return plain(array.tolist())


def special(value: float) -> str:
    """Return the name of a number that is not finite."""
    return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"

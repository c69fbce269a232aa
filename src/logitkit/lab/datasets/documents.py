"""JSON with scores and labels.

As columns, ``{"logits": [[...], ...], "labels": [...]}``; as a list of rows, ``[{"logits": [...],
"label": 1}, ...]``; or such rows one a line.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic_core import from_json

from logitkit.lab.datasets.names import LABELS, SCORES, find
from logitkit.stream.formats import DataError

__all__ = ["parse"]

Parsed = tuple[NDArray[Any], NDArray[Any], tuple[str, ...] | None, tuple[str, str]]


def parse(data: bytes, name: str, column: str | None, *, lines: bool) -> Parsed:
    """Return scores, labels, the names of the classes, and what the first two are called.

    Raises
    ------
    DataError
        Naming the line or the row, if it is no JSON or holds anything but numbers.
    """
    if lines:
        return rows(list(documents(data, name)), name, column, "line", 1)
    document = decode(data, name)
    if isinstance(document, list):
        return rows(document, name, column, "row", 0)
    if not isinstance(document, dict):
        raise DataError(f"{name} holds neither an object nor a list of rows")
    scores, labels = keys(document, name, column)
    classes = document.get("classes")
    if not (isinstance(classes, list) and all(isinstance(one, str) for one in classes)):
        classes = None
    table = document[scores]
    if not isinstance(table, list) or not table:
        raise DataError(f"{name}: {scores} is not a list of rows")
    array = stack([(f"row {i}", row) for i, row in enumerate(table)], name, scores)
    if classes is not None and len(classes) != array.shape[1]:
        classes = None
    truth = numbers(document[labels], f"{name}: {labels}")
    return array, truth, tuple(classes) if classes else None, (scores, labels)


def documents(data: bytes, name: str) -> Iterator[Any]:
    """Yield the document of each line that is not empty."""
    for number, line in enumerate(data.splitlines(), 1):
        if line.strip():
            yield decode(line, f"{name}, line {number}")


def decode(data: bytes, where: str) -> Any:
    """Read one document."""
    try:
        return from_json(data.removeprefix(b"\xef\xbb\xbf"), allow_inf_nan=False)
    except ValueError as error:
        raise DataError(f"{where} is not JSON: {error}") from error


def keys(document: dict[str, Any], where: str, column: str | None) -> tuple[str, str]:
    """Return what scores and labels are called."""
    held = f"it holds {', '.join(document) or 'nothing'}"
    scores = find(document, SCORES)
    if scores is None:
        raise DataError(f"{where} has no {' or '.join(SCORES[:2])}: {held}")
    labels = find(document, LABELS) if column is None else column
    if labels not in document:
        raise DataError(f"{where} has no {column or ' or '.join(LABELS[:2])}: {held}")
    assert labels is not None
    return scores, labels


def rows(found: list[Any], name: str, column: str | None, noun: str, first: int) -> Parsed:
    """Gather rows, each an object with its scores and its label."""
    if not found:
        raise DataError(f"{name} holds no rows")
    parts: tuple[str, str] | None = None
    scores, labels = [], []
    for i, row in enumerate(found, first):
        where = f"{noun} {i}"
        if not isinstance(row, dict):
            raise DataError(f"{name}, {where}: not an object with scores and a label")
        if parts is None or not (parts[0] in row and parts[1] in row):
            parts = keys(row, f"{name}, {where}", column)
        scores.append((where, row[parts[0]]))
        labels.append(row[parts[1]])
    assert parts is not None
    return stack(scores, name, parts[0]), numbers(labels, f"{name}: {parts[1]}"), None, parts


def stack(table: list[tuple[str, Any]], name: str, part: str) -> NDArray[np.float64]:
    """Return rows of one length as an array."""
    width = None
    found = []
    for where, row in table:
        line = numbers(row, f"{name}, {where}: {part}")
        if width is not None and len(line) != width:
            raise DataError(f"{name}, {where}: {len(line)} scores, where {table[0][0]} has {width}")
        width = len(line)
        found.append(line)
    return np.stack(found)


def numbers(values: Any, where: str) -> NDArray[np.float64]:
    """Return a list of numbers, or of the names of those that JSON lacks, as float64."""
    if isinstance(values, list):
        plain = {int, float}
        named = ("NaN", "Infinity", "-Infinity")
        if all(type(value) in plain or value in named for value in values):
            try:
                return np.array(values, dtype=np.float64)
            except OverflowError:
                pass
    raise DataError(f"{where} is not a list of numbers")

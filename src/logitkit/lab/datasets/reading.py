"""From a file to scores and labels, and what had to be guessed.

The formats are those of `logitkit.stream.formats`, and JSON. Every message names the place.
"""

from __future__ import annotations

import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from logitkit.lab.datasets import documents
from logitkit.lab.datasets.names import LABELS, SCORES, find
from logitkit.stream.formats import DataError, read, suffix
from logitkit.stream.formats.npy import BROKEN

__all__ = ["FORMATS", "Dataset", "load"]

FORMATS = ("npz", "npy", "csv", "tsv", "json", "jsonl")

UNPACKED = 1 << 30
"""How many bytes an archive may hold when it is unpacked."""


@dataclass(frozen=True, eq=False)
class Dataset:
    """Scores and labels of many rows.

    Attributes
    ----------
    name : str
        The file, for messages.
    scores : numpy.ndarray
        Shape (rows, classes).
    labels : numpy.ndarray
        The right class of each row, int64.
    classes : tuple of str, optional
        The names of the classes.
    scores_from, labels_from : str
        Which part of the file they are.
    """

    name: str
    scores: NDArray[Any]
    labels: NDArray[np.int64]
    classes: tuple[str, ...] | None
    scores_from: str
    labels_from: str


def load(path: str | Path, name: str, column: str | None = None) -> Dataset:
    """Read a file.

    Parameters
    ----------
    path : str or Path
        Where the file is; its suffix is one of `FORMATS`.
    name : str
        What it is called in messages.
    column : str, optional
        The name of the column or array that holds the labels.

    Returns
    -------
    Dataset
        Scores and labels that fit each other.

    Raises
    ------
    DataError
        In one sentence, whatever is wrong with the file.
    """
    if suffix(path) not in FORMATS:
        raise DataError(f"{name} must end in .{', .'.join(FORMATS)}")
    try:
        found = READERS[suffix(path)](path, name, column)
    except DataError as error:  # of the formats, which know the file by its path
        raise DataError(str(error).replace(str(path), name)) from error
    except MemoryError as error:
        raise DataError(f"{name} does not fit in memory: {error}") from error
    except UnicodeDecodeError as error:
        raise DataError(f"{name} is not UTF-8 text") from error
    return found


def from_npz(path: str | Path, name: str, column: str | None) -> Dataset:
    """Read the scores, the labels and the names of the classes of an archive."""
    try:
        with zipfile.ZipFile(path) as archive:
            size = sum(member.file_size for member in archive.infolist())
        if size > UNPACKED:
            raise DataError(f"{name} unpacks to {size} bytes; accepted are {UNPACKED}")
        with np.load(path, allow_pickle=False) as arrays:
            names = list(arrays.files)
    except BROKEN as error:
        raise DataError(f"{name} is not an .npz archive, or it is damaged") from error
    held = f"it holds {', '.join(names) or 'nothing'}"
    scores = find(names, SCORES)
    if scores is None:
        raise DataError(f"{name} has no array named {' or '.join(SCORES[:2])}: {held}")
    labels = column if column in names else find(names, LABELS) if column is None else None
    if labels is None:
        wanted = column or "labels"
        raise DataError(f"{name} has no array named {wanted!r} with the right classes: {held}")
    table = read(path, scores)
    truth = read(path, labels).array
    return fit(name, table.array, truth, table.labels, (scores, labels))


def from_table(path: str | Path, name: str, column: str | None) -> Dataset:
    """Read a table of which one column holds the labels."""
    table = read(path)
    array, header = table.array, table.labels
    if array.ndim != 2 or array.shape[1] < 3:
        text = f"{name}: found shape {array.shape}; accepted is a table, two or more scores a row"
        raise DataError(f"{text} and a label")
    if column is not None:
        if column not in (header or ()):
            names = ", ".join(header or ()) or "no header"
            raise DataError(f"{name} has no column named {column!r}: it has {names}")
        place = (header or ()).index(column)
    elif header is not None:
        match = find(header, LABELS)
        if match is None:
            text = f"{name} has no column named {' or '.join(LABELS[:2])}: it has"
            raise DataError(f"{text} {', '.join(header)}")
        place = header.index(match)
    else:
        place = array.shape[1] - 1
        last = array[:, place]
        if not ((last >= 0) & (last < place) & (last == np.floor(last))).all():
            text = f"{name} has no labels: its last column holds other numbers than the classes"
            raise DataError(f"{text} 0 to {place - 1}; end each row with its class")
    classes = None if header is None else (*header[:place], *header[place + 1 :])
    where = "the last column" if header is None else f"column {header[place]}"
    scores = np.delete(array, place, axis=1)
    return fit(name, scores, array[:, place], classes, ("the other columns", where))


def from_document(path: str | Path, name: str, column: str | None) -> Dataset:
    """Read JSON: columns, or rows; one document, or one a line."""
    found = documents.parse(Path(path).read_bytes(), name, column, lines=suffix(path) == "jsonl")
    return fit(name, *found)


READERS = {
    "npz": from_npz,
    "npy": from_table,
    "csv": from_table,
    "tsv": from_table,
    "json": from_document,
    "jsonl": from_document,
}


def fit(
    name: str,
    scores: NDArray[Any],
    labels: NDArray[Any],
    classes: tuple[str, ...] | None,
    parts: tuple[str, str],
) -> Dataset:
    """Return what was read when scores and labels fit each other."""
    if scores.ndim != 2 or scores.shape[1] < 2:
        text = f"{name}: {parts[0]} has shape {scores.shape}; accepted is (rows, classes)"
        raise DataError(f"{text}, with two classes or more")
    if labels.ndim != 1 or len(labels) != len(scores):
        count = f"{len(labels)}" if labels.ndim == 1 else f"shape {labels.shape}"
        raise DataError(f"{name}: found {scores.shape} and {count} labels; accepted is one a row")
    if scores.dtype.itemsize > 8:
        raise DataError(f"{name}: {parts[0]} is of dtype {scores.dtype}, wider than float64")
    with np.errstate(invalid="ignore"):
        whole = labels.astype(np.int64)
        outside = (whole != labels) | (whole < 0) | (whole >= scores.shape[1])
    if outside.any():
        rows = np.flatnonzero(outside)
        shown = ", ".join(f"row {row} has {labels[row]:g}" for row in rows[:3].tolist())
        more = f" (and {len(rows) - 3} more)" if len(rows) > 3 else ""
        accepted = f"accepted are the classes 0 to {scores.shape[1] - 1}"
        raise DataError(f"{name}: labels out of range, {shown}{more}; {accepted}")
    return Dataset(name, scores, whole, classes, *parts)

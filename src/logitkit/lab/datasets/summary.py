"""Rows of scores summed up: how many were how sure, and how many of these were right.

A summary answers for every number of bins from 1 to `MOST_BINS`: it holds counts, sums and the
first rows of the intervals between all their edges i / bins, about three thousand.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

import logitkit
from logitkit.lab.datasets.listed import ROW, first_rows
from logitkit.lab.datasets.reading import Dataset
from logitkit.stream.formats import DataError

__all__ = ["MOST_BINS", "Summary", "summarize"]

MOST_BINS = 100
BLOCK = 1 << 18  # numbers that are converted and computed at a time

EDGES: NDArray[np.float64] = np.unique(
    np.concatenate([np.arange(bins + 1) / bins for bins in range(1, MOST_BINS + 1)])
)


@dataclass(frozen=True, eq=False)
class Summary:
    """What is kept of a dataset.

    Attributes
    ----------
    name, dtype, scores_from, labels_from : str
        The file, the dtype of its scores, which part of it they and the labels are.
    rows, classes : int
        The shape of the scores.
    class_names : tuple of str, optional
        The names of the classes.
    probabilities, detected : bool
        Whether the scores are probabilities, and whether that was found from their values.
    counts, right : numpy.ndarray of int64
        How many rows have their confidence between two `EDGES`, how many of them are right.
    confidence : numpy.ndarray of float64
        The sum of their confidences.
    first : numpy.ndarray of ROW
        The first rows of each interval.
    microseconds : float
        What the calls of the library took.
    """

    name: str
    dtype: str
    scores_from: str
    labels_from: str
    rows: int
    classes: int
    class_names: tuple[str, ...] | None
    probabilities: bool
    detected: bool
    counts: NDArray[np.int64]
    right: NDArray[np.int64]
    confidence: NDArray[np.float64]
    first: NDArray[np.void]
    microseconds: float


def summarize(dataset: Dataset, kind: str = "auto") -> Summary:
    """Sum up a dataset, block by block.

    Parameters
    ----------
    dataset : Dataset
        Scores and labels.
    kind : {"auto", "logits", "probabilities"}
        What the scores are; "auto" takes rows from 0 to 1 that sum to 1 for probabilities.

    Returns
    -------
    Summary
        Counts, sums and first rows.

    Raises
    ------
    DataError
        Naming the first row that has no softmax, or no probabilities.
    """
    scores = dataset.scores
    rows, classes = scores.shape
    looks = looks_like_probabilities(scores) if kind != "logits" else False
    if kind == "probabilities" and not looks:
        text = f"{dataset.name}: {dataset.scores_from} are no probabilities"
        raise DataError(f"{text}: accepted are rows from 0 to 1 that sum to 1")
    counts = np.zeros(len(EDGES) - 1, dtype=np.int64)
    right = np.zeros_like(counts)
    confidence = np.zeros(len(counts))
    first = [np.empty(0, dtype=ROW)]
    nanoseconds = 0
    for start, block in blocks(scores):
        if looks:
            sure = block.max(axis=1)
        else:
            begin = time.perf_counter_ns()
            p = logitkit.softmax(block)
            nanoseconds += time.perf_counter_ns() - begin
            sure = p.max(axis=1)
        sure = sure.astype(np.float64)
        if np.isnan(sure).any():
            raise bad_row(dataset, start, block, sure)
        predicted, labels = block.argmax(axis=1), dataset.labels[start : start + len(block)]
        hit = predicted == labels
        # The last interval has its right edge too: a confidence of 1 is inside.
        place = np.minimum(np.searchsorted(EDGES, sure, side="right") - 1, len(counts) - 1)
        first.append(first_rows(start, place, predicted, labels, sure, counts))
        counts += np.bincount(place, minlength=len(counts))
        right += np.bincount(place[hit], minlength=len(counts))
        confidence += np.bincount(place, weights=sure, minlength=len(counts))
    return Summary(
        name=dataset.name,
        dtype=scores.dtype.name,
        scores_from=dataset.scores_from,
        labels_from=dataset.labels_from,
        rows=rows,
        classes=classes,
        class_names=dataset.classes,
        probabilities=looks,
        detected=looks and kind == "auto",
        counts=counts,
        right=right,
        confidence=confidence,
        first=np.concatenate(first),
        microseconds=nanoseconds / 1000,
    )


def blocks(scores: NDArray[Any]) -> Any:
    """Yield the first row and the rows of each block."""
    step = max(1, BLOCK // scores.shape[1])
    for start in range(0, len(scores), step):
        yield start, scores[start : start + step]


def looks_like_probabilities(scores: NDArray[Any]) -> bool:
    """Tell whether every row lies between 0 and 1 and sums to 1, but for their rounding.

    >>> looks_like_probabilities(np.array([[0.2, 0.8], [1, 0]]))
    True
    """
    for _, block in blocks(scores):
        with np.errstate(over="ignore", invalid="ignore"):
            off = np.abs(block.sum(axis=1, dtype=np.float64) - 1)
        if not (block.min() >= 0 and block.max() <= 1.001 and off.max() <= 0.01):
            return False
    return True


def bad_row(
    dataset: Dataset, start: int, block: NDArray[Any], sure: NDArray[np.float64]
) -> DataError:
    """Return the error that names the first row without a softmax."""
    row = int(np.argmax(np.isnan(sure)))
    bad = np.flatnonzero(np.isnan(block[row]) | (block[row] == np.inf))
    what = f"{block[row][bad[0]]} at column {bad[0]}" if bad.size else "only -inf"
    return DataError(f"{dataset.name}: row {start + row} has no softmax, it holds {what}")

"""A summary as it is answered: bins of confidence, their accuracy, and how sure that is."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from logitkit.lab.datasets.answers import Bin, BinRows, DatasetAnswer
from logitkit.lab.datasets.listed import between
from logitkit.lab.datasets.summary import EDGES, Summary
from logitkit.lab.operations import kernel
from logitkit.stream.formats.table import plural

__all__ = ["FEW", "answer", "answer_rows", "wilson"]

FEW = 30
"""Below so many rows an accuracy says little."""

Z = 1.959963984540054  # of the standard normal distribution 95 % lies within


def wilson(right: int, count: int) -> tuple[float, float]:
    """Return the 95 % confidence interval of a proportion, of Wilson's score.

    E. B. Wilson, "Probable inference, the law of succession, and statistical inference", J. Am.
    Stat. Assoc. 22 (1927): unlike the interval by the standard error it stays within 0 and 1.

    >>> [round(x, 4) for x in wilson(8, 10)]
    [0.4902, 0.9433]
    >>> wilson(0, 5)[0], wilson(5, 5)[1]
    (0.0, 1.0)
    """
    p, z2 = right / count, Z * Z
    centre = (p + z2 / (2 * count)) / (1 + z2 / count)
    half = Z * math.sqrt(p * (1 - p) / count + z2 / (4 * count * count)) / (1 + z2 / count)
    # At both ends the terms cancel exactly, but for their rounding.
    low = 0.0 if right == 0 else centre - half
    high = 1.0 if right == count else centre + half
    return low, high


def answer(number: int, summary: Summary, bins: int) -> DatasetAnswer:
    """Return what the confidence panel shows of a dataset.

    Parameters
    ----------
    number : int
        Its number on this server.
    summary : Summary
        What is kept of it.
    bins : int
        How many intervals of equal width confidence is divided into.
    """
    edges = np.arange(bins + 1) / bins
    starts = np.searchsorted(EDGES, edges)[:-1]
    counts = np.add.reduceat(summary.counts, starts).tolist()
    right = np.add.reduceat(summary.right, starts).tolist()
    confidence = np.add.reduceat(summary.confidence, starts).tolist()
    parts = zip(edges[:-1].tolist(), edges[1:].tolist(), counts, right, confidence, strict=True)
    told = [one_bin(*part) for part in parts]
    hits = int(summary.right.sum())
    return {
        "id": number,
        "name": summary.name,
        "rows": summary.rows,
        "classes": summary.classes,
        "class_names": None if summary.class_names is None else list(summary.class_names),
        "dtype": summary.dtype,
        "kind": "probabilities" if summary.probabilities else "logits",
        "scores_from": summary.scores_from,
        "labels_from": summary.labels_from,
        "accuracy": hits / summary.rows,
        "accuracy_interval": list(wilson(hits, summary.rows)),
        "mean_confidence": math.fsum(summary.confidence) / summary.rows,
        "few": FEW,
        "bins": told,
        "notes": notes(summary, told),
        "kernel": kernel(),
        "microseconds": summary.microseconds,
    }


def answer_rows(number: int, summary: Summary, bins: int, index: int) -> BinRows:
    """Return the first rows of one bin.

    Parameters
    ----------
    number, summary, bins
        As for `answer`.
    index : int
        Which bin, from 0.
    """
    lower, upper = index / bins, (index + 1) / bins
    low, high = (int(edge) for edge in np.searchsorted(EDGES, (lower, upper)))
    return BinRows(
        id=number,
        bin=index,
        lower=lower,
        upper=upper,
        count=int(summary.counts[low:high].sum()),
        rows=between(summary.first, low, high),
    )


def one_bin(lower: float, upper: float, count: int, right: int, confidence: float) -> Bin:
    """Return one bin; an empty one has no accuracy, and none is made up."""
    known: dict[str, Any] = {"accuracy": None, "interval": None, "mean_confidence": None}
    if count:
        known = {
            "accuracy": right / count,
            "interval": list(wilson(right, count)),
            "mean_confidence": confidence / count,
        }
    return Bin(
        lower=lower,
        upper=upper,
        count=count,
        right=right,
        accuracy=known["accuracy"],
        interval=known["interval"],
        mean_confidence=known["mean_confidence"],
        enough=count >= FEW,
    )


def notes(summary: Summary, bins: list[Bin]) -> list[str]:
    """Return what a reader should know, a sentence each."""
    told = []
    if summary.detected:
        told.append(
            f"{summary.scores_from} look like probabilities: no softmax was taken of them; "
            "if they are logits, say so with kind=logits"
        )
    if summary.labels_from == "the last column":
        told.append("the labels are taken from the last column")
    sparse = sum(0 < one["count"] < FEW for one in bins)
    if sparse:
        told.append(
            f"{plural(sparse, 'bin has', 'bins have')} fewer than {FEW} rows, "
            "too few to judge an accuracy"
        )
    return told

"""The rows that a bin lists: the first few of each interval of confidence, in their order.

Where any number of bins may be asked for, the first rows of a bin are among the first rows of the
intervals that it is made of; so these are enough, and what is kept does not grow with the file.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from logitkit.lab.datasets.answers import BinRow

__all__ = ["MOST_LISTED", "ROW", "between", "first_rows"]

MOST_LISTED = 100

ROW = np.dtype(
    [
        ("row", np.int64),
        ("interval", np.int16),
        ("predicted", np.int32),
        ("label", np.int32),
        ("confidence", np.float64),
    ]
)


def first_rows(
    start: int,
    interval: NDArray[np.int64],
    predicted: NDArray[np.int64],
    label: NDArray[np.int64],
    confidence: NDArray[np.float64],
    before: NDArray[np.int64],
) -> NDArray[np.void]:
    """Return the rows of a block that are among the first of their interval.

    Parameters
    ----------
    start : int
        The number of the block's first row.
    interval, predicted, label, confidence : numpy.ndarray
        Of each row of the block.
    before : numpy.ndarray of int64
        How many rows each interval has in the blocks before.

    Returns
    -------
    numpy.ndarray of ROW
        In the order of the file.
    """
    open_ = np.flatnonzero(before[interval] < MOST_LISTED)
    place = interval[open_]
    # Sorted by interval, the place in the group says how many of the block came before.
    order = np.argsort(place, kind="stable")
    grouped = place[order]
    earlier = np.arange(len(grouped)) - np.searchsorted(grouped, grouped)
    taken = np.sort(open_[order[earlier + before[grouped] < MOST_LISTED]])
    rows = np.empty(len(taken), dtype=ROW)
    rows["row"] = taken + start
    rows["interval"] = interval[taken]
    rows["predicted"] = predicted[taken]
    rows["label"] = label[taken]
    rows["confidence"] = confidence[taken]
    return rows


def between(rows: NDArray[np.void], low: int, high: int) -> list[BinRow]:
    """Return the first rows of the intervals from `low` up to, but without, `high`."""
    inside = (rows["interval"] >= low) & (rows["interval"] < high)
    found = rows[inside][:MOST_LISTED]
    return [
        BinRow(
            row=row,
            predicted=predicted,
            label=label,
            right=predicted == label,
            confidence=confidence,
        )
        for row, _, predicted, label, confidence in found.tolist()
    ]

"""Classes that are named by their index."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt


def check_labels(
    name: str, labels: npt.NDArray[Any], classes: int, ignore_index: int | None = None
) -> None:
    """Raise if an index is out of range and is not to be ignored, with the first of them."""
    if labels.size == 0 or (int(labels.min()) >= 0 and int(labels.max()) < classes):
        return
    bad = (labels < 0) | (labels >= classes)
    if ignore_index is not None:
        bad &= labels != ignore_index
        if not bad.any():
            return
    position = tuple(int(i) for i in np.unravel_index(int(bad.argmax()), labels.shape))
    at = f" at index {position}" if labels.ndim else ""
    spare = "" if ignore_index is None else f", and ignore_index, {ignore_index}"
    raise IndexError(
        f"{name} is {int(labels[position])}{at}; accepted are the classes in [0, {classes}){spare}"
    )

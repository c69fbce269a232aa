"""Classes that are named by their index."""

from __future__ import annotations

from typing import Any

import numpy as np

from logitkit.backends import _arguments as arguments
from logitkit.backends._arguments import Array


def check_labels(name: str, labels: Array, classes: int, ignore_index: int | None = None) -> None:
    """Raise if an index is out of range and is not to be ignored, with the first of them."""
    if labels.size == 0 or (int(labels.min()) >= 0 and int(labels.max()) < classes):
        return
    bad = (labels < 0) | (labels >= classes)
    if ignore_index is not None:
        bad &= labels != int(ignore_index)
        if not bad.any():
            return
    position = tuple(int(i) for i in np.unravel_index(int(bad.argmax()), labels.shape))
    at = f" at index {position}" if labels.ndim else ""
    spare = "" if ignore_index is None else f", and ignore_index, {int(ignore_index)}"
    raise IndexError(
        f"{name} is {int(labels[position])}{at}; accepted are the classes in [0, {classes}){spare}"
    )


def as_targets(targets: Any) -> Array:
    """Return targets as a plain array."""
    if isinstance(targets, np.ma.MaskedArray):
        raise TypeError(
            "targets is a masked array; accepted are plain ones: fill it with ignore_index"
        )
    return arguments.as_array(targets, "targets")[0]


def classes_of(
    targets: Array,
    shape: tuple[int, ...],
    at: int,
    ignore_index: int | None,
    name: str,
    also: str = "",
) -> Array:
    """Return the class of each row, -1 for one that is left out, with 1 along the axis."""
    rows = arguments.without_axes(shape, (at,))
    if targets.shape != rows:
        raise ValueError(
            f"targets has the shape {targets.shape}; class indices must have that of {name} "
            f"without its axis, {rows}{also}"
        )
    check_labels("targets", targets, shape[at], ignore_index)
    ids = targets.astype(np.int64)  # a copy: a label may be changed below
    if ignore_index is not None:
        ids[targets == int(ignore_index)] = -1
    return np.expand_dims(ids, at)

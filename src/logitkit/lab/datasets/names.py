"""What the parts of a file may be called."""

from __future__ import annotations

from collections.abc import Iterable

__all__ = ["LABELS", "SCORES", "find"]

SCORES = ("logits", "probabilities", "scores", "probs", "log_probabilities")
LABELS = ("label", "labels", "y", "y_true", "target", "targets", "class")


def find(names: Iterable[str], wanted: tuple[str, ...]) -> str | None:
    """Return the first of the wanted names that is there, in any case.

    >>> find(["images", "Labels"], LABELS)
    'Labels'
    """
    held = {name.strip().lower(): name for name in names}
    return next((held[name] for name in wanted if name in held), None)

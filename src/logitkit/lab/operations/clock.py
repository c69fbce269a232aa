"""The library's functions by name, and the time that their calls took."""

from __future__ import annotations

import time
from typing import Any

import logitkit
from logitkit.lab.problems import ProblemError

__all__ = ["Clock"]


class Clock:
    """Calls public functions of logitkit and sums their time.

    Parameters
    ----------
    pointer : str
        Where the operation stands in the request, for messages.
    """

    def __init__(self, pointer: str) -> None:
        self.pointer = pointer
        self.nanoseconds = 0

    @property
    def microseconds(self) -> float:
        """What all calls took."""
        return self.nanoseconds / 1000

    def call(self, name: str, *args: Any, **options: Any) -> Any:
        """Call ``logitkit.name``, which is looked up now."""
        function = getattr(logitkit, name)
        start = time.perf_counter_ns()
        try:
            return function(*args, **options)
        finally:
            self.nanoseconds += time.perf_counter_ns() - start

    def refuse(self, field: str, text: str) -> ProblemError:
        """Return the error to raise where a field does not fit the others."""
        return ProblemError(422, text, pointer=f"{self.pointer}/{field}")

    def labels(self, operation: Any) -> ProblemError:
        """Return the error to raise where there is not one label for each logit."""
        text = f"found {len(operation.labels)} labels and {len(operation.logits)} logits"
        return self.refuse("labels", text)

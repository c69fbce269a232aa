"""The datasets of one server: the newest few, the oldest goes first."""

from __future__ import annotations

import threading

from logitkit.lab.datasets.summary import Summary

__all__ = ["MOST_DATASETS", "Store"]

MOST_DATASETS = 32


class Store:
    """Summaries by number; safe to use from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: dict[int, Summary] = {}
        self._next = 1

    def add(self, summary: Summary) -> int:
        """Keep a summary, and return its number.

        >>> store = Store()
        >>> store.get(1) is None
        True
        """
        with self._lock:
            number = self._next
            self._next += 1
            self._kept[number] = summary
            while len(self._kept) > MOST_DATASETS:
                del self._kept[min(self._kept)]
            return number

    def get(self, number: int) -> Summary | None:
        """Return a summary, or None if it is not there, or no longer."""
        with self._lock:
            return self._kept.get(number)

    def all(self) -> list[tuple[int, Summary]]:
        """Return what is kept, the oldest first."""
        with self._lock:
            return sorted(self._kept.items())

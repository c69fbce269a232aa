"""What the records of a speed run say: the best peer of each cell, and how logitkit stands to it.

The ratio of a cell is the time of the best peer over ours: 2 is twice as fast, below 1 is a loss.
The best peer is the fastest of all that are not logitkit, those that write into a buffer given
beforehand included, also where ours makes a new array.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from .providers import FLOORS, library_of
from .results import Record


@dataclass(frozen=True)
class Line:
    """The medians of one cell, by provider, in microseconds."""

    op: str
    shape: str
    axis: int
    threads: int
    times: dict[str, float]

    @property
    def label(self) -> str:
        """The shape as people write it."""
        sizes = self.shape.split("x")
        label = f"({', '.join(sizes)}{',' if len(sizes) == 1 else ''})"
        return label if self.axis == -1 else f"{label} axis {self.axis}"

    @property
    def best_peer(self) -> str | None:
        """The name of the fastest peer."""
        peers = [p for p in self.times if library_of(p) not in (*FLOORS, "logitkit")]
        return min(peers, key=self.times.__getitem__, default=None)

    def ratio(self, provider: str) -> float | None:
        """How many times faster a provider is than the best peer."""
        best = self.best_peer
        if best is None or provider not in self.times:
            return None
        return self.times[best] / self.times[provider]

    @property
    def best_ratio(self) -> float | None:
        """The ratio of the faster of our ways to call, as the best peer's is; not of "exact"."""
        ratios = [self.ratio(name) for name in ("logitkit", "logitkit out=")]
        return max((each for each in ratios if each is not None), default=None)


def lines(records: Iterable[Record]) -> list[Line]:
    """Gather the records of each cell and thread count, in their order."""
    found: dict[tuple[str, str, int, int], Line] = {}
    for r in records:
        key = (r["op"], r["shape"], r["axis"], r["threads"])
        line = found.setdefault(key, Line(*key, {}))
        line.times[r["provider"]] = r["median"]
    return list(found.values())


def provider_names(all_lines: Iterable[Line]) -> list[str]:
    """Return the providers in the order of their columns: floors, peers, ours."""
    names = list(dict.fromkeys(name for line in all_lines for name in line.times))
    return sorted(names, key=lambda n: (library_of(n) == "logitkit", library_of(n) not in FLOORS))


def losses(all_lines: Iterable[Line]) -> list[Line]:
    """Return the cells in which the best peer is faster."""
    return [line for line in all_lines if line.best_ratio is not None and line.best_ratio < 1]

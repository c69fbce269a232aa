"""What the records of a speed run say: the best peer of each cell, and how logitkit stands to it.

The ratio of a cell is the time of the best peer over ours: 2 is twice as fast, below 1 is a loss.
The best peer is the fastest of all that are not logitkit, those that write into a buffer given
beforehand included, also where ours makes a new array.

The roofline of a cell is what the machine needs at least: the larger of its memory's time, the
faster of the two copies (of a reduction, the reading alone), and the time of the exponentials.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from .providers import FLOORS, library_of

Record = dict[str, Any]

# Microseconds from which on a roofline is one: a shorter call is the cost of calling.
LEAST_ROOFLINE = 2.0


@dataclass(frozen=True)
class Line:
    """The medians of one cell, by provider, in microseconds."""

    op: str
    shape: str
    axis: int
    threads: int
    times: dict[str, float]
    dtype: str = "float32"

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
    def ours(self) -> float | None:
        """The time of the faster of our ways to call, as the best peer's is; not of "exact"."""
        times = [self.times.get(name) for name in ("logitkit", "logitkit out=")]
        return min((each for each in times if each is not None), default=None)

    @property
    def best_ratio(self) -> float | None:
        """How many times faster we are than the best peer."""
        best, ours = self.best_peer, self.ours
        return None if best is None or ours is None else self.times[best] / ours

    @property
    def roofline(self) -> float | None:
        """What the machine needs; None where that was not measured, or is less than a call."""
        copies = [self.times[name] for name in ("copy", "stream") if name in self.times]
        memory = self.times.get("read", min(copies) if "stream" in self.times else None)
        if memory is None:
            return None
        floor = max(memory, self.times.get("exp", 0.0))
        return floor if floor >= LEAST_ROOFLINE else None

    @property
    def over_roofline(self) -> float | None:
        """Our time over the roofline: 1 is as fast as can be."""
        floor, ours = self.roofline, self.ours
        return None if floor is None or ours is None else ours / floor


def lines(records: Iterable[Record]) -> list[Line]:
    """Gather the records of each cell and thread count, in their order."""
    found: dict[tuple[str, str, int, int, str], Line] = {}
    for r in records:
        op, shape, axis, threads, dtype = (
            r[name] for name in ("op", "shape", "axis", "threads", "dtype")
        )
        line = found.setdefault(
            (op, shape, axis, threads, dtype), Line(op, shape, axis, threads, {}, dtype)
        )
        line.times[r["provider"]] = r["median"]
    return list(found.values())


def provider_names(all_lines: Iterable[Line]) -> list[str]:
    """Return the providers in the order of their columns: floors, peers, ours."""
    names = list(dict.fromkeys(name for line in all_lines for name in line.times))
    return sorted(names, key=lambda n: (library_of(n) == "logitkit", library_of(n) not in FLOORS))


def losses(all_lines: Iterable[Line]) -> list[Line]:
    """Return the cells in which the best peer is faster."""
    return [line for line in all_lines if line.best_ratio is not None and line.best_ratio < 1]

"""The floor: `np.copyto`, what it takes to read the input and write as much."""

import numpy as np

from . import Array, Bound, Provider


def providers(threads: int) -> list[Provider]:
    """Return the copy, which runs on one thread whatever `threads` is."""
    return [Provider("copy", "numpy", _bind, floor=True)]


def _bind(op: str, x: Array, axis: int) -> Bound:
    out = np.zeros_like(x)
    return Bound(lambda: np.copyto(out, x), lambda _: out)

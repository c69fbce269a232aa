"""The floor: `np.copyto`, what it takes to read the first operand and write as much."""

import numpy as np

from . import Bound, Operands, Provider


def providers(threads: int) -> list[Provider]:
    """Return the copy, which runs on one thread whatever `threads` is."""
    return [Provider("copy", "numpy", _bind, floor=True)]


def _bind(op: str, operands: Operands, axis: int) -> Bound:
    x = operands[0]
    out = np.zeros_like(x)
    return Bound(lambda: np.copyto(out, x), lambda _: out)

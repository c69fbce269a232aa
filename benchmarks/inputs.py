"""The inputs on which accuracy is measured: ordinary ones, and those that are hard for a reason."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import ml_dtypes
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

SEED = 11
# float32: e^x is subnormal below -87.3 and 0 below -103.3; float64: below -708.4 and -744.4;
# float16: below -9.7 and -17.3; bfloat16: below -87.3 and -92.9.
SMALLEST = {
    "float32": (-104.0, -80.0),
    "float64": (-745.5, -700.0),
    "float16": (-17.5, -9.0),
    "bfloat16": (-93.5, -80.0),
}

Make = Callable[[Generator, int, str], NDArray[Any]]


def _normal(k: int, spread: float, mean: float = 0.0) -> Make:
    return lambda random, rows, dtype: mean + spread * random.standard_normal((rows, k))


def _one_above(random: Generator, rows: int, dtype: str) -> NDArray[Any]:
    x = random.standard_normal((rows, 1000))
    x[:, 0] += 30
    return x


def _tiny(random: Generator, rows: int, dtype: str) -> NDArray[Any]:
    x = random.uniform(*SMALLEST[dtype], (rows, 1000))
    x[:, 0] = 0
    return x


# Name: (rows, how they are made).
INPUTS: dict[str, tuple[int, Make]] = {
    "N(0, 1), K=1000": (200, _normal(1000, 1)),
    "N(0, 4), K=50257": (8, _normal(50257, 4)),
    "N(0, 20), K=1000": (200, _normal(1000, 20)),
    "one score 30 above the rest, K=1000": (200, _one_above),
    "N(0, 4), K=2": (20000, _normal(2, 4)),
    "N(0, 4), K=10": (10000, _normal(10, 4)),
    "N(3000, 4), K=1000": (200, _normal(1000, 4, 3000)),
    "tiny probabilities, K=1000": (200, _tiny),
}
LONG_ROWS = "N(0, 4), K=50257"
ORDINARY = "N(0, 1), K=1000"


# NumPy by itself does not know the last one.
DTYPES = {
    **{name: np.dtype(name) for name in ("float32", "float64", "float16")},
    "bfloat16": np.dtype(ml_dtypes.bfloat16),
}


def make(name: str, dtype: str, rows: int | None = None) -> NDArray[Any]:
    """Return an input of shape (rows, K); the same numbers at every call."""
    random = np.random.default_rng([SEED, list(INPUTS).index(name)])
    count, function = INPUTS[name]
    return function(random, count if rows is None else min(rows, count), dtype).astype(
        DTYPES[dtype]
    )

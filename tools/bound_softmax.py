"""Print the bounds of the float32 softmax and log_softmax in ULP; and the worst rows of a search.

    python tools/bound_softmax.py

The bounds add what tools/bound_softmax.cpp finds in every score, in about 20 seconds. The search
makes rows of a maximum, a score whose exponential is among the farthest off, many times, and many
others; how far it is off the library shows for [x, x + 20 T].
"""

from __future__ import annotations

import platform
import sys
import tempfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

import logitkit

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from tools import core_build  # noqa: E402

SEED = 0
LEVEL = 20  # the second score is that much higher, so that p is the exponential itself


def bound(stride: int = 1) -> str:
    """Return what the program prints; of one score in `stride`."""
    isa = "neon" if platform.machine() in {"aarch64", "arm64"} else "avx2"
    flags = (*core_build.own_flags(isa), f'-DLANE_HEADER="vec/{isa}.hpp"')
    unit = core_build.Unit("bound", "tools/bound_softmax.cpp", flags)
    compiler = core_build.native_compiler()
    with tempfile.TemporaryDirectory() as folder:
        objects = core_build.compile_units(compiler, [unit], Path(folder))
        program = core_build.link(compiler, objects, Path(folder) / "bound")
        return core_build.run([program, stride]).stdout


def errors(row: NDArray[np.float32], temperature: float) -> NDArray[np.float64]:
    """Return the signed errors of softmax in ULP of the true value."""
    x = row.astype(np.longdouble) / np.longdouble(temperature)
    e = np.exp(x - x.max(axis=-1, keepdims=True))
    truth = e / e.sum(axis=-1, keepdims=True)
    unit = np.spacing(truth.astype(np.float32)).astype(np.longdouble)
    return np.asarray((logitkit.softmax(row, temperature=temperature) - truth) / unit, np.float64)


def farthest(temperature: float) -> NDArray[np.float32]:
    """Return the scores from 1 to 8 in size whose exponentials are farthest off, on either side."""
    found: list[tuple[float, np.float32]] = []
    for first in (f | sign << 31 for f in range(127 << 23, 130 << 23, 1 << 21) for sign in (0, 1)):
        x = np.arange(first, first + (1 << 21), dtype=np.uint32).view(np.float32)
        above = np.float32(8 + LEVEL * temperature)
        pairs = np.stack([x, np.full_like(x, above)], axis=-1)
        p = logitkit.softmax(pairs, temperature=temperature)[:, 0].astype(np.longdouble)
        truth = np.exp((x.astype(np.longdouble) - above) / np.longdouble(temperature))
        relative = np.asarray(p / truth - 1, np.float64)
        some = np.argpartition(relative, [3, -4])[[0, 1, 2, -3, -2, -1]]
        found += zip(relative[some].tolist(), x[some], strict=True)
    found.sort(key=lambda pair: pair[0])
    return np.array([x for _, x in found[:10] + found[-10:]], np.float32)


def search() -> tuple[float, str]:
    """Return the largest error of the rows that were made, and that row."""
    rng = np.random.default_rng(SEED)
    worst, where = 0.0, ""
    for temperature in (1.0, 0.7):
        for often in farthest(temperature):
            for count in rng.integers(2000, 60_000, 30):
                m = np.float32(often + temperature * rng.uniform(0.01, 3))
                others = (m - temperature * rng.uniform(0, 12, 20_000)).astype(np.float32)
                row = np.concatenate([[m], np.full(count, often, np.float32), others])
                error = np.abs(errors(row, temperature)[-len(others) :]).max()
                if error > worst:
                    worst, where = error, f"T {temperature}, maximum {m}, {often} {count} times"
    return worst, where


if __name__ == "__main__":
    print(bound(), end="")
    print("search    {:.4f} ULP: {}".format(*search()))

"""linear_cross_entropy_with_grad keeps its budget: the peak of a fresh process, by Linux."""

import json
import os
import subprocess
import sys

import pytest

from benchmarks import fresh, memory

MIB = 2**20
# What else there is: a few numbers a row, and what the allocator keeps.
SMALL = 2 * MIB

# The second of two equal calls: what BLAS keeps for itself is there since the first.
CALL = """
import json, pathlib, sys
import numpy as np
import ml_dtypes
import logitkit as lk
from benchmarks.memory import resident
n, d, v, dtype, budget, layout, options = json.loads(sys.argv[1])
rng = np.random.default_rng(0)
h = rng.standard_normal((n, d), np.float32).astype(dtype)
w = rng.standard_normal((v, d), np.float32).astype(dtype)
if layout == "backwards":
    h, w = h[::-1, ::-1], w[::-1, ::-1]
targets = rng.integers(0, v, n)
targets[::9] = -1
bias = np.zeros(v, dtype) if options.pop("bias", False) else None
for _ in range(2):
    grads = None
    pathlib.Path("/proc/self/clear_refs").write_text("5")
    before = resident("VmRSS")
    grads = lk.linear_cross_entropy_with_grad(
        h, w, targets, bias=bias, ignore_index=-1, memory=budget, **options
    )
results = sum(np.asarray(a).nbytes for a in grads if a is not None)
print(json.dumps(resident("VmHWM") - before - results))
"""

CASES = {
    "rows": (512, 64, 2**15, "float32", 20 * MIB, "", {}),
    "rows, backwards": (512, 64, 2**14, "float64", 10 * MIB, "backwards", {"bias": True}),
    "tiles": (512, 64, 2**17, "float32", 12 * MIB, "", {"label_smoothing": 0.1}),
    "tiles, few numbers a row": (4096, 4, 2**14, "float32", 4 * MIB, "backwards", {}),
    "tiles of halves": (512, 64, 2**17, "float16", 12 * MIB, "", {"bias": True}),
    "parts of halves": (2048, 256, 2**14, "bfloat16", 6 * MIB, "backwards", {"z_loss": 0.01}),
    "2^21 classes": (64, 8, 2**21, "float32", 64 * MIB, "", {}),
}


def peak(case):
    done = subprocess.run(
        [sys.executable, "-c", CALL, json.dumps(case)],
        cwd=fresh.ROOT,
        env={**os.environ, "OPENBLAS_NUM_THREADS": "1", "LOGITKIT_NUM_THREADS": "1"},
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.skipif(memory.lacking() != "", reason=memory.lacking() or "-")
@pytest.mark.parametrize("name", CASES)
def test_the_peak_is_within_the_budget(name):
    case = CASES[name]
    n, _, v, _, budget, _, _ = case
    assert n * v * 4 > 3 * budget, "all logits would fit too"
    found = peak(case)
    assert found <= budget + SMALL, f"{found / MIB:.1f} MiB"

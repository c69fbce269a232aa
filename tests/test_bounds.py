"""The bounds that are promised: added up over the scores, and rows that were made to break them.

Each row here has broken a claim once: one score many times, whose error goes one way, decides the
sum, and others, whose error goes the other way, are measured.
"""

import re

import mpmath as mp
import numpy as np
import pytest

import logitkit as lk
from tools import bound_softmax


def test_the_bounds_of_the_float_exponential_hold():
    """Of one score in 61; `python tools/bound_softmax.py` takes every one."""
    bounds = dict(
        re.findall(r"^(softmax|log) +([\d.]+) ULP", bound_softmax.bound(61), re.MULTILINE)
    )
    assert 1.5 < float(bounds["softmax"]) <= 2
    assert 0.5 < float(bounds["log"]) <= 1


# Maximum, another score, how often it stands there, temperature.
BESIDE = [
    ("0x1.bf6c20p+3", "0x1.507b1cp+2", 24, "1"),
    ("0x1.bf6c20p+3", "0x1.507b1cp+2", 24, "0x1.bf35a618e4c6dp-1"),
    ("0", "-0x1.e6ff8ap+2", 350, "0x1.c4bc3525304c6p-1"),
]


@pytest.mark.parametrize("case", BESIDE, ids=str)
def test_little_beside_a_maximum(isa, case):
    m, other, count, temperature = (v if isinstance(v, int) else float.fromhex(v) for v in case)
    x = np.float32([m] + count * [other])
    with mp.workdps(60):
        t, largest = mp.mpf(temperature), mp.mpf(float(x[0]))
        log_sum = mp.log1p(count * mp.exp((mp.mpf(float(x[1])) - largest) / t))
        for got, want in (
            (lk.log_softmax(x, temperature=temperature)[0], -log_sum),
            (lk.logsumexp(x, temperature=temperature), largest / t + log_sum),
        ):
            unit = mp.mpf(2) ** (mp.floor(mp.log(abs(want), 2)) - 23)
            assert abs(mp.mpf(float(got)) - want) <= unit


def made_rows(dtype, seed):
    """Yield rows: a maximum, a score thousands of times, and many others below the maximum."""
    rng = np.random.default_rng(seed)
    for _ in range(6):
        other = rng.uniform(-2, 5)
        m = other + rng.uniform(0.01, 3)
        rest = m - rng.uniform(0, 12, 20_000)
        yield np.concatenate([[m], np.full(int(rng.integers(2000, 60_000)), other), rest]).astype(
            dtype
        )


@pytest.mark.parametrize("dtype", ["f4", "f8"])
@pytest.mark.parametrize("seed", range(3))
def test_one_score_many_times(isa, dtype, seed):
    for x in made_rows(dtype, seed):
        e = np.exp(x.astype(np.longdouble) - x.max())
        truth = e / e.sum()
        unit = np.exp2(np.floor(np.log2(truth)) - (23 if dtype == "f4" else 52))
        assert np.abs((lk.softmax(x) - truth) / unit).max() <= 2

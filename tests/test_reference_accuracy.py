"""The digits of the oracle, against mpmath."""

import math

import mpmath
import numpy as np
import pytest
from oracles import exact_row
from tolerances import REFERENCE_ULP

from logitkit import reference as ref

INF = np.inf
RNG = np.random.default_rng(20)
ROWS = {
    "normal": RNG.normal(size=50),
    "wide": RNG.normal(size=50) * 20,
    "very wide": RNG.normal(size=50) * 200,
    "one score 30 above the rest": np.r_[30, RNG.normal(size=9)],
    "one score 700 above the rest": np.r_[700.1, RNG.normal(size=9)],
    "far from 0": 1e4 + RNG.normal(size=20),
    "all magnitudes": RNG.normal(size=40) * 10.0 ** RNG.integers(-3, 3, 40),
    "subnormal": 5e-324 * np.arange(6.0),
    "largest finite": np.array([1.7e308, -1.7e308, 1.6e308]),
}


def ulp_error(got, want):
    """The largest distance in units of the last place of the true value."""
    distances = [
        abs(mpmath.mpf(float(g)) - w) / mpmath.mpf(float(np.spacing(abs(float(w)))))
        for g, w in zip(np.atleast_1d(got), want, strict=True)
    ]
    return float(max(distances))


@pytest.mark.parametrize("temperature", [1.0, 0.37, 3.3, 0.01, 1e-320, 1.3e306])
@pytest.mark.parametrize("name", ROWS)
def test_against_mpmath(name, temperature):
    x = ROWS[name]
    true = exact_row(x, temperature)
    for function in ("softmax", "entropy"):
        got = getattr(ref, function)(x, temperature=temperature)
        assert ulp_error(got, true[function]) <= REFERENCE_ULP[function]
    got, logp = ref.log_softmax(x, temperature=temperature), true["log_softmax"]
    # Where the true value is beyond float64 the comparison in ULP has no meaning.
    inside = [i for i, v in enumerate(logp) if abs(v) < mpmath.mpf(np.finfo(float).max)]
    assert ulp_error(got[inside], [logp[i] for i in inside]) <= REFERENCE_ULP["log_softmax"]
    assert all(got[i] == -INF for i in range(len(x)) if i not in inside)
    got, (lse,) = ref.logsumexp(x, temperature=temperature), true["logsumexp"]
    if abs(lse) < mpmath.mpf(np.finfo(float).max):
        # The sum m/T + L may cancel, so the measure is the larger of its terms.
        scale = max(abs(float(max(x) / temperature)), abs(float(lse)), np.finfo(float).tiny)
        error = abs(float(mpmath.mpf(float(got)) - lse))
        assert error <= REFERENCE_ULP["logsumexp"] * np.spacing(scale)
    else:
        assert got == np.sign(float(max(x))) * INF


@pytest.mark.parametrize("axis", [0, 1])
def test_long_rows_are_summed_pairwise_along_every_axis(axis):
    x = RNG.normal(size=(50_000, 2) if axis == 0 else (2, 50_000))
    for row in np.moveaxis(ref.softmax(x, axis=axis), axis, 1):
        assert abs(math.fsum(row) - 1) <= 4 * np.finfo(float).eps


def test_equal_weights_do_not_add_up_their_roundings():
    x = np.ones(80)
    x[:2] = 16, 9
    with mpmath.workdps(50):
        true = -mpmath.log1p(mpmath.exp(-7) + 78 * mpmath.exp(-15))
        error = float(abs(mpmath.mpf(float(ref.log_softmax(x)[0])) - true))
    assert error <= 1.5 * np.spacing(float(abs(true)))

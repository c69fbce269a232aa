"""The right results that libraries are held against: mpmath and the oracles of the tests agree."""

import mpmath
import numpy as np
import oracles
import pytest

from benchmarks import inputs, ulp
from logitkit.bench import right
from logitkit.bench.operations import OPERATIONS

RANDOM = np.random.default_rng(7)

# Ordinary; a maximum twice; far apart; logsumexp near 0; far from 0.
ROWS = [[1.0, 2.0, 0.3], [1.0, 2.0, 2.0], [0.0, -40.0], [-0.516300583703, -0.908723067266]]
ROWS += [[3000.5, 2990]]


def in_mpmath(op, first, second):
    """Return what an operation gives for one row, and the size of its largest terms."""
    numbers, others = ([mpmath.mpf(float(v)) for v in row] for row in (first, second))
    mean = total = None
    if op.endswith("_vjp") or op == "softmax_jvp":
        g = others
    if op in ("softmax_vjp", "softmax_jvp"):
        total = mpmath.fdot(numbers, g)
        terms = [p * max(abs(a), abs(total)) for p, a in zip(numbers, g, strict=True)]
        return [p * (a - total) for p, a in zip(numbers, g, strict=True)], terms
    if op == "log_softmax_vjp":
        shares = [mpmath.exp(v) * mpmath.fsum(g) for v in numbers]
        pairs = list(zip(g, shares, strict=True))
        return [a - b for a, b in pairs], [max(abs(a), abs(b)) for a, b in pairs]

    def logs(row):
        lse = mpmath.log(mpmath.fsum(map(mpmath.exp, row)))
        return lse, [v - lse for v in row]

    lse, log_p = logs(numbers)
    p = [mpmath.exp(v) for v in log_p]
    entropy = -mpmath.fdot(p, log_p)
    if op == "entropy_vjp":
        m = max(numbers)
        mean = mpmath.fdot(p, [m - v for v in numbers])
        values = [-g[0] * a * (v + entropy) for a, v in zip(p, log_p, strict=True)]
        terms = [abs(g[0]) * a * max(m - v, mean) for a, v in zip(p, numbers, strict=True)]
        return values, terms
    if op == "kl_divergence":
        terms = [a * (v - w) for a, v, w in zip(p, log_p, logs(others)[1], strict=True)]
        return [mpmath.fsum(terms)], [max(map(abs, terms))]
    if op == "cross_entropy_grad":
        at = [int(i == second[0]) for i in range(len(p))]
        return [a - b for a, b in zip(p, at, strict=True)], list(map(max, p, at))
    values = {
        "softmax": p,
        "log_softmax": log_p,
        "logsumexp": [lse],
        "entropy": [entropy],
        "gather_logprobs": [log_p[int(second[0])]] if op == "gather_logprobs" else None,
        "cross_entropy": [-log_p[int(second[0])]] if op == "cross_entropy" else None,
        "logsumexp_vjp": [others[0] * a for a in p],
    }[op]
    return values, [0] * len(values)


def off_by(op, operands, digits=60):
    """Return how far the right results are from mpmath's, at most, in ULP of float64."""
    found, worst = ulp.reference(op, operands), 0.0
    assert found.value.dtype == found.size.dtype == np.longdouble
    assert found.value.shape == OPERATIONS[op].shape(operands, -1)
    units = ulp.unit(found.size, "float64")
    with mpmath.workdps(digits):
        for i in range(len(operands[0])):
            right, terms = in_mpmath(op, operands[0][i], operands[-1][i])
            assert found.value[i].size == len(right)
            sizes = [float(max(abs(a), b)) for a, b in zip(right, terms, strict=True)]
            np.testing.assert_allclose(found.size[i].ravel().astype(float), sizes, rtol=1e-9)
            for value, unit, number in zip(
                found.value[i].ravel(), units[i].ravel(), right, strict=True
            ):
                mantissa, exponent = np.frexp(value)
                head = float(mantissa)
                whole = mpmath.mpf(head) + mpmath.mpf(float(mantissa - head))
                off = abs(mpmath.ldexp(whole, int(exponent)) - number)
                worst = max(worst, float(off / mpmath.mpf(float(unit))))
    return worst


@pytest.mark.parametrize("row", ROWS)
@pytest.mark.parametrize("op", OPERATIONS)
def test_right_results_have_digits_beyond_float64(op, row):
    scores = np.array([row, row[::-1]])  # every second row has other operands
    operands = OPERATIONS[op].make(scores, -1, np.random.default_rng(5))
    assert off_by(op, operands) < 0.02


@pytest.mark.parametrize("name", [name for name in inputs.INPUTS if name != inputs.LONG_ROWS])
@pytest.mark.parametrize("op", OPERATIONS)
def test_right_results_are_as_right_as_the_page_says(op, name):
    operands = OPERATIONS[op].make(inputs.make(name, "float64", 2), -1, np.random.default_rng(5))
    digits = 700 if name.startswith("tiny") else 60
    assert off_by(op, operands, digits) < (0.1 if op == "kl_divergence" else 0.05)


@pytest.mark.parametrize("name", [name for name in inputs.INPUTS if name != inputs.LONG_ROWS])
def test_the_tests_of_the_library_have_the_same_right_results(name):
    """Two oracles that were written apart agree."""
    x = inputs.make(name, "float64", rows=6)
    made = {
        op: operation.make(x, -1, np.random.default_rng(5)) for op, operation in OPERATIONS.items()
    }
    exact = oracles.Exact(x)
    share, slope, slope_terms = oracles.exact_reduction_vjps(x, made["entropy_vjp"][1][:, 0], 1.0)
    theirs = {
        **{op: (getattr(exact, op), None) for op in ("softmax", "log_softmax", "entropy")},
        "kl_divergence": oracles.exact_divergence(*made["kl_divergence"], 1.0),
        "softmax_vjp": oracles.exact_vjp(*made["softmax_vjp"], 1.0),
        "log_softmax_vjp": oracles.exact_log_vjp(*made["log_softmax_vjp"], 1.0),
        "logsumexp_vjp": (share, None),
        "entropy_vjp": (slope, slope_terms),
    }
    for op, (value, terms) in theirs.items():
        found = ulp.reference(op, made[op])
        assert (np.abs(found.value - value) <= 2.0**-57 * found.size).all(), op
        if terms is not None:
            sizes = np.maximum(terms, np.abs(value)).astype(float)
            assert sizes == pytest.approx(found.size.astype(float), rel=1e-12), op


def test_sums_that_cancel_keep_their_digits():
    p, g = np.array([[0.5, 0.25, 0.25]]), np.array([[1.0, 2.0**-70 - 1, -1.0]])
    assert right.softmax_vjp(p.astype("g"), g.astype("g"), -1).value[0, 1] == -0.25
    g = np.array([[1e20, 3.0, -1e20]])
    log_p = np.full((1, 3), -np.inf)
    log_p[0, 1] = 0
    assert right.log_softmax_vjp(log_p.astype("g"), g.astype("g"), -1).value[0, 1] == 0


@pytest.mark.parametrize("op", OPERATIONS)
@pytest.mark.parametrize("axis", [0, 1, -1])
def test_right_results_lie_along_any_axis(op, axis):
    operands = OPERATIONS[op].make(np.random.default_rng(6).normal(size=(3, 4)), axis, RANDOM)
    found = OPERATIONS[op].right_in(np.float64, operands, axis)
    assert found.value.shape == OPERATIONS[op].shape(operands, axis)
    rows = [np.moveaxis(each, axis, -1) for each in operands]
    along_the_last = OPERATIONS[op].right_in(np.float64, rows, -1).value
    if OPERATIONS[op].gives != "value":
        along_the_last = np.moveaxis(along_the_last, -1, axis)
    np.testing.assert_allclose(found.value, along_the_last, rtol=1e-13)

"""softmax: its digits, the laws of probabilities, and the rows that have none."""

import inputs
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from kernel_calls import REGIMES, apply, same_bits
from oracles import Exact, exact_row, to_longdouble
from tolerances import BOUNDS, assert_within

import logitkit as lk
from logitkit import reference as ref

INF, NAN = np.inf, np.nan


# ---- its digits -------------------------------------------------------------------------------


@pytest.mark.parametrize("precision", ["default", "exact"])
@pytest.mark.parametrize("dtype", inputs.FLOATS, ids=str)
def test_within_the_table_on_every_input(isa, dtype, precision):
    for x, temperature in inputs.accuracy_inputs(dtype, inputs.scale_of(isa)).values():
        got = lk.softmax(x, temperature=temperature, precision=precision)
        assert_within("softmax", got, Exact(x, temperature).softmax, precision=precision)


@pytest.mark.parametrize("regime", REGIMES)
def test_within_the_table_in_each_regime(isa, regime):
    for x, temperature in inputs.accuracy_inputs(
        np.dtype("float32"), inputs.scale_of(isa)
    ).values():
        got = apply("softmax", x, temperature, regime=regime)
        assert_within("softmax", got, Exact(x, temperature).softmax)


@pytest.mark.parametrize("dtype", inputs.COMPUTED, ids=str)
@pytest.mark.parametrize("name", inputs.NAMES)
def test_within_the_table_against_mpmath(name, dtype):
    x, temperature = inputs.accuracy_inputs(dtype, scale=0.01)[name]
    row = x[0, :12]
    true = to_longdouble(exact_row(row, temperature)["softmax"])
    assert_within("softmax", lk.softmax(row, temperature=temperature), true)
    # The oracle for arrays is a hundred times closer than what it judges.
    distance = np.abs(Exact(row, temperature).softmax - true)
    assert np.all(distance <= true * 2.0**-60 + np.longdouble(2) ** -1084)


@pytest.mark.parametrize("dtype", inputs.COMPUTED, ids=str)
def test_rows_of_every_short_length(isa, dtype):
    rng = np.random.default_rng(2)
    for length in range(1, 140):
        x = (3 * rng.normal(size=(3, length))).astype(dtype)
        assert_within("softmax", lk.softmax(x), Exact(x).softmax)


def test_rows_of_a_vocabulary_sum_to_one():
    x = 4 * np.random.default_rng(3).normal(size=(4, 50257))
    for dtype, most in ((np.float32, 1e-7), (np.float64, 2e-16)):
        sums = lk.softmax(x.astype(dtype)).astype(np.longdouble).sum(axis=-1)
        assert np.abs(sums - 1).max() <= most


# ---- laws -------------------------------------------------------------------------------------

SCORES = st.sampled_from([np.float32, np.float64]).flatmap(
    lambda dtype: hnp.arrays(dtype, st.integers(1, 40), elements=st.floats(-1000, 1000, width=32))
)


@given(SCORES)
def test_probabilities_sum_to_one_and_keep_the_order(x):
    p = lk.softmax(x)
    eps = float(np.finfo(x.dtype).eps)
    # Each probability may be off by its bound; the sum of n of them by no more than their ULPs.
    ulps = BOUNDS["softmax", x.dtype.name, "default"].ulp
    assert abs(float(p.astype(np.longdouble).sum()) - 1) <= ulps * eps
    assert np.all((p >= 0) & (p <= 1))
    order = np.argsort(x, kind="stable")
    assert np.all(p[order][:-1] <= p[order][1:])


@given(SCORES, st.integers(-2000, 2000))
def test_a_shift_moves_no_probability_beyond_the_table(x, shift):
    whole = np.round(x)  # the sums below are exact
    assert_within("softmax", lk.softmax(whole + x.dtype.type(shift)), Exact(whole).softmax)


@given(SCORES, st.randoms(use_true_random=False))
def test_permuted_scores_give_permuted_probabilities(x, random):
    order = list(range(len(x)))
    random.shuffle(order)
    got, want = lk.softmax(x[order]), lk.softmax(x)[order]
    # The order of the sum is another, and it is rounded once more: the last bit may differ.
    np.testing.assert_array_max_ulp(got, want, maxulp=2)


@given(SCORES)
def test_equal_scores_have_equal_probabilities(x):
    p = lk.softmax(np.concatenate([x, x]))
    assert same_bits(p[: len(x)], p[len(x) :])


# ---- the contract -----------------------------------------------------------------------------

ROWS = {
    "a NaN": [0.0, NAN, -INF, 3.0],
    "a +inf": [0.0, INF, -INF, 3.0],
    "NaN and +inf": [NAN, INF],
    "all -inf": [-INF] * 3,
    "some -inf": [-INF, 1.0, 2.0, -INF],
    "one": [-1e4],
    "one -inf": [-INF],
    "signed zeros": [0.0, -0.0],
}


@pytest.mark.parametrize("dtype", inputs.FLOATS, ids=str)
@pytest.mark.parametrize("name", ROWS)
def test_special_rows_are_as_in_the_reference(isa, name, dtype):
    x = np.array(ROWS[name]).astype(dtype)
    for function in ("softmax", "log_softmax"):
        for empty in (None, "nan", "zero", "uniform"):
            want = getattr(ref, function)(x, empty=empty)
            assert_within(function, getattr(lk, function)(x, empty=empty), want)


@pytest.mark.parametrize("place", ["first block", "other block", "alone in a block far below"])
@pytest.mark.parametrize("value", [NAN, INF])
@pytest.mark.parametrize("regime", REGIMES)
def test_one_bad_score_spoils_a_long_row(isa, regime, value, place):
    length = 4 * 4096 + 100
    for below in (0.0, -1e4, -3e38, -INF):
        x = np.zeros(length, np.float32)
        x[4096:8192] = below
        x[{"first block": 7, "other block": 3 * 4096 + 5}.get(place, 5000)] = value
        assert np.isnan(apply("softmax", x, regime=regime)).all()
        assert np.isnan(apply("log_softmax", x, regime=regime)).all()
        got = apply("logsumexp", x, regime=regime)
        assert np.isnan(got) if np.isnan(value) else got == INF


def test_an_empty_row_is_refused_when_asked():
    x = np.array([[1.0, -INF], [-INF, -INF], [-INF, -INF]])
    for function in (lk.softmax, lk.log_softmax):
        with pytest.raises(ValueError, match=r"row .*1\b"):
            function(x, empty="raise")
        with pytest.raises(ValueError, match=r"^x has no|row 0"):
            function(np.float32([-INF]), empty="raise")
        assert same_bits(function(x[:1], empty="raise"), function(x[:1]))
        with_nan = np.array([NAN, -INF])
        assert np.isnan(function(with_nan, empty="raise")).all()


@pytest.mark.parametrize("name", ["softmax", "log_softmax"])
def test_unknown_choices_are_refused(name):
    for option in ({"empty": "none"}, {"empty": 0}, {"precision": "fast"}, {"precision": None}):
        (argument, value) = next(iter(option.items()))
        with pytest.raises(ValueError, match=argument) as refusal:
            getattr(lk, name)([1.0, 2.0], **option)
        assert repr(value) in str(refusal.value)

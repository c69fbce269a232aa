"""log_softmax: its digits, also where a probability is nearly 1, and the laws of logarithms."""

import inputs
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from kernel_calls import REGIMES, apply, same_bits
from oracles import Exact, exact_row, to_longdouble
from tolerances import assert_within

import logitkit as lk

INF = np.inf
SCORES = st.sampled_from([np.float32, np.float64]).flatmap(
    lambda dtype: hnp.arrays(dtype, st.integers(1, 40), elements=st.floats(-1000, 1000, width=32))
)


@pytest.mark.parametrize("precision", ["default", "exact"])
@pytest.mark.parametrize("dtype", inputs.FLOATS, ids=str)
def test_within_the_table_on_every_input(isa, dtype, precision):
    for x, temperature in inputs.accuracy_inputs(dtype, inputs.scale_of(isa)).values():
        got = lk.log_softmax(x, temperature=temperature, precision=precision)
        assert_within("log_softmax", got, Exact(x, temperature).log_softmax, precision=precision)


@pytest.mark.parametrize("regime", REGIMES)
def test_within_the_table_in_each_regime(isa, regime):
    for x, temperature in inputs.accuracy_inputs(
        np.dtype("float32"), inputs.scale_of(isa)
    ).values():
        got = apply("log_softmax", x, temperature, regime=regime)
        assert_within("log_softmax", got, Exact(x, temperature).log_softmax)


@pytest.mark.parametrize("dtype", inputs.COMPUTED, ids=str)
@pytest.mark.parametrize("name", inputs.NAMES)
def test_within_the_table_against_mpmath(name, dtype):
    x, temperature = inputs.accuracy_inputs(dtype, scale=0.01)[name]
    row = x[0, :12]
    true = to_longdouble(exact_row(row, temperature)["log_softmax"])
    assert_within("log_softmax", lk.log_softmax(row, temperature=temperature), true)
    # The oracle for arrays is a hundred times closer than what it judges.
    distance = np.abs(Exact(row, temperature).log_softmax - true)
    assert np.all(distance <= np.abs(true) * 2.0**-60 + np.longdouble(2) ** -1084)


@pytest.mark.parametrize("dtype", inputs.COMPUTED, ids=str)
def test_a_probability_near_one_keeps_the_digits_of_its_logarithm(isa, dtype):
    gaps = np.linspace(1, 100 if dtype == np.float32 else 740, 300).astype(dtype)
    x = np.stack([np.zeros_like(gaps), -gaps], axis=-1)
    got = lk.log_softmax(x)
    assert_within("log_softmax", got, Exact(x).log_softmax)
    assert np.all(got[:, 0] < 0)


@given(SCORES)
def test_never_positive_and_in_the_order_of_the_scores(x):
    logp = lk.log_softmax(x)
    assert np.all(logp <= 0)
    order = np.argsort(x, kind="stable")
    assert np.all(logp[order][:-1] <= logp[order][1:])


@given(SCORES)
def test_is_the_logarithm_of_softmax(x):
    p, logp = lk.softmax(x).astype(np.longdouble), lk.log_softmax(x).astype(np.longdouble)
    # exp turns an error of `logp`, absolute, into one of `p`, relative.
    eps = np.finfo(x.dtype).eps
    slack = (2 * eps + eps * np.abs(logp)) * p + np.finfo(x.dtype).smallest_subnormal
    assert np.all(np.abs(np.exp(logp) - p) <= slack)


@given(SCORES, st.integers(-2000, 2000))
def test_a_shift_of_the_scores_changes_no_bit_of_float64(x, shift):
    whole = np.round(x).astype(np.float64)  # the sums below are exact
    assert same_bits(lk.log_softmax(whole + shift), lk.log_softmax(whole))


def test_uniform_and_zero_rows_of_impossible_scores():
    x = np.full((2, 5), -INF, np.float32)
    assert_within(
        "log_softmax",
        lk.log_softmax(x, empty="uniform"),
        np.full((2, 5), -np.log(np.longdouble(5))),
    )
    assert np.array_equal(lk.log_softmax(x, empty="zero"), x)
    assert np.isnan(lk.log_softmax(x)).all()


def test_certainty_is_0_without_a_sign():
    for got in (
        lk.log_softmax([3.0]),
        lk.log_softmax([3.0], temperature=np.inf),
        lk.log_softmax([3.0], temperature=0),
        lk.log_softmax([-np.inf], empty="uniform"),
        lk.log_softmax([0.0, -np.inf])[:1],
    ):
        assert got[0] == 0 and not np.signbit(got[0])

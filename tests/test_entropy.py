"""entropy: its digits, its bounds, and the rows that have none."""

import inputs
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from oracles import Exact, exact_row, to_longdouble
from tolerances import assert_within

import logitkit as lk
from logitkit import reference as ref

INF, NAN = np.inf, np.nan


@pytest.mark.parametrize("dtype", inputs.FLOATS, ids=str)
def test_within_the_table_on_every_input(isa, dtype):
    for x, temperature in inputs.accuracy_inputs(dtype, inputs.scale_of(isa)).values():
        got = lk.entropy(x, temperature=temperature)
        assert_within("entropy", got, Exact(x, temperature).entropy)


@pytest.mark.parametrize("dtype", inputs.COMPUTED, ids=str)
@pytest.mark.parametrize("name", inputs.NAMES)
def test_within_the_table_against_mpmath(name, dtype):
    x, temperature = inputs.accuracy_inputs(dtype, scale=0.01)[name]
    row = x[0, :12]
    true = to_longdouble(exact_row(row, temperature)["entropy"])
    assert_within("entropy", np.atleast_1d(lk.entropy(row, temperature=temperature)), true)


@given(
    hnp.arrays(np.float64, st.integers(1, 40), elements=st.floats(-700, 700)),
    st.floats(1e-3, 1e3),
)
def test_is_between_certainty_and_the_uniform(x, temperature):
    value = lk.entropy(x, temperature=temperature)
    assert 0 <= value <= np.log(len(x)) * (1 + 4e-16)


def test_rises_with_the_temperature():
    x = np.random.default_rng(9).normal(size=30)
    values = [lk.entropy(x, temperature=t) for t in (0, 0.01, 0.1, 1, 10, 100, INF)]
    assert np.all(np.diff(values) > 0)
    assert values[0] == 0
    assert_within("entropy", values[-1:], np.log(np.longdouble([30])))


def test_is_minus_the_mean_of_log_softmax():
    x = np.random.default_rng(10).normal(size=(5, 200))
    want = -(lk.softmax(x) * lk.log_softmax(x)).sum(axis=-1)
    np.testing.assert_allclose(lk.entropy(x), want, rtol=1e-14)


ROWS = {
    "one": ([3.5], 0.0),
    "none": ([], 0.0),
    "certain": ([0.0, -INF, -INF], 0.0),
    "two of four": ([2.0, -INF, 2.0, -INF], np.log(2)),
    "all -inf": ([-INF, -INF], NAN),
    "a +inf": ([0.0, INF], NAN),
    "a NaN": ([0.0, NAN], NAN),
    "a NaN among -inf": ([-INF, NAN], NAN),
}


@pytest.mark.parametrize("temperature", [0.0, 0.5, 1.0, INF])
@pytest.mark.parametrize("name", ROWS)
def test_special_rows(isa, name, temperature):
    row, want = np.array(ROWS[name][0]), ROWS[name][1]
    if temperature == 0 and name == "two of four":
        want = 0.0  # the first of them
    for function in (lk.entropy, ref.entropy):
        assert np.array_equal(function(row, temperature=temperature), want, equal_nan=True)


@pytest.mark.parametrize("axis", [0, 1, (0, 2), (2, 1), None, ()])
def test_shape_is_that_of_a_sum(isa, axis):
    x = np.random.default_rng(11).normal(size=(2, 3, 4))
    got = lk.entropy(x, axis=axis)
    assert got.shape == x.sum(axis=axis).shape
    assert type(got) is type(x.sum(axis=axis))
    np.testing.assert_allclose(got, ref.entropy(x, axis=axis), rtol=1e-14)

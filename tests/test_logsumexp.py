"""logsumexp: its digits, also where its two terms cancel, its laws and its shapes."""

import inputs
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from kernel_calls import REGIMES, apply
from oracles import Exact, exact_row, to_longdouble
from tolerances import assert_within

import logitkit as lk
from logitkit import reference as ref

INF, NAN = np.inf, np.nan


def unit_of(true, dtype):
    """Where the table measures an ULP: see `tolerances`."""
    return np.maximum(np.abs(true.anchor), true.log_sum) if dtype == np.float64 else None


@pytest.mark.parametrize("dtype", inputs.FLOATS, ids=str)
def test_within_the_table_on_every_input(isa, dtype):
    for x, temperature in inputs.accuracy_inputs(dtype, inputs.scale_of(isa)).values():
        true = Exact(x, temperature)
        got = lk.logsumexp(x, temperature=temperature)
        assert_within("logsumexp", got, true.logsumexp, at=unit_of(true, dtype))


@pytest.mark.parametrize("regime", REGIMES)
def test_within_the_table_in_each_regime(isa, regime):
    for x, temperature in inputs.accuracy_inputs(
        np.dtype("float32"), inputs.scale_of(isa)
    ).values():
        got = apply("logsumexp", x, temperature, regime=regime)
        assert_within("logsumexp", got, Exact(x, temperature).logsumexp)


@pytest.mark.parametrize("dtype", inputs.COMPUTED, ids=str)
@pytest.mark.parametrize("name", inputs.NAMES)
def test_within_the_table_against_mpmath(name, dtype):
    x, temperature = inputs.accuracy_inputs(dtype, scale=0.01)[name]
    row = x[0, :12]
    true = to_longdouble(exact_row(row, temperature)["logsumexp"])
    at = unit_of(Exact(row[None], temperature), dtype)
    got = lk.logsumexp(row, temperature=temperature)
    assert_within("logsumexp", np.atleast_1d(got), true, at=at)


def test_float32_keeps_its_digits_where_the_terms_cancel(isa):
    # m is about -log(1 + e^-1): the result is what rounding the terms leaves, and all of it counts.
    for step in np.arange(-20, 21):
        m = np.float32(-np.log1p(np.exp(-1)))
        m = (m.view(np.int32) + np.int32(step)).view(np.float32)
        row = np.array([m, m - np.float32(1)], np.float32)
        true = to_longdouble(exact_row(row)["logsumexp"])
        assert abs(true[0]) < 1e-5
        assert_within("logsumexp", np.atleast_1d(lk.logsumexp(row)), true)


@given(hnp.arrays(np.float64, st.integers(1, 30), elements=st.floats(-700, 700)))
def test_is_between_the_maximum_and_log_k_above_it(x):
    value, m = lk.logsumexp(x), x.max()
    assert m <= value <= (m + np.log(len(x))) + 2 * np.spacing(max(abs(m), np.log(len(x))))


@given(
    hnp.arrays(np.float64, st.integers(1, 15), elements=st.floats(-700, 700)),
    hnp.arrays(np.float64, st.integers(1, 15), elements=st.floats(-700, 700)),
)
def test_parts_add_up(x, y):
    whole = lk.logsumexp(np.concatenate([x, y]))
    parts = lk.logsumexp([lk.logsumexp(x), lk.logsumexp(y)])
    scale = max(np.abs(x).max(), np.abs(y).max(), 4.0)
    assert abs(whole - parts) <= 4 * np.spacing(scale)


ROWS = {
    "all -inf": ([-INF] * 3, -INF),
    "a +inf": ([1.0, INF, -INF], INF),
    "a NaN": ([1.0, NAN], NAN),
    "a NaN and a +inf": ([INF, NAN], NAN),
    "none": ([], -INF),
    "one": ([-3.5], -3.5),
    "largest finite": ([1.7e308, 1.7e308], 1.7e308),
}


@pytest.mark.parametrize("name", ROWS)
def test_special_rows(isa, name):
    row, want = ROWS[name]
    assert np.array_equal(lk.logsumexp(np.array(row)), want, equal_nan=True)
    assert np.array_equal(ref.logsumexp(np.array(row)), want, equal_nan=True)


def test_an_overflow_of_the_dtype_is_infinite():
    largest = np.finfo(np.float32).max
    assert lk.logsumexp(np.array([largest] * 4, np.float32)) == largest
    assert lk.logsumexp(np.array([largest] * 4, np.float32), temperature=0.5) == INF
    assert lk.logsumexp(np.array([-largest], np.float32), temperature=0.5) == -INF
    assert lk.logsumexp(np.float16([65504, 65504])) == 65504
    assert lk.logsumexp(np.float16([65504]), dtype=np.float32) == 65504


@pytest.mark.parametrize("axis", [0, 1, -1, (0, 2), (1, 0), None, (), (0, 1, 2)])
@pytest.mark.parametrize("keepdims", [False, True])
def test_shape_is_that_of_a_sum(isa, axis, keepdims):
    x = np.random.default_rng(5).normal(size=(2, 3, 4))
    got = lk.logsumexp(x, axis=axis, keepdims=keepdims)
    want = ref.logsumexp(x, axis=axis, keepdims=keepdims)
    assert type(got) is type(x.sum(axis=axis, keepdims=keepdims))
    assert got.shape == x.sum(axis=axis, keepdims=keepdims).shape
    np.testing.assert_allclose(got, want, rtol=1e-15)


def test_keepdims_subtracts_to_log_softmax():
    x = np.random.default_rng(6).normal(size=(3, 4, 5))
    for axis in (0, (0, 2), None):
        got = x - lk.logsumexp(x, axis=axis, keepdims=True)
        np.testing.assert_allclose(got, lk.log_softmax(x, axis=axis), rtol=1e-14)

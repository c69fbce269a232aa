"""`temperature`: divides the scores, exactly at its limits, without overflow, one or one a row."""

import inputs
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from kernel_calls import same_bits
from oracles import Exact
from tolerances import assert_within

import logitkit as lk
from logitkit import reference as ref

INF, NAN = np.inf, np.nan
MAPS = [lk.softmax, lk.log_softmax]
FUNCTIONS = [*MAPS, lk.logsumexp, lk.entropy]


def scores(shape, dtype=np.float64):
    return (3 * np.random.default_rng(31).normal(size=shape)).astype(dtype)


@pytest.mark.parametrize("dtype", inputs.FLOATS, ids=str)
def test_zero_is_the_first_maximum(isa, dtype):
    x = np.array([[1, 3, 2, 3], [-2, -3, -2, -2], [0, -0.0, 0, -INF]]).astype(dtype)
    want = np.eye(4)[[1, 0, 0]]
    assert np.array_equal(lk.softmax(x, temperature=0).astype(float), want)
    logs = lk.log_softmax(x, temperature=0).astype(float)
    assert np.array_equal(logs, np.where(want == 1, 0, -INF))
    assert not np.signbit(logs[want == 1]).any()
    assert np.all(lk.entropy(x, temperature=0) == 0)
    got = lk.logsumexp(x, temperature=0)
    assert got[:2].tolist() == [INF, -INF]
    assert_within("logsumexp", got[2:], np.log(np.longdouble([3])))
    assert same_bits(lk.softmax(x, temperature=-0.0), lk.softmax(x, temperature=0))


@pytest.mark.parametrize("dtype", inputs.FLOATS, ids=str)
@pytest.mark.parametrize("length", [1, 3, 17, 1000])
def test_infinity_is_uniform_over_what_is_possible(isa, length, dtype):
    x = np.random.default_rng(32).normal(size=(2, length)).astype(dtype)
    x[1, 1::2] = -INF
    possible = x > -INF
    count = possible.sum(axis=-1).astype(np.longdouble)
    share = np.where(possible, 1 / count[:, None], 0)
    assert_within("softmax", lk.softmax(x, temperature=INF), share)
    with np.errstate(divide="ignore"):
        assert_within("log_softmax", lk.log_softmax(x, temperature=INF), np.log(share))
    assert_within("logsumexp", lk.logsumexp(x, temperature=INF), np.log(count))
    assert_within("entropy", lk.entropy(x, temperature=INF), np.log(count))


@pytest.mark.parametrize("temperature", [0.0, INF])
def test_bad_rows_win_over_the_limits(isa, temperature):
    for row in ([1.0, NAN], [INF, 1.0], [-INF, -INF], [NAN, INF]):
        x = np.array(row)
        for function in FUNCTIONS:
            got = function(x, temperature=temperature)
            want = getattr(ref, function.__name__)(x, temperature=temperature)
            assert np.array_equal(got, want, equal_nan=True)
        assert np.isnan(lk.softmax(x, temperature=temperature)).all()
    assert lk.softmax([-INF] * 2, temperature=temperature, empty="uniform").tolist() == [0.5, 0.5]
    assert lk.softmax([-INF] * 2, temperature=temperature, empty="zero").tolist() == [0, 0]


@pytest.mark.parametrize("dtype", inputs.COMPUTED, ids=str)
@pytest.mark.parametrize(
    "temperature", [5e-324, 1e-310, 1e-300, 1e-200, 1e-45, 1e45, 1e200, 1.7e308]
)
def test_no_temperature_overflows(isa, temperature, dtype):
    most, tiny = float(np.finfo(dtype).max), float(np.finfo(dtype).tiny)
    rows = [
        [1, 2, 3],
        [most, -most, most / 2],
        [most, most, 0],
        [-most, -most / 4, -most],
        [tiny, 2 * tiny, 0],
        [tiny / 8, -tiny / 4, 0],
        [1, np.nextafter(dtype.type(1), dtype.type(0)), 0.5],
        [1e-30, 2e-30, -1e-30],
    ]
    for row in rows:
        x = np.array(row, dtype)
        true = Exact(x, temperature)
        assert_within("softmax", lk.softmax(x, temperature=temperature), true.softmax)
        assert_within("log_softmax", lk.log_softmax(x, temperature=temperature), true.log_softmax)
        assert_within("entropy", lk.entropy(x, temperature=temperature), true.entropy)
        scale = np.maximum(np.abs(true.anchor), true.log_sum)
        got = lk.logsumexp(x, temperature=temperature)
        assert_within("logsumexp", got, true.logsumexp, at=scale)


@settings(max_examples=500)
@given(
    hnp.arrays(
        np.float32,
        st.integers(1, 12),
        elements=st.floats(width=32, allow_nan=False, allow_infinity=False),
    ),
    st.floats(0, exclude_min=True, allow_infinity=False),
)
def test_any_finite_scores_at_any_temperature(x, temperature):
    true = Exact(x, temperature)
    assert_within("softmax", lk.softmax(x, temperature=temperature), true.softmax)
    assert_within("log_softmax", lk.log_softmax(x, temperature=temperature), true.log_softmax)
    assert_within("entropy", lk.entropy(x, temperature=temperature), true.entropy)


@settings(max_examples=500)
@given(
    hnp.arrays(
        np.float64, st.integers(1, 12), elements=st.floats(allow_nan=False, allow_infinity=False)
    ),
    st.floats(0, exclude_min=True, allow_infinity=False),
)
def test_any_finite_double_scores_at_any_temperature(x, temperature):
    true = Exact(x, temperature)
    assert_within("softmax", lk.softmax(x, temperature=temperature), true.softmax)
    assert_within("log_softmax", lk.log_softmax(x, temperature=temperature), true.log_softmax)
    assert_within("entropy", lk.entropy(x, temperature=temperature), true.entropy)


@pytest.mark.parametrize("power", [-3, -1, 1, 4])
def test_a_power_of_two_divides_exactly(isa, power):
    x = scores((3, 100))
    for function in FUNCTIONS:
        got = function(x, temperature=2.0**power)
        want = function(x / 2.0**power)
        np.testing.assert_array_max_ulp(got, want, maxulp=2)


def test_one_is_the_default():
    for dtype in inputs.FLOATS:
        x = scores((3, 50), dtype)
        ones = (1.0, 1, np.float32(1), np.ones(()), np.ones(3), np.ones((3, 1)))
        for one in (*ones, *(np.ones(3, short) for short in inputs.FLOATS)):
            for function in FUNCTIONS:
                assert same_bits(function(x, temperature=one), function(x))


# ---- one a row --------------------------------------------------------------------------------

VALUES = [0.0, 0.5, 1.0, 3.0, INF, 1e-200]


@pytest.mark.parametrize("dtype", inputs.FLOATS, ids=str)
@pytest.mark.parametrize("function", FUNCTIONS)
def test_one_a_row_in_both_forms(isa, function, dtype):
    x, t = scores((6, 33), dtype), np.array(VALUES)
    want = np.stack([function(row, temperature=one) for row, one in zip(x, VALUES, strict=True)])
    for form in (t, t[:, None], t.tolist(), np.repeat(t, 2)[::2], t.astype(">f8")):
        assert same_bits(function(x, temperature=form), want)
    columns = function(np.ascontiguousarray(x.T), axis=0, temperature=t)
    assert same_bits(columns.T if function in MAPS else columns, want)
    kept = function(np.ascontiguousarray(x.T), axis=0, temperature=t[None, :])
    assert same_bits(kept, columns)


@pytest.mark.parametrize("axis", [0, 1, 2, (0, 2), None], ids=str)
def test_temperatures_broadcast_against_the_reduced_shape(isa, axis):
    x = scores((2, 3, 4))
    kept = x.sum(axis=axis, keepdims=True).shape
    reduced = x.sum(axis=axis).shape
    values = 0.5 + np.arange(np.prod(kept, dtype=int))
    for function in FUNCTIONS:
        want = function(x, axis=axis, temperature=values.reshape(kept))
        assert same_bits(function(x, axis=axis, temperature=values.reshape(reduced)), want)
        # A row alone, with its own temperature.
        first = x[tuple(slice(None) if k == 1 else 0 for k in kept)]
        got = (
            want[tuple(slice(None) if k == 1 else 0 for k in kept)]
            if function in MAPS
            else want.flat[0]
        )
        assert same_bits(function(first, axis=None, temperature=0.5), got)
        same = np.full(kept, 0.7)
        assert same_bits(
            function(x, axis=axis, temperature=same), function(x, axis=axis, temperature=0.7)
        )


def test_the_last_temperatures_stand_for_all_rows_before():
    x, t = scores((2, 3, 4)), np.array([0.5, 1.0, 2.0])
    for function in FUNCTIONS:
        want = np.stack([function(half, temperature=t) for half in x])
        assert same_bits(function(x, temperature=t), want)
        assert same_bits(function(x, temperature=t[None, :]), want)
        assert same_bits(function(x, temperature=t[None, :, None]), want)


def test_a_temperature_for_an_empty_batch():
    assert lk.softmax(np.empty((0, 3)), temperature=np.empty(0)).shape == (0, 3)
    assert lk.logsumexp(np.empty((2, 0)), temperature=np.ones(2)).tolist() == [-INF, -INF]


# ---- refusals ---------------------------------------------------------------------------------


@pytest.mark.parametrize("function", FUNCTIONS)
def test_what_is_no_temperature_is_refused(function):
    x = np.zeros((3, 4))
    for bad in (-1, -1e-300, NAN, -INF, np.float32(-2)):
        text = str(float(bad)).replace("-inf", "-inf")
        with pytest.raises(ValueError, match=rf"^temperature is {text}; it must be >= 0"):
            function(x, temperature=bad)
    with pytest.raises(ValueError, match=r"^temperature is -2\.0 at index \(1,\); "):
        function(x, temperature=[1, -2, NAN])
    with pytest.raises(ValueError, match=r"^temperature is nan at index \(2, 0\); "):
        function(x, temperature=[[1], [2], [NAN]])
    for bad in ("1", "warm", 1j, [1, "2", 3], None, object(), b"1"):
        with pytest.raises(TypeError, match=r"^temperature is "):
            function(x, temperature=bad)
    for shape in ((4,), (2,), (3, 4), (1, 4), (2, 3, 1), (3, 1, 1)):
        with pytest.raises(ValueError, match=r"^temperature has the shape .*\(3,\)"):
            function(x, temperature=np.ones(shape))

"""The functions that softmax is compared with: digits, limits, dtypes."""

import inputs
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from oracles import exact_activation
from tolerances import assert_within

import logitkit as lk
from logitkit import reference as ref

INF, NAN = np.inf, np.nan
ALL = ["sigmoid", "tanh", "relu", "leaky_relu", "silu"]


@pytest.mark.parametrize("dtype", inputs.FLOATS, ids=str)
@pytest.mark.parametrize("name", ["sigmoid", "tanh", "silu"])
def test_within_the_table(name, dtype):
    x = inputs.activation_inputs(dtype)
    assert_within(name, getattr(lk, name)(x), exact_activation(name, x))


@pytest.mark.parametrize("name", ["relu", "leaky_relu"])
def test_the_linear_ones_are_exact(name):
    x = np.random.default_rng(21).normal(size=1000)
    assert np.array_equal(getattr(lk, name)(x), getattr(ref, name)(x))
    x = x.astype(np.float32)
    want = np.where(x > 0, x, x * np.float32(0.01 if name == "leaky_relu" else 0))
    assert np.array_equal(getattr(lk, name)(x), want)


LIMITS = {
    "sigmoid": {-INF: 0.0, INF: 1.0, 0.0: 0.5, -1e6: 0.0, 1e6: 1.0},
    "tanh": {-INF: -1.0, INF: 1.0, 0.0: 0.0, -1e6: -1.0, 1e6: 1.0},
    "relu": {-INF: 0.0, INF: INF, 0.0: 0.0, -1e6: 0.0, 1e6: 1e6},
    "leaky_relu": {-INF: -INF, INF: INF, 0.0: 0.0, -1e6: -1e4, 1e6: 1e6},
    "silu": {-INF: 0.0, INF: INF, 0.0: 0.0, -1e6: 0.0, 1e6: 1e6},
}


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", ALL)
def test_limits(name, dtype):
    assert len(LIMITS[name]) == 5
    for x, want in LIMITS[name].items():
        assert getattr(lk, name)(dtype(x)) == dtype(want)
        assert getattr(ref, name)(x) == want
    assert np.isnan(getattr(lk, name)(dtype(NAN)))


@pytest.mark.parametrize("name", ALL)
def test_dtype_and_shape_follow_the_policy(name):
    function = getattr(lk, name)
    for dtype in inputs.FLOATS:
        assert function(np.ones((2, 3), dtype)).dtype == dtype
    assert function(np.ones((2, 3), np.int16)).dtype == np.float32
    assert function(np.ones((2, 3), np.uint32)).dtype == np.float64
    assert function([True, False]).dtype == np.float32
    assert function(np.ones(2, ">f4")).dtype == np.float32
    assert function(np.empty((0, 3))).shape == (0, 3)
    assert function(2).shape == ()
    assert function(np.ones((3, 4)).T[::-1]).shape == (4, 3)
    with pytest.raises(TypeError, match=r"^x has the dtype complex128; accepted are "):
        function(1j)


@pytest.mark.parametrize("name", ALL)
def test_the_input_is_left_as_it_is(name):
    x = np.array([-2.0, 0.0, 2.0])
    x.flags.writeable = False
    result = getattr(lk, name)(x)
    assert np.array_equal(x, [-2.0, 0.0, 2.0])
    assert not np.shares_memory(result, x)


def test_unsigned_integers_are_converted_before_the_sign_changes():
    x = np.array([0, 1, 200], np.uint8)
    np.testing.assert_allclose(lk.sigmoid(x), ref.sigmoid([0.0, 1.0, 200.0]), rtol=1e-6)


def test_the_slope_of_leaky_relu():
    assert lk.leaky_relu(-2.0, negative_slope=0.5) == -1.0
    assert lk.leaky_relu(-2.0, negative_slope=0) == 0.0
    assert lk.leaky_relu(2.0, negative_slope=0.5) == 2.0


X = hnp.arrays(np.float64, st.integers(1, 20), elements=st.floats(-700, 700))


@given(X)
def test_sigmoid_is_a_softmax_beside_zero(x):
    want = lk.softmax(np.stack([x, np.zeros_like(x)], axis=-1))[:, 0]
    np.testing.assert_array_max_ulp(lk.sigmoid(x), want, maxulp=6)


@given(X)
def test_sigmoid_of_the_opposite_is_the_rest(x):
    np.testing.assert_allclose(lk.sigmoid(-x) + lk.sigmoid(x), 1, rtol=5e-16)


@given(X)
def test_tanh_is_odd_and_a_stretched_sigmoid(x):
    assert np.array_equal(lk.tanh(-x), -lk.tanh(x))
    np.testing.assert_allclose(lk.tanh(x), 2 * lk.sigmoid(2 * x) - 1, atol=1e-15)


@pytest.mark.parametrize("slope", [10**400, -(10**400)], ids=["positive", "negative"])
def test_a_slope_beyond_every_float_is_refused(slope):
    with pytest.raises(ValueError, match=r"^negative_slope is -?10+; accepted is a number"):
        lk.leaky_relu(-1.0, negative_slope=slope)

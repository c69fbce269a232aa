"""The oracle itself: its laws, the edge values of the contract, and what it refuses."""

import math

import mpmath
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from logitkit import reference as ref

INF, NAN = np.inf, np.nan
THIRD, LOG2, LOG3 = 1 / 3, math.log(2), math.log(3)
SCORES = hnp.arrays(
    np.float64, st.integers(1, 12), elements=st.floats(-800, 800, allow_subnormal=False)
)
TEMPERATURES = st.floats(1e-3, 1e3)
RNG = np.random.default_rng(20)


# ---- laws -------------------------------------------------------------------------------------


@given(SCORES, TEMPERATURES)
def test_probabilities_sum_to_one_and_keep_the_order(x, t):
    p = ref.softmax(x, temperature=t)
    assert abs(math.fsum(p) - 1) <= 2 * np.finfo(float).eps
    assert np.all((p >= 0) & (p <= 1))
    assert np.all(np.diff(p[np.argsort(x)]) >= 0)


@given(SCORES, TEMPERATURES)
def test_log_softmax_is_the_log_and_never_positive(x, t):
    logp = ref.log_softmax(x, temperature=t)
    assert np.all(logp <= 0)
    np.testing.assert_allclose(np.exp(logp), ref.softmax(x, temperature=t), rtol=1e-12, atol=1e-322)


@given(SCORES, st.integers(-1000, 1000))
def test_a_shift_changes_nothing(x, c):
    x = np.round(x)  # so that the sums are exact
    assert np.array_equal(ref.softmax(x + c), ref.softmax(x))
    assert np.array_equal(ref.log_softmax(x + c), ref.log_softmax(x))


@given(SCORES, TEMPERATURES)
def test_temperature_divides_the_scores(x, t):
    t = 2.0 ** round(math.log2(t))  # so that the quotients are exact
    assert np.array_equal(ref.softmax(x, temperature=t), ref.softmax(x / t))
    assert ref.entropy(x, temperature=t) == ref.entropy(x / t)


@given(SCORES)
def test_entropy_is_between_zero_and_log_k(x):
    assert 0 <= ref.entropy(x) <= math.log(len(x)) * (1 + 1e-15)


@given(SCORES, st.data())
def test_a_masked_slot_does_not_exist(x, data):
    mask = data.draw(hnp.arrays(bool, x.shape))
    noise = np.where(mask, x, data.draw(st.sampled_from([NAN, INF, -INF, 1e308])))
    if not mask.any():
        assert np.array_equal(ref.softmax(noise, mask=mask), np.zeros(x.shape))
        assert ref.logsumexp(noise, mask=mask) == -INF
        assert ref.entropy(noise, mask=mask) == 0
        return
    np.testing.assert_allclose(
        ref.softmax(noise, mask=mask)[mask], ref.softmax(x[mask]), rtol=1e-15, atol=5e-324
    )
    assert np.all(ref.softmax(noise, mask=mask)[~mask] == 0)
    assert np.all(ref.log_softmax(noise, mask=mask)[~mask] == -INF)
    hidden = np.ma.array(noise, mask=~mask)
    assert np.array_equal(ref.softmax(hidden), ref.softmax(noise, mask=mask))


@pytest.mark.parametrize("axis", [0, 1, 2, -2, (0, 2), (2, 0), (1,), None])
@pytest.mark.parametrize("op", [ref.softmax, ref.log_softmax, ref.logsumexp, ref.entropy])
def test_an_axis_is_one_row_at_a_time(op, axis):
    x = RNG.normal(size=(3, 4, 5))
    axes = (0, 1, 2) if axis is None else axis if isinstance(axis, tuple) else (axis,)
    axes = tuple(sorted(i % 3 for i in axes))
    others = tuple(i for i in range(3) if i not in axes)
    flat = x.transpose(others + axes).reshape(-1, math.prod(x.shape[i] for i in axes))
    want = np.array([op(row) for row in flat])
    got = np.asarray(op(x, axis=axis))
    if op in (ref.softmax, ref.log_softmax):
        got = got.transpose(others + axes).reshape(want.shape)
    else:
        assert got.shape == tuple(x.shape[i] for i in others)
    assert np.array_equal(got.ravel(), want.ravel())


def test_one_temperature_a_row_in_both_forms():
    x = RNG.normal(size=(2, 3, 4))
    t = np.array([[0.5, 1.0, 2.0, INF], [0.0, 1.5, 3.0, 1e-3]])
    got = ref.softmax(x, axis=1, temperature=t)
    assert np.array_equal(got, ref.softmax(x, axis=1, temperature=t[:, None, :]))
    for i in range(2):
        for j in range(4):
            assert np.array_equal(got[i, :, j], ref.softmax(x[i, :, j], temperature=t[i, j]))


@given(SCORES.filter(lambda x: np.ptp(x) < 30), st.floats(0.5, 2), st.data())
def test_gradients_are_products_with_the_jacobian(x, t, data):
    g = data.draw(hnp.arrays(np.float64, x.shape, elements=st.floats(-10, 10)))
    p = ref.softmax(x, temperature=t)
    jacobian = ref.softmax_jacobian(p, temperature=t)
    np.testing.assert_allclose(
        ref.softmax_vjp(p, g, temperature=t), g @ jacobian, rtol=0, atol=1e-13
    )
    np.testing.assert_array_equal(
        ref.softmax_jvp(p, g, temperature=t), ref.softmax_vjp(p, g, temperature=t)
    )


def test_jacobian_against_differences():
    x, t, h = RNG.normal(size=5), 0.7, 1e-5
    steps = h * np.eye(5)
    up, down = ref.softmax(x + steps, temperature=t), ref.softmax(x - steps, temperature=t)
    want = (up - down).T / (2 * h)
    got = ref.softmax_jacobian(ref.softmax(x, temperature=t), temperature=t)
    np.testing.assert_allclose(got, want, atol=1e-9)


def test_jacobian_of_rows():
    p = ref.softmax(RNG.normal(size=(2, 3, 4)))
    t = np.array([[1.0, 2.0, 0.5], [1.0, 0.0, INF]])
    got = ref.softmax_jacobian(p, temperature=t)
    assert got.shape == (2, 3, 4, 4)
    for i in np.ndindex(2, 3):
        assert np.array_equal(got[i], ref.softmax_jacobian(p[i], temperature=t[i]))
    assert not got[1, 1:].any()  # in both limits the softmax no longer moves


# ---- edge values ------------------------------------------------------------------------------

# scores, temperature: softmax, log-softmax, logsumexp, entropy
EDGES = [
    ([-INF, -INF], 1, [NAN, NAN], [NAN, NAN], -INF, NAN),
    ([-INF, -INF], 0, [NAN, NAN], [NAN, NAN], -INF, NAN),
    ([-INF, -INF], INF, [NAN, NAN], [NAN, NAN], -INF, NAN),
    ([1, NAN, -INF], 1, [NAN] * 3, [NAN] * 3, NAN, NAN),
    ([1, NAN, -INF], 0, [NAN] * 3, [NAN] * 3, NAN, NAN),
    ([1, NAN, INF], INF, [NAN] * 3, [NAN] * 3, NAN, NAN),
    ([1, INF], 1, [NAN, NAN], [NAN, NAN], INF, NAN),
    ([1, INF], 0, [NAN, NAN], [NAN, NAN], INF, NAN),
    ([7, -INF], 1, [1, 0], [0, -INF], 7, 0),
    ([], 1, [], [], -INF, 0),
    (5.0, 1, 1.0, 0.0, 5.0, 0),
    ([1, 3, 3], 0, [0, 1, 0], [-INF, 0, -INF], INF, 0),
    ([-1, -3], 0, [1, 0], [0, -INF], -INF, 0),
    ([0, -3, 0], 0, [1, 0, 0], [0, -INF, -INF], LOG2, 0),
    ([1, 2, 900], INF, [THIRD] * 3, [-LOG3] * 3, LOG3, LOG3),
    ([1, -INF, 9], INF, [0.5, 0, 0.5], [-LOG2, -INF, -LOG2], LOG2, LOG2),
    ([1, 2], 1e-320, [0, 1], [-INF, 0], INF, 0),
    ([-1.7e308, 1.7e308], 1, [0, 1], [-INF, 0], 1.7e308, 0),
    ([True, True], 1, [0.5, 0.5], [-LOG2, -LOG2], 1 + LOG2, LOG2),
]


@pytest.mark.parametrize(("x", "t", "p", "logp", "lse", "h"), EDGES)
def test_edge_values(x, t, p, logp, lse, h):
    close = {"rtol": 1e-15, "strict": True}
    np.testing.assert_allclose(ref.softmax(x, temperature=t), np.float64(p), **close)
    np.testing.assert_allclose(ref.log_softmax(x, temperature=t), np.float64(logp), **close)
    np.testing.assert_allclose(ref.logsumexp(x, temperature=t), np.float64(lse), **close)
    np.testing.assert_allclose(ref.entropy(x, temperature=t), np.float64(h), **close)


@pytest.mark.parametrize(
    ("empty", "p", "logp"),
    [
        (None, NAN, NAN),
        ("nan", NAN, NAN),
        ("zero", 0, -INF),
        ("uniform", 0.5, -LOG2),
    ],
)
def test_empty_rows(empty, p, logp):
    x = [[-INF, -INF, NAN], [NAN, -INF, 1], [2, -INF, 7]]
    mask = [[True, True, False], [False, False, False], [True, True, False]]
    np.testing.assert_array_equal(
        ref.softmax(x, mask=mask, empty=empty), [[p, p, 0], [0, 0, 0], [1, 0, 0]]
    )
    np.testing.assert_array_equal(
        ref.log_softmax(x, mask=mask, empty=empty),
        [[logp, logp, -INF], [-INF] * 3, [0, -INF, -INF]],
    )
    assert np.isnan(ref.softmax([-INF, NAN], empty=empty)).all()  # NaN is not empty


def test_empty_raise_names_the_first_row():
    x = np.zeros((2, 3, 4))
    x[1, 2] = -INF
    with pytest.raises(ValueError, match=r"row 1, 2$"):
        ref.softmax(x, empty="raise")
    with pytest.raises(ValueError, match=r"row 1$"):
        ref.log_softmax([[1, 2], [3, 4]], mask=[[True, True], [False, False]], empty="raise")
    assert np.array_equal(ref.softmax([0, 0], empty="raise"), [0.5, 0.5])


@pytest.mark.parametrize("dtype", ["u1", "i1", "u8", "f2", ">f4", ">i8"])
def test_every_number_type_is_converted_before_the_subtraction(dtype):
    got = ref.softmax(np.array([1, 2, 3], dtype=dtype))
    assert got.dtype == np.float64
    assert np.array_equal(got, ref.softmax([1.0, 2.0, 3.0]))


def test_shapes_of_reductions():
    x = np.zeros((2, 3, 4))
    assert ref.logsumexp(x, axis=(0, 2)).shape == (3,)
    assert ref.logsumexp(x, axis=(0, 2), keepdims=True).shape == (1, 3, 1)
    assert ref.logsumexp(x, axis=None, keepdims=True).shape == (1, 1, 1)
    assert isinstance(ref.logsumexp(x, axis=None), np.float64)
    assert np.shape(ref.logsumexp(1.0, keepdims=True)) == ()
    assert ref.softmax(np.zeros((0, 3)), empty="raise").shape == (0, 3)
    assert ref.softmax(np.zeros((3, 0)), empty="raise").shape == (3, 0)
    assert np.array_equal(ref.logsumexp(np.zeros((2, 0))), [-INF, -INF])


def test_gradients_are_zero_where_the_probability_is():
    assert np.array_equal(ref.softmax_vjp([0.5, 0.5, 0], [1, 0, NAN]), [0.25, -0.25, 0])
    assert np.array_equal(ref.softmax_vjp([NAN, 0, NAN], [1, 1, 1]), [NAN, 0, NAN], equal_nan=True)
    assert np.array_equal(ref.softmax_jacobian([NAN, 0]), [[NAN, 0], [0, 0]], equal_nan=True)
    assert np.array_equal(ref.softmax_jvp([1, 0], [5, 7], temperature=0), [0, 0])
    assert np.array_equal(ref.softmax_jacobian(1.0), [[0]])


def test_activations():
    x = np.array([-INF, -800, -1, 0, 1, 800, INF, NAN])
    e = math.exp(-1)
    want = [0, 0, e / (1 + e), 0.5, 1 / (1 + e), 1, 1, NAN]
    np.testing.assert_allclose(ref.sigmoid(x), want, rtol=1e-15)
    want = [0, 0, -e / (1 + e), 0, 1 / (1 + e), 800, INF, NAN]
    np.testing.assert_allclose(ref.silu(x), want, rtol=1e-15)
    np.testing.assert_array_equal(ref.tanh([-INF, 0, INF, NAN]), [-1, 0, 1, NAN])
    np.testing.assert_array_equal(ref.relu(x), [0, 0, 0, 0, 1, 800, INF, NAN])
    np.testing.assert_array_equal(ref.leaky_relu([-INF, -2, 3, NAN]), [-INF, -0.02, 3, NAN])
    np.testing.assert_array_equal(ref.leaky_relu([-2, 3], negative_slope=0.5), [-1, 3])
    want = float(mpmath.mpf(-740.5) * mpmath.exp(-740.5))
    assert abs(ref.silu(-740.5) - want) <= 5e-324  # the product survives, the factor has no digits


@given(st.floats(-700, 700))
def test_sigmoid_is_the_softmax_against_zero(x):
    assert math.isclose(ref.sigmoid(x), ref.softmax([x, 0])[0], rel_tol=1e-15)


# ---- refusals ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (lambda: ref.softmax([1], temperature=-2), ValueError, "temperature .* got -2.0"),
        (lambda: ref.softmax([1], temperature=NAN), ValueError, "temperature .* got nan"),
        (lambda: ref.softmax([1, 2], temperature=[1, 2, 3]), ValueError, "temperature .*shape"),
        (lambda: ref.softmax([1], empty="none"), ValueError, "empty .*'uniform'.* got 'none'"),
        (lambda: ref.softmax([1], axis=1), ValueError, "axis .* got 1"),
        (lambda: ref.softmax([[1]], axis=(0, -2)), ValueError, "axis .* twice"),
        (lambda: ref.softmax([1, 2], mask=[1, 0]), TypeError, "mask must be boolean"),
        (lambda: ref.softmax([1, 2], mask=[True] * 3), ValueError, r"mask .*\(2,\).*\(3,\)"),
        (lambda: ref.softmax([1j]), TypeError, "complex128"),
        (lambda: ref.softmax(np.longdouble([1])), TypeError, "float128"),
        (lambda: ref.softmax(["1"]), TypeError, "U1"),
        (lambda: ref.softmax_vjp([1, 0], [1]), ValueError, r"g .*\(2,\).*\(1,\)"),
    ],
)
def test_refusals_name_the_argument_and_the_value(call, error, text):
    with pytest.raises(error, match=text):
        call()

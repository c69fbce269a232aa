"""The derivative of softmax: Jacobian and products against the truth, differences, each other."""

import inputs
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from kernel_calls import same_bits
from oracles import exact_jacobian, exact_vjp
from tolerances import assert_within

import logitkit as lk
from logitkit import reference as ref

LD = np.longdouble
INF, NAN = np.inf, np.nan


@pytest.mark.parametrize("temperature", [1.0, 0.37])
@pytest.mark.parametrize("dtype", inputs.FLOATS, ids=str)
def test_vjp_is_within_the_table(isa, dtype, temperature):
    for x, t in inputs.accuracy_inputs(dtype, inputs.scale_of(isa) / 4).values():
        p = lk.softmax(x, temperature=t)
        for g in inputs.gradients(p.shape, dtype):
            got = lk.softmax_vjp(p, g, temperature=temperature)
            true, terms = exact_vjp(p, g, temperature)
            assert_within("softmax_vjp", got, true, at=terms)


@pytest.mark.parametrize("temperature", [1.0, 0.37])
@pytest.mark.parametrize("dtype", inputs.FLOATS, ids=str)
def test_jacobian_is_within_the_table(dtype, temperature):
    for x, t in inputs.accuracy_inputs(dtype, scale=0.05).values():
        p = lk.softmax(x, temperature=t)[:2, :60]
        got = lk.softmax_jacobian(p, temperature=temperature)
        assert_within("softmax_jacobian", got, exact_jacobian(p, temperature))


@pytest.mark.parametrize("temperature", [0.5, 1.0, 3.0])
def test_jacobian_is_the_limit_of_differences(temperature):
    x, h = np.random.default_rng(13).normal(size=7), 1e-5
    steps = np.eye(7) * h
    ahead = lk.softmax(x + steps, temperature=temperature)
    behind = lk.softmax(x - steps, temperature=temperature)
    got = lk.softmax_jacobian(lk.softmax(x, temperature=temperature), temperature=temperature)
    # Central differences: an error of h^2 times the third derivative, and rounding over h.
    np.testing.assert_allclose(got, ((ahead - behind) / (2 * h)).T, atol=5e-10)


@pytest.mark.parametrize("axis", [-1, 0, (0, 1), None])
@pytest.mark.parametrize("temperature", [0.5, 1.0])
def test_products_are_the_limit_of_differences(isa, axis, temperature):
    rng, h = np.random.default_rng(14), 1e-5
    x, v, g = rng.normal(size=(3, 4, 5))[:, :3, :4]
    options = {"axis": axis, "temperature": temperature}
    p = lk.softmax(x, **options)
    change = (lk.softmax(x + h * v, **options) - lk.softmax(x - h * v, **options)) / (2 * h)
    np.testing.assert_allclose(lk.softmax_jvp(p, v, **options), change, atol=5e-10)
    # The loss sum(g p) changes along v by g . J v, which is v . J^T g.
    np.testing.assert_allclose(
        (v * lk.softmax_vjp(p, g, **options)).sum(), (g * change).sum(), atol=5e-9
    )


PROBABILITIES = hnp.arrays(
    np.float64, st.tuples(st.integers(1, 4), st.integers(1, 9)), elements=st.floats(-30, 30)
).map(lk.softmax)


@given(PROBABILITIES, st.floats(0.01, 100))
def test_jacobian_is_symmetric_and_its_rows_sum_to_zero(p, temperature):
    jacobian = lk.softmax_jacobian(p, temperature=temperature)
    assert jacobian.shape == (*p.shape, p.shape[-1])
    assert same_bits(jacobian, jacobian.swapaxes(-1, -2))
    sums = jacobian.astype(LD).sum(axis=-1)
    # As far as the probabilities themselves sum to 1.
    assert np.all(np.abs(sums) <= 1e-15 * p.shape[-1] * p / temperature)
    assert np.all(np.diagonal(jacobian, axis1=-2, axis2=-1) >= 0)


@given(PROBABILITIES, st.floats(0.01, 100), st.data())
def test_products_are_those_of_the_jacobian(p, temperature, data):
    g = data.draw(hnp.arrays(np.float64, p.shape, elements=st.floats(-100, 100)))
    jacobian = lk.softmax_jacobian(p, temperature=temperature)
    want = (jacobian @ g[..., None])[..., 0]
    got = lk.softmax_vjp(p, g, temperature=temperature)
    np.testing.assert_allclose(got, want, atol=2e-13 / temperature)
    assert same_bits(lk.softmax_jvp(p, g, temperature=temperature), got)


@given(PROBABILITIES, st.integers(-(10**6), 10**6))
def test_a_constant_gradient_moves_nothing(p, constant):
    got = lk.softmax_vjp(p, np.full_like(p, constant))
    assert np.all(np.abs(got) <= 4e-16 * p.shape[-1] * abs(constant) * p)


@pytest.mark.parametrize("dtype", inputs.FLOATS, ids=str)
@pytest.mark.parametrize("value", [NAN, INF, -INF, 6e4])
def test_where_the_probability_is_zero_so_is_the_gradient(isa, dtype, value):
    x = np.random.default_rng(15).normal(size=(3, 40)).astype(dtype)
    keep = np.arange(40) % 3 > 0
    p = lk.softmax(x, mask=keep)
    g = np.random.default_rng(16).normal(size=(3, 40)).astype(dtype)
    quiet, loud = np.where(keep, g, dtype.type(0)), np.where(keep, g, dtype.type(value))
    got = lk.softmax_vjp(p, loud)
    assert same_bits(got, lk.softmax_vjp(p, quiet))
    assert np.all(got[:, ~keep] == 0)
    assert np.all(got[:, keep] != 0)
    jacobian = lk.softmax_jacobian(p)
    assert np.all(jacobian[:, ~keep, :] == 0)
    assert np.all(jacobian[:, :, ~keep] == 0)


def test_a_bad_gradient_of_a_possible_class_spoils_its_row_alone():
    p = lk.softmax(np.zeros((3, 4)))
    g = np.ones((3, 4))
    g[1, 2] = NAN
    got = lk.softmax_vjp(p, g)
    assert np.isnan(got[1]).all()
    assert np.all(got[[0, 2]] == 0)


def test_a_row_of_nan_has_nan_gradients():
    p = np.full((1, 3), NAN)
    assert np.isnan(lk.softmax_vjp(p, np.ones((1, 3)))).all()
    assert np.isnan(lk.softmax_jacobian(p)).all()


@pytest.mark.parametrize("limit", [0.0, INF])
def test_at_the_limits_of_the_temperature_nothing_moves(isa, limit):
    x = np.random.default_rng(17).normal(size=(3, 5))
    p = lk.softmax(x, temperature=limit)
    assert np.all(lk.softmax_vjp(p, x, temperature=limit) == 0)
    assert np.all(lk.softmax_jvp(p, x, temperature=limit) == 0)
    assert np.all(lk.softmax_jacobian(p, temperature=limit) == 0)


@pytest.mark.parametrize("shape", [(3,), (3, 1)])
def test_one_temperature_a_row(isa, shape):
    rng = np.random.default_rng(18)
    t = np.array([0.5, 1.0, 3.0])
    x, g = rng.normal(size=(2, 3, 4))
    p = lk.softmax(x, temperature=t)
    want_vjp = [lk.softmax_vjp(p[i], g[i], temperature=t[i]) for i in range(3)]
    want_jacobian = [lk.softmax_jacobian(p[i], temperature=t[i]) for i in range(3)]
    assert same_bits(lk.softmax_vjp(p, g, temperature=t.reshape(shape)), want_vjp)
    assert same_bits(lk.softmax_jacobian(p, temperature=t.reshape(shape)), want_jacobian)


@pytest.mark.parametrize("axis", [0, 1, -1, (0, 2), None])
def test_any_axis_and_layout(isa, axis):
    rng = np.random.default_rng(19)
    x, g = rng.normal(size=(2, 3, 4, 5))
    p = lk.softmax(x, axis=axis)
    got = lk.softmax_vjp(p, g, axis=axis)
    np.testing.assert_allclose(got, ref.softmax_vjp(p, g, axis=axis), atol=1e-16)
    for a, b in ((np.asfortranarray(p), g), (p, np.asfortranarray(g)), (p[::-1][::-1], g)):
        assert same_bits(lk.softmax_vjp(a, b, axis=axis), got)
    one = np.broadcast_to(g[0], g.shape)
    assert same_bits(lk.softmax_vjp(p, one, axis=axis), lk.softmax_vjp(p, one.copy(), axis=axis))


def test_dtypes():
    p = lk.softmax(np.zeros((2, 3), np.float32))
    for g in (np.ones((2, 3)), [[1, 2, 3]] * 2, np.ones((2, 3), np.float16), np.ones((2, 3), bool)):
        assert lk.softmax_vjp(p, g).dtype == np.float32
    assert lk.softmax_jacobian(p).dtype == np.float32
    assert lk.softmax_jacobian(p.astype(np.float16)).dtype == np.float16
    assert lk.softmax_vjp(0.25, 2.0).shape == ()
    assert lk.softmax_vjp(np.empty((2, 0)), np.empty((2, 0))).shape == (2, 0)
    assert lk.softmax_jacobian(np.empty((2, 0))).shape == (2, 0, 0)


def test_bad_arguments_are_refused():
    p, g = np.full((2, 2), 0.5), np.ones((2, 2))
    with pytest.raises(ValueError, match=r"^g has the shape \(3,\); .*\(2, 2\)$"):
        lk.softmax_vjp(p, [1, 2, 3])
    with pytest.raises(TypeError, match=r"^p has the dtype complex128; "):
        lk.softmax_vjp(p + 0j, g)
    with pytest.raises(TypeError, match=r"^g has the dtype complex128; "):
        lk.softmax_vjp(p, g + 0j)
    with pytest.raises(ValueError, match=r"^temperature is -1\.0; "):
        lk.softmax_vjp(p, g, temperature=-1)
    with pytest.raises(ValueError, match=r"^p is a scalar; "):
        lk.softmax_jacobian(0.5)


@pytest.mark.parametrize("temperature", [5e-324, 1e-310, 5e-309, 1e-300])
def test_the_smallest_temperatures_scale_what_is_left(temperature):
    p = np.array([1e-20, 1.0])
    want = ref.softmax_vjp(p, [1.0, 0.0], temperature=temperature)
    got = lk.softmax_vjp(p, [1.0, 0.0], temperature=temperature)
    np.testing.assert_allclose(got, want, rtol=1e-15)
    assert not np.isnan(lk.softmax_jacobian([1.0, 0.0], temperature=temperature)).any()
    jacobian = lk.softmax_jacobian([1e-10, 1 - 1e-10], temperature=temperature)
    np.testing.assert_allclose(
        jacobian,
        ref.softmax_jacobian([1e-10, 1 - 1e-10], temperature=temperature),
        rtol=1e-15,
    )


def test_an_infinite_gradient_is_told_as_the_reference_tells_it():
    np.testing.assert_array_equal(
        lk.softmax_jvp([0.5, 0.5], [np.inf, 1.0]), ref.softmax_jvp([0.5, 0.5], [np.inf, 1.0])
    )


def test_a_masked_probability_is_0():
    p = np.ma.array([0.5, 0.5, 99.0], mask=[False, False, True])
    np.testing.assert_array_equal(
        lk.softmax_vjp(p, [1.0, 0.0, 5.0]), lk.softmax_vjp([0.5, 0.5, 0.0], [1.0, 0.0, 5.0])
    )
    np.testing.assert_array_equal(lk.softmax_jacobian(p)[2], [0.0, 0.0, 0.0])

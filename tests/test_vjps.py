"""The gradients of log_softmax, logsumexp and entropy: the truth, differences, impossible slots."""

import inputs
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from kernel_calls import same_bits
from oracles import exact_log_vjp, exact_reduction_vjps
from tolerances import assert_within

import logitkit as lk
from logitkit import reference as ref

INF, NAN = np.inf, np.nan
RNG = np.random.default_rng(35)
REDUCTIONS = {"logsumexp": lk.logsumexp_vjp, "entropy": lk.entropy_vjp}
LIMITS = [0.0, INF]


@pytest.mark.parametrize("temperature", [1.0, 0.37])
@pytest.mark.parametrize("dtype", inputs.FLOATS, ids=str)
def test_that_of_log_softmax_is_within_the_table(isa, dtype, temperature):
    for x, t in inputs.accuracy_inputs(dtype, inputs.scale_of(isa) / 4).values():
        log_p = lk.log_softmax(x, temperature=t)
        for g in inputs.gradients(log_p.shape, dtype):
            got = lk.log_softmax_vjp(log_p, g, temperature=temperature)
            true, terms = exact_log_vjp(log_p, g, temperature)
            assert_within("log_softmax_vjp", got, true, at=terms)


@pytest.mark.parametrize("dtype", inputs.FLOATS, ids=str)
def test_those_of_the_reductions_are_within_the_table(isa, dtype):
    for x, t in inputs.accuracy_inputs(dtype, inputs.scale_of(isa) / 4).values():
        for g in inputs.gradients(len(x), dtype):
            share, slope, terms = exact_reduction_vjps(x, g, t)
            assert_within("logsumexp_vjp", lk.logsumexp_vjp(x, g, temperature=t), share)
            assert_within("entropy_vjp", lk.entropy_vjp(x, g, temperature=t), slope, at=terms)


@pytest.mark.parametrize("g", [1e-300, -3e-310, 1e300])
def test_extreme_gradients_keep_the_digits_of_tiny_probabilities(isa, g):
    x = np.array([[0.0, -300.0, -720.0, -740.0, -900.0]])
    for temperature in (1.0, 1.7):
        share, slope, terms = exact_reduction_vjps(x, np.array([g]), temperature)
        got = lk.logsumexp_vjp(x, [g], temperature=temperature)
        assert_within("logsumexp_vjp", got, share)
        got = lk.entropy_vjp(x, [g], temperature=temperature)
        assert_within("entropy_vjp", got, slope, at=terms)


@pytest.mark.parametrize("temperature", [5e-324, 1e-310, 1e-300, 1e300])
def test_extreme_temperatures_scale_what_is_left(isa, temperature):
    x = np.array([1.0, 1.0, 0.0])
    for g in (1e-5, 1e-320, 3.0):
        share, slope, terms = exact_reduction_vjps(x[None], np.array([g]), temperature)
        got = lk.logsumexp_vjp(x, g, temperature=temperature)[None]
        assert_within("logsumexp_vjp", got, share)
        got = lk.entropy_vjp(x, g, temperature=temperature)[None]
        assert_within("entropy_vjp", got, slope, at=terms)
    log_p = lk.log_softmax(x)
    np.testing.assert_allclose(
        lk.log_softmax_vjp(log_p, [1e-20, 0, 0], temperature=temperature),
        ref.log_softmax_vjp(log_p, [1e-20, 0, 0], temperature=temperature),
        rtol=1e-14,
    )


# ---- differences ------------------------------------------------------------------------------


@pytest.mark.parametrize("axis", [-1, 0, (0, 1), None])
@pytest.mark.parametrize("temperature", [0.5, 1.0, 3.0])
def test_products_are_the_limit_of_differences(isa, axis, temperature):
    h = 1e-5
    x, v, g = RNG.normal(size=(3, 4, 5))
    options = {"axis": axis, "temperature": temperature}

    def change(function):
        """Central differences along v: an error of h^2, and rounding over h."""
        return (function(x + h * v, **options) - function(x - h * v, **options)) / (2 * h)

    got = lk.log_softmax_vjp(lk.log_softmax(x, **options), g, **options)
    np.testing.assert_allclose((v * got).sum(), (g * change(lk.log_softmax)).sum(), atol=5e-8)
    for name, vjp in REDUCTIONS.items():
        along = change(getattr(lk, name))
        weights = np.asarray(RNG.normal(size=np.shape(along)))
        got = vjp(x, weights, **options)
        np.testing.assert_allclose((v * got).sum(), (weights * along).sum(), atol=5e-9)


@given(hnp.arrays(np.float64, (3, 6), elements=st.floats(-30, 30)), st.floats(0.1, 10))
def test_a_constant_shift_of_the_scores_moves_log_softmax_and_entropy_by_nothing(x, temperature):
    g = np.linspace(-2, 3, 18).reshape(3, 6)
    log_p = lk.log_softmax(x, temperature=temperature)
    got = lk.log_softmax_vjp(log_p, g, temperature=temperature)
    np.testing.assert_allclose(got.sum(axis=-1), 0, atol=2e-13 / temperature)
    got = lk.entropy_vjp(x, [1.0, 2.0, -1.0], temperature=temperature)
    np.testing.assert_allclose(got.sum(axis=-1), 0, atol=2e-13 / temperature)
    got = lk.logsumexp_vjp(x, [1.0, 2.0, -1.0], temperature=temperature)
    np.testing.assert_allclose(got.sum(axis=-1), np.array([1, 2, -1]) / temperature, rtol=1e-14)


def test_that_of_logsumexp_is_softmax():
    x = RNG.normal(size=(5, 30))
    np.testing.assert_allclose(lk.logsumexp_vjp(x, 1.0), lk.softmax(x), rtol=1e-15)


# ---- slots without a probability --------------------------------------------------------------


@pytest.mark.parametrize("dtype", inputs.FLOATS, ids=str)
@pytest.mark.parametrize("value", [NAN, INF, -INF, 6e4])
def test_where_log_p_is_minus_infinity_the_gradient_is_zero(isa, dtype, value):
    x, g = RNG.normal(size=(2, 3, 40)).astype(dtype)
    keep = np.arange(40) % 3 > 0
    log_p = lk.log_softmax(x, mask=keep)
    quiet, loud = np.where(keep, g, dtype.type(0)), np.where(keep, g, dtype.type(value))
    got = lk.log_softmax_vjp(log_p, loud)
    assert same_bits(got, lk.log_softmax_vjp(log_p, quiet))
    assert np.all(got[:, ~keep] == 0)
    assert np.isfinite(got.astype(float)).all()
    assert np.all(got[:, keep] != 0)


@pytest.mark.parametrize("name", REDUCTIONS)
@pytest.mark.parametrize("value", [NAN, INF, -INF, 6e4])
@pytest.mark.parametrize("dtype", inputs.FLOATS, ids=str)
def test_masked_and_impossible_slots_have_no_gradient(isa, dtype, value, name):
    x = RNG.normal(size=(4, 40)).astype(dtype)
    keep = np.arange(40) % 3 > 0
    hidden, absent = np.where(keep, x, dtype.type(value)), np.where(keep, x, dtype.type(-INF))
    g = np.array([1.0, -2.0, 0.5, 3.0])
    got = REDUCTIONS[name](hidden, g, mask=keep)
    assert got.dtype == dtype
    assert same_bits(got, REDUCTIONS[name](absent, g))
    assert same_bits(got, REDUCTIONS[name](np.ma.array(hidden, mask=np.tile(~keep, (4, 1))), g))
    assert np.all(got[:, ~keep] == 0)
    assert not np.signbit(got[:, ~keep].astype(float)).any()
    assert np.all(got[:, keep] != 0)


ROWS = {
    "all -inf": [-INF, -INF, -INF],
    "a +inf": [0.0, INF, -INF],
    "a NaN": [0.0, NAN, -INF],
    "one": [2.0, -INF, -INF],
    "ties": [2.0, 2.0, -INF],
}


@pytest.mark.parametrize("keep", [None, [True, True, False], [False, True, True], [False] * 3])
@pytest.mark.parametrize("temperature", [0.0, 0.5, 1.0, INF])
@pytest.mark.parametrize("name", ROWS)
def test_special_rows_are_those_of_the_reference(isa, name, temperature, keep):
    x, options = np.array(ROWS[name]), {"temperature": temperature, "mask": keep}
    for g in (0.0, 1.5, -2.0):
        for function in ("logsumexp_vjp", "entropy_vjp"):
            got = getattr(lk, function)(x, g, **options)
            want = getattr(ref, function)(x, g, **options)
            np.testing.assert_allclose(got, want, rtol=1e-15, err_msg=function)


def test_a_logsumexp_of_minus_infinity_has_no_gradient_and_its_entropy_none_at_all(isa):
    x = np.full((2, 3), -INF)
    assert np.all(lk.logsumexp_vjp(x, [NAN, 1.0]) == 0)
    assert np.isnan(lk.entropy_vjp(x, [0.0, 1.0])).all()
    assert np.all(lk.entropy_vjp(x, [NAN, 1.0], mask=False) == 0)


def test_a_bad_gradient_spoils_its_row_alone(isa):
    x, g = RNG.normal(size=(3, 6)), np.array([1.0, NAN, INF])
    x[1:, 2] = -INF
    for vjp in REDUCTIONS.values():
        got = vjp(x, g)
        assert np.isfinite(got[0]).all()
        assert np.all(got[1:, 2] == 0)
        assert np.isnan(np.delete(got[1], 2)).all()
        assert np.isinf(np.delete(got[2], 2)).all()
    g = np.ones((3, 6))
    g[1, 0] = NAN
    got = lk.log_softmax_vjp(lk.log_softmax(x), g)
    assert np.isnan(np.delete(got[1], 2)).all()
    assert got[1, 2] == 0
    assert np.isfinite(got[[0, 2]]).all()


@pytest.mark.parametrize("limit", LIMITS)
def test_at_the_limits_of_the_temperature_nothing_moves(isa, limit):
    x = RNG.normal(size=(3, 5))
    log_p = lk.log_softmax(x, temperature=limit)
    assert np.all(lk.log_softmax_vjp(log_p, x, temperature=limit) == 0)
    for vjp in REDUCTIONS.values():
        assert np.all(vjp(x, 2.0, temperature=limit) == 0)
        assert np.isnan(vjp([[NAN, 1.0]], 2.0, temperature=limit)).all()


# ---- shapes, layouts, dtypes ------------------------------------------------------------------


@pytest.mark.parametrize("axis", [0, 1, -1, (0, 2), None, ()])
def test_any_axis_and_layout(isa, axis):
    x, g = RNG.normal(size=(2, 3, 4, 5))
    per_row = np.asarray(g.sum(axis=axis))
    t = np.asarray(RNG.uniform(0.5, 2, per_row.shape))
    options = {"axis": axis, "temperature": t}
    log_p = lk.log_softmax(x, **options)
    cases = [(lk.log_softmax_vjp, log_p, g), *((v, x, per_row) for v in REDUCTIONS.values())]
    for function, a, b in cases:
        got = function(a, b, **options)
        want = getattr(ref, function.__name__)(a, b, **options)
        np.testing.assert_allclose(got, want, rtol=1e-12, atol=1e-15)
        for other in (np.asfortranarray(a), a[::-1].copy()[::-1], np.repeat(a, 2, -1)[..., ::2]):
            assert same_bits(function(other, b, **options), got)
    assert same_bits(
        lk.logsumexp_vjp(x, np.asarray(g.sum(axis=axis, keepdims=True)), **options),
        lk.logsumexp_vjp(x, per_row, **options),
    )


def test_one_number_for_all_rows_or_one_each():
    x = RNG.normal(size=(3, 4))
    for vjp in REDUCTIONS.values():
        each = [vjp(row, g) for row, g in zip(x, (1, 2, 3), strict=True)]
        assert same_bits(vjp(x, [1, 2, 3]), each)
        assert same_bits(vjp(x, [[1], [2], [3]]), each)
        assert same_bits(vjp(x, 2), vjp(x, [2, 2, 2]))
        assert vjp(1.5, 2.0).shape == ()
        assert vjp(np.empty((2, 0)), [1, 2]).shape == (2, 0)
        assert vjp(np.empty((0, 2)), []).shape == (0, 2)
    assert lk.log_softmax_vjp(0.0, 2.0) == 0
    assert lk.log_softmax_vjp(np.empty((2, 0)), np.empty((2, 0))).shape == (2, 0)


@pytest.mark.parametrize("dtype", inputs.FLOATS[:2], ids=str)
def test_short_floats_are_computed_in_float32_and_rounded_once(dtype):
    x, g = (3 * RNG.normal(size=(2, 20, 300))).astype(dtype)
    wide, g_wide = x.astype(np.float32), g.astype(np.float32)
    for vjp in REDUCTIONS.values():
        assert same_bits(vjp(x, g[:, 0]), vjp(wide, g_wide[:, 0]).astype(dtype))
    # A sum of thousands in the short format would stop growing at 2048, or 256.
    p, ones = lk.softmax(np.zeros((1, 4096), dtype)), np.ones((1, 4096), dtype)
    ones[0, 0] = 2
    assert_within("softmax_vjp", lk.softmax_vjp(p, ones)[0, 1:2], [-(2.0**-24)])
    log_p = lk.log_softmax(np.zeros((1, 4096), dtype))
    share = np.exp(log_p.astype(np.longdouble))[0, 0]
    got = lk.log_softmax_vjp(log_p, np.ones_like(ones))[0, :1]
    assert_within("log_softmax_vjp", got, [1 - 4096 * share], at=[1.0])
    for function, a in ((lk.softmax_vjp, lk.softmax(x)), (lk.softmax_jvp, lk.softmax(x))):
        assert same_bits(function(a, g), function(a.astype(np.float32), g_wide).astype(dtype))
    a = lk.log_softmax(x)
    got = lk.log_softmax_vjp(a, g)
    assert same_bits(got, lk.log_softmax_vjp(a.astype(np.float32), g_wide).astype(dtype))


@pytest.mark.parametrize("dtype", inputs.FLOATS, ids=str)
def test_dtype_is_that_of_the_first_argument(dtype):
    x = np.zeros((2, 3), dtype)
    for g in (np.ones(2), [1, 2], np.ones(2, np.float16), np.ones(2, bool)):
        assert lk.logsumexp_vjp(x, g).dtype == dtype
        assert lk.entropy_vjp(x, g).dtype == dtype
    assert lk.log_softmax_vjp(x, np.ones((2, 3))).dtype == dtype
    assert lk.logsumexp_vjp(np.zeros((2, 3), np.int8), 1).dtype == np.float32
    assert lk.logsumexp_vjp(np.zeros((2, 3), int), 1).dtype == np.float64


def test_a_masked_log_probability_is_impossible():
    log_p = np.ma.array(np.log([0.5, 0.5, 0.9]), mask=[False, False, True])
    plain = [*np.log([0.5, 0.5]), -INF]
    g = [1.0, 0.0, 5.0]
    assert same_bits(lk.log_softmax_vjp(log_p, g), lk.log_softmax_vjp(plain, g))


def test_every_instruction_set_and_number_of_threads_gives_the_same(isa, threads):
    for dtype in inputs.COMPUTED:
        x, g = RNG.normal(size=(2, 60, 401)).astype(dtype)
        log_p = lk.log_softmax(x)
        want = [lk.log_softmax_vjp(a, b) for a, b in zip(log_p, g, strict=True)]
        assert same_bits(lk.log_softmax_vjp(log_p, g), want)
        for vjp in REDUCTIONS.values():
            want = [vjp(a, b) for a, b in zip(x, g[:, 0], strict=True)]
            assert same_bits(vjp(x, g[:, 0]), want)
            assert same_bits(vjp(x.T, g[:, 0], axis=0).T, want)


def test_bad_arguments_are_refused():
    x = np.zeros((2, 2))
    with pytest.raises(ValueError, match=r"^g has the shape \(3,\); .* of log_p, \(2, 2\)$"):
        lk.log_softmax_vjp(x, [1, 2, 3])
    with pytest.raises(TypeError, match=r"^log_p has the dtype complex128; "):
        lk.log_softmax_vjp(x + 0j, x)
    for vjp in REDUCTIONS.values():
        with pytest.raises(
            ValueError, match=r"^g has the shape \(3,\); it must broadcast .*\(2,\)$"
        ):
            vjp(x, [1, 2, 3])
        with pytest.raises(ValueError, match=r"^g has the shape \(2, 2\); it must broadcast"):
            vjp(x, x)
        with pytest.raises(TypeError, match=r"^x has the dtype complex128; "):
            vjp(x + 0j, 1)
        with pytest.raises(TypeError, match=r"^g has the dtype complex128; "):
            vjp(x, 1j)
        with pytest.raises(ValueError, match=r"^temperature is -1\.0; "):
            vjp(x, 1, temperature=-1)
        with pytest.raises(TypeError, match=r"^mask has the dtype int64; "):
            vjp(x, 1, mask=[0, 1])

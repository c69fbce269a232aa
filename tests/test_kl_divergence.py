"""kl_divergence: its digits, near 0 too; its sign; the rows where it is infinite or undefined."""

import tracemalloc

import inputs
import mpmath
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from kernel_calls import same_bits
from oracles import exact_divergence, exact_divergence_row, to_longdouble
from tolerances import assert_within

import logitkit as lk
from logitkit import reference as ref

INF, NAN = np.inf, np.nan
RNG = np.random.default_rng(34)
ROW = hnp.arrays(np.float64, 7, elements=st.floats(-300, 300))
SHORT = hnp.arrays(np.float64, 7, elements=st.floats(-30, 30, width=16))


def rows(p, q, **options):
    return lk.kl_divergence(p, q, reduction="none", **options)


@pytest.mark.parametrize("dtype", inputs.FLOATS, ids=str)
def test_within_the_table_on_every_input(isa, dtype):
    for x, temperature in inputs.accuracy_inputs(dtype, inputs.scale_of(isa) / 2).values():
        for other in inputs.others(x, dtype):
            true, terms = exact_divergence(x, other, temperature)
            got = rows(x, other, temperature=temperature)
            assert_within("kl_divergence", got, true, at=terms)


@pytest.mark.parametrize("dtype", inputs.COMPUTED, ids=str)
@pytest.mark.parametrize("name", inputs.NAMES)
def test_within_the_table_against_mpmath(name, dtype):
    x, temperature = inputs.accuracy_inputs(dtype, scale=0.01)[name]
    for other in inputs.others(x, dtype):
        true, term = exact_divergence_row(x[0, :8], other[0, :8], temperature)
        got = np.atleast_1d(rows(x[0, :8], other[0, :8], temperature=temperature))
        assert_within("kl_divergence", got, to_longdouble(true), at=to_longdouble([term]))


@pytest.mark.parametrize("step", [1e-2, 1e-5, 1e-9])
def test_nearly_equal_rows_keep_their_digits(isa, step):
    p = RNG.normal(size=(20, 12))
    q = p + step * RNG.normal(size=p.shape)
    for one, other, got in zip(p, q, rows(p, q), strict=True):
        true, _ = exact_divergence_row(one, other)
        assert abs(mpmath.mpf(float(got)) / true[0] - 1) < 1e-13


@given(ROW, ROW, st.sampled_from([0.0, 0.01, 1.0, 7.0, INF]))
def test_is_never_negative(isa, p, q, temperature):
    assert rows(p, q, temperature=temperature) >= 0
    assert rows(p, q + 1e-9, temperature=temperature) >= 0


@given(SHORT, st.integers(-100, 100), st.sampled_from(inputs.FLOATS[2:]))
def test_equal_rows_have_none_and_an_exact_shift_changes_nothing(isa, p, shift, dtype):
    p = np.round(p * 8).astype(dtype) / 8
    assert rows(p, p) == 0
    assert rows(p, p + dtype.type(shift)) == 0
    q = np.roll(p, 1)
    assert same_bits(rows(p, q), rows(p + dtype.type(shift), q))
    assert same_bits(rows(p, q), rows(p, q + dtype.type(shift)))


def test_is_the_mean_of_the_logarithms_of_the_ratio():
    p, q = RNG.normal(size=(2, 6, 40))
    want = (lk.softmax(p) * (lk.log_softmax(p) - lk.log_softmax(q))).sum(axis=-1)
    np.testing.assert_allclose(rows(p, q), want, rtol=1e-13)


ROWS = {
    "the same": ([1.0, 2.0, -INF], [1.0, 2.0, -INF], 0.0),
    "q lacks one": ([0.0, 1.0, 2.0], [0.0, -INF, 2.0], INF),
    "q lacks one that is nearly impossible": ([0.0, -1e6, 2.0], [0.0, -INF, 2.0], INF),
    "p lacks one": ([0.0, -INF], [0.0, 0.0], np.log(2)),
    "p is certain": ([0.0, -INF, -INF], [5.0, 5.0, -INF], np.log(2)),
    "p is empty": ([-INF, -INF], [0.0, 0.0], NAN),
    "q is empty": ([0.0, 0.0], [-INF, -INF], NAN),
    "a +inf in p": ([0.0, INF], [0.0, 0.0], NAN),
    "a +inf in q": ([0.0, 0.0], [0.0, INF], NAN),
    "a NaN in p": ([0.0, NAN], [0.0, 0.0], NAN),
    "a NaN in q where p is impossible": ([0.0, -INF], [0.0, NAN], NAN),
    "a NaN in q, which lacks one": ([0.0, 0.0, 0.0], [0.0, NAN, -INF], NAN),
    "one": ([3.0], [-7.0], 0.0),
    "none": ([], [], 0.0),
}


@pytest.mark.parametrize("dtype", inputs.FLOATS, ids=str)
@pytest.mark.parametrize("name", ROWS)
def test_special_rows(isa, name, dtype):
    p, q, want = ROWS[name]
    if dtype.name == "float16" and "nearly" in name:
        p = np.clip(p, -6e4, None)
    p, q = np.array(p, dtype), np.array(q, dtype)
    got = rows(p, q)
    assert got.dtype == dtype
    np.testing.assert_allclose(float(got), want, rtol=1e-2)
    assert (got == 0) == (want == 0)


@pytest.mark.parametrize("temperature", [0.0, 0.5, INF])
@pytest.mark.parametrize("name", ROWS)
def test_special_rows_at_every_temperature_are_those_of_the_reference(isa, name, temperature):
    p, q = map(np.array, ROWS[name][:2])
    want = ref.kl_divergence(p, q, temperature=temperature, reduction="none")
    np.testing.assert_allclose(rows(p, q, temperature=temperature), want, rtol=1e-14)


def test_at_temperature_0_it_tells_whether_the_first_maximum_is_the_same(isa):
    p = [[1.0, 3.0, 3.0], [1.0, 3.0, 3.0], [0.0, 0.0, 0.0]]
    q = [[0.0, 9.0, 1.0], [0.0, 9.0, 10.0], [0.0, 0.0, 1.0]]
    assert rows(p, q, temperature=0).tolist() == [0, INF, INF]


def test_single_logarithms_beyond_the_range_do_not_make_it_infinite(isa):
    p = np.array([0.0, 0.0, 0.0, -1.0])
    q = np.array([1.7e308, 1.0, 1.7e308, -1.7e308])
    true, term = exact_divergence_row(p, q)
    got = np.atleast_1d(rows(p, q))
    assert np.isfinite(got)
    assert_within("kl_divergence", got, to_longdouble(true), at=to_longdouble([term]))
    assert rows(p, q, temperature=1e-3) == INF
    assert rows([0.0, 0.0], [1.7e308, -1.7e308], temperature=4) == pytest.approx(4.25e307)


@given(hnp.arrays(np.float64, (2, 4, 9), elements=st.floats(-40, 40)), st.data())
def test_a_masked_slot_does_not_exist(isa, scores, data):
    keep = data.draw(hnp.arrays(bool, (4, 9)))
    p, q = scores
    noise = data.draw(st.sampled_from([NAN, INF, -INF, 1e308]))
    got = rows(np.where(keep, p, noise), np.where(keep, q, noise), mask=keep)
    assert same_bits(got, rows(p, q, mask=keep))
    for i in range(4):
        alone = rows(p[i, keep[i]], q[i, keep[i]])
        np.testing.assert_allclose(got[i], alone, rtol=1e-13, atol=1e-15)
    assert np.all(got[~keep.any(axis=1)] == 0)
    masked = np.ma.array(p, mask=~keep)
    assert same_bits(rows(masked, q), got)
    assert same_bits(rows(p, np.ma.array(q, mask=~keep)), got)
    assert same_bits(rows(masked, q, mask=np.ones(9, bool)), got)


def test_reductions():
    p, q = RNG.normal(size=(2, 5, 4, 9))
    each = rows(p, q)
    assert each.shape == (5, 4)
    assert lk.kl_divergence(p, q, reduction="sum") == each.sum()
    assert lk.kl_divergence(p, q) == each.sum() / 20
    assert type(lk.kl_divergence(p, q)) is np.float64
    keep = np.arange(20).reshape(5, 4, 1) % 2 == 0
    assert lk.kl_divergence(p, q, mask=keep) == rows(p, q, mask=keep).sum() / 20
    assert np.isnan(lk.kl_divergence(np.ones((0, 3)), np.ones((0, 3))))
    assert lk.kl_divergence(np.ones((0, 3)), np.ones((0, 3)), reduction="sum") == 0
    assert lk.kl_divergence(np.float16([[6e4, 0]] * 9), np.float16([[0, 6e4]] * 9)).dtype == "f2"
    assert lk.kl_divergence(np.float16([[6e4, 0]] * 9), [0, 0], reduction="sum") < 7
    # Beyond the range of the dtype without a warning.
    far = lk.kl_divergence(np.float16([[6e4, 0]] * 9), np.float16([0, 6e4]), reduction="sum")
    assert far == INF


@pytest.mark.parametrize("axis", [0, 1, -1, (0, 2), (2, 1), None, ()])
def test_any_axis_layout_and_temperature(isa, axis):
    p, q = RNG.normal(size=(2, 3, 4, 5))
    shape = p.sum(axis=axis).shape
    t = RNG.uniform(0.5, 2, shape)
    got = rows(p, q, axis=axis, temperature=t)
    assert np.shape(got) == shape
    want = ref.kl_divergence(p, q, axis=axis, temperature=t, reduction="none")
    np.testing.assert_allclose(got, want, rtol=1e-13, atol=1e-16)
    for a, b in ((np.asfortranarray(p), q), (p, q[::-1].copy()[::-1])):
        assert same_bits(rows(a, b, axis=axis, temperature=t), got)


def test_shapes_broadcast():
    p, q = RNG.normal(size=(3, 4, 5)), RNG.normal(size=5)
    whole = np.broadcast_to(q, p.shape).copy()
    assert same_bits(rows(p, q), rows(p, whole))
    assert same_bits(rows(q, p), rows(whole, p))
    assert same_bits(
        rows(p[:, :1], p[:1]), rows(*map(np.copy, np.broadcast_arrays(p[:, :1], p[:1])))
    )
    assert rows(1.0, 2.0) == 0
    assert rows(NAN, 2.0, mask=False) == 0


@pytest.mark.parametrize(
    ("p", "q", "result"),
    [
        ("float16", "float16", "float16"),
        ("bfloat16", "bfloat16", "bfloat16"),
        ("float16", "float32", "float32"),
        ("float16", "bfloat16", "float32"),
        ("float32", "float64", "float64"),
        ("int8", "bool", "float32"),
        ("int32", "float16", "float64"),
        (">f4", "float32", "float32"),
    ],
)
def test_dtype_of_the_result_is_the_wider_one(p, q, result):
    a, b = np.arange(6).reshape(2, 3).astype(p), np.ones((2, 3)).astype(q)
    assert rows(a, b).dtype.name == result
    assert lk.kl_divergence(a, b).dtype.name == result
    np.testing.assert_allclose(rows(a, b).astype(float), ref.kl_divergence(a, b), rtol=1e-2)


def test_every_instruction_set_and_number_of_threads_gives_the_same(threads):
    for dtype in inputs.COMPUTED:
        p, q = RNG.normal(size=(2, 40, 901)).astype(dtype)
        want = [rows(a, b) for a, b in zip(p, q, strict=True)]
        assert same_bits(rows(p, q), want)
        assert same_bits(rows(p.T, q.T, axis=0), want)


def test_nothing_of_the_size_of_the_scores_is_allocated():
    p = np.zeros((100, 5000), np.float32)
    tracemalloc.start()
    try:
        lk.kl_divergence(p, p[:1])
        lk.kl_divergence(p, p[:1], temperature=np.full(100, 2.0), mask=np.ones(5000, bool))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < p.nbytes / 50


def test_bad_arguments_are_refused():
    p = np.zeros((2, 3))
    with pytest.raises(ValueError, match=r"^q_logits has the shape \(2,\); .* p_logits, \(2, 3\)$"):
        lk.kl_divergence(p, [0, 0])
    with pytest.raises(
        ValueError, match=r"^reduction is 'batchmean'; accepted are 'mean', 'sum', "
    ):
        lk.kl_divergence(p, p, reduction="batchmean")
    with pytest.raises(ValueError, match=r"^reduction is None; "):
        lk.kl_divergence(p, p, reduction=None)
    with pytest.raises(TypeError, match=r"^p_logits has the dtype complex128; "):
        lk.kl_divergence(p + 0j, p)
    with pytest.raises(TypeError, match=r"^q_logits has the dtype complex128; "):
        lk.kl_divergence(p, p + 0j)
    with pytest.raises(ValueError, match=r"^temperature is -1\.0; "):
        lk.kl_divergence(p, p, temperature=-1)
    with pytest.raises(ValueError, match=r"^mask has the shape \(2,\); .* p_logits, \(2, 3\)$"):
        lk.kl_divergence(p, p, mask=[True, False])
    with pytest.raises(np.exceptions.AxisError, match=r"^axis is 2; p_logits has 2 dim"):
        lk.kl_divergence(p, p, axis=2)

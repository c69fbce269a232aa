"""cross_entropy: its digits, near 0 too; special rows; any axis, shape and dtype."""

import inputs
import mpmath
import numpy as np
import pytest
from kernel_calls import same_bits
from losses import (
    CHOICES,
    classes,
    options,
    row_of_the_table,
    soft_targets,
    truth,
    within_range,
)
from oracles import exact_row, to_longdouble
from tolerances import assert_within

import logitkit as lk
from logitkit import reference as ref

INF, NAN = np.inf, np.nan
RNG = np.random.default_rng(71)


def rows(x, targets, **options):
    return lk.cross_entropy(x, targets, reduction="none", **options)


# ---- the digits -------------------------------------------------------------------------------


@pytest.mark.parametrize("choice", CHOICES)
@pytest.mark.parametrize("dtype", inputs.FLOATS, ids=str)
def test_within_the_table_on_every_input(isa, dtype, choice):
    for x, _ in inputs.accuracy_inputs(dtype, inputs.scale_of(isa) / 4).values():
        x = within_range(x)
        for targets in (classes(x), soft_targets(x)):
            got = rows(x, targets, **options(choice, x.shape[-1]))
            true, _, _ = truth(x, targets, choice)
            assert_within(row_of_the_table("cross_entropy", choice, targets), got, true)


@pytest.mark.parametrize("dtype", inputs.COMPUTED, ids=str)
@pytest.mark.parametrize("name", inputs.NAMES)
def test_within_the_table_against_mpmath(name, dtype):
    x = within_range(inputs.accuracy_inputs(dtype, scale=0.01)[name][0])[:1, :8]
    logs = exact_row(x[0])["log_softmax"]
    got = np.array([rows(x, [i])[0] for i in range(x.shape[1])])
    assert_within("cross_entropy", got, to_longdouble([-v for v in logs]))


@pytest.mark.parametrize("distance", [5, 12, 20, 36, 80, 700])
@pytest.mark.parametrize("length", [2, 10, 60, 700, 5000])
def test_a_loss_near_0_keeps_its_digits(isa, length, distance):
    """As far as the smallest numbers: the others are summed by themselves."""
    for dtype in inputs.COMPUTED:
        x = RNG.normal(size=(20, length)).astype(dtype)
        ids = RNG.integers(0, length, 20)
        x[np.arange(20), ids] = distance
        got = rows(x, ids)
        for row, i, loss in zip(x[:2], ids, got, strict=False):
            with mpmath.workdps(400):
                others = mpmath.fsum(
                    mpmath.exp(mpmath.mpf(float(v)) - distance) for v in np.delete(row, i)
                )
                want = to_longdouble([mpmath.log1p(others)])
            assert_within("cross_entropy", np.atleast_1d(loss), want)
        if distance < 80:
            assert np.all(got > 0)


def test_a_loss_of_1e_9_in_float32():
    x = np.zeros((1, 2), np.float32)
    x[0, 0] = 20.723267
    assert rows(x, [0])[0] == np.float32(np.log1p(np.exp(-np.float64(x[0, 0]))))
    assert 0.9e-9 < rows(x, [0])[0] < 1.1e-9
    loss, grad = lk.cross_entropy_with_grad(x, [0])
    assert np.array_equal(grad[0], np.float32([-np.float64(loss), np.float64(loss)]))


@pytest.mark.parametrize("dtype", [*inputs.COMPUTED, inputs.BFLOAT16], ids=str)
@pytest.mark.parametrize("lengths", [range(1, 66), range(66, 131), (4095, 4096, 4097, 9000)])
def test_rows_of_every_length_and_number(isa, dtype, lengths):
    """Sixteen at a time, some of sixteen, one by one, block by block."""
    every = 1 if isa == "avx512" or len(lengths) < 5 else 7
    for length in lengths[::every]:
        count = (1, 3, 4, 11, 12, 16, 17, 40)[length % 8] if length < 4000 else 2
        x = (4 * RNG.normal(size=(count, length))).astype(dtype)
        targets = classes(x)
        loss, grad = lk.cross_entropy_with_grad(x, targets, reduction="none")
        true, slope, terms = truth(x, targets, "plain")
        assert_within("cross_entropy", loss, true)
        assert_within("cross_entropy_with_grad", grad, slope, at=terms)
        assert same_bits(loss, rows(x, targets))


def test_the_mean_and_the_sum_are_rounded_once():
    x = (3 * RNG.normal(size=(4000, 9))).astype(np.float32)
    ids = classes(x)
    true, _, _ = truth(x, ids, "plain")
    # The rows are not rounded before they are added.
    assert lk.cross_entropy(x, ids) == np.float32(np.float64(true.sum() / 4000))
    assert lk.cross_entropy(x, ids, reduction="sum") == np.float32(np.float64(true.sum()))
    wide = x.astype(np.float64)
    assert_within("cross_entropy", np.atleast_1d(lk.cross_entropy(wide, ids)), [true.mean()])


# ---- special rows -----------------------------------------------------------------------------

# scores, target, loss, gradient
ROWS = {
    "equal": ([0.0, 0.0], 1, np.log(2), [0.5, -0.5]),
    "one": ([7.0], 0, 0.0, [0.0]),
    "certain": ([5.0, -INF, -INF], 0, 0.0, [0, 0, 0]),
    "an impossible class": ([0.0, -INF, 0.0], 2, np.log(2), [0.5, 0, -0.5]),
    "an impossible target": ([0.0, -INF, 0.0], 1, INF, [0.5, 0, 0.5]),
    "all -inf": ([-INF, -INF], 0, NAN, [NAN, NAN]),
    "a +inf": ([0.0, INF, -INF], 0, NAN, [NAN] * 3),
    "a +inf at the target": ([INF, 0.0], 0, NAN, [NAN] * 2),
    "a NaN": ([0.0, NAN, -INF], 0, NAN, [NAN] * 3),
    "a NaN at the target": ([NAN, 0.0, 0.0], 0, NAN, [NAN] * 3),
    "too far for an exponential": ([0.0, -6e4, 6e4], 0, 6e4, [-1, 0, 1]),
}


@pytest.mark.parametrize("count", [1, 2, 40])
@pytest.mark.parametrize("dtype", inputs.FLOATS, ids=str)
@pytest.mark.parametrize("name", ROWS)
def test_special_rows(isa, name, dtype, count):
    x, target, want, slope = ROWS[name]
    x = np.tile(np.array(x, dtype), (count, 1))
    x[: count // 2] = 0  # beside ordinary ones
    loss, grad = lk.cross_entropy_with_grad(x, [target] * count, reduction="none")
    assert loss.dtype == grad.dtype == dtype
    np.testing.assert_allclose(loss[-1].astype(float), want, rtol=1e-2)
    np.testing.assert_allclose(grad[-1].astype(float), slope, rtol=1e-2)
    assert np.isfinite(loss[: count // 2].astype(float)).all()
    assert (loss[-1] == 0) == (want == 0)
    zeros = np.array(slope) == 0
    assert not np.signbit(grad[-1].astype(float))[zeros].any()


@pytest.mark.parametrize("weight", [None, [1.0, 0.0, 2.0], [0.0, 0.0, 0.0]])
@pytest.mark.parametrize("smoothing", [0.0, 0.2, 1.0])
@pytest.mark.parametrize("z_loss", [0.0, 0.5])
@pytest.mark.parametrize("name", [name for name in ROWS if len(ROWS[name][0]) == 3])
def test_special_rows_with_options_are_those_of_the_reference(name, z_loss, smoothing, weight):
    x, target, _, _ = ROWS[name]
    soft = [[0.25, 0.25, 0.5], [0.0, 1.0, 0.0], [0.0, 0.0, 0.0]]
    for keep in (None, [True, True, False], [False, True, True], [False] * 3):
        for targets in ([target] * 3, soft):
            chosen = {"weight": weight, "label_smoothing": smoothing, "z_loss": z_loss}
            chosen |= {"mask": keep, "reduction": "none"}
            got = lk.cross_entropy_with_grad([x] * 3, targets, **chosen)
            want = ref.cross_entropy_with_grad([x] * 3, targets, **chosen)
            np.testing.assert_allclose(got[0], want[0], rtol=1e-14, atol=0)
            np.testing.assert_allclose(got[1], want[1], rtol=1e-14, atol=1e-16)


def test_finite_scores_have_a_loss_or_one_beyond_the_range():
    x = np.array([[1.7e308, -1.7e308, 0.0]] * 3)
    loss, grad = lk.cross_entropy_with_grad(x, [0, 1, 2], reduction="none")
    assert loss.tolist() == [0, INF, 1.7e308]
    assert grad.tolist() == [[0, 0, 0], [1, -1, 0], [1, 0, -1]]
    most = np.float32(np.finfo(np.float32).max)
    assert rows(np.array([[most, 0], [most, -most]]), [1, 1]).tolist() == [most, INF]
    assert rows(np.float16([[65504, -65504]]), [1]).tolist() == [INF]


# ---- shapes and dtypes ------------------------------------------------------------------------


@pytest.mark.parametrize("axis", [0, 1, 2, -1, -3])
def test_any_axis_is_its_rows_one_by_one(isa, axis):
    x = RNG.normal(size=(3, 4, 5))
    moved = np.moveaxis(x, axis, -1)
    ids = classes(moved)
    soft = np.moveaxis(soft_targets(moved), -1, axis)
    for targets in (ids, soft):
        loss, grad = lk.cross_entropy_with_grad(x, targets, axis=axis, reduction="none")
        assert loss.shape == ids.shape
        whole = np.moveaxis(targets, axis, -1) if targets is soft else targets
        want, slope = lk.cross_entropy_with_grad(moved.copy(), whole, reduction="none")
        assert same_bits(loss, want)
        assert same_bits(np.moveaxis(grad, axis, -1), slope)
        assert lk.cross_entropy(x, targets, axis=axis) == pytest.approx(loss.mean(), rel=1e-14)


def test_scalars_and_single_rows():
    assert lk.cross_entropy(3.0, 0) == 0
    assert lk.cross_entropy(3.0, 0.5, label_smoothing=0.5) == 0
    loss, grad = lk.cross_entropy_with_grad(3.0, 0, reduction="none")
    assert (loss, grad) == (0, 0)
    assert np.shape(loss) == np.shape(grad) == ()
    assert lk.cross_entropy([1.0, 1.0], 1) == pytest.approx(np.log(2), rel=1e-15)
    assert type(lk.cross_entropy(np.ones((2, 3), np.float32), [0, 1])) is np.float32
    assert type(rows(np.ones(3, np.float32), 0)) is np.float32


@pytest.mark.parametrize("reduction", ["none", "sum", "mean"])
def test_rows_of_no_elements_and_no_rows(reduction):
    none = {"reduction": reduction}
    whole = {"none": [0, 0], "sum": 0, "mean": NAN}[reduction]
    for targets, extra in (([-1, -1], {"ignore_index": -1}), (np.empty((2, 0)), {})):
        loss, grad = lk.cross_entropy_with_grad(np.empty((2, 0)), targets, **extra, **none)
        np.testing.assert_array_equal(loss, whole)
        assert grad.shape == (2, 0)
    loss, grad = lk.cross_entropy_with_grad(np.empty((0, 3)), np.empty(0, int), **none)
    np.testing.assert_array_equal(loss, {"none": [], "sum": 0, "mean": NAN}[reduction])
    assert grad.shape == (0, 3)
    if reduction == "mean":
        assert lk.cross_entropy(np.empty((0, 3)), np.empty(0, int), empty="zero") == 0
        assert lk.cross_entropy(np.empty((2, 0)), np.empty((2, 0)), empty="zero") == 0
        assert lk.cross_entropy(np.empty((0, 3)), np.empty(0, int), normalizer=5) == 0


@pytest.mark.parametrize(
    ("x", "targets", "result"),
    [
        ("float16", "int8", "float16"),
        ("bfloat16", "uint64", "bfloat16"),
        ("float32", "float64", "float32"),
        ("float16", "float32", "float16"),
        ("bfloat16", "float16", "bfloat16"),
        ("float64", "bfloat16", "float64"),
        ("int8", "int64", "float32"),
        ("bool", "float64", "float32"),
        ("int64", "float16", "float64"),
        (">f4", ">i4", "float32"),
        (">f8", ">f8", "float64"),
    ],
)
def test_dtype_of_the_result_is_that_of_x(x, targets, result):
    scores = np.array([[0, 1, 1], [1, 0, 1]]).astype(x)
    soft = np.dtype(targets).kind == "f" or targets == "bfloat16"
    given = np.array([[0.5, 0.25, 0.25], [0, 1, 0]] if soft else [1, 2]).astype(targets)
    loss, grad = lk.cross_entropy_with_grad(scores, given)
    assert loss.dtype.name == grad.dtype.name == result
    assert loss.dtype.isnative and grad.dtype.isnative
    want = ref.cross_entropy_with_grad(scores, given)
    np.testing.assert_allclose(float(loss), want[0], rtol=1e-2)
    np.testing.assert_allclose(grad.astype(float), want[1], rtol=1e-2, atol=1e-3)


@pytest.mark.parametrize("dtype", inputs.FLOATS[:2], ids=str)
def test_short_floats_are_computed_in_float32_and_rounded_once(dtype):
    x = (3 * RNG.normal(size=(40, 300))).astype(dtype)
    for targets in (classes(x), soft_targets(x)):
        wide = x.astype(np.float32)
        same = targets if targets.dtype.kind == "i" else targets.astype(np.float32)
        loss, grad = lk.cross_entropy_with_grad(x, targets, reduction="none")
        true, slope, terms = truth(wide, same, "plain")
        assert_within("cross_entropy", loss, true)
        assert_within("cross_entropy_with_grad", grad, slope, at=terms)

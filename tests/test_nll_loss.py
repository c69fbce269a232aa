"""nll_loss: the log-probability of each target, and what cross_entropy makes of it."""

import tracemalloc

import inputs
import numpy as np
import pytest
from kernel_calls import same_bits
from losses import classes, weights
from tolerances import assert_within, errors

import logitkit as lk
from logitkit import reference as ref

INF, NAN = np.inf, np.nan
RNG = np.random.default_rng(75)


@pytest.mark.parametrize("reduction", ["none", "mean", "sum"])
@pytest.mark.parametrize("dtype", inputs.FLOATS, ids=str)
def test_of_log_softmax_it_is_cross_entropy(isa, dtype, reduction):
    for count, length in ((40, 5), (12, 300), (3, 4100)):
        x = (3 * RNG.normal(size=(count, length))).astype(dtype)
        ids = classes(x)
        ids[1] = -1
        log_p = lk.log_softmax(x)
        for weight in (None, weights(length)):
            options = {"weight": weight, "ignore_index": -1, "reduction": reduction}
            got = np.atleast_1d(lk.nll_loss(log_p, ids, **options))
            want = np.atleast_1d(lk.cross_entropy(x, ids, **options))
            assert got.dtype == want.dtype == dtype
            # Its log-probabilities are rounded before they are added.
            assert errors(got, want.astype("g")).max() <= 4


@pytest.mark.parametrize("dtype", inputs.FLOATS, ids=str)
def test_it_is_the_element_itself(dtype):
    log_p = lk.log_softmax(RNG.normal(size=(30, 9)).astype(dtype))
    ids = classes(log_p)
    assert same_bits(lk.nll_loss(log_p, ids, reduction="none"), -log_p[np.arange(30), ids])
    w = weights(9)
    want = -(w[ids].astype("g") * log_p[np.arange(30), ids].astype("g"))
    assert_within("cross_entropy", lk.nll_loss(log_p, ids, weight=w, reduction="none"), want)
    mean = lk.nll_loss(log_p, ids, weight=w)
    assert_within("cross_entropy", np.atleast_1d(mean), [want.sum() / w[ids].astype("g").sum()])


@pytest.mark.parametrize("axis", [0, 1, -1])
def test_any_axis_layout_and_option_is_the_reference(axis):
    log_p = lk.log_softmax(RNG.normal(size=(4, 5, 6)), axis=axis)
    k = log_p.shape[axis]
    rows = np.delete(log_p.shape, axis)
    ids = RNG.integers(0, k, rows)
    ids[0, 1] = 77
    keep = RNG.random(log_p.shape) < 0.8
    np.moveaxis(keep, axis, -1)[2, 3] = False
    options = {"axis": axis, "ignore_index": 77, "weight": weights(k)}
    for mask in (None, keep):
        for reduction in ("none", "sum", "mean"):
            chosen = options | {"mask": mask, "reduction": reduction}
            want = ref.nll_loss(log_p, ids, **chosen)
            for given in (
                log_p,
                np.asfortranarray(log_p),
                log_p[::-1].copy()[::-1],
                np.repeat(log_p, 2, -1)[..., ::2],
                log_p.astype(">f8"),
            ):
                got = lk.nll_loss(given, ids, **chosen)
                np.testing.assert_allclose(got, want, rtol=1e-14)
                assert np.shape(got) == (tuple(rows) if reduction == "none" else ())
    for normalizer in ("count", 2.5):
        chosen = options | {"normalizer": normalizer}
        got, want = lk.nll_loss(log_p, ids, **chosen), ref.nll_loss(log_p, ids, **chosen)
        assert got == pytest.approx(want, rel=1e-14)
    hidden = np.ma.array(log_p, mask=~keep)
    want = lk.nll_loss(log_p, ids, mask=keep, reduction="none", **options)
    assert same_bits(lk.nll_loss(hidden, ids, reduction="none", **options), want)


def test_special_targets():
    log_p = np.array([[-INF, 0.0], [NAN, 0.0], [0.0, -INF], [-0.5, NAN]])
    got = lk.nll_loss(log_p, [0, 0, 0, 0], reduction="none")
    np.testing.assert_array_equal(got, [INF, NAN, 0, 0.5])
    assert not np.signbit(got[2])
    # A weight of 0 counts for nothing, but a NaN is one.
    got = lk.nll_loss(log_p, [0, 0, 0, 0], weight=[0, 1], reduction="none")
    np.testing.assert_array_equal(got, [0, NAN, 0, 0])
    assert np.isnan(lk.nll_loss(log_p[:1], [0], weight=[0, 1]))
    assert lk.nll_loss(log_p[:1], [0], weight=[0, 1], empty="zero") == 0
    # Only the target is looked at; a masked one is impossible, a row of none is left out.
    mask = np.array([[True, False], [False, False], [False, True], [True, False]])
    got = lk.nll_loss(log_p, [0, 0, 0, 0], mask=mask, reduction="none")
    np.testing.assert_array_equal(got, [INF, 0, INF, 0.5])
    got = lk.nll_loss(log_p, [9, 9, 0, 9], ignore_index=9, reduction="none")
    np.testing.assert_array_equal(got, [0, 0, 0, 0])


def test_scalars_empty_arrays_and_dtypes():
    assert lk.nll_loss(-1.5, 0) == 1.5
    assert type(lk.nll_loss(np.float32([[-1, -2]]), [1])) is np.float32
    assert lk.nll_loss(np.int8([[-1, -2]]), [1]).dtype == np.float32
    assert lk.nll_loss([[-1, -2]], [1]).dtype == np.float64
    assert np.isnan(lk.nll_loss(np.empty((0, 3)), np.empty(0, int)))
    assert lk.nll_loss(np.empty((0, 3)), np.empty(0, int), empty="zero") == 0
    got = lk.nll_loss(np.empty((2, 0)), [-1, -1], ignore_index=-1, reduction="none")
    assert np.array_equal(got, [0, 0])
    # Beyond the range of the dtype without a warning.
    assert lk.nll_loss(np.float16([[-6e4]] * 3), [0, 0, 0], reduction="sum") == INF


def test_a_sum_of_many_keeps_its_digits():
    log_p = np.float32([[-1e8, -1.0]] * 4 + [[-1.0, -1.0]] * 100_000)
    ids = np.zeros(len(log_p), int)
    assert lk.nll_loss(log_p, ids, reduction="sum") == np.float32(400_100_000)
    wide = np.array([[-(2.0**53)], [-1.0], [-1.0], [-1.0]])
    assert lk.nll_loss(wide, [0] * 4, reduction="sum") == 2.0**53 + 4  # 3, to even


def test_memory_is_of_the_rows_alone():
    log_p = np.zeros((1000, 5000), np.float32)
    ids = np.zeros(1000, int)
    tracemalloc.start()
    try:
        lk.nll_loss(log_p, ids, weight=np.ones(5000))
        lk.nll_loss(log_p.T, ids, axis=0, mask=np.ones(5000, bool)[:, None], ignore_index=3)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 200_000


def test_bad_arguments_are_refused():
    log_p = np.zeros((2, 3))
    with pytest.raises(
        TypeError, match=r"^targets has the dtype float64; accepted are integers, which are class"
    ):
        lk.nll_loss(log_p, np.zeros((2, 3)))
    with pytest.raises(TypeError, match=r"^targets has the dtype bool; accepted are integers"):
        lk.nll_loss(log_p, [True, False])
    with pytest.raises(
        ValueError, match=r"^targets has the shape \(3,\); .* of log_p without its axis, \(2,\)$"
    ):
        lk.nll_loss(log_p, [0, 1, 2])
    with pytest.raises(TypeError, match=r"^targets is a masked array; "):
        lk.nll_loss(log_p, np.ma.array([0, 1], mask=[0, 1]))
    with pytest.raises(TypeError, match=r"^log_p has the dtype complex128; "):
        lk.nll_loss(log_p + 0j, [0, 1])
    with pytest.raises(ValueError, match=r"^log_p is no array: "):
        lk.nll_loss([[1.0], [1.0, 2.0]], [0, 1])
    with pytest.raises(TypeError, match="label_smoothing"):
        lk.nll_loss(log_p, [0, 1], label_smoothing=0.1)

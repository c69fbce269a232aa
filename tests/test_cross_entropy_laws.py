"""cross_entropy: its options compose, with rows that are left out and with parts of a batch too."""

import inputs
import ml_dtypes
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from kernel_calls import same_bits
from losses import CHOICES, classes, options, soft_targets
from tolerances import errors

import logitkit as lk
from logitkit import reference as ref

INF, NAN = np.inf, np.nan
RNG = np.random.default_rng(73)


def both(x, targets, **options):
    return lk.cross_entropy_with_grad(x, targets, **options)


def one_hot(x, ids):
    return (ids[..., None] == np.arange(x.shape[-1])).astype(x.dtype)


def close(got, want, ulp=4):
    return errors(np.atleast_1d(got), np.atleast_1d(want).astype("g")).max() <= ulp


# ---- any call is the reference ----------------------------------------------------------------

SCORES = st.floats(-40, 40, width=16) | st.sampled_from([0.0, 1.0, -INF, INF, NAN])


@st.composite
def calls(draw):
    """Draw scores, targets and every option."""
    shape = draw(hnp.array_shapes(min_dims=1, max_dims=3, max_side=6))
    axis = draw(st.integers(-len(shape), len(shape) - 1))
    k, rows = shape[axis], tuple(np.delete(shape, axis).tolist())
    x = draw(hnp.arrays(np.float64, shape, elements=SCORES))
    ignore = draw(st.sampled_from([None, -1, -100, 7, 0]))
    if draw(st.booleans()):
        valid = [*range(k), *([] if ignore is None else [ignore])]
        targets = draw(hnp.arrays(np.int64, rows, elements=st.sampled_from(valid)))
    else:
        targets = draw(hnp.arrays(np.float64, shape, elements=st.sampled_from([0, 0.25, 1])))
        ignore = None
    weight = st.none() | hnp.arrays(np.float64, (k,), elements=st.sampled_from([0.5, 1, 3, 0]))
    reduction = draw(st.sampled_from(["mean", "sum", "none"]))
    chosen = {
        "axis": axis,
        "ignore_index": ignore,
        "weight": draw(weight),
        "label_smoothing": draw(st.sampled_from([0.0, 0.1, 1.0])),
        "z_loss": draw(st.sampled_from([0.0, 0.01])),
        "reduction": reduction,
        "empty": draw(st.sampled_from(["nan", "zero"])),
        "mask": draw(st.none() | hnp.arrays(bool, shape)),
    }
    if reduction == "mean":
        chosen["normalizer"] = draw(st.sampled_from(["weight", "count", 2.5]))
    return x, targets, chosen


@settings(max_examples=150)
@given(calls())
def test_any_call_is_the_reference(isa, call):
    x, targets, chosen = call
    for dtype, rtol in ((np.float64, 1e-13), (np.float32, 3e-6)):
        scores = x.astype(dtype)
        soft = targets.dtype.kind == "f"
        given_targets = targets.astype(dtype) if soft else targets
        loss, grad = both(scores, given_targets, **chosen)
        want = ref.cross_entropy_with_grad(scores, given_targets, **chosen)
        np.testing.assert_allclose(loss, want[0], rtol=rtol, atol=0)
        np.testing.assert_allclose(grad, want[1], rtol=rtol, atol=6 * rtol)


# ---- classes and probabilities ----------------------------------------------------------------


@pytest.mark.parametrize("choice", CHOICES)
@pytest.mark.parametrize("reduction", ["none", "mean"])
def test_soft_targets_of_one_class_are_that_class(isa, choice, reduction):
    for dtype in inputs.FLOATS:
        for count, length in ((40, 5), (17, 33), (3, 4100)):
            x = (3 * RNG.normal(size=(count, length))).astype(dtype)
            keep = RNG.random(x.shape) < 0.9
            ids = classes(x)
            keep[np.arange(count), ids] = True
            for mask in (None, keep):
                chosen = options(choice, length) | {"reduction": reduction, "mask": mask}
                loss, grad = both(x, ids, **chosen)
                soft, slope = both(x, one_hot(x, ids), **chosen)
                assert close(soft, loss)
                # Of the larger term, at most 3 times the normalizer.
                eps = float(ml_dtypes.finfo(dtype).eps)
                rest = 24 * eps / (1 if reduction == "none" else 0.1 * count)
                np.testing.assert_allclose(slope.astype(float), grad.astype(float), atol=rest)


def test_a_row_of_zeros_among_probabilities_is_ignored():
    x = RNG.normal(size=(6, 4))
    soft = soft_targets(x)
    soft[2] = 0
    loss, grad = both(x, soft, reduction="none", weight=[1, 2, 3, 4], z_loss=0.1)
    assert loss[2] == 0 and np.all(grad[2] == 0)
    others = np.arange(6) != 2
    assert lk.cross_entropy(x, soft) == pytest.approx(
        lk.cross_entropy(x[others], soft[others]), rel=1e-15
    )


# ---- rows that are left out -------------------------------------------------------------------


@pytest.mark.parametrize("choice", CHOICES)
@pytest.mark.parametrize("ignore", [-1, -100, 10_000, 2**40, 3])
def test_dropping_ignored_rows_by_hand_changes_nothing(isa, choice, ignore):
    for dtype in inputs.FLOATS:
        for count, length in ((40, 6), (20, 100), (9, 200)):
            x = (3 * RNG.normal(size=(count, length))).astype(dtype)
            out = RNG.random(count) < 0.4
            out[0], out[1] = True, False
            ids = classes(x)
            ids[ids == ignore] = 0
            ids[out] = ignore
            loud = x.copy()
            loud[out] = RNG.choice([NAN, INF, -INF, 6e4], (out.sum(), length))
            chosen = options(choice, length)
            rows, slope = both(loud, ids, ignore_index=ignore, reduction="none", **chosen)
            want, want_slope = both(x[~out], ids[~out], reduction="none", **chosen)
            assert same_bits(rows[~out], want) and same_bits(slope[~out], want_slope)
            assert np.all(rows[out] == 0) and np.all(slope[out] == 0)
            for normalizer in ("weight", "count", 3.0):
                mean, slope = both(loud, ids, ignore_index=ignore, normalizer=normalizer, **chosen)
                want, want_slope = both(x[~out], ids[~out], normalizer=normalizer, **chosen)
                assert close(mean, want, 1)
                assert errors(slope[~out], want_slope.astype("g")).max() <= 2


def test_ignored_rows_are_not_counted():
    x = RNG.normal(size=(8, 3))
    ids = np.array([0, 1, 2, -1, -1, 0, 1, 2])
    rows = lk.cross_entropy(x, ids, ignore_index=-1, reduction="none")
    assert lk.cross_entropy(x, ids, ignore_index=-1) == pytest.approx(rows.sum() / 6, rel=1e-15)
    weight = np.array([1.0, 2, 4])
    rows = lk.cross_entropy(x, ids, ignore_index=-1, reduction="none", weight=weight)
    mean = lk.cross_entropy(x, ids, ignore_index=-1, weight=weight)
    assert mean == pytest.approx(rows.sum() / 14, rel=1e-15)
    mean = lk.cross_entropy(x, ids, ignore_index=-1, weight=weight, normalizer="count")
    assert mean == pytest.approx(rows.sum() / 6, rel=1e-15)


# ---- parts of a batch -------------------------------------------------------------------------


@pytest.mark.parametrize("parts", [2, 3, 7])
@pytest.mark.parametrize("choice", CHOICES)
def test_parts_with_one_normalizer_add_up_to_the_whole(isa, choice, parts):
    for dtype in inputs.COMPUTED:
        x = (3 * RNG.normal(size=(50, 11))).astype(dtype)
        ids = classes(x)
        ids[5] = -1
        for targets in (ids, soft_targets(x)):
            ignore = {"ignore_index": -1} if targets.ndim == 1 else {}
            chosen = options(choice, 11) | ignore
            whole, slope = both(x, targets, normalizer=31.7, **chosen)
            cut = [np.array_split(a, parts) for a in (x, targets)]
            some = [both(a, b, normalizer=31.7, **chosen) for a, b in zip(*cut, strict=True)]
            assert close(sum(np.float64(loss) for loss, _ in some), whole.astype(float), 2**32)
            np.testing.assert_allclose(sum(a for a, _ in some), whole, rtol=4 * np.finfo(dtype).eps)
            assert same_bits(np.concatenate([g for _, g in some]), slope)


def test_the_weight_of_the_targets_as_a_number_is_the_default():
    x = RNG.normal(size=(20, 5)).astype(np.float32)
    ids, weight = classes(x), np.array([1, 2, 0.5, 3, 0.25])
    default = both(x, ids, weight=weight)
    number = both(x, ids, weight=weight, normalizer=float(weight[ids].sum()))
    assert same_bits(default[0], number[0]) and same_bits(default[1], number[1])


# ---- the mask ---------------------------------------------------------------------------------


@pytest.mark.parametrize("choice", CHOICES)
@pytest.mark.parametrize("noise", [NAN, INF, -INF, 6e4, 1e38])
def test_what_stands_in_a_masked_slot_changes_no_bit(isa, choice, noise):
    for dtype in inputs.FLOATS:
        for count, length in ((40, 4), (40, 77), (3, 300), (2, 5000)):
            x = RNG.normal(size=(count, length)).astype(dtype)
            keep = RNG.random(x.shape) < 0.7
            keep[0] = False
            with np.errstate(over="ignore"):
                loud = np.where(keep, x, np.float64(noise).astype(dtype))
            for targets in (classes(x), soft_targets(x)):
                bad = targets
                if targets.ndim == 2:
                    bad = np.where(keep, targets, dtype.type(NAN))
                chosen = options(choice, length) | {"mask": keep, "reduction": "none"}
                quiet = both(x, targets, **chosen)
                got = both(loud, targets, **chosen)
                assert same_bits(got[0], quiet[0]) and same_bits(got[1], quiet[1])
                hidden = both(x, bad, **chosen)
                assert same_bits(hidden[0], quiet[0]) and same_bits(hidden[1], quiet[1])
                assert quiet[0][0] == 0 and np.all(quiet[1][0] == 0)


def test_nonsense_among_probabilities_is_nan_without_a_warning_and_hidden_by_the_mask():
    x = RNG.normal(size=(2, 3))
    soft = np.array([[0.5, 0.25, 0.25], [INF, -INF, 0]])
    for weight in (None, [0.0, 1.0, 2.0]):
        loss, grad = both(x, soft, weight=weight)
        assert np.isnan(loss) and np.isnan(grad).any()
        keep = np.array([[True, True, True], [False, False, True]])
        plain = both(x, np.where(keep, soft, 0), weight=weight, mask=keep)
        hidden = both(x, soft, weight=weight, mask=keep)
        assert same_bits(hidden[0], plain[0]) and same_bits(hidden[1], plain[1])
        assert np.isfinite(hidden[0])


def test_masked_classes_are_as_if_they_were_not_there():
    x = RNG.normal(size=(9, 7))
    keep = np.array([1, 0, 1, 1, 0, 1, 1], bool)
    ids = np.array([0, 1, 2, 3, 4, 0, 1, 2, 3])
    positions = np.flatnonzero(keep)
    weight = RNG.uniform(0.5, 2, 7)
    for chosen in ({}, {"label_smoothing": 0.2}, {"label_smoothing": 0.2, "z_loss": 0.1}):
        loss, grad = both(x, positions[ids], mask=keep, weight=weight, **chosen)
        want, slope = both(x[:, keep], ids, weight=weight[keep], **chosen)
        assert loss == pytest.approx(want, rel=1e-14)
        np.testing.assert_allclose(grad[:, keep], slope, rtol=1e-12, atol=1e-17)


def test_it_is_gather_logprobs_and_the_gradient_that_of_log_softmax():
    x = RNG.normal(size=(20, 9))
    ids = classes(x)
    loss, grad = both(x, ids, reduction="none")
    np.testing.assert_allclose(loss, -lk.gather_logprobs(x, ids), rtol=1e-15)
    slope = lk.log_softmax_vjp(lk.log_softmax(x), -one_hot(x, ids))
    np.testing.assert_allclose(grad, slope, rtol=1e-12, atol=1e-16)

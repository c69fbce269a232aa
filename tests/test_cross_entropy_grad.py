"""The gradient of cross_entropy: its digits, differences, slots that have none, where it goes."""

import inputs
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
from tolerances import assert_within

import logitkit as lk
from logitkit import reference as ref

INF, NAN = np.inf, np.nan
RNG = np.random.default_rng(72)


# ---- the digits -------------------------------------------------------------------------------


@pytest.mark.parametrize("choice", CHOICES)
@pytest.mark.parametrize("dtype", inputs.FLOATS, ids=str)
def test_within_the_table_on_every_input(isa, dtype, choice):
    for x, _ in inputs.accuracy_inputs(dtype, inputs.scale_of(isa) / 4).values():
        x = within_range(x)
        for targets in (classes(x), soft_targets(x)):
            chosen = options(choice, x.shape[-1])
            _, got = lk.cross_entropy_with_grad(x, targets, reduction="none", **chosen)
            _, true, terms = truth(x, targets, choice)
            row = row_of_the_table("cross_entropy_with_grad", choice, targets)
            assert_within(row, got, true, at=terms)


@pytest.mark.parametrize("dtype", inputs.FLOATS, ids=str)
def test_of_one_class_every_element_keeps_its_digits(isa, dtype):
    """A probability near 1 less its own target too: nothing is rounded before."""
    for x, _ in inputs.accuracy_inputs(dtype, inputs.scale_of(isa) / 4).values():
        x = within_range(x)
        for targets in (x.argmax(axis=-1), classes(x)):
            _, got = lk.cross_entropy_with_grad(x, targets, reduction="sum")
            _, true, _ = truth(x, targets, "plain")
            assert_within("cross_entropy_with_grad", got, true)


@pytest.mark.parametrize("normalizer", [7.0, 3e-4, 1e30, 1e-25])
@pytest.mark.parametrize("dtype", inputs.COMPUTED, ids=str)
def test_what_the_mean_divides_by_is_not_a_rounding_more(isa, dtype, normalizer):
    for count, length in ((40, 9), (3, 700), (2, 5000)):
        x = (5 * RNG.normal(size=(count, length))).astype(dtype)
        targets = classes(x)
        _, got = lk.cross_entropy_with_grad(x, targets, normalizer=normalizer)
        _, true, terms = truth(x, targets, "plain", scale=1 / np.longdouble(normalizer))
        assert_within("cross_entropy_with_grad", got, true, at=terms)


@pytest.mark.parametrize("axis", [0, 1, -1])
@pytest.mark.parametrize("reduction", ["mean", "sum"])
@pytest.mark.parametrize("choice", CHOICES)
def test_it_is_the_limit_of_differences(isa, choice, reduction, axis):
    h = 1e-5
    x, v = RNG.normal(size=(2, 4, 5, 6))
    moved = np.moveaxis(x, axis, -1)
    soft = np.moveaxis(soft_targets(moved), -1, axis)
    keep = RNG.random(x.shape) < 0.8
    np.moveaxis(keep, axis, -1)[..., 0] = True
    for targets in (np.zeros(moved.shape[:-1], int), soft):
        chosen = options(choice, moved.shape[-1])
        chosen |= {"axis": axis, "reduction": reduction, "mask": keep}
        up, down = (lk.cross_entropy(x + step * v, targets, **chosen) for step in (h, -h))
        _, got = lk.cross_entropy_with_grad(x, targets, **chosen)
        np.testing.assert_allclose((v * got).sum(), (up - down) / (2 * h), atol=1e-7)


@pytest.mark.parametrize("choice", CHOICES)
def test_the_loss_beside_it_has_the_bits_of_the_loss_alone(isa, choice):
    for dtype in inputs.FLOATS:
        for count, length in ((40, 7), (40, 100), (5, 129), (3, 4097), (2, 9000)):
            x = (4 * RNG.normal(size=(count, length))).astype(dtype)
            x[0, 0] = -INF
            for targets in (classes(x), soft_targets(x)):
                for reduction in ("none", "mean"):
                    chosen = options(choice, length) | {"reduction": reduction}
                    loss, _ = lk.cross_entropy_with_grad(x, targets, **chosen)
                    assert same_bits(loss, lk.cross_entropy(x, targets, **chosen))


def test_a_gradient_sums_to_nothing_and_points_to_the_target():
    x = RNG.normal(size=(30, 12))
    ids = classes(x)
    _, grad = lk.cross_entropy_with_grad(x, ids, reduction="sum")
    np.testing.assert_allclose(grad.sum(axis=-1), 0, atol=1e-15)
    assert np.array_equal(grad.argmin(axis=-1), ids)
    assert np.array_equal((grad < 0).sum(axis=-1), np.ones(30))


# ---- slots that have none ---------------------------------------------------------------------


@pytest.mark.parametrize("count", [2, 40])
@pytest.mark.parametrize("dtype", inputs.FLOATS, ids=str)
@pytest.mark.parametrize("choice", CHOICES)
def test_masked_and_impossible_slots_have_exactly_none(isa, choice, dtype, count):
    for length in (3, 16, 40, 300):
        x = RNG.normal(size=(count, length)).astype(dtype)
        keep = np.arange(length) % 3 > 0
        ids = np.full(count, 1)
        absent = np.where(keep, x, dtype.type(-INF))
        for targets in (ids, soft_targets(x)):
            chosen = options(choice, length) | {"reduction": "sum"}
            _, masked = lk.cross_entropy_with_grad(x, targets, mask=keep, **chosen)
            assert np.all(masked[:, ~keep] == 0)
            assert (masked[:, keep] != 0).mean() > 0.9
            assert not np.signbit(masked[:, ~keep].astype(float)).any()
            _, impossible = lk.cross_entropy_with_grad(absent, targets, **chosen)
            assert np.all(impossible[:, ~keep] == 0)
            assert not np.signbit(impossible[:, ~keep].astype(float)).any()
        # One class that is there: what is masked and what is impossible are the same.
        plain = [lk.cross_entropy_with_grad(x, ids, mask=keep)]
        plain.append(lk.cross_entropy_with_grad(absent, ids))
        assert same_bits(plain[0][0], plain[1][0]) and same_bits(plain[0][1], plain[1][1])


@pytest.mark.parametrize("targets", ["classes", "soft"])
def test_rows_that_are_left_out_have_none(isa, targets):
    x = RNG.normal(size=(40, 6))
    x[3], x[4, 2], x[5] = NAN, INF, -INF
    keep = np.ones((40, 6), bool)
    keep[7] = False
    if targets == "classes":
        ids = RNG.integers(0, 6, 40)
        ids[3:6] = 100
        loss, grad = lk.cross_entropy_with_grad(x, ids, ignore_index=100, mask=keep)
    else:
        x[3:6] = 0
        soft = soft_targets(x)
        soft[3:6] = 0
        loss, grad = lk.cross_entropy_with_grad(x, soft, mask=keep)
    assert np.isfinite(loss) and np.isfinite(grad).all()
    out = [3, 4, 5, 7]
    assert np.all(grad[out] == 0) and not np.signbit(grad[out]).any()
    assert np.all(np.delete(grad, out, axis=0) != 0)


def test_no_mean_no_gradient_or_nan():
    x = RNG.normal(size=(3, 4))
    ids = [-1, -1, -1]
    loss, grad = lk.cross_entropy_with_grad(x, ids, ignore_index=-1, empty="zero")
    assert loss == 0 and np.all(grad == 0)
    loss, grad = lk.cross_entropy_with_grad(x, ids, ignore_index=-1)
    assert np.isnan(loss) and np.all(grad == 0)
    for targets in ([0, 1, 2], np.full((3, 4), 0.25)):
        for empty, want in (("zero", 0.0), ("nan", NAN)):
            chosen = {"weight": np.zeros(4), "empty": empty}
            loss, grad = lk.cross_entropy_with_grad(x, targets, **chosen)
            np.testing.assert_array_equal(loss, want)
            np.testing.assert_array_equal(grad, np.full(x.shape, want))


# ---- where it goes ----------------------------------------------------------------------------


@pytest.mark.parametrize("axis", [-1, 0])
@pytest.mark.parametrize("length", [2, 16, 100, 300, 4097, 9000])
@pytest.mark.parametrize("dtype", inputs.FLOATS, ids=str)
def test_in_place_and_into_any_layout(isa, dtype, length, axis):
    x = (4 * RNG.normal(size=(18, length))).astype(dtype)
    for choice in ("plain", "all"):
        for targets in (classes(x), soft_targets(x)):
            soft = targets.ndim == 2
            chosen = options(choice, length) | {"axis": axis}
            scores = np.ascontiguousarray(np.moveaxis(x, -1, axis))
            given = np.ascontiguousarray(np.moveaxis(targets, -1, axis)) if soft else targets
            loss, want = lk.cross_entropy_with_grad(scores, given, **chosen)
            outs = [scores.copy(), np.full_like(scores, 7, order="F"), np.full_like(scores, 7)]
            outs.append(np.full((*scores.shape[:-1], 2 * scores.shape[-1]), 7, dtype)[..., ::-2])
            for i, out in enumerate(outs):
                source = out if i == 0 else scores
                value, grad = lk.cross_entropy_with_grad(source, given, out=out, **chosen)
                assert grad is out
                assert same_bits(out, want)
                assert same_bits(value, loss)


def test_integers_go_by_parts_into_out():
    x = RNG.integers(-5, 5, (300, 5000))  # more than a part
    ids = classes(x)
    out = np.empty(x.shape)
    loss, grad = lk.cross_entropy_with_grad(x, ids, out=out)
    want = lk.cross_entropy_with_grad(x.astype(float), ids)
    assert grad is out and same_bits(out, want[1]) and same_bits(loss, want[0])
    swapped = x.astype(">f4")
    got = lk.cross_entropy_with_grad(swapped, ids, weight=np.arange(5000))
    want = lk.cross_entropy_with_grad(x.astype("f4"), ids, weight=np.arange(5000))
    assert same_bits(got[0], want[0]) and same_bits(got[1], want[1])


def test_it_is_that_of_the_reference_with_everything_at_once():
    x = 3 * RNG.normal(size=(5, 6, 7))
    keep = RNG.random((5, 1, 7)) < 0.7
    keep[2, 0] = False
    chosen = options("all", 6) | {"axis": 1, "mask": keep, "ignore_index": -7}
    ids = np.where(RNG.random((5, 7)) < 0.3, -7, RNG.integers(0, 6, (5, 7)))
    for normalizer in ("weight", "count", 3.5):
        got = lk.cross_entropy_with_grad(x, ids, normalizer=normalizer, **chosen)
        want = ref.cross_entropy_with_grad(x, ids, normalizer=normalizer, **chosen)
        np.testing.assert_allclose(got[0], want[0], rtol=1e-14)
        np.testing.assert_allclose(got[1], want[1], rtol=1e-12, atol=1e-17)

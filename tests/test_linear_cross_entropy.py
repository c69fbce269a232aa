"""linear_cross_entropy: the loss of a product and its gradients, whatever the budget."""

import itertools

import ml_dtypes
import numpy as np
import pytest
from kernel_calls import same_bits
from linear_problems import CHOICES, CUTS, IGNORE, D, V, assert_near, problem, truth

import logitkit as lk

HALVES = {"float16": np.float16, "bfloat16": ml_dtypes.bfloat16}
INF, NAN = np.inf, np.nan


# ---- the values -------------------------------------------------------------------------------


@pytest.mark.parametrize("cut", CUTS)
@pytest.mark.parametrize("choice", CHOICES)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_within_the_table_of_the_reference(isa, dtype, choice, cut):
    memory, n = CUTS[cut]
    options = {**CHOICES[choice], "ignore_index": IGNORE}
    h, w, bias, targets = problem(dtype, (n,))
    for shift in (None, bias):
        want, units = truth(h, w, targets, shift, **options)
        got = lk.linear_cross_entropy_with_grad(h, w, targets, bias=shift, memory=memory, **options)
        assert {a.dtype for a in got if a is not None} == {np.dtype(dtype)}
        assert_near(got, want, units, np.finfo(dtype).eps)
        alone = lk.linear_cross_entropy(h, w, targets, bias=shift, memory=memory, **options)
        assert alone.dtype == dtype
        assert_near((alone, *got[1:]), want, units, np.finfo(dtype).eps)


@pytest.mark.parametrize("cut", CUTS)
@pytest.mark.parametrize("dtype", HALVES.values(), ids=HALVES)
def test_halves_are_rounded_once(dtype, cut):
    memory, n = CUTS[cut]
    h, w, bias, targets = problem(dtype, (n,))
    options = {**CHOICES["all"], "ignore_index": IGNORE}
    want, units = truth(h, w, targets, bias, **options)
    got = lk.linear_cross_entropy_with_grad(h, w, targets, bias=bias, memory=memory, **options)
    assert {a.dtype for a in got} == {np.dtype(dtype)}
    assert_near(got, want, units, np.finfo(np.float32).eps, rounded=0.5)


@pytest.mark.parametrize("cut", CUTS)
def test_unequal_dtypes_meet_in_the_wider_and_each_gradient_has_its_own(cut):
    memory, n = CUTS[cut]
    h, w, bias, targets = problem(np.float16, (n,))
    for dtypes in itertools.product((np.float16, np.float32, np.float64), repeat=3):
        operands = [a.astype(d) for a, d in zip((h, w, bias), dtypes, strict=True)]
        got = lk.linear_cross_entropy_with_grad(
            *operands[:2], targets, bias=operands[2], ignore_index=IGNORE, memory=memory
        )
        assert [a.dtype for a in got[1:]] == list(dtypes)
        want, units = truth(h, w, targets, bias, ignore_index=IGNORE)
        wide = np.float64 in dtypes
        eps = np.finfo(np.float64 if wide else np.float32).eps
        assert_near(got, want, units, eps, rounded=0.5)


def test_integers_are_converted():
    rng = np.random.default_rng(3)
    h, w = rng.integers(-3, 4, (5, D)), rng.integers(-2, 3, (V, D))
    targets = np.arange(5)
    want, units = truth(h, w, targets)
    for small, dtype in ((np.int8, np.float32), (np.int64, np.float64)):
        got = lk.linear_cross_entropy_with_grad(h.astype(small), w.astype(small), targets)
        assert {a.dtype for a in got[:3]} == {np.dtype(dtype)}
        assert_near(got, want, units, np.finfo(dtype).eps)


@pytest.mark.parametrize("cut", CUTS)
def test_a_loss_near_0_keeps_its_digits(cut):
    memory, _ = CUTS[cut]
    w = np.zeros((V, 2))
    w[3, 0] = 50
    h = np.array([[1.0, 0.0], [0.5, 0.0], [2.0, 0.0]])
    loss, grad_h, _, _ = lk.linear_cross_entropy_with_grad(
        h, w, [3, 3, 3], reduction="none", memory=memory
    )
    want = np.log1p((V - 1) * np.exp(-50 * h[:, 0]))
    np.testing.assert_allclose(loss, want, rtol=1e-14, atol=0)
    np.testing.assert_allclose(grad_h[:, 0], 50 * np.expm1(-want), rtol=1e-14, atol=0)


@pytest.mark.parametrize("cut", CUTS)
def test_large_scores_that_are_exact_lose_no_digits(cut):
    memory, n = CUTS[cut]
    h, w, bias = np.ones((n, D), np.float32), np.zeros((V, D), np.float32), np.float32([1001] * V)
    got = lk.linear_cross_entropy_with_grad(h, w, np.zeros(n, int), bias=bias, memory=memory)
    np.testing.assert_allclose(got.loss, np.log(V), rtol=2e-7)
    np.testing.assert_allclose(got.grad_w[1:], 1 / V, rtol=1e-6)
    np.testing.assert_allclose(got.grad_bias[1:], 1 / V, rtol=1e-6)


@pytest.mark.parametrize("cut", CUTS)
@pytest.mark.parametrize("choice", CHOICES)
def test_gradients_are_those_of_finite_differences(choice, cut):
    memory, n = CUTS[cut]
    h, w, bias, targets = problem(np.float64, (n,))
    options = {**CHOICES[choice], "ignore_index": IGNORE, "memory": memory}
    _, *gradients = lk.linear_cross_entropy_with_grad(h, w, targets, bias=bias, **options)
    rng = np.random.default_rng(5)
    step = 1e-5
    for i, gradient in enumerate(gradients):
        along = rng.standard_normal(gradient.shape)
        sides = []
        for sign in (step, -step):
            moved = [h, w, bias]
            moved[i] = moved[i] + sign * along
            sides.append(
                lk.linear_cross_entropy(*moved[:2], targets, bias=moved[2], **options).sum()
            )
        np.testing.assert_allclose(
            (sides[0] - sides[1]) / (2 * step), (gradient * along).sum(), rtol=2e-7, atol=1e-9
        )


# ---- rows and classes that are special --------------------------------------------------------


@pytest.mark.parametrize("cut", CUTS)
def test_ignored_rows_do_not_exist_whatever_they_hold(cut):
    memory, n = CUTS[cut]
    h, w, bias, targets = problem(lead=(n,))
    kept = targets != IGNORE
    options = {**CHOICES["all"], "bias": bias, "memory": memory}
    want = lk.linear_cross_entropy_with_grad(h[kept], w, targets[kept], **options)
    h[~kept] = np.resize([NAN, INF, 1e308, -INF, 0], (1, (~kept).sum())).T
    got = lk.linear_cross_entropy_with_grad(h, w, targets, ignore_index=IGNORE, **options)
    for a, b in zip(got, (want[0], got[1], *want[2:]), strict=True):
        assert same_bits(np.asarray(a), np.asarray(b))
    assert same_bits(got.grad_h[kept], want.grad_h)
    assert same_bits(got.grad_h[~kept], np.zeros(((~kept).sum(), D)))


@pytest.mark.parametrize("cut", CUTS)
def test_nothing_to_average_is_nan_or_0_and_has_no_gradient(cut):
    memory, n = CUTS[cut]
    h, w, bias, _ = problem(lead=(n,))
    targets = np.full(n, IGNORE)
    for empty, value in (("nan", NAN), ("zero", 0.0)):
        loss, *gradients = lk.linear_cross_entropy_with_grad(
            h, w, targets, bias=bias, ignore_index=IGNORE, empty=empty, memory=memory
        )
        assert same_bits(loss, np.float64(value))
        for gradient, like in zip(gradients, (h, w, bias), strict=True):
            assert same_bits(gradient, np.zeros_like(like))
    rows = lk.linear_cross_entropy(
        h, w, targets, ignore_index=IGNORE, reduction="none", memory=memory
    )
    assert same_bits(rows, np.zeros(n))


@pytest.mark.parametrize("cut", CUTS)
def test_rows_of_no_weight_have_a_mean_of_nan_or_0(cut):
    memory, n = CUTS[cut]
    h, w, bias, targets = problem(lead=(n,))
    options = {"weight": np.zeros(V), "ignore_index": IGNORE, "bias": bias, "memory": memory}
    kept = targets != IGNORE
    got = lk.linear_cross_entropy_with_grad(h, w, targets, **options)
    assert np.isnan(got.loss) and not got.grad_h[~kept].any()
    assert all(np.isnan(a).all() for a in (got.grad_h[kept], got.grad_w, got.grad_bias))
    loss, *gradients = lk.linear_cross_entropy_with_grad(h, w, targets, empty="zero", **options)
    assert loss == 0 and not any(a.any() for a in gradients)


@pytest.mark.parametrize("cut", CUTS)
@pytest.mark.parametrize("shape", [(0, 3), (2, 0, 3), (3, 0)])
def test_empty_arrays(shape, cut):
    memory, _ = CUTS[cut]
    h, w = np.zeros(shape), np.ones((4, shape[-1]))
    targets = np.zeros(shape[:-1], int)
    got = lk.linear_cross_entropy_with_grad(h, w, targets, memory=memory)
    want = np.log(4) if h.shape[0] == 3 else NAN
    np.testing.assert_allclose(got.loss, want, rtol=1e-15)
    assert got.grad_h.shape == h.shape and same_bits(got.grad_w, np.zeros(w.shape))


SPECIAL = {
    "a class ruled out": (0, 5, -INF),
    "several, targets among them": (1, slice(0, 30), -INF),
    "all classes ruled out": (1, slice(None), -INF),
    "an infinite score": (1, 11, INF),
    "no number": (1, 12, NAN),
}


@pytest.mark.parametrize("cut", CUTS)
@pytest.mark.parametrize("choice", ["plain", "weights", "smoothing", "all", "z-loss"])
@pytest.mark.parametrize("case", SPECIAL)
def test_special_scores_are_as_in_the_reference(case, choice, cut):
    memory, n = CUTS[cut]
    h, w, bias, targets = problem(lead=(n,))
    _, at, value = SPECIAL[case]
    bias[at] = value
    options = {**CHOICES[choice], "ignore_index": IGNORE, "reduction": "none"}
    if "weight" in options:
        options["weight"] = np.where(np.isfinite(bias), options["weight"], 0)
    got = lk.linear_cross_entropy_with_grad(h, w, targets, bias=bias, memory=memory, **options)
    want = lk.reference.linear_cross_entropy_with_grad(h, w, targets, bias=bias, **options)
    for a, b in zip(got, want, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-11, atol=1e-13)
    if value == -INF and choice != "smoothing":
        assert not got.grad_bias[at].any() or np.isnan(got.grad_bias[at]).all()


@pytest.mark.parametrize("cut", CUTS)
@pytest.mark.parametrize("value", [INF, NAN, -INF])
def test_a_row_without_softmax_has_no_gradient_anywhere(cut, value):
    memory, _ = CUTS[cut]
    h, w, bias, _ = problem(lead=(1,))
    bias[slice(None) if value == -INF else 3] = value
    got = lk.linear_cross_entropy_with_grad(h, w, [5], bias=bias, memory=memory)
    assert all(np.isnan(a).all() for a in got)

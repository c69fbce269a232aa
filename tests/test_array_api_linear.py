"""linear_cross_entropy of arrays of the array API standard: the reference's values, the budget."""

import tracemalloc

import array_api_strict as xp
import numpy as np
import pytest
from linear_problems import CHOICES, CUTS, IGNORE, V, assert_near, problem, truth

import logitkit as lk


def call(h, w, targets, bias=None, f=lk.linear_cross_entropy_with_grad, **options):
    given = [None if a is None else xp.asarray(a) for a in (h, w, targets, bias)]
    return f(*given[:3], bias=given[3], **options)


def host(results):
    assert all(a is None or type(a).__module__.startswith("array_api_strict") for a in results)
    return [None if a is None else np.asarray(a) for a in results]


@pytest.mark.parametrize("cut", CUTS)
@pytest.mark.parametrize("choice", CHOICES)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_within_the_table_of_the_reference(dtype, choice, cut):
    memory, n = CUTS[cut]
    options = {**CHOICES[choice], "ignore_index": IGNORE}
    h, w, bias, targets = problem(dtype, (1, n))
    eps = np.finfo(dtype).eps
    for shift in (None, bias):
        want, units = truth(h, w, targets, shift, **options)
        got = host(call(h, w, targets, shift, memory=memory, **options))
        assert {a.dtype for a in got if a is not None} == {np.dtype(dtype)}
        assert_near(got, want, units, eps)
        loss = call(h, w, targets, shift, f=lk.linear_cross_entropy, memory=memory, **options)
        assert_near([*host([loss]), *got[1:]], want, units, eps)
        near = lk.linear_cross_entropy_with_grad(h, w, targets, bias=shift, **options)
        assert_near(near, want, units, eps)


def test_unequal_dtypes_meet_in_the_wider_and_each_gradient_has_its_own():
    h, w, bias, targets = problem(np.float32, (9,))
    for wide in range(3):
        given = [a.astype(np.float64) if i == wide else a for i, a in enumerate((h, w, bias))]
        options = {"ignore_index": IGNORE, "memory": 20_000}
        got = host(call(*given[:2], targets, given[2], **options))
        assert [a.dtype for a in got[1:]] == [a.dtype for a in given]
        want, units = truth(h, w, targets, bias, ignore_index=IGNORE)
        assert_near(got, want, units, np.finfo(np.float64).eps, rounded=0.5)


def test_ignored_rows_do_not_exist_whatever_they_hold():
    h, w, bias, targets = problem(lead=(12,))
    kept = targets != IGNORE
    options = {**CHOICES["all"], "memory": 60_000}
    want = host(call(h[kept], w, targets[kept], bias, **options))
    h[~kept] = np.resize([np.nan, np.inf, -np.inf], (1, (~kept).sum())).T
    got = host(call(h, w, targets, bias, ignore_index=IGNORE, **options))
    assert not got[1][~kept].any()
    for a, b in zip((got[0], got[1][kept], *got[2:]), want, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-14)


def test_nothing_to_average():
    h, w, bias, _ = problem(lead=(5,))
    none = np.full(5, IGNORE)
    for empty, value in (("nan", np.nan), ("zero", 0.0)):
        options = {"ignore_index": IGNORE, "empty": empty}
        loss, *slopes = host(call(h, w, none, bias, **options))
        assert np.array_equal(loss, value, equal_nan=True)
        assert not any(a.any() for a in slopes)
        loss, _, by_w, _ = host(call(h, w, none % V, weight=np.zeros(V), **options))
        assert np.array_equal(loss, value, equal_nan=True)
        assert np.array_equal(by_w, np.full(w.shape, value), equal_nan=True)
        for shape in ((0, 3), (2, 0, 3)):
            given = np.ones(shape), np.ones((4, 3)), np.ones(shape[:-1], int)
            loss, by_h, by_w, _ = host(call(*given, **options))
            assert np.array_equal(loss, value, equal_nan=True)
            assert by_h.shape == shape and not by_w.any()
        assert np.array_equal(host(call(h, w[:0], none, **options))[0], value, equal_nan=True)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_budget_is_kept(dtype):
    n, d, v, memory = 500, 32, 4096, 8 * 2**20
    rng = np.random.default_rng(0)
    given = [xp.asarray(rng.standard_normal(s).astype(dtype)) for s in ((n, d), (v, d))]
    targets = xp.asarray(rng.integers(0, v, n))
    tracemalloc.start()
    got = lk.linear_cross_entropy_with_grad(
        *given, targets, label_smoothing=0.1, z_loss=0.01, memory=memory
    )
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    results = sum(np.asarray(a).nbytes for a in got[:3])
    assert peak - results <= memory
    assert memory < 8 * n * v


def test_what_is_refused():
    h, w, bias, targets = problem(lead=(5,))
    for change, error, message in [
        ({"w": w[0]}, ValueError, r"^w has the shape \(4,\); it must have two dimensions"),
        ({"w": w[:, :2]}, ValueError, r"^h has the shape \(5, 4\); its last axis must be that of"),
        ({"targets": h}, TypeError, r"^targets has the dtype float64; accepted are integers"),
        ({"targets": targets[1:]}, ValueError, r"^targets has the shape \(4,\); .* of h @ w\.T wi"),
        ({"targets": targets + 99}, IndexError, r"^targets is 92 at index \(0,\); accepted are th"),
        ({"bias": bias[1:]}, ValueError, r"^bias has the shape \(60,\); it must have one number"),
        ({"weight": bias[1:]}, ValueError, r"^weight has the shape \(60,\); it must have one num"),
        ({"memory": 0}, ValueError, r"^memory is 0; it must be a number of bytes above 0$"),
    ]:
        options = {"w": w, "targets": targets, "ignore_index": IGNORE, **change}
        with pytest.raises(error, match=message):
            call(h, options.pop("w"), options.pop("targets"), **options)

"""Arrays of the array API standard: what the table of the conformance does not have."""

import subprocess
import sys
from itertools import product

import array_api_strict as xp
import numpy as np
import pytest

import logitkit as lk
from logitkit import reference

RNG = np.random.default_rng(7)
X = RNG.normal(size=(4, 3, 5)) * 3
KEEP = RNG.random(X.shape) > 0.2


def compare(got, want, rtol=1e-13):
    assert type(got).__module__.startswith("array_api_strict")
    np.testing.assert_allclose(np.asarray(got), np.asarray(want), rtol=rtol, atol=1e-15)


def test_results_are_arrays_of_the_library():
    for got in (lk.softmax(xp.ones(3)), lk.logsumexp(xp.ones(3)), lk.relu(xp.ones(3))):
        assert type(got) is type(xp.ones(3))


@pytest.mark.parametrize("axis", [-1, 0, (0, 2), None])
def test_gradients_and_divergence(axis):
    x, y, g = (RNG.normal(size=X.shape) for _ in range(3))
    given = [xp.asarray(a) for a in (x, y, g)]
    one = reference.logsumexp(x, axis=axis, keepdims=True)
    for mask in (None, KEEP):
        options = {"axis": axis, "temperature": 0.7, "mask": mask}
        for name in ("logsumexp_vjp", "entropy_vjp"):
            got = getattr(lk, name)(given[0], xp.asarray(one), **options)
            compare(got, getattr(reference, name)(x, one, **options), 1e-12)
        for reduction in ("mean", "sum", "none"):
            got = lk.kl_divergence(*given[:2], reduction=reduction, **options)
            compare(got, reference.kl_divergence(x, y, reduction=reduction, **options), 1e-12)
    log_p = reference.log_softmax(x, axis=axis)
    got = lk.log_softmax_vjp(xp.asarray(log_p), given[2], axis=axis)
    compare(got, reference.log_softmax_vjp(log_p, g, axis=axis))


def test_picks():
    x = np.round(X)
    x[0, 0, :2] = np.nan
    for axis, k in product((0, 1, 2), (0, 2, 9)):
        values, ids = lk.top_k(xp.asarray(x), k, axis=axis)
        wanted, positions = reference.top_k(x, k, axis=axis)
        compare(values, wanted)
        compare(ids, positions)
    flags = xp.asarray([False, True, True])
    assert np.asarray(lk.top_k(flags, 2).ids).tolist() == [1, 2]
    ids = RNG.integers(0, 5, size=(4, 3, 2))
    compare(lk.gather_logprobs(xp.asarray(X), xp.asarray(ids)), reference.gather_logprobs(X, ids))
    one = lk.gather_logprobs(xp.asarray(X), xp.asarray(ids[..., 0]))
    compare(one, reference.gather_logprobs(X, ids[..., 0]))
    with pytest.raises(IndexError, match=r"^ids is 5 at index \(1,\); accepted are the classes in"):
        lk.gather_logprobs(xp.zeros((2, 5)), xp.asarray([0, 5]))


SOFT = reference.softmax(RNG.normal(size=X.shape))
OPTIONS = [
    {},
    {"reduction": "sum", "mask": KEEP},
    {"reduction": "none", "weight": np.arange(1.0, 6)},
    {"normalizer": "count", "label_smoothing": 0.1, "weight": np.arange(1.0, 6)},
    {"normalizer": 7.5, "z_loss": 0.01, "mask": KEEP},
]


@pytest.mark.parametrize("options", OPTIONS, ids=str)
@pytest.mark.parametrize("kind", ["classes", "probabilities"])
def test_cross_entropy(kind, options):
    if kind == "classes":
        targets = RNG.integers(0, 5, size=(4, 3))
        targets[0, 0] = -100
        options = options | {"ignore_index": -100}
    else:
        targets = SOFT
    loss, grad = lk.cross_entropy_with_grad(xp.asarray(X), xp.asarray(targets), **options)
    wanted, slope = reference.cross_entropy_with_grad(X, targets, **options)
    compare(loss, wanted)
    compare(grad, slope, 1e-12)
    compare(lk.cross_entropy(xp.asarray(X), xp.asarray(targets), **options), wanted)
    turned = xp.asarray(X.transpose(2, 0, 1))
    soft = targets if kind == "classes" else targets.transpose(2, 0, 1)
    mask = options.get("mask")
    options = options | {"mask": None if mask is None else mask.transpose(2, 0, 1), "axis": 0}
    _, grad = lk.cross_entropy_with_grad(turned, xp.asarray(soft), **options)
    compare(grad, slope.transpose(2, 0, 1), 1e-12)


def test_cross_entropy_of_nothing_and_of_no_class():
    x, targets = xp.zeros((2, 3)), xp.asarray([-1, -1])
    for empty, value in (("nan", np.nan), ("zero", 0.0)):
        loss, grad = lk.cross_entropy_with_grad(x, targets, ignore_index=-1, empty=empty)
        assert np.array_equal(np.asarray(loss), value, equal_nan=True)
        assert np.all(np.asarray(grad) == 0)
    with pytest.raises(IndexError, match=r"^targets is 3 at index \(1,\); .*ignore_index, -1$"):
        lk.cross_entropy(x, xp.asarray([-1, 3]), ignore_index=-1)
    with pytest.raises(TypeError, match=r"^targets has the dtype bool; accepted are integers"):
        lk.cross_entropy(x, xp.asarray([True, False]))


def test_what_is_refused():
    x = xp.ones((2, 3))
    for f in (lk.softmax, lk.logsumexp):
        with pytest.raises(TypeError, match=r"^out is a ndarray; .*the result is always a new"):
            f(x, out=np.ones((2, 3)))
    with pytest.raises(TypeError, match=r"^dtype is float16; .* of which array_api_strict has f"):
        lk.softmax(x, dtype="float16")
    with pytest.raises(TypeError, match=r"^x has the dtype .*complex64; accepted are bool"):
        lk.softmax(xp.ones(3, dtype=xp.complex64))
    with pytest.raises(TypeError, match=r"^mask is a masked array; accepted are arrays of array_"):
        lk.softmax(x, mask=np.ma.array([True] * 3))


def test_a_dask_array_is_refused_with_the_line_that_converts_it():
    lazy = type("Array", (), {"__module__": "dask.array.core"})()
    with pytest.raises(TypeError, match=r"pass array\.compute\(\)$"):
        lk.softmax(lazy)


def test_without_array_api_compat_the_extra_is_named():
    code = (
        "import sys; sys.modules['array_api_compat'] = None\n"
        "import array_api_strict as xp, logitkit as lk\n"
        "lk.softmax(xp.ones(3))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert "ImportError" in done.stderr
    assert "pip install logitkit[array-api]" in done.stderr


@pytest.mark.parametrize(
    "options", [o for o in OPTIONS if not {"label_smoothing", "z_loss"} & set(o)]
)
def test_nll_loss(options):
    log_p = reference.log_softmax(X)
    log_p[1, 1, 2] = np.nan
    targets = RNG.integers(0, 5, size=(4, 3))
    targets[0, 0], targets[1, 1] = -100, 2
    got = lk.nll_loss(xp.asarray(log_p), xp.asarray(targets), ignore_index=-100, **options)
    compare(got, reference.nll_loss(log_p, targets, ignore_index=-100, **options))
    turned = [np.moveaxis(a, -1, 0) if np.ndim(a) == 3 else a for a in (log_p, options.get("mask"))]
    options = options | {"mask": turned[1], "axis": 0}
    got = lk.nll_loss(xp.asarray(turned[0]), xp.asarray(targets), ignore_index=-100, **options)
    compare(got, reference.nll_loss(turned[0], targets, ignore_index=-100, **options))
    with pytest.raises(TypeError, match=r"^targets has the dtype float64; accepted are integers"):
        lk.nll_loss(xp.asarray(log_p), xp.asarray(log_p))

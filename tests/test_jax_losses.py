"""Cross-entropy of JAX arrays: NumPy's bits, its derivatives, batches, the formulas elsewhere."""

from functools import partial

import inputs
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.test_util import check_grads
from kernel_calls import same_bits

import logitkit as lk
from logitkit import reference
from logitkit.backends.jax import calls, losses

RNG = np.random.default_rng(11)
X = RNG.normal(size=(4, 6, 5)) * 3
KEEP = RNG.random(X.shape) > 0.2
LABELS = RNG.integers(0, 6, size=(4, 5))
LABELS[0, :3] = -100
WEIGHT = np.linspace(0.5, 3, 6)
SOFT = reference.softmax(RNG.normal(size=X.shape), axis=1)
OPTIONS = [
    {},
    {"reduction": "sum", "mask": KEEP, "label_smoothing": 0.1},
    {"reduction": "none", "weight": WEIGHT},
    {"weight": WEIGHT, "z_loss": 0.01, "mask": KEEP[:1]},
    {"normalizer": "count", "label_smoothing": 0.2},
    {"normalizer": 7.5},
]


@pytest.fixture(autouse=True)
def wide():
    with jax.enable_x64(True):
        yield


def targets(kind):
    """Return targets along axis 1, and the option that belongs to them."""
    return (LABELS, {"ignore_index": -100}) if kind == "classes" else (SOFT, {})


@pytest.mark.parametrize("dtype", inputs.FLOATS, ids=lambda d: d.name)
@pytest.mark.parametrize("options", OPTIONS, ids=lambda o: ", ".join(o))
def test_the_bits_are_those_of_numpy_arrays(options, dtype):
    x = X.astype(dtype)
    x[1, 0, 1], x[2, :, 2], x[3, 2, 3] = np.nan, -np.inf, np.inf
    options = options | {"axis": 1, "ignore_index": -100}
    f = partial(lk.cross_entropy_with_grad, **options)
    want = f(x, LABELS)
    for call in (f, jax.jit(f)):
        got = call(jnp.asarray(x), jnp.asarray(LABELS))
        assert same_bits(np.asarray(got[0]), np.asarray(want[0]))
        assert same_bits(np.asarray(got[1]), np.asarray(want[1]))
    alone = partial(lk.cross_entropy, **options)(jnp.asarray(x), jnp.asarray(LABELS))
    assert same_bits(np.asarray(alone), np.asarray(want[0]))


@pytest.mark.parametrize("options", OPTIONS, ids=lambda o: ", ".join(o))
def test_probabilities_give_what_the_reference_does(options):
    for x in (X, X.astype(np.float32)):
        got = lk.cross_entropy_with_grad(jnp.asarray(x), jnp.asarray(SOFT), axis=1, **options)
        want = reference.cross_entropy_with_grad(x, SOFT, axis=1, **options)
        near = 1e-13 if x.dtype == np.float64 else 1e-6
        for a, b in zip(got, want, strict=True):
            assert a.dtype == x.dtype
            np.testing.assert_allclose(np.asarray(a), b, rtol=near, atol=near)


@pytest.mark.parametrize("kind", ["classes", "probabilities"])
@pytest.mark.parametrize("options", OPTIONS[:4], ids=lambda o: ", ".join(o))
def test_gradients_agree_with_differences(options, kind):
    given, more = targets(kind)
    if "mask" in options and kind == "classes":
        # A target that is masked is infinitely far.
        hot = np.arange(6)[:, None] == LABELS[:, None]
        options = options | {"mask": options["mask"] | hot}
    f = jax.jit(lambda x: lk.cross_entropy(x, given, axis=1, **options, **more))
    order = 2 if "z_loss" in options else 1
    check_grads(f, (jnp.asarray(X),), order, modes=("fwd", "rev"), atol=1e-5, rtol=1e-5, eps=1e-4)


@pytest.mark.parametrize("kind", ["classes", "probabilities"])
def test_the_gradient_is_that_of_the_same_pass(kind):
    given, more = targets(kind)
    f = partial(lk.cross_entropy, axis=1, z_loss=0.01, **more)
    loss, slope = jax.jit(jax.value_and_grad(f))(jnp.asarray(X), given)
    want = lk.cross_entropy_with_grad(jnp.asarray(X), given, axis=1, z_loss=0.01, **more)
    assert loss == want[0]
    assert np.array_equal(slope, want[1])
    program = str(jax.make_jaxpr(jax.value_and_grad(f))(jnp.asarray(X), given))
    assert program.count("logitkit_cross_entropy[") == 1


def test_a_batch_of_problems_is_one_call():
    x, labels = jnp.asarray(X), jnp.asarray(LABELS)
    f = partial(lk.cross_entropy_with_grad, axis=0, ignore_index=-100, weight=WEIGHT)
    loss, slope = jax.jit(jax.vmap(f))(x, labels)
    each = [f(np.asarray(x[i]), np.asarray(labels[i])) for i in range(4)]
    assert same_bits(np.asarray(loss), np.asarray([one[0] for one in each]))
    assert same_bits(np.asarray(slope), np.stack([one[1] for one in each]))
    shared = jax.vmap(f, in_axes=(0, None))(x, labels[1])
    assert np.array_equal(shared[1][2], f(x[2], labels[1])[1])
    same = jax.vmap(f, in_axes=(None, 0))(x[0], labels)
    assert np.array_equal(same[0][3], f(x[0], labels[3])[0])
    slopes = jax.vmap(jax.grad(lambda x, t: f(x, t)[0]))(x, labels)
    assert np.array_equal(slopes, slope)


def test_a_class_that_there_is_not():
    x, labels = jnp.asarray(X), LABELS.copy()
    labels[3, 2] = 6
    with pytest.raises(IndexError, match=r"^targets is 6 at index \(3, 2\); .* -100$"):
        lk.cross_entropy(x, jnp.asarray(labels), axis=1, ignore_index=-100)
    f = partial(lk.cross_entropy_with_grad, axis=1, ignore_index=-100, reduction="none")
    loss, slope = jax.jit(f)(x, labels)
    bad = np.zeros((4, 5), bool)
    bad[3, 2] = True
    assert np.array_equal(np.isnan(loss), bad)
    assert np.array_equal(np.isnan(slope), np.broadcast_to(bad[:, None], X.shape))


def test_nothing_to_average():
    x, none = jnp.zeros((2, 3)), jnp.array([-1, -1])
    for empty, value in (("nan", np.nan), ("zero", 0.0)):
        f = partial(lk.cross_entropy_with_grad, ignore_index=-1, empty=empty)
        loss, slope = jax.jit(f)(x, none)
        assert np.array_equal(loss, value, equal_nan=True)
        assert not slope.any()


def test_a_derivative_in_the_targets_is_refused():
    x = jnp.asarray(X)
    with pytest.raises(TypeError, match=r"^targets is differentiated; .*stop_gradient\(targets\)"):
        jax.grad(lambda t: lk.cross_entropy(x, t, axis=1))(jnp.asarray(SOFT))
    with pytest.raises(TypeError, match=r"^weight is differentiated"):
        jax.grad(lambda w: lk.cross_entropy(x, LABELS % 6, axis=1, weight=w))(jnp.asarray(WEIGHT))


NLL = [
    {},
    {"mask": KEEP, "reduction": "sum"},
    {"weight": WEIGHT, "mask": KEEP[:1]},
    {"reduction": "none", "weight": WEIGHT * (np.arange(6) > 1)},
    {"normalizer": "count"},
    {"normalizer": 7.5},
]


@pytest.mark.parametrize("options", NLL, ids=lambda o: ", ".join(o))
def test_nll_loss(options):
    options = options | {"axis": 1, "ignore_index": -100}
    f = partial(lk.nll_loss, **options)
    for dtype in inputs.FLOATS:
        log_p = lk.log_softmax(X.astype(dtype), axis=1)
        log_p[1, 2, 1] = np.nan
        want = f(log_p, LABELS)
        for call in (f, jax.jit(f)):
            assert same_bits(np.asarray(call(jnp.asarray(log_p), LABELS)), np.asarray(want))
    hot = np.arange(6)[:, None] == LABELS[:, None]
    options = options | {"mask": options["mask"] | hot} if "mask" in options else options
    log_p = lk.log_softmax(jnp.asarray(X), axis=1)
    g = jax.jit(lambda log_p: lk.nll_loss(log_p, LABELS, **options))
    check_grads(g, (log_p,), 1, modes=("fwd", "rev"), atol=1e-5, rtol=1e-5, eps=1e-4)
    fixed = losses.Fixed(
        *(1, 3, "float64", -100, 0.0, 0.0, options.get("reduction", "mean")),
        *(options.get("normalizer", "weight"), "nan", True),
    )
    beside = {"ids": jnp.asarray(LABELS)[:, None]}
    if "mask" in options:
        beside["keep"] = jnp.broadcast_to(options["mask"], X.shape)
    if "weight" in options:
        beside["weight"] = jnp.asarray(options["weight"]).reshape(1, 6, 1)
    (got,) = elsewhere(
        losses._elsewhere,
        log_p,
        *beside.values(),
        fixed=fixed,
        keys=tuple(beside),
        gradient=False,
    )
    want = reference.nll_loss(np.asarray(log_p), LABELS, **options)
    np.testing.assert_allclose(np.asarray(got).reshape(want.shape), want, rtol=1e-13)


def elsewhere(primitive_call, *operands, **fixed):
    """Run what is lowered for other platforms than the CPU, here."""
    return jax.jit(partial(primitive_call, **fixed))(*operands)


def test_elsewhere_the_formulas_give_the_same():
    x, keep = jnp.asarray(X), jnp.asarray(KEEP)
    t = jnp.linspace(0.5, 2, 4).reshape(4, 1, 1)
    for name in ("softmax", "log_softmax", "logsumexp", "entropy"):
        call = calls.Call((1, 2))
        got = elsewhere(calls._elsewhere, x, keep, t, name=name, call=call, keys=("keep", "t"))
        want = getattr(reference, name)(X, axis=(1, 2), mask=KEEP, temperature=t)
        np.testing.assert_allclose(np.asarray(got).reshape(want.shape), want, rtol=1e-13)
    # As vmap leaves them: the scores are shared, the masks are not.
    got = elsewhere(
        calls._elsewhere, x[:1], keep, name="softmax", call=calls.Call((1,), 1.0), keys=("keep",)
    )
    want = reference.softmax(np.broadcast_to(X[:1], X.shape), axis=1, mask=KEEP)
    np.testing.assert_allclose(np.asarray(got), want, rtol=1e-13)
    got = elsewhere(calls._elsewhere, x, name="top_k", call=calls.Call((2,), 1.0, k=2), keys=())
    assert np.array_equal(got, reference.top_k(X, 2)[1])
    ids = jnp.asarray(RNG.integers(0, 5, size=(4, 6, 2)))
    call = calls.Call((2,), 1.0)
    got = elsewhere(calls._elsewhere, x, ids, name="gather_logprobs", call=call, keys=("ids",))
    np.testing.assert_allclose(np.asarray(got), reference.gather_logprobs(X, ids), rtol=1e-13)


@pytest.mark.parametrize("batched", [False, True])
def test_elsewhere_cross_entropy_is_the_formula(batched):
    fixed = losses.Fixed(0, 2, "float64", -100, 0.1, 0.01, "mean", "weight", "nan")
    weight = jnp.asarray(WEIGHT).reshape(6, 1)
    x, ids = jnp.asarray(X), jnp.asarray(LABELS)[:, None]
    operands = (x, ids, weight[None]) if batched else (x[1], ids[1], weight)
    keys = ("ids", "weight")
    loss, slope = elsewhere(losses._elsewhere, *operands, fixed=fixed, keys=keys, gradient=True)
    options = {"ignore_index": -100, "label_smoothing": 0.1, "z_loss": 0.01, "weight": WEIGHT}
    each = [reference.cross_entropy_with_grad(X[i], LABELS[i], axis=0, **options) for i in range(4)]
    wanted = [np.stack(one) for one in zip(*each, strict=True)] if batched else each[1]
    np.testing.assert_allclose(np.asarray(loss), wanted[0], rtol=1e-13)
    np.testing.assert_allclose(np.asarray(slope), wanted[1], rtol=1e-12, atol=1e-15)


def test_programs_for_other_platforms_can_be_made_here():
    """What is exported for a GPU has no call of the core, and for a CPU it has."""
    f = jax.jit(lambda x, t: (lk.softmax(x), lk.cross_entropy(x, t)))
    shapes = jax.ShapeDtypeStruct((4, 8), jnp.float32), jax.ShapeDtypeStruct((4,), jnp.int32)
    text = {
        platform: f.trace(*shapes).lower(lowering_platforms=(platform,)).as_text()
        for platform in ("cpu", "cuda")
    }
    assert text["cpu"].count("custom_call @logitkit") == 2
    assert "logitkit" not in text["cuda"].replace("jit_logitkit", "").replace("@logitkit_", "")

"""JAX arrays: NumPy's bits, inside a compiled program and outside, and what tracing changes."""

import subprocess
import sys
from functools import partial

import inputs
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from kernel_calls import same_bits

import logitkit as lk

FAMILY = ("softmax", "log_softmax", "logsumexp", "entropy")
SHAPE = (6, 5, 37)


@pytest.fixture(autouse=True)
def wide():
    with jax.enable_x64(True):
        yield


def scores(dtype, seed=0):
    x = 4 * np.random.default_rng(seed).normal(size=SHAPE)
    x[0, 0], x[1, 1, 3], x[2, 2, 5] = -np.inf, np.nan, np.inf
    return x.astype(dtype)


def assert_bits(got, want):
    assert isinstance(got, jax.Array)
    assert same_bits(np.asarray(got), np.asarray(want))


def both_ways(f, *args):
    """Return the result of a call, and of the same call compiled."""
    return f(*args), jax.jit(f)(*args)


KEEP = np.random.default_rng(1).random(SHAPE) > 0.3
OPTIONS = [
    {},
    {"axis": 1},
    {"axis": (0, 2), "temperature": 0.7},
    {"axis": None, "mask": KEEP},
    {"mask": KEEP[:1], "temperature": np.linspace(0, 3, 30).reshape(6, 5)},
]


@pytest.mark.parametrize("dtype", inputs.FLOATS, ids=lambda d: d.name)
@pytest.mark.parametrize("name", FAMILY)
def test_the_bits_are_those_of_numpy_arrays(name, dtype):
    x, f = scores(dtype), getattr(lk, name)
    for options in OPTIONS:
        for got in both_ways(partial(f, **options), jnp.asarray(x)):
            assert_bits(got, f(x, **options))


@pytest.mark.parametrize("dtype", inputs.FLOATS, ids=lambda d: d.name)
def test_so_are_those_of_the_others(dtype):
    x, y = scores(dtype), scores(dtype, seed=5)
    p, ids = lk.softmax(x), np.random.default_rng(2).integers(0, 5, size=(6, 3, 37))
    for name, args, options in (
        ("softmax", (x,), {"precision": "exact", "empty": "uniform"}),
        ("log_softmax", (x,), {"dtype": np.float16, "empty": "zero"}),
        ("softmax_vjp", (p, y), {"temperature": 2.0}),
        ("softmax_jvp", (p, y), {"axis": (1, 2)}),
        ("log_softmax_vjp", (lk.log_softmax(x), y), {}),
        ("logsumexp_vjp", (x, y[..., 0]), {"mask": KEEP}),
        ("entropy_vjp", (x, y[..., 0]), {}),
        ("kl_divergence", (x, y), {"reduction": "none", "mask": KEEP}),
        ("gather_logprobs", (x, ids), {"axis": 1}),
        ("gather_logprobs", (x, ids[:, 0]), {"axis": 1, "mask": KEEP[0]}),
        ("gather_logprobs", (x[:1], ids.astype(np.int8)), {"axis": 1, "temperature": 0.5}),
    ):
        f = partial(getattr(lk, name), **options)
        for got in both_ways(f, *map(jnp.asarray, args)):
            assert_bits(got, f(*args))
    want = lk.top_k(x, 4, axis=1)
    for got in both_ways(lambda x: lk.top_k(x, 4, axis=1), jnp.asarray(x)):
        assert_bits(got.values, want.values)
        assert_bits(got.ids, want.ids)


def test_a_batch_is_one_call():
    x = jnp.asarray(scores(np.float32))
    f = jax.vmap(partial(lk.softmax, axis=0), in_axes=1, out_axes=1)
    assert_bits(f(x), lk.softmax(np.asarray(x), axis=0))
    assert str(jax.make_jaxpr(f)(x)).count("logitkit[") == 1
    assert "scan" not in str(jax.make_jaxpr(f)(x))
    # What is shared by the batch is not repeated for it.
    for in_axes, args in (((None, 0), (x[0], KEEP)), ((0, None), (x, KEEP[0]))):
        masked = jax.vmap(lambda x, keep: lk.log_softmax(x, mask=keep), in_axes=in_axes)
        whole = lk.log_softmax(np.broadcast_to(args[0], SHAPE), mask=args[1])
        assert_bits(jax.jit(masked)(*args), whole)
    warm = jax.vmap(lambda t: lk.softmax(x[0], temperature=t))(jnp.array([0.5, 0.0, jnp.inf]))
    assert_bits(warm[1], lk.softmax(np.asarray(x[0]), temperature=0.0))
    twice = jax.vmap(jax.vmap(lk.logsumexp, in_axes=1))(x.transpose(0, 2, 1))
    assert_bits(twice, lk.logsumexp(np.asarray(x)))


def test_without_64_bits():
    with jax.enable_x64(False):
        assert lk.softmax(jnp.arange(3)).dtype == jnp.float32
        assert lk.top_k(jnp.ones(3), 2).ids.dtype == jnp.int32
        assert_bits(lk.softmax(jnp.ones(3)), lk.softmax(np.ones(3, np.float32)))
        assert lk.gather_logprobs(jnp.zeros((2, 4)), jnp.array([0, 1])).dtype == jnp.float32
        with pytest.raises(TypeError, match=r"dtype is float64; .* of which jax has float16"):
            lk.softmax(jnp.ones(3), dtype="float64")
        # A number has all its digits, an array those that JAX has.
        x = jnp.asarray(scores(np.float32))
        assert_bits(lk.softmax(x, temperature=0.37), lk.softmax(np.asarray(x), temperature=0.37))


@pytest.mark.parametrize("wide_by_default", [False, True])
def test_integers_become_the_default_float(wide_by_default):
    with jax.enable_x64(wide_by_default):
        for dtype in ("bool", "int8", "uint16", "int32"):
            got = lk.softmax(jnp.zeros(4, dtype))
            assert got.dtype == jnp.zeros(()).dtype
            assert got.tolist() == [0.25] * 4


def test_what_is_refused_outside_gives_nan_rows_inside():
    x = jnp.zeros((3, 4))
    t = jnp.array([1.0, -1.0, jnp.nan])
    with pytest.raises(ValueError, match=r"temperature is -1.0 at index \(1,\); it must be >= 0"):
        lk.softmax(x, temperature=t)
    for f in (lk.softmax, lk.log_softmax, lk.logsumexp, lk.entropy):
        got = jax.jit(lambda x, t, f=f: f(x, temperature=t))(x, t)
        assert not jnp.isnan(got[0]).any()
        assert jnp.isnan(got[1:]).all()
    ids = jnp.array([0, 4, -1])
    with pytest.raises(IndexError, match=r"ids is 4 at index \(1,\); accepted are the classes"):
        lk.gather_logprobs(x, ids)
    got = jax.jit(lk.gather_logprobs)(x, ids)
    assert jnp.isnan(got).tolist() == [False, True, True]
    impossible = jnp.full((2, 3), -jnp.inf)
    with pytest.raises(ValueError, match=r"^row 0 has no element"):
        lk.softmax(impossible, empty="raise")
    with pytest.raises(ValueError, match=r"^empty is 'raise', which must look at the values"):
        jax.jit(partial(lk.softmax, empty="raise"))(impossible)


def test_out_is_refused():
    x = jnp.ones(3)
    for f in (lk.softmax, lk.log_softmax, lk.logsumexp):
        with pytest.raises(
            TypeError, match=r"^out is a ndarray; accepted is None: for arrays of jax"
        ):
            f(x, out=np.ones(3))


def test_other_arguments_may_be_numpy_arrays_and_lists():
    x = scores(np.float32)
    keep, t = [True, False] * 18 + [True], np.full(5, 0.5)
    got = lk.softmax(jnp.asarray(x), mask=keep, temperature=t)
    assert_bits(got, lk.softmax(x, mask=keep, temperature=t))
    p = lk.softmax(x)
    assert_bits(lk.softmax_vjp(jnp.asarray(p), x), lk.softmax_vjp(p, x))
    assert_bits(lk.gather_logprobs(jnp.zeros((2, 3)), [0, 1]), np.log(np.full(2, 1 / 3)))


def test_no_elements():
    for shape, axis in (((0,), -1), ((2, 0), 1), ((0, 3), 0), ((0, 3), 1)):
        x = np.empty(shape, np.float32)
        for name in FAMILY:
            f = partial(getattr(lk, name), axis=axis)
            assert_bits(jax.jit(f)(jnp.asarray(x)), f(x))


def test_without_jax_the_extra_is_named():
    code = (
        "import sys, logitkit as lk; sys.modules['jax'] = None\n"
        "lk.softmax(type('ArrayImpl', (), {'__module__': 'jaxlib._jax'})())"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert "ImportError" in done.stderr
    assert "pip install logitkit[jax]" in done.stderr


def test_numpy_calls_load_no_jax():
    code = "import sys, numpy, logitkit as lk; lk.softmax(numpy.ones(3)); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert "logitkit.backends.numpy" in done.stdout.split()
    assert not {"jax", "jaxlib", "array_api_compat"} & set(done.stdout.split())

"""linear_cross_entropy of JAX arrays: the reference's values, derivatives, the budget."""

from functools import partial

import jax
import jax.numpy as jnp
import ml_dtypes
import numpy as np
import pytest
from jax.sharding import Mesh, PartitionSpec
from jax.test_util import check_grads
from linear_problems import CHOICES, IGNORE, NAMES, D, V, assert_near, problem, truth

import logitkit as lk
from logitkit.backends.jax import linear_loss

DTYPES = {
    "float32": np.float32,
    "float64": np.float64,
    "float16": np.float16,
    "bfloat16": ml_dtypes.bfloat16,
}
# A budget, and for how many rows it cuts the logits so.
CUTS = {"a row at a time": (1, 5), "parts and a rest": (5000, 19), "all at once": (2**26, 12)}
MIB = 2**20


@pytest.fixture(autouse=True)
def wide():
    with jax.enable_x64(True):
        yield


def arrays(*given):
    return [None if a is None else jnp.asarray(a) for a in given]


def host(results):
    return [None if a is None else np.asarray(a) for a in results]


def exactness(dtype):
    """Return the eps of the products, and how much of an ULP of the result is excused."""
    half = np.dtype(dtype).itemsize == 2
    return np.finfo(np.float32 if half else dtype).eps, 0.5 if half else 0.0


@pytest.mark.parametrize("dtype", DTYPES.values(), ids=DTYPES)
@pytest.mark.parametrize("choice", CHOICES)
def test_within_the_table_of_the_reference(choice, dtype):
    options = {**CHOICES[choice], "ignore_index": IGNORE}
    h, w, bias, targets = problem(dtype, (2, 10))
    eps, rounded = exactness(dtype)
    for shift in (None, bias):
        want, units = truth(h, w, targets, shift, **options)
        given = arrays(h, w, targets)
        f = partial(lk.linear_cross_entropy_with_grad, bias=shift, memory=5000, **options)
        got = f(*given)
        assert {a.dtype for a in got if a is not None} == {np.dtype(dtype)}
        assert got._fields == NAMES
        assert_near(host(got), want, units, eps, rounded)
        assert_near(host(jax.jit(f)(*given)), want, units, eps, rounded)
        loss = lk.linear_cross_entropy(*given, bias=shift, memory=5000, **options)
        assert_near([np.asarray(loss), *host(got[1:])], want, units, eps, rounded)
        near = lk.linear_cross_entropy_with_grad(h, w, targets, bias=shift, **options)
        assert_near(near, want, units, eps, rounded)


@pytest.mark.parametrize("cut", CUTS)
@pytest.mark.parametrize("narrow", [False, True])
def test_whatever_the_budget(narrow, cut):
    memory, n = CUTS[cut]
    options = {**CHOICES["all"], "ignore_index": IGNORE, "memory": memory}
    with jax.enable_x64(not narrow):
        for dtype in (np.float32, np.float16):
            h, w, bias, targets = problem(dtype, (n,))
            want, units = truth(h, w, targets, bias, **CHOICES["all"], ignore_index=IGNORE)
            got = lk.linear_cross_entropy_with_grad(
                *arrays(h, w, targets), bias=jnp.asarray(bias), **options
            )
            assert_near(host(got), want, units, *exactness(dtype))


def test_unequal_dtypes_meet_in_the_wider_and_each_gradient_has_its_own():
    h, w, bias, targets = problem(np.float16, (7,))
    given = jnp.asarray(h), jnp.asarray(w, jnp.float32), jnp.asarray(targets)
    got = lk.linear_cross_entropy_with_grad(
        *given, bias=jnp.asarray(bias, jnp.float64), ignore_index=IGNORE
    )
    assert [a.dtype.name for a in got] == ["float64", "float16", "float32", "float64"]
    want, units = truth(h, w, targets, bias, ignore_index=IGNORE)
    assert_near(host(got), want, units, np.finfo(np.float64).eps, rounded=0.5)


@pytest.mark.parametrize("choice", ["all", "sum", "number", "rows"])
def test_gradients_agree_with_differences(choice):
    h, w, bias, targets = problem(lead=(2, 4))
    options = {**CHOICES[choice], "ignore_index": IGNORE, "memory": 3000}

    def f(h, w, bias):
        return lk.linear_cross_entropy(jnp.asarray(h), w, targets, bias=bias, **options)

    given = arrays(h, w, bias)
    for call in (f, jax.jit(f)):
        check_grads(call, given, 1, modes=("rev",), atol=1e-5, rtol=1e-5, eps=1e-4)


def test_second_derivatives_agree_with_differences():
    h, w, _, targets = problem(lead=(4,))

    @jax.jit
    def f(h, w):
        return lk.linear_cross_entropy(jnp.asarray(h), w, targets, ignore_index=IGNORE, memory=2000)

    check_grads(f, arrays(h, w), 2, modes=("rev",), atol=1e-5, rtol=1e-5, eps=1e-4)


def test_the_gradient_is_that_of_the_same_pass():
    h, w, bias, targets = arrays(*problem(np.float32))
    f = partial(lk.linear_cross_entropy, ignore_index=IGNORE)
    call = jax.value_and_grad(lambda h, w, b: f(h, w, targets, bias=b), (0, 1, 2))
    loss, slopes = jax.jit(call)(h, w, bias)
    want = lk.linear_cross_entropy_with_grad(h, w, targets, bias=bias, ignore_index=IGNORE)
    assert loss == want[0]
    for a, b in zip(slopes, want[1:], strict=True):
        assert np.array_equal(a, b)
    assert str(jax.make_jaxpr(call)(h, w, bias)).count("logitkit_cross_entropy[") == 1
    # Of one operand alone no other gradient is formed.
    alone = jax.make_jaxpr(jax.grad(lambda h: f(h, w, targets)))(h)
    assert str(alone).count("dot_general") == 2
    assert np.array_equal(jax.grad(lambda b: f(h, w, targets, bias=b))(bias), want[3])


def test_a_batch_of_problems():
    h, w, _, targets = arrays(*problem(np.float32, (3, 5)))
    f = jax.value_and_grad(
        lambda h, w, t: lk.linear_cross_entropy(h, w, t, ignore_index=IGNORE, memory=900), (0, 1)
    )
    loss, slopes = jax.vmap(f, in_axes=(0, None, 0))(h, w, targets)
    for i in range(3):
        one, by = f(h[i], w, targets[i])
        np.testing.assert_allclose(loss[i], one, rtol=1e-6)
        for a, b in zip(slopes, by, strict=True):
            np.testing.assert_allclose(a[i], b, rtol=1e-5, atol=1e-7)


def test_inside_shard_map():
    h, w, _, targets = arrays(*problem(lead=(6,)))
    mesh = Mesh(np.array(jax.devices()[:1]), ("rows",))
    rows = PartitionSpec("rows")

    @partial(
        jax.shard_map, mesh=mesh, in_specs=(rows, PartitionSpec(), rows), out_specs=PartitionSpec()
    )
    def f(h, w, targets):
        part = lk.linear_cross_entropy(
            h, w, targets, ignore_index=IGNORE, reduction="sum", memory=900
        )
        return jax.lax.psum(part, "rows")

    want = lk.linear_cross_entropy_with_grad(h, w, targets, ignore_index=IGNORE, reduction="sum")
    np.testing.assert_allclose(f(h, w, targets), want[0], rtol=1e-13)
    for i in (0, 1):
        np.testing.assert_allclose(
            jax.grad(f, i)(h, w, targets), want[1 + i], rtol=1e-12, atol=1e-14
        )


@pytest.mark.parametrize("dtype", ["float32", "float16", "bfloat16"])
def test_the_logits_are_never_there_as_a_whole(dtype):
    n, d, v, memory = 1001, 64, 8192, 2 * MIB
    wanted = {"loss": (), "gradients": (0, 1, 2)}
    shapes = [jax.ShapeDtypeStruct(s, dtype) for s in ((n, d), (v, d), (v,))]
    ids = jax.ShapeDtypeStruct((n,), "int32")
    for name, which in wanted.items():

        def f(h, w, b, t):
            return lk.linear_cross_entropy(h, w, t, bias=b, memory=memory)

        program = jax.jit(jax.value_and_grad(f, which) if which else f)
        taken = program.lower(*shapes, ids).compile().memory_analysis().temp_size_in_bytes
        # Gradients of halves are added up in float32, and XLA converts a bfloat16 as a whole.
        sums = 4 * v * (d + 1) if which and dtype != "float32" else 0
        converted = 4 * (v * d + n * d * (1 + bool(which))) if dtype == "bfloat16" else 0
        assert taken <= memory + sums + converted, name
        assert memory + sums + converted < 4 * n * v / 2


def test_elsewhere_there_is_no_call_of_the_core():
    f = jax.jit(jax.grad(lambda h, w, t: lk.linear_cross_entropy(h, w, t, memory=900), (0, 1)))
    shapes = [jax.ShapeDtypeStruct(s, "float32") for s in ((8, D), (V, D))]
    traced = f.trace(*shapes, jax.ShapeDtypeStruct((8,), "int32"))
    text = {p: traced.lower(lowering_platforms=(p,)).as_text() for p in ("cpu", "cuda")}
    assert "custom_call @logitkit" in text["cpu"]
    assert "custom_call @logitkit" not in text["cuda"]


# ---- rows and classes that are special --------------------------------------------------------


def test_ignored_rows_do_not_exist_whatever_they_hold():
    h, w, bias, targets = problem(lead=(12,))
    kept = targets != IGNORE
    options = {**CHOICES["all"], "bias": jnp.asarray(bias), "memory": 3000}
    want = lk.linear_cross_entropy_with_grad(*arrays(h[kept], w, targets[kept]), **options)
    h[~kept] = np.resize([np.nan, np.inf, -np.inf], (1, (~kept).sum())).T
    got = lk.linear_cross_entropy_with_grad(*arrays(h, w, targets), ignore_index=IGNORE, **options)
    assert not got.grad_h[~kept].any()
    for a, b in zip(got, (want[0], got.grad_h.at[kept].set(want[1]), *want[2:]), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-14)


def test_nothing_to_average():
    h, w, bias, _ = arrays(*problem(lead=(5,)))
    none = jnp.full(5, IGNORE)
    for empty, value in (("nan", np.nan), ("zero", 0.0)):
        f = partial(lk.linear_cross_entropy_with_grad, ignore_index=IGNORE, empty=empty)
        loss, *slopes = f(h, w, none, bias=bias)
        assert np.array_equal(loss, value, equal_nan=True)
        assert not any(a.any() for a in slopes)
        loss, *slopes = f(h, w, none % V, weight=jnp.zeros(V))
        assert np.array_equal(loss, value, equal_nan=True)
        assert np.array_equal(slopes[1], np.full(w.shape, value), equal_nan=True)
        for shape in ((0, 3), (2, 0, 3)):
            loss, by_h, by_w, _ = f(jnp.ones(shape), jnp.ones((4, 3)), jnp.ones(shape[:-1], int))
            assert np.array_equal(loss, value, equal_nan=True)
            assert by_h.shape == shape and not by_w.any()
        loss, *_ = f(h, w[:0], none)
        assert np.array_equal(loss, value, equal_nan=True)


def test_one_row():
    h, w, bias, _ = problem(lead=())
    got = lk.linear_cross_entropy_with_grad(*arrays(h, w, 3), bias=jnp.asarray(bias))
    want, units = truth(h, w, np.array(3), bias)
    assert_near(host(got), want, units, np.finfo(float).eps)


def test_a_class_that_there_is_not():
    h, w, _, targets = problem(lead=(2, 5))
    targets[1, 2] = V
    given = arrays(h, w, targets)
    f = partial(lk.linear_cross_entropy, ignore_index=IGNORE, reduction="none")
    with pytest.raises(IndexError, match=r"^targets is 61 at index \(1, 2\); .*ignore_index, -7$"):
        f(*given)
    loss = jax.jit(f)(*given)
    assert np.argwhere(np.isnan(loss)).tolist() == [[1, 2]]


def test_what_is_refused():
    h, w, bias, targets = arrays(*problem(lead=(5,)))
    for change, error, message in [
        ({"w": w[0]}, ValueError, r"^w has the shape \(4,\); it must have two dimensions"),
        ({"w": w[:, :2]}, ValueError, r"^h has the shape \(5, 4\); its last axis must be that of"),
        ({"w": w.astype(complex)}, TypeError, r"^w has the dtype complex128; accepted are bool"),
        ({"targets": h}, TypeError, r"^targets has the dtype float64; accepted are integers"),
        ({"targets": targets[1:]}, ValueError, r"^targets has the shape \(4,\); .* of h @ w\.T wi"),
        ({"bias": bias[1:]}, ValueError, r"^bias has the shape \(60,\); it must have one number"),
        ({"weight": bias[1:]}, ValueError, r"^weight has the shape \(60,\); it must have one num"),
        ({"memory": 0}, ValueError, r"^memory is 0; it must be a number of bytes above 0$"),
        ({"memory": 1.5}, TypeError, r"^memory is 1\.5; accepted is an int"),
    ]:
        options = {"w": w, "targets": targets, "ignore_index": IGNORE, **change}
        with pytest.raises(error, match=message):
            lk.linear_cross_entropy(h, options.pop("w"), options.pop("targets"), **options)

    def weighted(weight):
        return lk.linear_cross_entropy(h, w, targets % V, weight=weight)

    with pytest.raises(TypeError, match=r"^weight is differentiated; .*stop_gradient\(weight\)"):
        jax.grad(weighted)(jnp.ones(V))
    with pytest.raises(TypeError, match="forward-mode"):
        jax.jvp(lambda h: lk.linear_cross_entropy(h, w, targets % V), [h], [h])


def test_parts_cover_all_once():
    for n in range(1, 12):
        for at_once in range(1, 13):
            seen = linear_loss._fold(
                n,
                at_once,
                lambda a, start, size: a.at[start + np.arange(size)].add(1),
                jnp.zeros(n),
            )
            assert np.array_equal(seen, np.ones(n))

"""Derivatives of JAX arrays: forward and reverse, of both orders, against differences."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.test_util import check_grads

import logitkit as lk

KEEP = np.array([[True, True, False, True], [True, False, True, True], [True] * 4])
IDS = jnp.array([[0, 3], [2, 2], [1, 0]])


@pytest.fixture(autouse=True)
def wide():
    with jax.enable_x64(True):
        yield


def rows(*shape, seed=0):
    return jnp.asarray(np.random.default_rng(seed).normal(size=shape or (3, 4)))


def functions():
    """Yield (name, function of arrays, arguments)."""
    x, y, t = rows(), rows(seed=1), jnp.array([0.5, 1.0, 2.5])
    positive = jnp.exp(y)
    for name in ("softmax", "log_softmax", "logsumexp", "entropy"):
        f = getattr(lk, name)
        yield name, f, (x,)
        yield f"{name} along 0", partial(f, axis=0), (x,)
        yield f"{name} of all", partial(f, axis=None, temperature=0.7), (x,)
        yield f"{name} with temperatures", lambda x, t, f=f: f(x, temperature=t), (x, t)
        yield f"{name} with a mask", partial(f, mask=KEEP, temperature=2.0), (x,)
    p = lk.softmax(x)
    yield "softmax_vjp", lk.softmax_vjp, (p, y)
    yield "softmax_jvp", lambda p, v, t: lk.softmax_jvp(p, v, temperature=t), (p, y, t)
    yield "log_softmax_vjp", lk.log_softmax_vjp, (lk.log_softmax(x), y)
    for name in ("logsumexp_vjp", "entropy_vjp"):
        f = partial(getattr(lk, name), mask=KEEP)
        yield name, lambda x, g, t, f=f: f(x, g, temperature=t), (x, y[:, 0], t)
    yield "softmax_jacobian", lk.softmax_jacobian, (p,)
    yield "gather_logprobs", lambda x, t: lk.gather_logprobs(x, IDS, temperature=t), (x, t)
    yield "top_k", lambda x: lk.top_k(x, 2).values, (x,)
    for reduction in ("mean", "none"):
        f = partial(lk.kl_divergence, reduction=reduction)
        yield f"kl_divergence, {reduction}", f, (x, y)
    yield "kl_divergence at T", lambda p, q, t: lk.kl_divergence(p, q, temperature=t), (x, y, t)
    for name in ("sigmoid", "tanh", "silu"):
        yield name, getattr(lk, name), (jnp.append(x.ravel(), 0.0),)
    for name in ("relu", "leaky_relu"):
        yield name, getattr(lk, name), (positive,)


with jax.enable_x64(True):
    CASES = {name: (f, args) for name, f, args in functions()}


# Twice as long to compile: where the second derivative has rules of its own.
TWICE = {
    *("softmax", "softmax with a mask", "log_softmax", "log_softmax with temperatures"),
    *("logsumexp", "entropy", "softmax_vjp", "log_softmax_vjp", "kl_divergence, none"),
}


@pytest.mark.parametrize("name", CASES)
def test_gradients_agree_with_differences(name):
    f, args = CASES[name]
    order = 2 if name in TWICE else 1
    check_grads(jax.jit(f), args, order, modes=("fwd", "rev"), atol=1e-5, rtol=1e-5, eps=1e-4)


def test_the_cases_of_the_second_derivative_are_cases():
    assert set(CASES) >= TWICE


def test_the_hessian_of_logsumexp_is_the_jacobian_of_softmax():
    x = rows(5)
    # Forward over reverse, and reverse over reverse.
    for hessian in (jax.hessian(lk.logsumexp), jax.jacrev(jax.grad(lk.logsumexp))):
        difference = hessian(x) - lk.softmax_jacobian(lk.softmax(x))
        assert jnp.abs(difference).max() < 1e-15


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "float64"])
def test_the_gradient_is_that_of_the_core(dtype):
    """Reverse mode runs the kernels of the products: their bits."""
    x, g = rows(7, 40).astype(dtype), rows(7, 40, seed=3).astype(dtype)
    for name in ("softmax", "log_softmax"):
        f = partial(getattr(lk, name), temperature=0.5)
        value, back = jax.vjp(f, x)
        ours = getattr(lk, f"{name}_vjp")(np.asarray(value), np.asarray(g), temperature=0.5)
        assert np.array_equal(np.asarray(back(g)[0]), ours)
    for name in ("logsumexp", "entropy"):
        _, back = jax.vjp(getattr(lk, name), x)
        ours = getattr(lk, f"{name}_vjp")(np.asarray(x), np.asarray(g[:, 0]))
        assert np.array_equal(np.asarray(back(g[:, 0])[0]), ours)


def test_what_is_masked_has_no_gradient_and_no_effect():
    x = np.asarray(rows()).copy()
    x[~KEEP] = np.nan
    for name in ("softmax", "log_softmax", "logsumexp", "entropy"):
        f = getattr(lk, name)

        def loss(x, f=f):
            got = f(x, mask=KEEP)
            return jnp.sum(jnp.where(jnp.isfinite(got), got, 0) ** 2)

        quiet, loud = jnp.where(KEEP, x, 0.0), jnp.asarray(x)
        gradient = jax.grad(loss)(loud)
        assert np.array_equal(gradient, jax.grad(loss)(quiet)), name
        assert np.all(np.asarray(gradient)[~KEEP] == 0), name
        assert np.any(np.asarray(gradient)[KEEP] != 0), name


def test_activations_have_a_derivative_where_the_formula_turns():
    at = jnp.array([0.0, jnp.inf, -jnp.inf])
    for f, slopes in ((lk.sigmoid, [0.25, 0, 0]), (lk.silu, [0.5, 1, 0]), (lk.relu, [0, 1, 0])):
        assert jax.vmap(jax.grad(f))(at).tolist() == slopes


def test_gradients_of_a_batch():
    """What vmap makes of a linear map can be transposed, and differentiated again."""
    x, g = rows(6, 5), rows(6, 5, seed=2)

    def third(x, g):
        return jnp.sum(jax.vjp(lk.softmax, x)[1](g)[0] ** 2)

    whole = jax.grad(lambda x: jnp.sum(jax.vmap(third)(x, g)))(x)
    shared = jax.vmap(jax.grad(third), in_axes=(0, None))(x, g[0])
    each = [jax.grad(third)(x[i], g[i]) for i in range(6)]
    assert np.allclose(whole, each, rtol=1e-13)
    assert np.allclose(shared[0], each[0], rtol=1e-13)
    for f in (lk.log_softmax, lk.logsumexp, lk.entropy):
        jacobians = jax.vmap(jax.jacrev(f))(x)
        forward = jax.vmap(jax.jacfwd(f))(x)
        assert np.allclose(jacobians, forward, rtol=1e-12, atol=1e-14)

"""What a call on JAX arrays costs, beside JAX's own function: ``python -m benchmarks.jax_calls``.

Compiled and outside of a compiled program, with its gradient, and the loss of training with its
gradient; microseconds, the median of calls in turn. The results are compared first.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import logitkit as lk

SHAPES = [(10,), (128, 10), (64, 1000), (1024, 1000), (64, 50257)]


def cross_entropy(x: Any, targets: Any) -> Any:
    """Return the mean loss as JAX has it."""
    log_p = jax.nn.log_softmax(x)
    return -jnp.mean(jnp.take_along_axis(log_p, targets[..., None], axis=-1))


def squares(softmax: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Return a function of one number whose gradient needs that of softmax."""
    return lambda x: jnp.sum(softmax(x) ** 2)


def medians(calls: list[Callable[[], Any]], rounds: int) -> list[float]:
    """Return the median time of each call, in microseconds; they take turns."""
    times: list[list[float]] = [[] for _ in calls]
    for _ in range(rounds):
        for call, spent in zip(calls, times, strict=True):
            start = time.perf_counter()
            jax.block_until_ready(call())
            spent.append((time.perf_counter() - start) * 1e6)
    return [statistics.median(spent) for spent in times]


def pairs(x: Any, targets: Any) -> dict[str, tuple[Callable[[], Any], Callable[[], Any]]]:
    """Return what is timed: logitkit's call and JAX's, by title."""
    made: dict[str, tuple[Any, Any]] = {
        "softmax": (jax.jit(lk.softmax), jax.jit(jax.nn.softmax)),
        "not compiled": (lk.softmax, jax.nn.softmax),
        "gradient": tuple(jax.jit(jax.grad(squares(f))) for f in (lk.softmax, jax.nn.softmax)),
    }
    calls = {
        title: (lambda f=ours: f(x), lambda f=theirs: f(x))
        for title, (ours, theirs) in made.items()
    }
    ours, theirs = (jax.jit(jax.value_and_grad(f)) for f in (lk.cross_entropy, cross_entropy))
    calls["loss and gradient"] = (lambda: ours(x, targets), lambda: theirs(x, targets))
    return calls


def main() -> None:
    """Print the table."""
    print(f"jax {jax.__version__}, float32, microseconds: logitkit / jax")
    rng = np.random.default_rng(0)
    for shape in SHAPES:
        x = jnp.asarray(rng.normal(size=shape), jnp.float32)
        targets = jnp.asarray(rng.integers(0, shape[-1], size=shape[:-1]))
        cells = []
        for title, calls in pairs(x, targets).items():
            for ours, theirs in zip(*(jax.tree.leaves(call()) for call in calls), strict=True):
                np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-5)
            a, b = medians(list(calls), 1000 if x.size < 100_000 else 30)
            cells.append(f"{title} {a:.0f} / {b:.0f}")
        print(shape, *cells, sep="  ")


if __name__ == "__main__":
    main()

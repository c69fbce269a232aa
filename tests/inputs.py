"""Scores to measure accuracy with: ordinary ones, and each way to make them hard."""

import ml_dtypes
import numpy as np

BFLOAT16 = np.dtype(ml_dtypes.bfloat16)
FLOATS = [np.dtype(name) for name in ("float16", BFLOAT16, "float32", "float64")]
COMPUTED = [np.dtype("float32"), np.dtype("float64")]  # what the kernels compute in


def to_dtype(values, dtype):
    """Round to a dtype; what is too large becomes its largest finite value."""
    most = float(ml_dtypes.finfo(dtype).max)
    return np.clip(values, -most, most).astype(dtype)


def accuracy_inputs(dtype, scale=1):
    """Return named (scores, temperature) of finite scores; `scale` < 1 for shorter rows."""
    rng = np.random.default_rng(1)
    reach = {"float16": 18, "bfloat16": 105, "float32": 105, "float64": 748}[dtype.name]
    most = float(ml_dtypes.finfo(dtype).max)
    least = float(ml_dtypes.finfo(dtype).smallest_subnormal)

    def shape(rows, columns):
        return rows, max(8, int(columns * scale))

    def normal(rows, columns):
        return rng.normal(size=shape(rows, columns))

    def with_one_above(above):
        x = normal(8, 1000)
        x[np.arange(8), rng.integers(0, x.shape[1], 8)] = above
        return x

    down = -np.linspace(0, reach, max(64, int(4096 * scale)))
    cases = {
        "N(0,1), K=1000": normal(8, 1000),
        "N(0,4), K=50257": 4 * normal(1, 50257),
        "N(0,20), K=1000": 20 * normal(8, 1000),
        "one score 30 above the rest": with_one_above(30),
        "one score 80 above the rest": with_one_above(80),
        "one score 700 above the rest": with_one_above(700),
        "N(0,1), K=10": rng.normal(size=(200, 10)),
        "N(0,3), K=2": 3 * rng.normal(size=(500, 2)),
        "ties": np.round(normal(4, 300)),
        "all equal": np.full(shape(2, 3001), 0.7),
        "down to the subnormal results": np.stack([down, rng.permutation(down) + 3.3]),
        "far from 0": 3000 + normal(4, 500),
        "at the anchor's limit": np.stack([4095.9 + normal(2, 500)[0], 4096.3 + normal(2, 500)[0]]),
        "1e6 and more": 1e6 * normal(4, 500),
        "all magnitudes": normal(4, 500) * 10.0 ** rng.integers(-8, 4, shape(4, 500)),
        "largest finite": most * rng.choice([-1, -0.5, 0.3, 0.999, 1], shape(4, 100)),
        "subnormal scores": least * rng.integers(-50, 50, shape(4, 100)),
        "logsumexp near 0": normal(8, 100) - np.log(shape(8, 100)[1]) - 0.5,
    }
    for temperature in (0.37, 3.3, 1e-3, 250.0, 1e-30, 1e30):
        cases[f"N(0,4), K=300, T={temperature:g}"] = 4 * normal(3, 300)
    # Where an exponential may be 3/2, or 3/4 with the next power: `shift` in math/exp.hpp.
    turns = (rng.integers(-99, 99, (300, 1)) + 0.5 + 87 / 1024) * np.log(2)
    turns += 2e-5 * rng.normal(size=turns.shape)
    below = turns - np.abs(2 * rng.normal(size=shape(300, 30)))
    cases["maxima between two powers"] = np.concatenate([turns, below], axis=1)
    cases |= hard_rows()
    # Blocks of 4096 whose maxima differ: what is kept of each has a unit of its own.
    apart = reach * np.repeat([0, -0.45, -0.85, 0.1], 4096)[: 12600 if scale > 0.1 else 64]
    cases["blocks far apart"] = apart + rng.normal(size=(2, apart.size))
    result = {}
    for name, values in cases.items():
        temperature = float(name.partition("T=")[2] or 1)
        result[name] = (to_dtype(values, dtype), temperature)
    return result


def hard_rows():
    """Return the worst rows of a search through millions of random ones."""
    normal = np.random.default_rng(208).normal(size=(90, 333))
    return {
        "hard for softmax, K=333": 1.5 * normal[56:57],
        "hard for log_softmax, T=1": np.array([[0.24717725813388824, -0.19312503933906555]]),
        "hard for log_softmax, T=0.3": np.array([[-0.056159958243370056, 0.0745912715792656]]),
        "hard for entropy, T=0.7": np.array(
            [[-3.177012693462358, 15.92205007717708, 6.268449172222726]]
        ),
        "hard for entropy, T=2.5": np.array(
            [[11.256515498528472, -60.81748148607956, -25.089846743221937]]
        ),
    }


def gradients(shape, dtype):
    """Return gradients of ordinary size, far from 0, and of all magnitudes."""
    rng = np.random.default_rng(12)
    ordinary, far, every = rng.normal(size=(3, *np.atleast_1d(shape)))
    every *= 10.0 ** rng.integers(-4, 4, shape)
    return [values.astype(dtype) for values in (ordinary, 100 + far, every)]


def others(x, dtype):
    """Return scores to compare x with: unlike it, near it, and nearly equal to it."""
    rng = np.random.default_rng(33)
    wide = x.astype(np.float64)
    with np.errstate(over="ignore"):
        near = wide * (1 + 0.02 * rng.normal(size=x.shape))
        nearly = wide + 1e-6 * rng.normal(size=x.shape)
    return [np.roll(x, 1, axis=-1), to_dtype(near, dtype), to_dtype(nearly, dtype)]


def activation_inputs(dtype):
    """Return scores for functions of one number, down to the subnormal results."""
    rng = np.random.default_rng(20)
    reach = {"float16": 20, "bfloat16": 110, "float32": 110, "float64": 760}[dtype.name]
    parts = [
        np.linspace(-reach, reach, 20001),
        3 * rng.normal(size=10000),
        rng.normal(size=10000) * 10.0 ** rng.integers(-8, 2, 10000),
    ]
    return to_dtype(np.concatenate(parts), dtype)


NAMES = list(accuracy_inputs(np.dtype("float32"), scale=0.01))


def scale_of(isa):
    """Shorter rows where the kernels call a library for every fused operation."""
    return 0.1 if isa == "generic" else 1

"""Targets and options to test losses with."""

import numpy as np
from oracles import exact_cross_entropy

# Each alone, and all that go together.
CHOICES = {
    "plain": {},
    "weights": {"weight": True},
    "smoothing": {"label_smoothing": 0.1},
    "z-loss": {"z_loss": 1e-4},
    "all": {"weight": True, "label_smoothing": 0.3, "z_loss": 0.01},
}


def classes(x, seed=0):
    """Return the most probable class of every second row, of the others any."""
    rng = np.random.default_rng(seed)
    rows = x.shape[:-1]
    any_class = rng.integers(0, x.shape[-1], rows)
    odd = (np.arange(any_class.size) % 2 == 1).reshape(rows)
    return np.where(odd, any_class, x.argmax(axis=-1))


def soft_targets(x, seed=0):
    """Return probabilities, some of them 0, rounded to the dtype of x."""
    p = np.random.default_rng(seed).random(x.shape)
    p[..., ::3] *= x.shape[-1] == 1
    return (p / p.sum(axis=-1, keepdims=True)).astype(x.dtype)


def weights(k, seed=0):
    return np.random.default_rng(seed).uniform(0.1, 3, k)


def options(name, k):
    """Return the options of a choice for k classes."""
    chosen = dict(CHOICES[name])
    if chosen.pop("weight", False):
        chosen["weight"] = weights(k)
    return chosen


def row_of_the_table(function, choice, targets):
    """Return the row of the table of tolerances: options add roundings of their own."""
    plain = targets.dtype.kind == "i" and choice in ("plain", "weights")
    return function if plain else f"{function}, options"


def within_range(x):
    """Return scores whose distances are in the range of float64, as -log(p) must be."""
    wide = x.dtype == np.float64 and np.abs(x).max() > 1e308
    return x / 4 if wide else x


def truth(x, targets, name, scale=1.0):
    """Return the losses, the gradient and its largest terms for a choice of options."""
    return exact_cross_entropy(x, targets, scale=scale, **options(name, x.shape[-1]))

"""Hidden states, weights and targets; what linear_cross_entropy gives of them, and how exactly."""

import numpy as np
from tolerances import LINEAR, ulp_of

from logitkit import reference as ref

NAMES = ("loss", "grad_h", "grad_w", "grad_bias")
D, V = 4, 61
IGNORE = -7
# A budget, and for how many rows it cuts the logits so.
CUTS = {
    "one logit at a time": (1, 8),
    "tiles": (1500, 12),
    "tiles of all rows": (5000, 24),
    "parts of rows": (60_000, 250),
    "all at once": (2**26, 37),
}

CHOICES = {
    "plain": {},
    "weights": {"weight": np.linspace(0, 2, V)},
    "smoothing": {"label_smoothing": 0.2},
    "z-loss": {"z_loss": 0.03},
    "all": {"weight": np.linspace(0, 2, V), "label_smoothing": 0.1, "z_loss": 0.01},
    "sum": {"reduction": "sum"},
    "count": {"normalizer": "count", "weight": np.linspace(0, 2, V)},
    "number": {"normalizer": 7.5},
    "rows": {"reduction": "none", "label_smoothing": 0.1},
}


def problem(dtype=np.float64, lead=(37,), seed=0):
    """Return h, w, bias and targets; every fifth target is IGNORE, no class."""
    rng = np.random.default_rng(seed)
    h = rng.standard_normal((*lead, D)).astype(dtype)
    w = (2 * rng.standard_normal((V, D)) / D**0.5).astype(dtype)
    bias = rng.standard_normal(V).astype(dtype)
    targets = rng.integers(0, V, lead)
    targets.reshape(-1)[::5] = IGNORE
    return h, w, bias, targets


def truth(h, w, targets, bias=None, **options):
    """Return the results, and the unit that the error of each is measured in, less its eps.

    A logit is a sum of D products, each of which may be off by its last digit; a probability is off
    by that, relatively; and a gradient is a sum of such, each times h or w.
    """
    want = ref.linear_cross_entropy_with_grad(h, w, targets, bias=bias, **options)
    kept = (targets != options.get("ignore_index"))[..., np.newaxis]
    h, w = np.where(kept, np.asarray(h, np.float64), 0), np.asarray(w, np.float64)
    shift = np.zeros(len(w)) if bias is None else np.asarray(bias, np.float64)
    terms = np.abs(h) @ np.abs(w).T + np.abs(shift)
    g = ref.cross_entropy_with_grad(h @ w.T + shift, targets, **options)[1]
    p = np.where(kept, ref.softmax(h @ w.T + shift), 0)
    g = np.abs(g) + 2 * np.abs(g).max() * p * (1 + terms)
    g, h = g.reshape(-1, len(w)), np.abs(h).reshape(-1, w.shape[1])
    units = (
        np.abs(want[0]).max() + terms.max(),
        (g @ np.abs(w)).reshape(want[1].shape),
        g.T @ h,
        None if bias is None else g.sum(axis=0),
    )
    return want, units


def assert_near(got, want, units, eps, rounded=0.0):
    """Compare the four results; `rounded` is how much of an ULP of their dtype is excused."""
    for name, a, b, unit in zip(NAMES, got, want, units, strict=True):
        if b is None:
            assert a is None
            continue
        a, b = np.asarray(a), np.asarray(b)
        assert a.shape == b.shape, name
        wide = a.astype(np.float64)
        assert np.array_equal(np.isnan(wide), np.isnan(b)), name
        allowed = LINEAR * eps * unit + (rounded and rounded * ulp_of(b, a.dtype))
        near = (wide == b) | np.isnan(b) | (abs(wide - b) <= allowed)
        assert near.all(), (name, np.max((abs(wide - b) / allowed)[~near]))

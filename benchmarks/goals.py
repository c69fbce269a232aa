"""The goals of accuracy: how far a result may be from the right one, in ULP, on every finite input.

`docs/accuracy.md` says at what an error is measured. `accuracy_tables` sets what was measured
beside the goals; `tests/tolerances.py` holds the functions to them.
"""

from __future__ import annotations

# Rounded once, from a result that has many more digits: half an ULP but for near ties. So are all
# halves, and float32 where it is asked to be exact.
NEAREST = 0.51

_LOGARITHMS = ("log_softmax", "gather_logprobs", "logsumexp", "cross_entropy")
_SUMS_OF_TERMS = (
    *("entropy", "kl_divergence", "cross_entropy_grad", "softmax_jacobian"),
    *("softmax_vjp", "softmax_jvp", "log_softmax_vjp", "logsumexp_vjp", "entropy_vjp"),
)
# By function: in float32 and in float64.
GOALS = {
    "softmax": (2, 2),
    **dict.fromkeys(_LOGARITHMS, (1, 2)),
    **dict.fromkeys(_SUMS_OF_TERMS, (4, 4)),
}

# Where a goal is given up, by function and dtype: what says why, and what is promised instead.
DEPARTURES = {("logsumexp", "float64"): "docs/decisions/0005-accuracy-goals.md"}


def ulp(function: str, dtype: str, precision: str = "default") -> float:
    """Return the goal of a function, in ULP."""
    float32, float64 = GOALS[function]
    if dtype == "float64":
        return float64
    return float32 if (dtype, precision) == ("float32", "default") else NEAREST

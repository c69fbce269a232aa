"""The one table of tolerances: how far a result may be from the true value, in ULP of its dtype.

The unit is the spacing of the dtype at the true value (not at the rounded one), for subnormal
results the smallest subnormal: nothing is excused. A bound of 0.51 is correct rounding but for near
ties. `measured` is the largest error on the inputs of `inputs.py` over all instruction sets and
regimes, and `where` the input that gave it; `tests/measure_tolerances.py` prints both. The bounds
are the goals of `benchmarks/goals.py`, where those name the function.

What the distance is measured at:

- softmax, log_softmax: the result itself, also at log-probabilities of -1e-30.
  softmax in float32: the last rounding (0.5), 1 + q with the rounding of its inner product (0.88),
  the terms of the sum (0.54), each the largest over all scores from 2^-6 to 4096 temperatures in
  size, and adding them (0.06): 1.99; log_softmax 0.94. Rows made to be bad reached 1.64, in a
  longer search 1.71; tools/bound_softmax.py prints the bounds and searches.
- logsumexp: the result itself in float32 and below. In float64 ``m / T + log(sum)`` cancels where
  the result is near 0 and no wider format is at hand: there the unit is that of the larger term.
- entropy: the result itself, for its two terms have one sign. softmax_vjp: the larger of p g / T
  and p (p . g) / T, whose difference it is. softmax_jacobian: the result itself.
- log_softmax_vjp: the larger of g / T and p sum(g) / T. logsumexp_vjp: the result itself.
  entropy_vjp: the larger of g p |y| / T and g p mean(|y|) / T, y the distance from the maximum.
- kl_divergence: the largest p (log p - log q) of the row, or the result where that is larger.
- cross_entropy: the loss of a row itself, a sum of terms of one sign. Options are smoothing, soft
  targets and z-loss.
- cross_entropy_with_grad: the largest of p sum(a), p times the pull of the z-loss, and a, whose sum
  the gradient is; of one class without options every element itself.
- sigmoid, tanh, silu: the result itself. NumPy's exponential (2.5 ULP in float32) is what they are
  made of; they are here for comparison, and have no goal of their own.
"""

from dataclasses import dataclass

import ml_dtypes
import numpy as np

from benchmarks import goals

LD = np.longdouble


@dataclass(frozen=True)
class Bound:
    ulp: float
    measured: float
    where: str


# (function, dtype, precision): `measured`, `where`. The bound is the goal of the function.
MEASURED = {
    ("softmax", "float32", "default"): (1.127, "maxima between two powers (regime 2)"),
    ("softmax", "float32", "exact"): (0.5, "N(0,1), K=1000"),
    ("softmax", "float64", "default"): (1.625, "N(0,4), K=50257"),
    ("softmax", "float64", "exact"): (1.625, "N(0,4), K=50257"),
    ("log_softmax", "float32", "default"): (0.555, "N(0,3), K=2 (regime 2)"),
    ("log_softmax", "float32", "exact"): (0.5, "N(0,4), K=300, T=0.001"),
    ("log_softmax", "float64", "default"): (1.004, "N(0,3), K=2"),
    ("log_softmax", "float64", "exact"): (1.004, "N(0,3), K=2"),
    ("logsumexp", "float32", "default"): (0.52, "N(0,3), K=2 (regime 2)"),
    ("logsumexp", "float64", "default"): (0.515, "N(0,1), K=10"),
    ("entropy", "float32", "default"): (0.498, "maxima between two powers"),
    ("entropy", "float64", "default"): (0.725, "N(0,3), K=2"),
    ("softmax_vjp", "float32", "default"): (1.354, "N(0,20), K=1000"),
    ("softmax_vjp", "float64", "default"): (2.724, "blocks far apart"),
    ("log_softmax_vjp", "float32", "default"): (2.124, "N(0,1), K=1000"),
    ("log_softmax_vjp", "float64", "default"): (2.616, "maxima between two powers"),
    ("logsumexp_vjp", "float32", "default"): (1.34, "one score 30 above the rest"),
    ("logsumexp_vjp", "float64", "default"): (1.074, "down to the subnormal results"),
    ("entropy_vjp", "float32", "default"): (0.5, "N(0,4), K=50257"),
    ("entropy_vjp", "float64", "default"): (2.213, "one score 30 above the rest"),
    ("kl_divergence", "float32", "default"): (0.5, "1e6 and more"),
    ("kl_divergence", "float64", "default"): (2.321, "logsumexp near 0"),
    ("cross_entropy", "float32", "default"): (0.556, "N(0,3), K=2"),
    ("cross_entropy", "float64", "default"): (0.756, "one score 80 above the rest"),
    ("cross_entropy, options", "float32", "default"): (0.597, "N(0,3), K=2"),
    ("cross_entropy, options", "float64", "default"): (0.945, "maxima between two powers"),
    ("cross_entropy_with_grad", "float32", "default"): (1.172, "one score 30 above the rest"),
    ("cross_entropy_with_grad", "float64", "default"): (1.052, "one score 80 above the rest"),
    ("cross_entropy_with_grad, options", "float32", "default"): (1.866, "between powers"),
    ("cross_entropy_with_grad, options", "float64", "default"): (2.943, "N(0,4), K=50257"),
    ("softmax_jacobian", "float32", "default"): (0.5, "one score 30 above the rest"),
    ("softmax_jacobian", "float64", "default"): (1.704, "down to the subnormal results"),
}


def goal(function, dtype, precision):
    """Return the goal of a row of this table; those of the losses also name their options."""
    return goals.ulp(function.partition(",")[0].replace("with_grad", "grad"), dtype, precision)


BOUNDS = {key: Bound(goal(*key), *found) for key, found in MEASURED.items()} | {
    ("sigmoid", "float32", "default"): Bound(4, 2.948, "x = -2.72376"),
    ("sigmoid", "float64", "default"): Bound(4, 2.023, "x = -3.43551"),
    ("tanh", "float32", "default"): Bound(4, 1.334, "x = -0.540506"),
    ("tanh", "float64", "default"): Bound(4, 1.127, "x = -0.548811"),
    ("silu", "float32", "default"): Bound(7, 5.726, "x = -60.302"),
    ("silu", "float64", "default"): Bound(4, 3.135, "x = -2.12179"),
}
# Computed in float32 and rounded once.
for _function, _dtype, _precision in list(BOUNDS):
    if _dtype == "float32":
        for _short in ("float16", "bfloat16"):
            BOUNDS[_function, _short, _precision] = Bound(goals.NEAREST, 0.501, "N(0,1), K=1000")

# In float64 the formulas of backends/_formulas have the exponentials of the library, where the
# kernels have their own, and their logsumexp near 0 lacks the digits that its terms share. Found on
# the table of the conformance: 2.805 and 2.184.
FORMULAS_ULP = {("softmax", "float64"): 3, ("logsumexp", "float64"): 3}

# How far `logitkit.reference` may be from the true value, in ULP of float64:
# test_reference_accuracy.py.
REFERENCE_ULP = {"softmax": 3, "log_softmax": 2, "logsumexp": 1, "entropy": 4}


def ulp_of(values, dtype):
    """Return the spacing of a dtype at each value, the smallest subnormal below the normal ones."""
    info = ml_dtypes.finfo(dtype)
    _, exponent = np.frexp(np.abs(values))
    return np.ldexp(LD(1), np.maximum(exponent - 1, info.minexp) - info.nmant)


def errors(got, want, at=None):
    """Return the distance from the true value in ULP of `got.dtype` at `want`, or at `at`.

    True values beyond the range of the dtype are infinite; a NaN is equal to a NaN alone.
    """
    got, want = np.asarray(got), np.asarray(want, LD)
    assert got.shape == want.shape, (got.shape, want.shape)
    assert want.size, "nothing to compare"
    largest = LD(float(ml_dtypes.finfo(got.dtype).max))
    beyond = np.abs(want) >= largest + ulp_of(largest, got.dtype) / 2
    want = np.where(beyond, np.copysign(LD(np.inf), want), want)
    wide = got.astype(np.float64).astype(LD)
    same = (wide == want) | (np.isnan(wide) & np.isnan(want))
    scale = want if at is None else np.maximum(np.abs(want), np.abs(at))
    scale = np.where(np.isfinite(scale), scale, largest)
    with np.errstate(invalid="ignore", over="ignore"):
        distance = np.abs(wide - want) / ulp_of(scale, got.dtype)
        distance = np.where(same, 0, np.where(np.isnan(distance), np.inf, distance))
        return distance.astype(np.float64)


def assert_within(function, got, want, at=None, precision="default", spare=0.0, others=None):
    """Compare with the true value, itself known to `spare` ULP, within the table's bound.

    `others` are bounds that stand in place of the table's.
    """
    got = np.asarray(got)
    dtype = got.dtype.name
    bound = (others or {}).get((function, dtype), BOUNDS[function, dtype, precision].ulp) + spare
    distance = errors(got, want, at)
    worst = np.unravel_index(np.argmax(distance), distance.shape)
    assert distance[worst] <= bound, (
        f"{function} of {got.dtype.name} ({precision}) is {distance[worst]:.3f} ULP from the true "
        f"value, allowed are {bound}: at {worst} {got[worst]!r}, true {np.asarray(want)[worst]!r}"
    )


# How far linear_cross_entropy_with_grad may be from the reference: in the eps of what its products
# are formed in, times the sum of the absolute terms (`linear_problems.truth`). Measured: 4.2.
LINEAR = 6.0

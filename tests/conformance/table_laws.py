"""Cases: the derivative, the activations, and what a call or two show of the guarantees."""

import ml_dtypes
import numpy as np
from inputs import FLOATS

from conformance.cases import AsIn, Case, Exactly, Law, Near
from conformance.table_axes import FAMILY
from conformance.truth import MAPS, truth

INF, NAN = np.inf, np.nan


def gradients():
    p, g = np.array([0.5, 0.25, 0.25]), np.array([2, -1, 4])
    want = np.array([0.125, -0.6875, 0.5625])
    jacobian = np.array([[4, -2, -2], [-2, 3, -1], [-2, -1, 3]]) / 16
    for dtype in FLOATS:
        a, b = p.astype(dtype), g.astype(dtype)
        for f in ("softmax_vjp", "softmax_jvp"):
            yield Case("gradient", f, (a, b), Exactly(want), "three classes")
            constant = np.full(3, 3, dtype)
            yield Case("gradient", f, (a, constant), Exactly([0, 0, 0]), "a constant slope")
            spoilt = np.array([2, NAN, 4], dtype)
            yield Case("gradient", f, (a, spoilt), Exactly([NAN] * 3), "NaN in g")
            bad = np.full(3, NAN).astype(dtype)
            yield Case("gradient", f, (bad, b), Exactly([NAN] * 3), "NaN in p")
        yield Case("gradient", "softmax_jacobian", (a,), Exactly(jacobian), "three classes")
        pair = np.stack([a, a])
        want_pair = Exactly([jacobian] * 2)
        yield Case("gradient", "softmax_jacobian", (pair,), want_pair, "two rows")


def zero_gradients():
    for dtype in FLOATS:
        p = np.array([0.5, 0, 0.5], dtype)
        for value in (NAN, INF, -INF, 6e4, -1.0):
            g = np.array([4, value, 2], dtype)
            for f in ("softmax_vjp", "softmax_jvp"):
                want = Exactly([0.5, 0, -0.5])
                yield Case("zero-gradient", f, (p, g), want, f"{value} where p is 0")
        want = Exactly([[0.25, 0, -0.25], [0, 0, 0], [-0.25, 0, 0.25]])
        yield Case("zero-gradient", "softmax_jacobian", (p,), want, "one class of 0")
        certain = np.array([1, 0], dtype)
        none = Exactly(np.zeros((2, 2)))
        yield Case("zero-gradient", "softmax_jacobian", (certain,), none, "certainty")
        slopes = np.array([3, 9], dtype)
        yield Case("zero-gradient", "softmax_vjp", (certain, slopes), Exactly([0, 0]), "certainty")


def activations():
    ends = [-INF, INF, 0.0, NAN]
    wants = {
        "sigmoid": [0.0, 1.0, 0.5, NAN],
        "tanh": [-1.0, 1.0, 0.0, NAN],
        "relu": [0.0, INF, 0.0, NAN],
        "leaky_relu": [-INF, INF, 0.0, NAN],
        "silu": [0.0, INF, 0.0, NAN],
    }
    for dtype in FLOATS:
        for f, want in wants.items():
            yield Case("activations", f, (np.array(ends, dtype),), Exactly(want), "the ends")
        x = np.array([[-2, 3], [-0.5, 1]], dtype)
        yield Case("activations", "relu", (x,), Exactly([[0, 3], [0, 1]]), "numbers")
        options = {"negative_slope": 0.25}
        want = Exactly([[-0.5, 3], [-0.125, 1]])
        yield Case("activations", "leaky_relu", (x,), want, "a slope", options)
        e = np.exp(-np.abs(x.astype(np.longdouble)))
        sigmoid = np.where(x >= 0, 1, e) / (1 + e)
        yield Case("activations", "sigmoid", (x,), Near(sigmoid), "numbers")
        yield Case("activations", "silu", (x,), Near(sigmoid * x.astype("g")), "numbers")
        yield Case("activations", "tanh", (x,), Near(np.tanh(x.astype("g"))), "numbers")


def bits():
    rng = np.random.default_rng(44)
    for dtype in FLOATS:
        x = (3 * rng.normal(size=(9, 37))).astype(dtype)
        for f in FAMILY:
            for i in (0, 4, 8):
                alone = AsIn((x[i],), part=np.s_[i])
                yield Case("bits", f, (x,), alone, f"row {i} alone")
            part = AsIn((x[2:7],), part=np.s_[2:7])
            yield Case("bits", f, (x,), part, "a part of the rows")
            loud = x.copy()
            loud[::2] = NAN
            beside = AsIn((loud,), part=np.s_[1::2], of_other=np.s_[1::2])
            yield Case("bits", f, (x,), beside, "beside rows of NaN")
            if f in MAPS:
                columns = AsIn((x.T.copy(),), {"axis": 0}, np.s_[0], np.s_[:, 0])
                yield Case("bits", f, (x,), columns, "as a column")
            other_place = AsIn((x[::-1].copy(),), part=np.s_[0], of_other=np.s_[-1])
            yield Case("bits", f, (x,), other_place, "at another place")


def laws():
    rng = np.random.default_rng(45)
    for dtype in FLOATS:
        eps = float(ml_dtypes.finfo(dtype).eps)
        for length, scale in ((2, 1), (10, 4), (1000, 1), (300, 30)):
            x = (scale * rng.normal(size=(3, length))).astype(dtype)
            title = f"{length} scores of {scale}"
            below = Law("at most 0", lambda got: bool(np.all(got.astype(float) <= 0)))
            yield Case("log-at-most-0", "log_softmax", (x,), below, title)
            one = Law(
                "1 in each sum",
                lambda got, eps=eps: np.all(np.abs(got.astype("g").sum(axis=-1) - 1) <= 2 * eps),
            )
            yield Case("sum-1", "softmax", (x,), one, title)
            order = rng.permutation(length)
            for f in MAPS:
                yield Case("permutation", f, (x[:, order],), Near(truth(f, x)[:, order]), title)
        # Multiples of 1/4 below 32, moved by 64: every sum is exact in every dtype.
        exact = (rng.integers(-16, 16, (4, 50)) / 4).astype(dtype)
        exact = exact if dtype.name != "bfloat16" else np.round(exact.astype(float)).astype(dtype)
        moved = (exact.astype(float) + 64).astype(dtype)
        assert np.array_equal(moved.astype(float) - 64, exact.astype(float))
        for f in MAPS:
            # float64 measures the scores from their maximum, the others from an exponent of 2.
            if dtype == np.float64:
                yield Case("shift", f, (moved,), AsIn((exact,)), "by 64")
            yield Case("shift", f, (moved,), Near(truth(f, exact)), "by 64, its values")
        yield Case("shift", "entropy", (moved,), AsIn((exact,)), "by 64")


CASES = [case for cases in (gradients, zero_gradients, activations, bits, laws) for case in cases()]

"""Cases: which elements make a row, and the dtype of what comes back."""

import ml_dtypes
import numpy as np
from inputs import FLOATS

from conformance.cases import AsIn, AsIs, Case, Exactly, Law, Near, Refused
from conformance.truth import MAPS, truth

INF = np.inf
FAMILY = (*MAPS, "logsumexp", "entropy")
ACTIVATIONS = ("sigmoid", "tanh", "relu", "leaky_relu", "silu")
ACCEPTED = ("bool", "integers", "float16", "bfloat16", "float32", "float64")

GRID = np.array([[0.5, -1, 2], [3, 3, -INF]])
CUBE = np.arange(24.0).reshape(2, 3, 4) % 7 / 2 - 1.25
PROBABILITIES = np.array([[0.5, 0.25, 0.25], [0.125, 0.875, 0]])
SLOPES = np.array([[2.0, -1, 4], [8, 1, 3]])
# p (g - sum(p g)) in eighths and sixteenths, by hand: the sums are 1.75 and 1.875.
PRODUCTS = np.array([[0.125, -0.6875, 0.5625], [0.765625, -0.765625, 0]])

RESULTS = {
    **dict.fromkeys(("bool", "int8", "uint8", "int16", "uint16"), "float32"),
    **dict.fromkeys(("int32", "uint32", "int64", "uint64"), "float64"),
    **{dtype.name: dtype.name for dtype in FLOATS},
}


FOREIGN = [
    np.ones(3, np.longdouble),
    np.ones(3, np.complex64),
    np.ones(3, np.complex128),
    np.array([1, None], object),
    np.array(["1", "2"]),
    np.array([b"1"]),
    np.array(["2020-01-01"], "M8[D]"),
    np.ones(3, "m8[s]"),
    np.ones(3, [("a", "f4")]),
    np.ones(3, ml_dtypes.float8_e4m3fn),
    np.ones(3, ml_dtypes.int4),
]


def default_axis():
    for dtype in FLOATS:
        x = GRID.astype(dtype)
        for f in FAMILY:
            yield Case("default-axis", f, (x,), Near(truth(f, x)), "two rows")
        p, g = PROBABILITIES.astype(dtype), SLOPES.astype(dtype)
        for f in ("softmax_vjp", "softmax_jvp"):
            yield Case("default-axis", f, (p, g), Exactly(PRODUCTS), "two rows")
        halves = np.full((1, 2), 0.5, dtype)
        want = Exactly([[[0.25, -0.25], [-0.25, 0.25]]])
        yield Case("default-axis", "softmax_jacobian", (halves,), want, "one row")


def axes():
    for dtype in FLOATS[2:]:
        x = CUBE.astype(dtype)
        for axis in (0, 1, 2, -1, -3, (0, 1), (2, 0), (-1, -2), (0, 1, 2), None, ()):
            for f in FAMILY:
                want = Near(truth(f, x, axis))
                yield Case("axis", f, (x,), want, f"axis {axis}", {"axis": axis})
    p, g = PROBABILITIES.T.copy(), SLOPES.T.copy()
    for f in ("softmax_vjp", "softmax_jvp"):
        yield Case("axis", f, (p, g), Exactly(PRODUCTS.T), "columns", {"axis": 0})
        one = Exactly(PROBABILITIES / 2 * (SLOPES - (1.75 + 1.875) / 2))
        whole = {"axis": None}
        yield Case("axis", f, (PROBABILITIES / 2, SLOPES), one, "all", whole)
    many = np.zeros((1,) * 30 + (2, 1))
    yield Case("axis", "softmax", (many,), Exactly(many + 0.5), "32 dimensions", {"axis": 30})


def keepdims():
    x = CUBE.astype(np.float32)
    for axis, shape in ((-1, (2, 3, 1)), (0, (1, 3, 4)), ((0, 2), (1, 3, 1)), (None, (1, 1, 1))):
        want = truth("logsumexp", x, axis)
        options = {"axis": axis, "keepdims": True}
        kept = Near(want.reshape(shape))
        yield Case("keepdims", "logsumexp", (x,), kept, f"axis {axis}, kept", options)
        gone = {"axis": axis, "keepdims": False}
        yield Case("keepdims", "logsumexp", (x,), Near(want), f"axis {axis}, gone", gone)
    for bad in ("yes", 1, None):
        refused = Refused(TypeError, ("keepdims", repr(bad), "True and False"))
        yield Case("keepdims", "logsumexp", (x,), refused, f"{bad!r}", {"keepdims": bad})
    flags = AsIs(np.array([True, False]))
    refused = Refused(TypeError, ("keepdims", "True and False"))
    yield Case("keepdims", "logsumexp", (x,), refused, "two flags", {"keepdims": flags})


def result_dtypes():
    for name, result in RESULTS.items():
        x = np.array([[0, 1], [1, 1]]).astype(name)
        for f in FAMILY:
            want = Near(truth(f, x.astype(float)))
            yield Case("result-dtype", f, (x,), want, "two rows", dtype=result)
        for f in ACTIVATIONS:
            want = Law("a pair of numbers", lambda got: got.shape == (2, 2))
            yield Case("result-dtype", f, (x,), want, "zeros and ones", dtype=result)
        if result == name:
            half = np.full((1, 2), 0.5).astype(name)
            zero, zeros = Exactly([[0, 0]]), Exactly(np.zeros((1, 2, 2)))
            for f in ("softmax_vjp", "softmax_jvp"):
                yield Case("result-dtype", f, (half, half), zero, "equal slopes")
            limit = {"temperature": INF}
            yield Case("result-dtype", "softmax_jacobian", (half,), zeros, "no move", limit)
    for value, result in (
        ([0, 1], "float64"),
        ((0.0, 1.0), "float64"),
        (range(2), "float64"),
        ([False, True], "float32"),
        ([np.float32(0), np.float32(1)], "float32"),
    ):
        for f in FAMILY:
            title = f"a {type(value).__name__} of {type(value[0]).__name__}"
            want = Near(truth(f, np.array([0.0, 1.0])))
            yield Case("result-dtype", f, (AsIs(value),), want, title, dtype=result)


def chosen_dtypes():
    values = np.array([[0.1, -3.3, 2.7], [60, 61, 58.5]])
    for dtype in (*FLOATS, np.dtype("int8"), np.dtype("int64")):
        x = values.astype(dtype)
        for wanted in FLOATS:
            for f in (*MAPS, "logsumexp"):
                want, chosen = Near(truth(f, x.astype(float))), {"dtype": wanted}
                yield Case("dtype", f, (x,), want, f"to {wanted}", chosen, dtype=wanted.name)
    x = values.astype(np.float32)
    for f in (*MAPS, "logsumexp"):
        want = Near(truth(f, x))
        for wanted in ("float32", ">f4", np.float32):
            yield Case("dtype", f, (x,), want, f"to {wanted!r}", {"dtype": wanted})
        for bad, word in ((int, "int"), ("complex64", "complex64"), (np.longdouble, "longdouble")):
            words = ("dtype", str(np.dtype(bad)), "accepted", *ACCEPTED[2:])
            refused = Refused(TypeError, words)
            yield Case("dtype", f, (x,), refused, f"to {word}", {"dtype": bad})
        # "a" is what NumPy warns of.
        for bad in ("nothing", "a", {"names": 1}):
            refused = Refused(TypeError, ("dtype", repr(bad), "accepted"))
            yield Case("dtype", f, (x,), refused, f"to {bad!r}", {"dtype": bad})


SHOWN = np.array([0.0900, 0.2447, 0.6652])


def integers():
    rows = [[1, 2, 3], [0, 0, 120]]
    for name in [n for n in RESULTS if "int" in n]:
        info = np.iinfo(name)
        x = np.array([*rows, [info.min, info.max, info.max]], name)
        for f in FAMILY:
            # The nearest float64 is what an integer of 64 bit is converted to.
            want = Near(truth(f, x.astype(np.float64)))
            yield Case("integers", f, (x,), want, "to the ends", dtype=RESULTS[name])
    x = np.array([1, 2, 3], np.uint8)
    want = Law(str(SHOWN), lambda got: np.abs(got - SHOWN).max() < 5e-5)
    yield Case("integers", "softmax", (x,), want, "1 2 3", dtype="float32")
    close = np.array([2**53 + 1, 2**53])
    want = Exactly([0.5, 0.5])
    yield Case("integers", "softmax", (close,), want, "beyond 2^53", dtype="float64")
    unsigned = np.array([0, 1, 200], np.uint8)
    yield Case("integers", "relu", (unsigned,), Exactly([0, 1, 200]), "unsigned", dtype="float32")


def half_floats():
    # A sum in float16 stops at 2048, one in bfloat16 at 256.
    log = np.log(np.longdouble(3000))
    equal = {
        "softmax": np.full(3000, np.longdouble(1) / 3000),
        "log_softmax": np.full(3000, -log),
        "logsumexp": log,
        "entropy": log,
    }
    for dtype in FLOATS[:2]:
        for f, value in equal.items():
            x = np.zeros(3000, dtype)
            yield Case("half-floats", f, (x,), Near(value), "3000 equal scores")
        x = np.array([0.3, 5, -2]).astype(dtype)
        for f in (*MAPS, "logsumexp"):
            want = AsIn((x.astype(np.float32),), {"dtype": dtype})
            yield Case("half-floats", f, (x,), want, "as float32 rounded once")
        p, g, slope = np.full(512, 1 / 512, dtype), np.ones(512, dtype), np.full(512, 1 / 512**2)
        g[0], slope[0] = 0, -511 / 512**2
        yield Case("half-floats", "softmax_vjp", (p, g), Exactly(slope), "a sum of 512 terms")


def refused_dtypes():
    good = AsIs(np.ones(3))
    for x in FOREIGN:
        refused = Refused(TypeError, ("x ", str(x.dtype), "accepted", *ACCEPTED))
        for f in (*FAMILY, *ACTIVATIONS):
            yield Case("refused-dtypes", f, (AsIs(x),), refused, f"x is {x.dtype}")
        for f, second in (("softmax_vjp", "g"), ("softmax_jvp", "v")):
            words = (str(x.dtype), "accepted", *ACCEPTED)
            refused = Refused(TypeError, ("p ", *words))
            yield Case("refused-dtypes", f, (AsIs(x), good), refused, f"p is {x.dtype}")
            refused = Refused(TypeError, (f"{second} ", *words))
            yield Case("refused-dtypes", f, (good, AsIs(x)), refused, f"{second} is {x.dtype}")
        refused = Refused(TypeError, ("p ", *words))
        yield Case("refused-dtypes", "softmax_jacobian", (AsIs(x),), refused, f"p is {x.dtype}")


def lengths_of_0():
    for dtype in FLOATS:
        for shape, axis in (((0,), -1), ((2, 0), 1), ((0, 3), 0), ((0, 3), 1), ((2, 0), None)):
            x, options = np.empty(shape, dtype), {"axis": axis}
            axes = range(len(shape)) if axis is None else (axis % len(shape),)
            left = [n for i, n in enumerate(shape) if i not in axes]
            title = f"{shape} along {axis}"
            for f in MAPS:
                yield Case("length-0", f, (x,), Exactly(np.empty(shape)), title, options)
            yield Case("length-0", "logsumexp", (x,), Exactly(np.full(left, -INF)), title, options)
            yield Case("length-0", "entropy", (x,), Exactly(np.zeros(left)), title, options)
            for f in ("softmax_vjp", "softmax_jvp"):
                yield Case("length-0", f, (x, x), Exactly(np.empty(shape)), title, options)
        x, none = np.empty((2, 0), dtype), Exactly(np.empty((2, 0, 0)))
        yield Case("length-0", "softmax_jacobian", (x,), none, "no class")
        for f in ACTIVATIONS:
            yield Case("length-0", f, (x,), Exactly(np.empty((2, 0))), "none")


def scalars():
    values = {"softmax": 1.0, "log_softmax": 0.0, "logsumexp": 3.0, "entropy": 0.0}
    for dtype in FLOATS:
        x = np.array(3).astype(dtype)
        for f, value in values.items():
            for axis in (-1, 0, None, ()):
                options = {"axis": axis}
                yield Case("scalar", f, (x,), Exactly(value), f"axis {axis}", options)
        for f in ("softmax_vjp", "softmax_jvp"):
            one = np.array(1).astype(dtype)
            yield Case("scalar", f, (one, x), Exactly(0.0), "one class", {"axis": 0})
        yield Case("scalar", "relu", (x,), Exactly(3.0), "3")
    for f, value in values.items():
        yield Case("scalar", f, (AsIs(3.0),), Exactly(value), "a float", dtype="float64")
        bad = Refused(np.exceptions.AxisError, ("axis", "1", "0 dimensions", "accepted"))
        yield Case("scalar", f, (AsIs(3.0),), bad, "axis 1", {"axis": 1})
    bad = Refused(ValueError, ("p is a scalar", "last axis"))
    yield Case("scalar", "softmax_jacobian", (AsIs(0.5),), bad, "no axis")


CASES = [
    case
    for cases in (
        default_axis,
        axes,
        keepdims,
        result_dtypes,
        chosen_dtypes,
        integers,
        half_floats,
        refused_dtypes,
        lengths_of_0,
        scalars,
    )
    for case in cases()
]

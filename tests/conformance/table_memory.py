"""Cases: where results go, which inputs are read, what is refused."""

import numpy as np
from inputs import FLOATS

from conformance.cases import ARRAY, AsIn, AsIs, Case, Exactly, Near, Out, Refused
from conformance.table_axes import CUBE, FAMILY
from conformance.truth import MAPS, truth

INF, NAN = np.inf, np.nan
ITSELF = Out(lambda x: x, in_place=True)
VJPS = ("softmax_vjp", "softmax_jvp", "log_softmax_vjp", "logsumexp_vjp", "entropy_vjp")
BACK = Out(lambda x: x[..., ::-1], needs="negative strides")


def fresh(shape, dtype, order="C", needs=None):
    """Return an `out` of its own memory, full of sevens."""
    needs = needs if np.dtype(dtype).isnative else "byte orders"
    return Out(lambda x: np.full(shape, 7, dtype, order), needs=needs)


def with_gaps(shape, dtype):
    """Return an `out` that is every second element of its memory."""
    return Out(lambda x: np.full((*shape[:-1], 2 * shape[-1]), 7, dtype)[..., ::2])


def read_only(shape, dtype):
    """Return an `out` that cannot be written."""

    def make(x):
        out = np.full(shape, 7, dtype)
        out.flags.writeable = False
        return out

    return Out(make, needs="read-only arrays")


def one_place(shape, dtype):
    """Return an `out` all of whose rows are one."""
    strides = (0,) * (len(shape) - 1) + (np.dtype(dtype).itemsize,)
    memory = np.full(shape[-1], 7, dtype)
    return Out(lambda x: np.lib.stride_tricks.as_strided(memory.copy(), shape, strides))


def outputs():
    for dtype in FLOATS:
        x = CUBE.astype(dtype)
        for axis in (-1, 0, (0, 1), None):
            for f in MAPS:
                want = Near(truth(f, x, axis))
                for title, out in (
                    ("x", ITSELF),
                    ("new", fresh(x.shape, dtype)),
                    ("Fortran", fresh(x.shape, dtype, "F")),
                    ("with gaps", with_gaps(x.shape, dtype)),
                ):
                    options = {"out": out, "axis": axis}
                    yield Case("out", f, (x,), want, f"{title}, axis {axis}", options)
            want = truth("logsumexp", x, axis)
            options = {"out": fresh(want.shape, dtype), "axis": axis}
            yield Case("out", "logsumexp", (x,), Near(want), f"new, axis {axis}", options)
            for f in VJPS:
                args, alone = vjp_arguments(f, x, axis), {"axis": axis}
                for title, out in (
                    ("x", ITSELF),
                    ("new", fresh(x.shape, dtype)),
                    ("with gaps", with_gaps(x.shape, dtype)),
                ):
                    name, options = f"{title}, axis {axis}", {"out": out, "axis": axis}
                    yield Case("out", f, args, AsIn(args, alone), name, options)
        keep = np.array([[True], [False], [True]])
        options = {"mask": keep, "temperature": 0.5, "axis": 1}
        both = options | {"out": ITSELF}
        yield Case("out", "softmax", (x,), AsIn((x,), options), "x, with options", both)
    x = CUBE.astype(np.float32)
    for f in MAPS:
        options = {"out": fresh(x.shape, np.float16), "dtype": np.float16}
        yield Case("out", f, (x,), Near(truth(f, x)), "of another dtype", options, "float16")
        ints = np.arange(12).reshape(3, 4) % 5
        out = fresh((3, 4), np.float64, needs="a float of the integers' width")
        want, options = Near(truth(f, ints.astype(float))), {"out": out}
        yield Case("out", f, (ints,), want, "of integers", options, "float64")
        one, options = np.array(2.0), {"out": fresh((), np.float64)}
        yield Case("out", f, (one,), Exactly(float(f == "softmax")), "of a scalar", options)
        none, options = np.empty((0, 3)), {"out": fresh((0, 3), np.float64)}
        yield Case("out", f, (none,), Exactly(none), "of nothing", options)


def vjp_arguments(function, x, axis):
    """Return what a product is taken of, made from scores, and a gradient."""
    g = (x - x[..., ::-1]).astype(x.dtype)
    if function in ("logsumexp_vjp", "entropy_vjp"):
        return x, g.max(axis=axis, keepdims=True)
    right = truth("log_softmax" if function == "log_softmax_vjp" else "softmax", x, axis)
    return right.astype(x.dtype), g


def refused_outputs():
    x = CUBE[0].astype(np.float32)
    shape = x.shape
    refusals = [
        ("a list", AsIs([0.0] * 12), TypeError, ("list", ARRAY)),
        ("a float", AsIs(1.0), TypeError, ("float", ARRAY)),
        ("a masked array", AsIs(np.ma.zeros(shape, "f4")), TypeError, ("MaskedArray", "plain")),
        ("turned", fresh(shape[::-1], "f4"), ValueError, ("(4, 3)", "(3, 4)")),
        ("flat", fresh((12,), "f4"), ValueError, ("(12,)", "(3, 4)")),
        ("one more axis", fresh((1, 3, 4), "f4"), ValueError, ("(1, 3, 4)", "(3, 4)")),
        ("float64", fresh(shape, "f8"), ValueError, ("float64", "float32")),
        ("int32", fresh(shape, "i4"), ValueError, ("int32", "float32")),
        ("byte-swapped", fresh(shape, ">f4"), ValueError, (">f4", "float32")),
        ("read-only", read_only(shape, "f4"), ValueError, ("read-only", "writeable")),
        ("one place", one_place(shape, "f4"), ValueError, ("several", "one place")),
        ("x backwards", BACK, ValueError, ()),
    ]
    for f in (*MAPS, *VJPS):
        args = (x,) if f in MAPS else vjp_arguments(f, x, -1)
        for title, out, error, words in refusals:
            want = Refused(error, ("out", *words))
            yield Case("out-refused", f, args, want, title, {"out": out})
        bad, out = {"temperature": -1}, fresh(shape, "f4")
        want, title = Refused(ValueError, ("temperature",)), "beside a bad temperature"
        yield Case("out-refused", f, args, want, title, bad | {"out": out})
    for f in MAPS:
        for title, bad, error in (
            ("axis", {"axis": 5}, ValueError),
            ("mask", {"mask": np.ones(5, bool)}, ValueError),
            ("mask", {"mask": np.ones(4)}, TypeError),
            ("dtype", {"dtype": int}, TypeError),
            ("empty", {"empty": "none"}, ValueError),
            ("precision", {"precision": "none"}, ValueError),
            ("raise", {"empty": "raise", "mask": np.zeros(4, bool)}, ValueError),
        ):
            options, want = bad | {"out": fresh(shape, "f4")}, Refused(error, (title,))
            yield Case(
                "out-refused", f, (x,), want, f"beside a bad {title}, {error.__name__}", options
            )
    for title, out, error, words in (
        ("of x's shape", fresh(shape, "f4"), ValueError, ("(3, 4)", "(3,)")),
        ("with the axis", fresh((3, 1), "f4"), ValueError, ("(3, 1)", "(3,)")),
        ("float64", fresh((3,), "f8"), ValueError, ("float64", "float32")),
        ("a part of x", Out(lambda x: x[:, 0]), ValueError, ()),
        ("read-only", read_only((3,), "f4"), ValueError, ("read-only",)),
    ):
        want = Refused(error, ("out", *words))
        yield Case("out-refused", "logsumexp", (x,), want, title, {"out": out})


def inputs_and_layouts():
    # That no argument changes is part of every case; here each kind of argument is met.
    for dtype in FLOATS:
        x = np.array([[1.5, 2, -3], [0, 0, 4]], dtype)
        keep, t = np.array([[True], [True]]), np.array([0.5, 2])
        for f in FAMILY:
            options = {"mask": keep, "temperature": t}
            want = Near(truth(f, x, temperature=t))
            yield Case("input", f, (x,), want, "with a mask and temperatures", options)
        p, g = np.array([0.5, 0.5], dtype), np.array([4, 2], dtype)
        yield Case("input", "softmax_vjp", (p, g), Exactly([0.5, -0.5]), "p and g")
        yield Case("input", "silu", (np.array([0, -INF], dtype),), Exactly([0, 0]), "a limit")
    for dtype in (*FLOATS, np.dtype("int16"), np.dtype("uint64")):
        # Longer than the widest lanes in each direction.
        x = (np.arange(5 * 41 * 3).reshape(5, 41, 3) * 7 % 83 / 4).astype(dtype)
        for f in FAMILY:
            result = dtype if dtype.kind not in "iu" else np.dtype(f"f{max(4, dtype.itemsize)}")
            for axis in (-1, 0, 1, (0, 2), None):
                want = Near(truth(f, x.astype(float) if dtype.kind in "iu" else x, axis))
                options = {"axis": axis}
                yield Case("layout", f, (x,), want, f"axis {axis}", options, result.name)
    row = np.array([0.0, 1, 2.5])
    for source, shape in (
        (row, (4, 3)),
        (row[:, None], (3, 4)),
        (row[:1], (2, 3)),
        (row[0], (2, 2)),
    ):
        x = np.broadcast_to(source, shape)
        for f in FAMILY:
            for axis in (-1, 0, None):
                title = f"broadcast from {source.shape} to {shape}, axis {axis}"
                want, options = Near(truth(f, x, axis)), {"axis": axis}
                yield Case("layout", f, (AsIs(x),), want, title, options, "float64")


def precisions():
    rng = np.random.default_rng(43)
    for dtype in FLOATS:
        x = (3 * rng.normal(size=(4, 333))).astype(dtype)
        for f in MAPS:
            for precision in ("default", "exact"):
                options = {"precision": precision}
                yield Case("precision", f, (x,), Near(truth(f, x)), precision, options)
    for f in MAPS:
        for bad in ("fast", None, 1):
            want = Refused(ValueError, ("precision", repr(bad), "'default'", "'exact'"))
            yield Case("precision", f, (x,), want, f"{bad!r}", {"precision": bad})


def errors():
    x = np.ones((2, 3))
    calls = [(f, (x,), "x") for f in FAMILY]
    calls += [(f, (x, x), "p") for f in ("softmax_vjp", "softmax_jvp")]
    for f, args, name in calls:
        for bad in (2, -3, (0, 2)):
            words = ("axis", repr(bad), f"{name} has 2 dimensions", "-2 to 1")
            want = Refused(np.exceptions.AxisError, words)
            yield Case("exceptions", f, args, want, f"axis {bad}", {"axis": bad})
        want = Refused(ValueError, ("axis", "(0, -2)", "twice"))
        yield Case("exceptions", f, args, want, "an axis twice", {"axis": (0, -2)})
        for bad in (1.0, "1", [0], (0, 1.0), np.array([0, 1])):
            want = Refused(TypeError, ("axis", repr(bad), "an int, a tuple of ints, or None"))
            yield Case("exceptions", f, args, want, f"axis {bad!r}", {"axis": AsIs(bad)})
    ragged = AsIs([[1.0, 2.0], [3.0]])
    for f in (*FAMILY, "sigmoid", "relu"):
        want = Refused(ValueError, ("x is no array", "different lengths"))
        yield Case("exceptions", f, (ragged,), want, "a ragged list")
    for f, second in (("softmax_vjp", "g"), ("softmax_jvp", "v")):
        want = Refused(ValueError, (second, "(3,)", "(2, 3)"))
        yield Case("exceptions", f, (x, x[0]), want, "another shape")
    want = Refused(TypeError, ("negative_slope", "'steep'", "a number"))
    yield Case("exceptions", "leaky_relu", (x,), want, "a word", {"negative_slope": "steep"})


CASES = [
    case
    for cases in (outputs, refused_outputs, inputs_and_layouts, precisions, errors)
    for case in cases()
]

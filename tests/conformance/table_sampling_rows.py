"""Cases: what the rules for all functions say of filters on logits and of draws."""

import numpy as np
from inputs import FLOATS

from conformance.cases import AsIn, AsIs, Case, Exactly, Law, Refused
from conformance.table_axes import ACCEPTED, CUBE, FOREIGN, GRID, RESULTS
from conformance.table_sampling import BOTH, SEED, given

INF, NAN = np.inf, np.nan
MOST = {"float16": 65504.0, "bfloat16": 3.3895313892515355e38, "float32": 3.4028234663852886e38}
MOST["float64"] = 1.7976931348623157e308


def first_maxima(x, axis):
    """Return x where its first maximum along the axes is, -inf elsewhere, and where that is."""
    axes = range(x.ndim) if axis is None else axis if isinstance(axis, tuple) else (axis,)
    axes = sorted(a % x.ndim for a in axes)
    order = [a for a in range(x.ndim) if a not in axes] + axes
    moved = x.transpose(order)
    kept = moved.shape[: x.ndim - len(axes)]
    rows = moved.reshape(*kept, -1)
    ids = rows.argmax(axis=-1)
    left = np.full(rows.shape, -INF)
    np.put_along_axis(left, ids[..., None], rows.max(axis=-1, keepdims=True), axis=-1)
    return left.reshape(moved.shape).transpose(np.argsort(order)), ids


def one_of_a_row():
    """What the rules for all functions say, by the first maximum."""
    for dtype in FLOATS:
        x = GRID.astype(dtype)
        want = Exactly([[-INF, -INF, 2], [3, -INF, -INF]])
        yield Case("default-axis", "filter_logits", (x,), want, "two rows", {"top_k": 1})
        greedy = SEED | {"temperature": 0}
        yield Case("default-axis", "sample", (x,), Exactly([2, 0]), "two rows", greedy)
        cube = CUBE.astype(dtype)
        for axis in (0, 1, 2, -1, -3, (0, 1), (2, 0), (0, 1, 2), None, ()):
            left, ids = first_maxima(CUBE, axis)
            title, options = f"axis {axis}", {"axis": axis}
            one = options | {"top_k": 1}
            yield Case("axis", "filter_logits", (cube,), Exactly(left), title, one)
            yield Case("axis", "sample", (cube,), Exactly(ids), title, options | greedy)
    for name, result in RESULTS.items():
        x = np.array([[0, 1], [1, 1]]).astype(name)
        want = Exactly([[-INF, 1], [1, -INF]])
        yield Case("result-dtype", "filter_logits", (x,), want, "ties", {"top_k": 1}, result)
        yield Case("result-dtype", "sample", (x,), Exactly([1, 0]), "ties", greedy)
    for value, result in (([0, 1], "float64"), ([False, True], "float32")):
        title, one = f"a list of {type(value[0]).__name__}", {"top_k": 1}
        want = Exactly([-INF, 1])
        yield Case("result-dtype", "filter_logits", (AsIs(value),), want, title, one, result)
    x = np.array([1, 2, 200], np.uint8)
    half, want = {"temperature": 0.5, "top_k": 2}, Exactly([-INF, 4, 400])
    yield Case("integers", "filter_logits", (x,), want, "unsigned", half, "float32")
    close = np.array([2**53, 2**53 + 1])
    want, one = Exactly([2**53, -INF]), {"top_k": 1}
    yield Case("integers", "filter_logits", (close,), want, "beyond 2^53", one, "float64")
    for dtype in FLOATS[:2]:
        x = np.array([1, 5, 100], dtype)
        want = Exactly(np.array([1.0, 5, 100]) / 3)
        third = {"temperature": 3.0}
        yield Case("half-floats", "filter_logits", (x,), want, "rounded once", third)
    for x in FOREIGN:
        refused = Refused(TypeError, ("x ", str(x.dtype), "accepted", *ACCEPTED))
        for f in BOTH:
            options = given(f, {})
            yield Case("refused-dtypes", f, (AsIs(x),), refused, f"x is {x.dtype}", options)


def lengths():
    for dtype in FLOATS:
        for shape, axis in (((0,), -1), ((2, 0), 1), ((0, 3), 0), ((0, 3), 1), ((2, 0), None)):
            x, options = np.empty(shape, dtype), {"axis": axis}
            title = f"{shape} along {axis}"
            yield Case("length-0", "filter_logits", (x,), Exactly(x), title, options)
            refused = Refused(ValueError, ("x", str(shape), "no class", "axis", repr(axis)))
            want = Exactly([]) if shape == (0, 3) and axis == 1 else refused
            yield Case("length-0", "sample", (x,), want, title, SEED | options)
        x = np.array(3).astype(dtype)
        for axis in (-1, 0, None, ()):
            title, options = f"axis {axis}", {"axis": axis}
            half = options | {"temperature": 0.5, "top_p": 0.1}
            yield Case("scalar", "filter_logits", (x,), Exactly(6), title, half)
            yield Case("scalar", "sample", (x,), Exactly(0), title, SEED | options)
    many = SEED | {"size": (2, 2)}
    yield Case("scalar", "sample", (AsIs(3.0),), Exactly(np.zeros((2, 2))), "a float", many)
    yield Case("scalar", "filter_logits", (AsIs(3.0),), Exactly(3), "a float", {}, "float64")


def special_rows():
    left = {"top_k": 2, "top_p": 0.5, "min_p": 0.1}
    for dtype in FLOATS:
        for t in (1.0, 0.5, 0.0, INF):
            options = left | {"temperature": t}
            for length in (1, 2, 40):
                x = np.full((2, length), -INF, dtype)
                x[1, 0] = 0
                want, title = Exactly(x), f"{length} of -inf at {t}"
                yield Case("empty-row", "filter_logits", (x,), want, title, options)
            for rule, bad in (("nan", NAN), ("plus-inf", INF)):
                x = np.array([[0, bad, -INF], [0, -INF, -INF]], dtype)
                want, title = Exactly([[NAN] * 3, [0, -INF, -INF]]), f"beside a good row at {t}"
                yield Case(rule, "filter_logits", (x,), want, title, options)
    masked = AsIs(np.ma.array([[9.0, 2, 1], [NAN, INF, 1]], mask=[[1, 0, 0], [1, 1, 0]]))
    want = Exactly([[-INF, 2, -INF], [-INF, -INF, 1]])
    one = {"top_k": 1}
    yield Case("masked-array", "filter_logits", (masked,), want, "its mask", one, "float64")
    always = Law("what is not masked", lambda got: np.all((got > [0, 1]) & (got < 3)))
    yield Case("masked-array", "sample", (masked,), always, "its mask", SEED | {"size": 500})


def temperatures():
    for dtype in FLOATS:
        x = np.array([[0.5, -1, 2], [3, 3, -INF]], dtype)
        for t in (0.5, 2.0, 4):
            want, options = Exactly(x.astype(float) / t), {"temperature": t}
            yield Case("temperature", "filter_logits", (x,), want, f"{t}", options)
        for t in (np.array([0.5, 2]), np.array([[0.5], [2]])):
            want, options = Exactly([[1, -2, 4], [1.5, 1.5, -INF]]), {"temperature": t}
            title = f"one a row, {t.shape}"
            yield Case("temperature", "filter_logits", (x,), want, title, options)
        # At 0.5 the first of them has 0.88, at 2 it has 0.62.
        x = np.array([[1, 0], [1, 0]], dtype)
        options = {"temperature": np.array([0.5, 2]), "top_p": 0.8}
        want = Exactly([[2, -INF], [0.5, 0]])
        yield Case("temperature", "filter_logits", (x,), want, "before top_p", options)
        x = np.array([[1, 3, 2, 3], [-2, -3, -2, -2], [-0.0, 0, -1, 0]], dtype)
        ids = [1, 0, 0]
        zero = {"temperature": 0}
        want = Exactly(np.where(np.arange(4) == np.array(ids)[:, None], 0, -INF))
        yield Case("temperature-0", "filter_logits", (x,), want, "the first", zero)
        yield Case("temperature-0", "sample", (x,), Exactly(ids), "the first", SEED | zero)
        x = np.array([[1, -INF, 3, -2], [4, 4, 5, 6]], dtype)
        limit = {"temperature": INF}
        for more, want in (
            ({}, [[0, -INF, 0, 0], [0, 0, 0, 0]]),
            ({"top_k": 2}, [[0, -INF, 0, -INF], [0, 0, -INF, -INF]]),
            ({"top_p": 0.5}, [[0, -INF, 0, -INF], [0, 0, -INF, -INF]]),
            ({"min_p": 1.0}, [[0, -INF, 0, 0], [0, 0, 0, 0]]),
            ({"top_k": 2, "order": "llama.cpp"}, [[0, -INF, 0, -INF], [-INF, -INF, 0, 0]]),
        ):
            options, want = limit | more, Exactly(want, signed=False)
            title = f"{more}"
            yield Case("temperature-infinity", "filter_logits", (x,), want, title, options)
        # Infinity draws as equal scores do.
        even = AsIn((np.zeros((2, 5), dtype),), SEED | {"size": 9})
        options = SEED | limit | {"size": 9}
        x = np.array([[1, 2, 3, 4, 5]] * 2, dtype)
        yield Case("temperature-infinity", "sample", (x,), even, "as equal ones", options)
        most = MOST[dtype.name]
        x = np.array([[most, -most, most / 2], [-most, -most, -INF]]).astype(dtype)
        for t, want in (
            (1.0, x.astype(float)),
            (0.5, [[0, -INF, -most], [0, 0, -INF]]),
            (1e-310, [[0, -INF, -INF], [0, 0, -INF]]),
        ):
            options = {"temperature": t}
            yield Case("no-overflow", "filter_logits", (x,), Exactly(want), f"at {t}", options)
            law = Law("a possible class", lambda got: np.all((got[:, 0] == 0) & (got[:, 1] < 2)))
            more = SEED | options | {"size": 50}
            yield Case("no-overflow", "sample", (x,), law, f"at {t}", more)
    for f in BOTH:
        for bad in (-1, -1e-300, NAN, -INF):
            want = Refused(ValueError, ("temperature", str(float(bad)), ">= 0"))
            options = given(f, {"temperature": bad})
            yield Case("temperature-refused", f, (np.zeros((3, 4)),), want, f"{bad}", options)
        options = given(f, {"temperature": np.array([1, -2, NAN])})
        want = Refused(ValueError, ("temperature", "-2.0", "(1,)", ">= 0"))
        yield Case("temperature-refused", f, (np.zeros((3, 4)),), want, "one of three", options)
        options = given(f, {"temperature": AsIs("1")})
        want = Refused(TypeError, ("temperature", "'1'", "a number >= 0"))
        yield Case("temperature-refused", f, (np.zeros((3, 4)),), want, "a word", options)


def memory_and_errors():
    rng = np.random.default_rng(61)
    for dtype in (*FLOATS, np.dtype("int16"), np.dtype("uint64")):
        x = (np.arange(5 * 41 * 3).reshape(5, 41, 3) * 7 % 83 / 4).astype(dtype)
        result = RESULTS[dtype.name]
        for axis in (-1, 0, 1, (0, 2), None):
            left, ids = first_maxima(x.astype(float), axis)
            options, title = {"axis": axis}, f"axis {axis}"
            one = options | {"top_k": 1}
            yield Case("layout", "filter_logits", (x,), Exactly(left), title, one, result)
            greedy = options | SEED | {"temperature": 0}
            yield Case("layout", "sample", (x,), Exactly(ids), title, greedy)
    x = np.broadcast_to(np.array([0.0, 1, 2.5])[:, None], (3, 4))
    want, options = Exactly(np.where(x == 2.5, 2.5, -INF)), {"axis": 0, "top_k": 1}
    yield Case("layout", "filter_logits", (AsIs(x),), want, "broadcast", options, "float64")
    filters = {"temperature": 0.7, "top_k": 20, "top_p": 0.9, "min_p": 0.01}
    for dtype in FLOATS:
        x = (3 * rng.normal(size=(9, 37))).astype(dtype)
        for i in (0, 4, 8):
            alone = AsIn((x[i],), filters, part=np.s_[i])
            yield Case("bits", "filter_logits", (x,), alone, f"row {i} alone", filters)
            part, options = np.s_[:, i], filters | SEED | {"size": 5}
            alone = AsIn((x[i],), options | {"rows": i}, part)
            yield Case("bits", "sample", (x,), alone, f"row {i} alone", options)
        columns = AsIn((x.T.copy(),), filters | {"axis": 0}, np.s_[0], np.s_[:, 0])
        yield Case("bits", "filter_logits", (x,), columns, "as a column", filters)
        columns = AsIn((x.T.copy(),), options | {"axis": 0})
        yield Case("bits", "sample", (x,), columns, "as columns", options)
        keeps = np.where(x > 0, x, -INF).astype(dtype)
        options = {"temperature": np.full(9, 1.0), "top_k": 37, "order": "llama.cpp"}
        yield Case("input", "filter_logits", (keeps,), Exactly(keeps), "with options", options)
    x = np.ones((2, 3))
    for f in BOTH:
        for bad in (2, -3, (0, 2)):
            words = ("axis", repr(bad), "x has 2 dimensions", "-2 to 1")
            want = Refused(np.exceptions.AxisError, words)
            yield Case("exceptions", f, (x,), want, f"axis {bad}", given(f, {"axis": bad}))
        for bad in (1.0, "1", [0]):
            want = Refused(TypeError, ("axis", repr(bad), "an int, a tuple of ints, or None"))
            options = given(f, {"axis": AsIs(bad)})
            yield Case("exceptions", f, (x,), want, f"axis {bad!r}", options)
        want = Refused(ValueError, ("x is no array", "different lengths"))
        yield Case(
            "exceptions", f, (AsIs([[1.0, 2.0], [3.0]]),), want, "a ragged list", given(f, {})
        )


CASES = [
    case
    for cases in (one_of_a_row, lengths, special_rows, temperatures, memory_and_errors)
    for case in cases()
]

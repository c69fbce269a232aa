"""Cases: the temperature, one or one a row, at its limits, and what is none."""

import ml_dtypes
import numpy as np
from inputs import COMPUTED, FLOATS

from conformance.cases import AsIn, AsIs, Case, Exactly, Near, Refused
from conformance.table_axes import FAMILY
from conformance.truth import MAPS, truth

INF, NAN = np.inf, np.nan


def values():
    for dtype in FLOATS:
        x = np.array([[0.5, -1, 2], [3, 3, -INF]], dtype)
        for t in (0.5, 2.0, 0.37, 3):
            for f in FAMILY:
                want = Near(truth(f, x, temperature=t))
                yield Case("temperature", f, (x,), want, f"{t}", {"temperature": t})
        half = {"temperature": 0.5}
        p, g = np.array([0.5, 0.5], dtype), np.array([4, 2], dtype)
        yield Case("temperature", "softmax_vjp", (p, g), Exactly([1, -1]), "0.5", half)
        yield Case("temperature", "softmax_jvp", (p, g), Exactly([1, -1]), "0.5", half)
        want = Exactly([[0.5, -0.5], [-0.5, 0.5]])
        yield Case("temperature", "softmax_jacobian", (p,), want, "0.5", half)
        for one in (1, np.float32(1), True, np.ones(2), np.ones((2, 1)), AsIs([1, 1])):
            for f in FAMILY:
                options = {"temperature": one}
                kind = (
                    "a list" if isinstance(one, AsIs) else f"{type(one).__name__} {np.shape(one)}"
                )
                yield Case("temperature", f, (x,), AsIn((x,)), f"1 as {kind}", options)


def one_a_row():
    x = np.arange(24.0).reshape(2, 3, 4) % 5 / 2
    t = np.array([[0.5, 1, 2], [3, 0.25, 8]])
    for dtype in FLOATS[2:]:
        scores = x.astype(dtype)
        for f in FAMILY:
            want = Near(truth(f, scores, temperature=t))
            for form in (t, t[..., None], t.astype(np.float32)):
                options = {"temperature": form}
                title = f"one a row, {form.dtype} {form.shape}"
                yield Case("temperature", f, (scores,), want, title, options)
            want = Near(truth(f, scores, temperature=t[:1]))
            options = {"temperature": t[0]}
            yield Case("temperature", f, (scores,), want, "one for each second index", options)
            columns = np.array([[0.5, 1, 2, 4]] * 3)
            want = Near(truth(f, scores, 0, columns))
            options = {"temperature": columns, "axis": 0}
            yield Case("temperature", f, (scores,), want, "one a column", options)
        p, g = np.full((2, 2), 0.5, dtype), np.array([[4, 2], [4, 2]], dtype)
        options = {"temperature": np.array([0.5, 2])}
        want = Exactly([[1, -1], [0.25, -0.25]])
        for f in ("softmax_vjp", "softmax_jvp"):
            yield Case("temperature", f, (p, g), want, "one a row", options)
        jacobian = np.array([[1, -1], [-1, 1]])
        want = Exactly([jacobian / 2, jacobian / 8])
        yield Case("temperature", "softmax_jacobian", (p,), want, "one a row", options)


def zero():
    rows = [[1, 3, 2, 3], [-2, -3, -2, -2], [0, -0.0, 0, -INF], [-0.0, 0, -1, 0]]
    for dtype in FLOATS:
        x = np.array(rows, dtype)
        first = np.eye(4)[[1, 0, 0, 0]]
        for t in (0, 0.0, -0.0, np.zeros(4)):
            options, title = {"temperature": t}, f"{t!r}"
            yield Case("temperature-0", "softmax", (x,), Exactly(first), title, options)
            with np.errstate(divide="ignore"):
                want = Exactly(np.log(first))
            yield Case("temperature-0", "log_softmax", (x,), want, title, options)
            yield Case("temperature-0", "entropy", (x,), Exactly([0] * 4), title, options)
            maxima = np.log(np.array([3, 3], np.longdouble))
            want = Near([INF, -INF, *maxima])
            yield Case("temperature-0", "logsumexp", (x,), want, title, options)
        options = {"temperature": 0, "mask": np.array([True, False, True, True])}
        masked = Exactly(np.eye(4)[[3, 0, 0, 0]])
        yield Case("temperature-0", "softmax", (x,), masked, "with a mask", options)
        long = np.zeros(3000, dtype)
        long[[700, 2100]] = 1
        want = Exactly(np.eye(3000)[700])
        yield Case("temperature-0", "softmax", (long,), want, "a long row", {"temperature": 0})
        p, g = np.array([0.5, 0.5], dtype), np.array([4, 2], dtype)
        still = Exactly([0, 0], signed=False)
        for f in ("softmax_vjp", "softmax_jvp"):
            yield Case("temperature-0", f, (p, g), still, "0", {"temperature": 0})
        want = Exactly(np.zeros((2, 2)))
        yield Case("temperature-0", "softmax_jacobian", (p,), want, "0", {"temperature": 0})


def infinity():
    for dtype in FLOATS:
        for length in (1, 3, 7, 49, 1000):
            x = np.linspace(-3, 9, 2 * length).reshape(2, length).astype(dtype)
            x[1, 1::3] = -INF
            possible = x > -INF
            count = possible.sum(axis=-1).astype(np.longdouble)
            share = np.where(possible, 1 / count[:, None], 0)
            log = np.where(possible, -np.log(count)[:, None], -INF)
            options, title = {"temperature": INF}, f"{length} scores"
            yield Case("temperature-infinity", "softmax", (x,), Exactly(share), title, options)
            yield Case("temperature-infinity", "log_softmax", (x,), Near(log), title, options)
            for f in ("logsumexp", "entropy"):
                want = Near(np.log(count))
                yield Case("temperature-infinity", f, (x,), want, title, options)
        x = np.array([5, 1, 9], dtype)
        options = {"temperature": INF, "mask": np.array([True, True, False])}
        want = Exactly([0.5, 0.5, 0])
        yield Case("temperature-infinity", "softmax", (x,), want, "with a mask", options)
        p, g = np.array([0.5, 0.5], dtype), np.array([4, 2], dtype)
        options = {"temperature": INF}
        for f in ("softmax_vjp", "softmax_jvp"):
            want = Exactly([0, 0], signed=False)
            yield Case("temperature-infinity", f, (p, g), want, "infinity", options)
        want = Exactly(np.zeros((2, 2)))
        yield Case("temperature-infinity", "softmax_jacobian", (p,), want, "infinity", options)


def no_overflow():
    for dtype in COMPUTED + FLOATS[:2]:
        info = ml_dtypes.finfo(dtype)
        most, tiny = float(info.max), float(info.smallest_subnormal)
        rows = [
            [1, 2, 3],
            [most, -most, most / 2],
            [most, most, 0],
            [-most, -most / 4, -most],
            [3 * tiny, 2 * tiny, 0],
        ]
        for t in (1.0, 5e-324, 1e-310, 1e-45, 1e-3, 1e45, 1.7e308):
            x = np.array(rows).astype(dtype)
            for f in (*MAPS, "entropy"):
                want = Near(truth(f, x, temperature=t))
                yield Case("no-overflow", f, (x,), want, f"at {t}", {"temperature": t})
            if t >= 1:
                want = Near(truth("logsumexp", x[:4], temperature=t))
                options = {"temperature": t}
                yield Case("no-overflow", "logsumexp", (x[:4],), want, f"at {t}", options)
        x = np.array([-most, most], dtype)
        yield Case("no-overflow", "sigmoid", (x,), Exactly([0, 1]), "the ends")
        yield Case("no-overflow", "tanh", (x,), Exactly([-1, 1]), "the ends")
        yield Case("no-overflow", "silu", (x,), Exactly([-0.0, most]), "the ends")


def refused():
    x, p = np.zeros((3, 4)), np.full((3, 4), 0.25)
    calls = [(f, (x,)) for f in FAMILY]
    calls += [("softmax_vjp", (p, x)), ("softmax_jvp", (p, x)), ("softmax_jacobian", (p,))]
    for f, args in calls:
        for bad in (-1, -1e-300, NAN, -INF, np.float32(-2)):
            words = ("temperature", str(float(bad)), ">= 0")
            options, title = {"temperature": bad}, f"{bad}"
            yield Case("temperature-refused", f, args, Refused(ValueError, words), title, options)
        for bad, words in (
            (np.array([1, -2, NAN]), ("-2.0", "(1,)", ">= 0")),
            (np.array([[1], [2], [NAN]]), ("nan", "(2, 0)", ">= 0")),
        ):
            options = {"temperature": bad}
            want = Refused(ValueError, ("temperature", *words))
            yield Case("temperature-refused", f, args, want, f"one of {bad.shape}", options)
        for bad in ("1", 1j, [1, "2", 3], None, b"1"):
            options = {"temperature": AsIs(bad)}
            want = Refused(TypeError, ("temperature", "a number >= 0"))
            yield Case("temperature-refused", f, args, want, f"{bad!r}", options)
        for shape in ((4,), (2,), (3, 4), (1, 4), (2, 3, 1), (3, 1, 1)):
            options = {"temperature": np.ones(shape)}
            want = Refused(ValueError, ("temperature", str(shape), "broadcast", "(3,)"))
            yield Case("temperature-refused", f, args, want, f"of shape {shape}", options)


CASES = [
    case for cases in (values, one_a_row, zero, infinity, no_overflow, refused) for case in cases()
]

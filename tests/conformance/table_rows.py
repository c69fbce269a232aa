"""Cases: rows that are special, and what is masked."""

import numpy as np
from inputs import FLOATS

from conformance.cases import AsIn, AsIs, Case, Exactly, Near, Refused
from conformance.table_axes import FAMILY
from conformance.truth import MAPS, truth

INF, NAN = np.inf, np.nan
LARGE = {"float16": 6e4, "bfloat16": 1e38, "float32": 1e38, "float64": 1e300}
TEMPERATURES = (1.0, 0.5, 0.0, INF)
IMPOSSIBLE = {"softmax": 0.0, "log_softmax": -INF}


def empty_rows():
    for dtype in FLOATS:
        for length in (1, 2, 40):
            x = np.full((2, length), -INF, dtype)
            x[1] = 1
            for t in TEMPERATURES:
                options = {"temperature": t}
                title = f"{length} of -inf at {t}"
                for f in (*MAPS, "entropy"):
                    part = x[:1]
                    want = Exactly(np.full((1, length) if f in MAPS else (1,), NAN))
                    yield Case("empty-row", f, (part,), want, title, options)
        # The row beside it is as it was.
        whole = np.array([[-INF, -INF], [0, 0]], dtype)
        want = Exactly([[NAN, NAN], [0.5, 0.5]])
        yield Case("empty-row", "softmax", (whole,), want, "one of two")
        some = np.array([-INF, 0, -INF], dtype)
        yield Case("empty-row", "softmax", (some,), Exactly([0, 1, 0]), "not all")
        yield Case("empty-row", "log_softmax", (some,), Exactly([-INF, 0, -INF]), "not all")


def choices_for_empty_rows():
    for dtype in FLOATS:
        x = np.array([[-INF, -INF, -INF], [0, -INF, 0]], dtype)
        half = [0.5, 0, 0.5]
        log = np.log(np.array([0.5, 1, 0.5], "g")) - [0, INF, 0]
        third = np.ones(3, np.longdouble) / 3
        wants = {
            "nan": ([NAN] * 3, [NAN] * 3),
            "zero": ([0] * 3, [-INF] * 3),
            "uniform": (third, np.log(third)),
            None: ([NAN] * 3, [NAN] * 3),
        }
        for empty, (row, log_row) in wants.items():
            for t in (1.0, 0.0, INF):
                options = {"empty": empty, "temperature": t}
                rows = (np.stack([row, half if t else [1, 0, 0]]), np.stack([log_row, log]))
                if not t:
                    rows[1][1] = [0, -INF, -INF]
                for f, want in zip(MAPS, rows, strict=True):
                    yield Case("empty", f, (x,), Near(want), f"{empty} at {t}", options)
        for f, want in (("softmax", [half]), ("log_softmax", [log])):
            raising = {"empty": "raise"}
            yield Case("empty", f, (x[1:],), Near(want), "raise without need", raising)
            words = ("row 0", "-inf", "'nan'", "'zero'", "'uniform'")
            yield Case("empty", f, (x,), Refused(ValueError, words), "raise", raising)
            for bad in ("none", 0, "Zero"):
                words = ("empty", repr(bad), "'nan'", "'zero'", "'uniform'", "'raise'")
                refused = Refused(ValueError, words)
                yield Case("empty", f, (x,), refused, f"{bad!r}", {"empty": bad})


def bad_scores():
    rows = {
        "nan": ([NAN, 0, -INF], [NAN, -INF, -INF], [1, NAN, INF], [NAN], [0] * 40 + [NAN]),
        "plus-inf": ([INF, 0, -INF], [INF, INF], [INF, -INF], [INF], [0] * 40 + [INF]),
    }
    for dtype in FLOATS:
        for rule, choices in rows.items():
            for row in choices:
                x = np.array([row, [0.0] * len(row)], dtype)
                for t in TEMPERATURES:
                    for f in MAPS:
                        for empty in (None, "zero", "uniform", "raise"):
                            if empty and t not in (1.0, 0.0):
                                continue
                            title = f"{len(row)} scores {row[:3]} at {t}, {empty}"
                            options = {"temperature": t, "empty": empty}
                            want = Exactly(np.full((1, len(row)), NAN))
                            yield Case(rule, f, (x[:1],), want, title, options)
                    title, options = f"{len(row)} scores {row[:3]} at {t}", {"temperature": t}
                    yield Case(rule, "entropy", (x[:1],), Exactly([NAN]), title, options)
                    if rule == "nan":
                        yield Case(rule, "logsumexp", (x[:1],), Exactly([NAN]), title, options)
                # Its neighbour is not spoilt.
                n = len(row)
                if n in (1, 2):
                    want = Exactly([[NAN] * n, [1 / n] * n])
                    yield Case(rule, "softmax", (x,), want, f"{row} beside a good row")


def limits_of_logsumexp():
    for dtype in FLOATS:
        for row, value in (
            ([-INF], -INF),
            ([-INF] * 3, -INF),
            ([INF], INF),
            ([INF, -INF, 0], INF),
            ([INF, INF], INF),
        ):
            x = np.array(row, dtype)
            for t in TEMPERATURES:
                title, options = f"{row} at {t}", {"temperature": t}
                want = Exactly(value)
                yield Case("logsumexp-limits", "logsumexp", (x,), want, title, options)


def masks():
    rng = np.random.default_rng(41)
    keep = np.array([[1, 0, 1, 1, 0], [0, 0, 1, 1, 1], [1, 1, 1, 0, 1]], bool)
    # Each leaves a score in every row and column.
    parts = (keep, keep[0], keep[:1], np.ones((3, 1), bool), np.ones((1, 1), bool), np.array(True))
    for dtype in FLOATS:
        x = (4 * rng.normal(size=(3, 5))).astype(dtype)
        for part in parts:
            for f in FAMILY:
                for axis in (-1, None):
                    want, options = Near(truth(f, x, axis, mask=part)), {"mask": part, "axis": axis}
                    title = f"of shape {part.shape}, axis {axis}"
                    yield Case("mask", f, (x,), want, title, options)
    x = np.zeros((2, 3))
    for f in FAMILY:
        as_list = {"mask": [True, False, True]}
        want = Near(truth(f, x, mask=[True, False, True]))
        yield Case("mask", f, (x,), want, "a list", as_list)
        for bad in (np.ones(3), np.array([1, 0, 1])):
            refused = Refused(TypeError, ("mask has the dtype", "bool, True where"))
            yield Case("mask", f, (x,), refused, f"of {bad.dtype}", {"mask": bad})
        for shape in ((2,), (3, 3), (1, 2, 3), (2, 3, 1)):
            refused = Refused(ValueError, ("mask", str(shape), "broadcast", "(2, 3)"))
            options = {"mask": np.ones(shape, bool)}
            yield Case("mask", f, (x,), refused, f"of shape {shape}", options)


def masked_slots():
    keep = np.array([[True, False, True, True], [False, True, False, True]])
    for dtype in FLOATS:
        quiet = np.array([[0.5, 0, 1, -2], [0, 3, 0, 3]], dtype)
        for t in TEMPERATURES:
            options = {"mask": keep, "temperature": t}
            for value in (NAN, INF, -INF, LARGE[dtype.name], -LARGE[dtype.name]):
                loud = np.where(keep, quiet, dtype.type(value))
                for f in FAMILY:
                    want, title = AsIn((quiet,), options), f"{value} at {t}"
                    yield Case("masked-slot", f, (loud,), want, title, options)
        for f in FAMILY:
            want = Near(truth(f, quiet, mask=keep))
            loud = np.where(keep, quiet, dtype.type(NAN))
            yield Case("masked-slot", f, (loud,), want, "NaN left out", {"mask": keep})
        loud = np.where(keep, dtype.type(0), dtype.type(NAN))
        third, half = np.longdouble(1) / 3, 0.5
        p = Exactly([[third, 0, third, third], [0, half, 0, half]])
        yield Case("masked-slot", "softmax", (loud,), p, "exactly 0", {"mask": keep})
        for empty in ("zero", "nan", "uniform"):
            options = {"mask": keep, "empty": empty}
            yield Case("masked-slot", "softmax", (loud,), p, f"exactly 0, {empty}", options)
        # The empty row keeps its masked slots at 0 also where it is NaN.
        none = np.where(keep, dtype.type(-INF), dtype.type(5))
        want = Exactly(np.where(keep, NAN, 0))
        yield Case("masked-slot", "softmax", (none,), want, "of an empty row", {"mask": keep})
        want = Exactly(np.where(keep, NAN, -INF))
        yield Case("masked-slot", "log_softmax", (none,), want, "of an empty row", {"mask": keep})
        options = {"mask": keep, "empty": "uniform"}
        yield Case("masked-slot", "softmax", (none,), p, "of a uniform row", options)


def masked_arrays():
    hidden = np.array([False, True, False])
    values = np.array([2.0, NAN, 2.0])
    wants = {
        "softmax": [0.5, 0, 0.5],
        "log_softmax": [np.log(np.longdouble(0.5)), -INF, np.log(np.longdouble(0.5))],
        "logsumexp": 2 + np.log(np.longdouble(2)),
        "entropy": np.log(np.longdouble(2)),
    }
    only = {"softmax": [1, 0, 0], "log_softmax": [0, -INF, -INF], "logsumexp": 2, "entropy": 0}
    for f, want in wants.items():
        x = AsIs(np.ma.array(values, mask=hidden))
        yield Case("masked-array", f, (x,), Near(want), "its mask", dtype="float64")
        both = {"mask": [True, True, False]}
        yield Case("masked-array", f, (x,), Near(only[f]), "both", both, dtype="float64")
        plain = AsIs(np.ma.array([2.0, 2.0]))
        want = Near(truth(f, np.array([2.0, 2.0])))
        yield Case("masked-array", f, (plain,), want, "no mask", dtype="float64")
    p = AsIs(np.ma.array([0.5, 0.5, NAN], mask=[0, 0, 1]))
    g = AsIs([4.0, 2.0, NAN])
    want = Exactly([0.5, -0.5, 0])
    yield Case("masked-array", "softmax_vjp", (p, g), want, "of probabilities", dtype="float64")


def fully_masked_rows():
    keep = np.array([[False] * 3, [True] * 3])
    for dtype in FLOATS:
        for row in ([1, NAN, 2], [INF, -INF, 0], [-INF] * 3, [0, 1, 2]):
            x = np.array([row, [0, 0, -INF]], dtype)
            for t in TEMPERATURES:
                title = f"{row} at {t}"
                for empty in (None, "nan", "zero", "uniform"):
                    for f in MAPS:
                        options = {"mask": keep, "temperature": t, "empty": empty}
                        want = Exactly(np.full((1, 3), IMPOSSIBLE[f]))
                        first = options | {"mask": keep[:1]}
                        name = f"{title}, {empty}"
                        yield Case("fully-masked", f, (x[:1],), want, name, first)
                options = {"mask": keep[:1], "temperature": t}
                want = Exactly([-INF])
                yield Case("fully-masked", "logsumexp", (x[:1],), want, title, options)
                want = Exactly([0])
                yield Case("fully-masked", "entropy", (x[:1],), want, title, options)
        want = Exactly([[0, 0, 0], [0.5, 0.5, 0]])
        x = np.array([[NAN] * 3, [0, 0, -INF]], dtype)
        yield Case("fully-masked", "softmax", (x,), want, "beside a good row", {"mask": keep})
        zeros = np.zeros((1, 3), dtype)
        none = Exactly(np.zeros((1, 3)))
        for f in ("softmax_vjp", "softmax_jvp"):
            bad = np.array([[NAN, INF, 1]], dtype)
            yield Case("fully-masked", f, (zeros, bad), none, "gradient")


CASES = [
    case
    for cases in (
        empty_rows,
        choices_for_empty_rows,
        bad_scores,
        limits_of_logsumexp,
        masks,
        masked_slots,
        masked_arrays,
        fully_masked_rows,
    )
    for case in cases()
]

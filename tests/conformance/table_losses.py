"""Cases: what a loss is of, what it is divided by, which classes count, what is refused."""

import itertools

import numpy as np
from inputs import FLOATS
from oracles import exact_cross_entropy

from conformance.cases import AsIn, AsIs, Case, Exactly, Near, Refused

INF, NAN = np.inf, np.nan
X = np.array([[1.5, -2, 0.25], [0, 0, 0], [-1, 3, 2], [7, 1, -0.5], [2, 2.5, -3]])
IDS = np.array([0, 2, 1, 2, 0])
SOFT = np.array([[0.5, 0.25, 0.25], [0, 1, 0], [0.25, 0, 0.25], [0, 0, 0], [0.125, 0.75, 0.125]])
WEIGHT = np.array([0.5, 2, 1.25])
LOSSES = ("cross_entropy", "nll_loss")
SPREAD = "cross_entropy, options"  # the row of the table of tolerances


def log_probabilities(x):
    """Return log_softmax of finite scores, as longdoubles."""
    return -np.stack([exact_cross_entropy(x, [i] * len(x))[0] for i in range(x.shape[1])], -1)


def losses(x, weight=1.0):
    """Yield each loss, what it is given, and the right losses of its rows."""
    w = np.broadcast_to(weight, 3)
    log_p = log_probabilities(x).astype(x.dtype)
    rows = np.arange(len(x))
    yield "cross_entropy", x, exact_cross_entropy(x, IDS, weight=w)[0]
    yield "nll_loss", log_p, -(w[IDS] * log_p.astype("g")[rows, IDS])


def reduction():
    for dtype in FLOATS:
        x = X.astype(dtype)
        for weight in (None, WEIGHT):
            w = np.ones(3) if weight is None else weight
            for f, given, rows in losses(x, w):
                title = "weights" if weight is not None else "no weights"
                options = {"weight": weight} if weight is not None else {}
                for name, by in (
                    ("mean", w[IDS].sum()),
                    ("sum", 1),
                    ("none", None),
                ):
                    want = Near(rows if by is None else rows.sum() / by)
                    one = options | {"reduction": name}
                    yield Case("reduction", f, (given, IDS), want, f"{name}, {title}", one)
                for name, by in (("weight", w[IDS].sum()), ("count", 5), (2.5, 2.5)):
                    one = options | {"normalizer": name}
                    want = Near(rows.sum() / by)
                    yield Case("reduction", f, (given, IDS), want, f"by {name}, {title}", one)
                want = Near(rows.sum() / w[IDS].sum())
                yield Case("reduction", f, (given, IDS), want, f"default, {title}", options)
            soft = SOFT.astype(dtype)
            rows = exact_cross_entropy(x, soft, weight=w)[0]
            for name, by in (("weight", (w * SOFT).sum()), ("count", 5), (2.5, 2.5)):
                want = Near(rows.sum() / by, SPREAD)
                one = options | {"normalizer": name}
                title = f"probabilities by {name}, {len(options)}"
                yield Case("reduction", "cross_entropy", (x, soft), want, title, one)


def refused_reductions():
    x = X.astype(np.float32)
    for f in (*LOSSES, "cross_entropy_with_grad"):
        for options, error, words in (
            ({"reduction": "batchmean"}, ValueError, ("'batchmean'", "'mean'", "'sum'", "'none'")),
            ({"reduction": None}, ValueError, ("None", "'mean'")),
            ({"normalizer": "rows"}, ValueError, ("'rows'", "'weight'", "'count'")),
            ({"normalizer": 0}, ValueError, ("0", "above 0")),
            ({"normalizer": -2.0}, ValueError, ("-2.0", "above 0")),
            ({"normalizer": NAN}, ValueError, ("nan", "above 0")),
            ({"normalizer": INF}, ValueError, ("inf", "above 0")),
            ({"normalizer": True}, TypeError, ("True", "'weight'", "'count'")),
            ({"normalizer": None}, TypeError, ("None", "'weight'", "'count'")),
            ({"normalizer": "count", "reduction": "sum"}, ValueError, ("'count'", "'sum'")),
        ):
            want = Refused(error, (next(iter(options)), *words))
            yield Case("reduction", f, (x, IDS), want, f"{options}", options)


def out_of_range():
    for dtype in FLOATS:
        x = X.astype(dtype)
        for f in (*LOSSES, "cross_entropy_with_grad"):
            for kind, value in (("i8", -1), ("i8", 3), ("i1", -128), ("u8", 2**64 - 1), ("u1", 3)):
                ids = IDS.astype(kind)
                ids[2:4] = value
                want = Refused(IndexError, ("targets", f"{value}", "(2,)", "[0, 3)"))
                yield Case("target-out-of-range", f, (x, ids), want, f"{value} of {kind}")
            ids = np.where(IDS == 1, 7, -100)
            want = Refused(IndexError, ("targets", "7", "(2,)", "[0, 3)", "-100"))
            options = {"ignore_index": -100}
            yield Case("target-out-of-range", f, (x, ids), want, "another is ignored", options)
    # Whatever it is, ignore_index is accepted.
    for f, value in itertools.product(LOSSES, (-1, -100, 3, 2**40, 0, 2)):
        ids = np.where(IDS == 2, value, IDS)
        options = {"ignore_index": value, "reduction": "none"}
        want = AsIn((X[ids != value], IDS[ids != value]), {"reduction": "none"}, ids != value)
        yield Case("target-out-of-range", f, (X, ids), want, f"{value} is ignored", options)


def none_left():
    for dtype in FLOATS:
        x = X.astype(dtype)
        x[2] = NAN
        for f in LOSSES:
            ids = np.full(5, 9)
            ignored = {"ignore_index": 9}
            for options, value in (
                ({}, NAN),
                ({"empty": "nan"}, NAN),
                ({"empty": "zero"}, 0),
                ({"weight": WEIGHT}, NAN),
                ({"normalizer": "count"}, NAN),
                ({"normalizer": 3.0}, 0),
                ({"reduction": "sum"}, 0),
                ({"reduction": "none"}, [0] * 5),
            ):
                title = f"all ignored, {list(options.items())}"
                want = Exactly(value)
                yield Case("all-ignored", f, (x, ids), want, title, ignored | options)
            for empty, value in (("nan", NAN), ("zero", 0)):
                for shape in ((0, 3), (2, 0)):
                    title, options = f"{shape}, {empty}", ignored | {"empty": empty}
                    none = np.empty(shape, dtype), np.full(shape[:1], 9)
                    yield Case("all-ignored", f, none, Exactly(value), title, options)
            want = Refused(ValueError, ("empty", "'uniform'", "'nan'", "'zero'"))
            yield Case("all-ignored", f, (x, ids), want, "uniform", {"empty": "uniform"})


def composition():
    choices = itertools.product((None, WEIGHT), (0.0, 0.25), (0.0, 0.5), (False, True))
    for weight, smoothing, z_loss, ignoring in choices:
        for dtype in FLOATS:
            x = X.astype(dtype)
            if ignoring:
                x[1] = NAN
            counts = np.arange(5) != 1 if ignoring else np.ones(5, bool)
            w = np.ones(3) if weight is None else weight
            chosen = {"label_smoothing": smoothing, "z_loss": z_loss}
            options = {k: v for k, v in chosen.items() if v}
            options |= {"weight": weight} if weight is not None else {}
            title = f"{sorted(options)}, {ignoring}"
            ignored = {"ignore_index": -9} if ignoring else {}
            ids = np.where(counts, IDS, -9) if ignoring else IDS
            true, _, _ = exact_cross_entropy(x[counts], IDS[counts], weight=w, **chosen)
            # With one class, or all of its probability at it: the same.
            for how, targets in (("a class", ids), ("one of 1", np.eye(3, dtype=dtype)[IDS])):
                if how == "one of 1" and ignoring:
                    continue
                each = options | ignored | {"reduction": "none"}
                want = np.zeros(5, "g")
                want[counts] = true
                args = (x, targets)
                yield Case(
                    "composition", "cross_entropy", args, Near(want, SPREAD), title + how, each
                )
                mean = Near(true.sum() / w[IDS[counts]].sum(), SPREAD)
                both = options | ignored
                yield Case("composition", "cross_entropy", args, mean, f"mean, {title + how}", both)
            if ignoring:
                alone = AsIn((x[counts], IDS[counts]), options | {"reduction": "none"}, counts)
                each = options | ignored | {"reduction": "none"}
                yield Case(
                    "composition", "cross_entropy", (x, ids), alone, f"dropped, {title}", each
                )
            elif x.dtype.itemsize > 2:
                soft = SOFT.astype(dtype)
                rows, _, _ = exact_cross_entropy(x, soft, weight=w, **chosen)
                want, each = Near(rows, SPREAD), options | {"reduction": "none"}
                title = f"probabilities, {title}"
                yield Case("composition", "cross_entropy", (x, soft), want, title, each)
    ids = np.where(IDS == 2, -9, IDS)
    options = {"weight": WEIGHT, "reduction": "none"}
    alone = AsIn((X[IDS != 2], IDS[IDS != 2]), options, IDS != 2)
    each = options | {"ignore_index": -9}
    yield Case("composition", "nll_loss", (X, ids), alone, "weights, dropped", each)
    counts = IDS != 2
    rows, picked = WEIGHT[IDS[counts]], X[counts, IDS[counts]]
    mean, each = Near(-(rows * picked).sum() / rows.sum()), {"weight": WEIGHT, "ignore_index": -9}
    yield Case("composition", "nll_loss", (X, ids), mean, "mean, weights, ignored", each)


def impossible_targets():
    for dtype in FLOATS:
        each = {"reduction": "none"}
        x = np.array([[-INF, 0], [0, -INF], [-INF, -INF], [NAN, 0], [INF, 0]], dtype)
        want = Exactly([INF, 0, NAN, NAN, NAN])
        yield Case("impossible-target", "cross_entropy", (x, np.zeros(5, int)), want, "-inf", each)
        log_p = np.array([[-INF, 0], [0, -INF], [NAN, NAN], [NAN, 0]], dtype)
        want = Exactly([INF, 0, NAN, NAN])
        yield Case("impossible-target", "nll_loss", (log_p, np.zeros(4, int)), want, "-inf", each)
        for f in LOSSES:
            x = np.zeros((3, 2), dtype)
            x[2] = NAN
            keep = np.array([[True, True], [False, True], [False, False]])
            options = each | {"mask": keep}
            ids, first = np.zeros(3, int), np.log(np.longdouble(2)) if f == "cross_entropy" else 0
            masked = Near([first, INF, 0])
            yield Case("impossible-target", f, (x, ids), masked, "masked", options)
            weight = options | {"weight": np.array([0.0, 1.0])}
            nothing = Exactly([0, NAN if f == "cross_entropy" else 0, 0])
            if f == "nll_loss":
                yield Case("impossible-target", f, (x, ids), nothing, "weight 0", weight)


def other_rules():
    """Rules that hold for all functions, of these."""
    for dtype in FLOATS:
        x = X.astype(dtype)
        keep = np.array([[True, False, True]] * 5)
        ids = np.array([0, 2, 2, 0, 0])
        for f in LOSSES:
            options = {"mask": keep, "reduction": "none"}
            plain = AsIn((x, ids), options)
            for noise in (NAN, INF, -INF, 6e4):
                loud = np.where(keep, x, dtype.type(noise))
                yield Case("masked-slot", f, (loud, ids), plain, f"{noise}", options)
            hidden = AsIs(np.ma.array(x, mask=~keep))
            options = {"reduction": "none"}
            want = AsIn((x, ids), options | {"mask": keep})
            yield Case(
                "masked-array", f, (hidden, ids), want, f"its mask, {dtype}", options, dtype.name
            )
            want = Exactly([0, 0])
            options = {"mask": np.zeros(3, bool), "reduction": "none"}
            yield Case("fully-masked", f, (x[:2], ids[:2]), want, "no class", options)
            beside = AsIn((x[2:3], ids[2:3]), {"reduction": "none"}, np.s_[2:3])
            yield Case("bits", f, (x, ids), beside, "a row alone", {"reduction": "none"})
        one = np.array(x[0, 0]), np.array(0)
        yield Case("scalar", "cross_entropy", one, Exactly(0), "one class")
    for f, name in (
        ("cross_entropy", "x"),
        ("nll_loss", "log_p"),
        ("cross_entropy_with_grad", "x"),
    ):
        for bad in (2, -3):
            words = ("axis", f"{bad}", f"{name} has 2 dimensions", "-2 to 1")
            want = Refused(np.exceptions.AxisError, words)
            yield Case("exceptions", f, (X, IDS), want, f"axis {bad}", {"axis": bad})
        for bad in (None, (0,), 1.0, True):
            want = Refused(TypeError, ("axis", repr(bad), "an int"))
            yield Case("exceptions", f, (X, IDS), want, f"axis {bad!r}", {"axis": AsIs(bad)})
        for bad, words in ((IDS[:4], ("(4,)", "(5,)")), (IDS[:, None], ("(5, 1)", "(5,)"))):
            want = Refused(ValueError, ("targets", *words))
            yield Case("exceptions", f, (X, bad), want, f"targets of {bad.shape}")
        want = Refused(TypeError, ("targets", "bool", "integers"))
        yield Case("exceptions", f, (X, IDS > 0), want, "targets of bool")
        for bad in (WEIGHT[:2], WEIGHT[None]):
            want, title = Refused(ValueError, ("weight", str(bad.shape), "(3,)")), f"{bad.shape}"
            yield Case("exceptions", f, (X, IDS), want, f"weight {title}", {"weight": bad})


CASES = [
    case
    for cases in (
        reduction,
        refused_reductions,
        out_of_range,
        none_left,
        composition,
        impossible_targets,
        other_rules,
    )
    for case in cases()
]

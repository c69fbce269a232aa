"""Cases: filters on logits, and draws, by the rules that are their own."""

import numpy as np
from inputs import FLOATS

from conformance.cases import AsIs, Case, Exactly, Law, Refused

INF, NAN = np.inf, np.nan
FILTERS = ("temperature", "top_k", "top_p", "min_p")
BOTH = ("filter_logits", "sample")
SEED = {"seed": 7}


def given(function, options):
    """Return the options that a function needs, with these."""
    return options | SEED if function == "sample" else options


def filter_orders():
    wants = (
        ("hf", [6, -INF, -INF]),
        ("llama.cpp", [6, 4, -INF]),
        (FILTERS, [6, -INF, -INF]),
        (("top_p", "temperature"), [6, 4, -INF]),
        (["temperature", "top_p"], [6, -INF, -INF]),
    )
    for dtype in FLOATS:
        x = np.array([3, 2, 1], dtype)
        for order, want in wants:
            options = {"temperature": 0.5, "top_p": 0.8, "order": order}
            yield Case("filter-order", "filter_logits", (x,), Exactly(want), f"{order}", options)
        options = {"temperature": 0.5, "top_p": 0.8}
        want = Exactly([6, -INF, -INF])
        yield Case("filter-order", "filter_logits", (x,), want, "none said", options)
        # Of two that are left by top_k, one has 0.73: enough for top_p if it comes second.
        for order, want in (("hf", [3, -INF, -INF]), (("top_p", "top_k"), [3, 2, -INF])):
            options = {"top_k": 2, "top_p": 0.7, "order": order}
            title = f"top_k, top_p, {order}"
            yield Case("filter-order", "filter_logits", (x,), Exactly(want), title, options)
    x = np.zeros(3)
    for f in BOTH:
        for bad, error, words in (
            ("HF", ValueError, ("order", "'HF'", "'hf'", "'llama.cpp'")),
            (3, TypeError, ("order", "3", "'hf'", "'llama.cpp'", "'min_p'")),
            (None, TypeError, ("order", "None", "'hf'")),
            (("top_p", "typical"), ValueError, ("order", "'typical'", *FILTERS)),
            ((1,), TypeError, ("order", "1", *FILTERS)),
            (("top_p", "top_p"), ValueError, ("order", "twice")),
            (("top_k",), ValueError, ("order", "('top_k',)", "top_p", "0.5")),
        ):
            options = given(f, {"order": bad, "top_p": 0.5})
            yield Case("filter-order", f, (x,), Refused(error, words), f"{bad!r}", options)


def top_p():
    for dtype in FLOATS:
        for length, p, count in (
            (10, 0.9, 9),
            (4, 0.5, 2),
            (4, 0.5000001, 3),
            (7, 0.0, 1),
            (7, 1.0, 7),
            (7, None, 7),
            (3000, 0.5, 1500),
        ):
            x = np.full(length, 3, dtype)
            want = Exactly(np.where(np.arange(length) < count, 3, -INF))
            title, options = f"{p} of {length} equal", {"top_p": p}
            yield Case("top-p", "filter_logits", (x,), want, title, options)
        # The probabilities are 0.64, 0.24, 0.09 and 0.03.
        x = np.array([1, 3, 0, 2], dtype)
        for p, want in (
            (1e-300, [-INF, 3, -INF, -INF]),
            (0.6, [-INF, 3, -INF, -INF]),
            (0.7, [-INF, 3, -INF, 2]),
            (0.9, [1, 3, -INF, 2]),
            (0.99, [1, 3, 0, 2]),
        ):
            yield Case("top-p", "filter_logits", (x,), Exactly(want), f"{p}", {"top_p": p})
    for f in BOTH:
        for bad, error in ((-0.1, ValueError), (1.1, ValueError), (NAN, ValueError)):
            want = Refused(error, ("top_p", repr(bad), "from 0 to 1"))
            options = given(f, {"top_p": bad})
            yield Case("top-p", f, (np.zeros(3),), want, f"{bad}", options)
        for bad in ("0.5", True, [0.5, 0.5], 1j):
            want = Refused(TypeError, ("top_p", repr(bad), "a number from 0 to 1"))
            options = given(f, {"top_p": AsIs(bad)})
            yield Case("top-p", f, (np.zeros(3),), want, f"{bad!r}", options)


def top_k():
    for dtype in FLOATS:
        x = np.array([2, 5, 5, 1, 5, 2], dtype)
        for k, want in (
            (1, [-INF, 5, -INF, -INF, -INF, -INF]),
            (2, [-INF, 5, 5, -INF, -INF, -INF]),
            (4, [2, 5, 5, -INF, 5, -INF]),
            (np.int8(5), [2, 5, 5, -INF, 5, 2]),
            (6, [2, 5, 5, 1, 5, 2]),
            (10**30, [2, 5, 5, 1, 5, 2]),
            (0, [2, 5, 5, 1, 5, 2]),
            (None, [2, 5, 5, 1, 5, 2]),
        ):
            yield Case("top-k", "filter_logits", (x,), Exactly(want), f"{k}", {"top_k": k})
        less = np.array([1, -INF, 2, -INF], dtype)
        want = Exactly([1, -INF, 2, -INF])
        yield Case("top-k", "filter_logits", (less,), want, "less than k", {"top_k": 3})
    for f in BOTH:
        want = Refused(ValueError, ("top_k is -1", ">= 0"))
        yield Case("top-k", f, (np.zeros(3),), want, "-1", given(f, {"top_k": -1}))
        for bad in (1.0, "1", True, [1]):
            want = Refused(TypeError, ("top_k", repr(bad), "an integer >= 0"))
            options = given(f, {"top_k": AsIs(bad)})
            yield Case("top-k", f, (np.zeros(3),), want, f"{bad!r}", options)


def min_p():
    for dtype in FLOATS:
        # The probabilities, by the largest: 0.37, 1, 0.14, 1, 0.61.
        x = np.array([1, 2, 0, 2, 1.5], dtype)
        for least, want in (
            (1.0, [-INF, 2, -INF, 2, -INF]),
            (0.5, [-INF, 2, -INF, 2, 1.5]),
            (0.3, [1, 2, -INF, 2, 1.5]),
            (0.1, [1, 2, 0, 2, 1.5]),
            (0.0, [1, 2, 0, 2, 1.5]),
            (None, [1, 2, 0, 2, 1.5]),
        ):
            yield Case("min-p", "filter_logits", (x,), Exactly(want), f"{least}", {"min_p": least})
    for f in BOTH:
        for bad, error in ((-0.1, ValueError), (2, ValueError), (NAN, ValueError)):
            want = Refused(error, ("min_p", repr(bad), "from 0 to 1"))
            options = given(f, {"min_p": bad})
            yield Case("min-p", f, (np.zeros(3),), want, f"{bad}", options)


# Of 256 equal classes a draw is the first byte of Philox 4x32-10's second word: (seed, row) -> the
# draws 0, 1, 2, 3. The first is that of Random123's known answer, 6627e8d5 e169c58d ....
BYTES = {
    (0, 0): [225, 92, 81, 106],
    (0, 1): [240, 217, 190, 160],
    (0, 2**40 + 3): [29, 23, 38, 19],
    (7, 0): [192, 203, 2, 64],
    (7, 1): [43, 217, 169, 121],
    (7, 2): [217, 56, 187, 18],
    (2**64 - 1, 0): [21, 75, 111, 174],
    (2**64 - 1, 1): [126, 185, 113, 236],
    (2**64 - 1, 2**40 + 3): [231, 153, 213, 226],
}


def draws():
    for dtype in (*FLOATS, np.dtype("int16")):
        even = np.zeros(256, dtype)
        for (seed, row), want in BYTES.items():
            options = {"seed": seed, "rows": row, "size": 4}
            title = f"seed {seed}, row {row}"
            yield Case("draws", "sample", (even,), Exactly(want), title, options)
            one = {"seed": seed, "rows": row}
            yield Case("draws", "sample", (even,), Exactly(want[0]), f"{title}, one", one)
    batch = np.zeros((3, 256))
    first, second, third = (BYTES[7, row] for row in range(3))
    want = Exactly(np.array([first, second, third]).T)
    yield Case("draws", "sample", (batch,), want, "a batch", SEED | {"size": 4})
    want = Exactly(np.array([third, first]).T.reshape(2, 2, 2))
    options = SEED | {"size": (2, 2), "rows": np.array([2, 0])}
    yield Case("draws", "sample", (batch[:2],), want, "other rows", options)
    # In quarters of [0, 1): 0.75, 0.79, 0.01, 0.25; the first of them is hidden, or is not kept.
    quarters = np.array([1, -INF, 1, 0.5])
    options = SEED | {"size": 4, "top_k": 2}
    want = Exactly([2, 2, 0, 0])
    yield Case("draws", "sample", (quarters,), want, "what is left", options)
    none = {"size": 0}
    yield Case("draws", "sample", (batch,), Exactly(np.empty((0, 3))), "none", SEED | none)
    no_rows = Exactly(np.empty((2, 0)))
    yield Case("draws", "sample", (batch[:0],), no_rows, "no rows", SEED | {"size": 2})
    for options, error, words in (
        ({"seed": -1}, ValueError, ("seed is -1", ">= 0 and < 2**64")),
        ({"seed": 2**64}, ValueError, ("seed", str(2**64), "< 2**64")),
        ({"seed": 1.0}, TypeError, ("seed is 1.0", "an integer >= 0")),
        ({"seed": None}, TypeError, ("seed is None", "an integer >= 0")),
        ({"size": -1}, ValueError, ("size is -1", ">= 0")),
        ({"size": (2, 1.5)}, TypeError, ("size is 1.5", "an integer >= 0")),
        ({"rows": -1}, ValueError, ("rows", "-1", ">= 0 and < 2**63")),
        ({"rows": AsIs([0.0, 1.0, 2.0])}, TypeError, ("rows", "float64", "integers >= 0")),
        ({"rows": AsIs([0, 1])}, ValueError, ("rows", "(2,)", "broadcast", "(3,)")),
    ):
        refused = Refused(error, words)
        yield Case("draws", "sample", (batch,), refused, f"{options}", SEED | options)


def bad_rows():
    for dtype in FLOATS:
        for value, kind in ((NAN, "NaN"), (INF, "+inf")):
            x = np.zeros((20, 50), dtype)
            x[17, 42], x[18, 3] = value, NAN
            want = Refused(ValueError, (f"row 17: {kind} logit at index 42",))
            yield Case("bad-rows", "sample", (x,), want, kind, SEED)
            want = Refused(ValueError, (f"row (1, 7): {kind} logit at index 42",))
            yield Case("bad-rows", "sample", (x.reshape(2, 10, 50),), want, kind + ", cube", SEED)
            want = Refused(ValueError, (f"x: {kind} logit at index 42",))
            yield Case("bad-rows", "sample", (x[17],), want, kind + ", one row", SEED)
            at_limit = SEED | {"temperature": 0}
            yield Case("bad-rows", "sample", (x[17],), want, kind + ", at 0", at_limit)
        x = np.zeros((2, 3), dtype)
        x[1] = -INF
        want = Refused(ValueError, ("row 1: no logit above -inf",))
        yield Case("bad-rows", "sample", (x,), want, "-inf", SEED)
        # A class that is impossible, or too far below the maximum, is never drawn.
        for low in (-INF, -6e4):
            x = np.full(300, low, dtype)
            x[123] = 0
            want = Law("123 alone", lambda got: np.all(got == 123))
            title = f"one among {low}"
            yield Case("bad-rows", "sample", (x,), want, title, SEED | {"size": 1000})


CASES = [
    case for cases in (filter_orders, top_p, top_k, min_p, draws, bad_rows) for case in cases()
]

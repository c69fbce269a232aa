"""Every float16 and every bfloat16: correctly rounded, and the float32 result rounded once."""

import inputs
import numpy as np
import pytest
from kernel_calls import same_bits
from oracles import Exact, exact_vjp
from tolerances import BOUNDS, assert_within

import logitkit as lk
from logitkit.backends import _arguments as arguments
from logitkit.backends import _delivery as delivery

INF, NAN = np.inf, np.nan
HALVES = inputs.FLOATS[:2]
FAMILY = ("softmax", "log_softmax", "logsumexp", "entropy")
NOT_FINITE = {"float16": 2048, "bfloat16": 256}

# What a row [x, 0], and x alone, give where x is not finite.
BESIDE_0 = {
    "softmax": {-INF: [0, 1], INF: [NAN, NAN], NAN: [NAN, NAN]},
    "log_softmax": {-INF: [-INF, 0], INF: [NAN, NAN], NAN: [NAN, NAN]},
    "logsumexp": {-INF: 0, INF: INF, NAN: NAN},
    "entropy": {-INF: 0, INF: NAN, NAN: NAN},
}
ALONE = {
    "softmax": {-INF: [NAN], INF: [NAN], NAN: [NAN]},
    "log_softmax": {-INF: [NAN], INF: [NAN], NAN: [NAN]},
    "logsumexp": {-INF: -INF, INF: INF, NAN: NAN},
    "entropy": {-INF: NAN, INF: NAN, NAN: NAN},
}


def wide(a):
    """Return the numbers as float64; a NaN of any bits without a warning."""
    with np.errstate(invalid="ignore"):
        return np.asarray(a).astype(np.float64)


def every(dtype):
    """Return all 65536 patterns of bits."""
    x = np.arange(65536, dtype=np.uint16).view(dtype)
    assert np.isfinite(wide(x)).sum() == 65536 - NOT_FINITE[dtype.name]
    return x


def beside(x, value):
    """Return rows of each x and a value."""
    return np.stack([x, np.full_like(x, value)], axis=-1)


def short_row(x, form):
    return (beside(x, 0), BESIDE_0) if form == "beside 0" else (x[:, None], ALONE)


def rounded(function, *arguments, dtype):
    """Return the float32 result of the same numbers, rounded once."""
    result = np.asarray(function(*(np.asarray(a).astype(np.float32) for a in arguments)))
    with np.errstate(over="ignore", under="ignore"):
        return result.astype(dtype)


def test_the_bound_is_that_of_correct_rounding():
    for name in (*FAMILY, "softmax_vjp"):
        for dtype in HALVES:
            assert BOUNDS[name, dtype.name, "default"].ulp == 0.51


@pytest.mark.parametrize("form", ["beside 0", "alone"])
@pytest.mark.parametrize("name", FAMILY)
@pytest.mark.parametrize("dtype", HALVES, ids=str)
def test_every_input_is_correctly_rounded(isa, dtype, name, form):
    x = every(dtype)
    rows, special = short_row(x, form)
    got = getattr(lk, name)(rows)
    assert got.dtype == dtype
    finite = np.isfinite(wide(x))
    assert_within(name, got[finite], getattr(Exact(rows[finite]), name))
    for value, want in special[name].items():
        found = np.isnan(wide(x)) if np.isnan(value) else wide(x) == value
        assert found.any()
        wants = np.broadcast_to(np.array(want, float), got[found].shape)
        assert np.array_equal(wide(got[found]), wants, equal_nan=True)


@pytest.mark.parametrize("form", ["beside 0", "alone"])
@pytest.mark.parametrize("name", FAMILY)
@pytest.mark.parametrize("dtype", HALVES, ids=str)
def test_every_result_is_that_of_float32_rounded_once(isa, dtype, name, form):
    rows, _ = short_row(every(dtype), form)
    function = getattr(lk, name)
    assert same_bits(function(rows), rounded(function, rows, dtype=dtype))


def products(dtype):
    """Return (p, g): every gradient, and every number in the place of a probability."""
    x = every(dtype)
    share = np.array([0.75, 0.25], dtype)
    return [
        (np.broadcast_to(share, (65536, 2)), beside(x, 1)),
        (lk.softmax(beside(x, 0)), np.broadcast_to(np.array([1, -3], dtype), (65536, 2))),
        (beside(x, 0.5), np.broadcast_to(np.array([2, -1], dtype), (65536, 2))),
    ]


@pytest.mark.parametrize("place", [0, 1, 2], ids=["in g", "scores of p", "in p"])
@pytest.mark.parametrize("dtype", HALVES, ids=str)
def test_every_product_is_correctly_rounded(isa, dtype, place):
    p, g = products(dtype)[place]
    got = lk.softmax_vjp(p, g)
    assert got.dtype == dtype
    finite = np.isfinite(wide(p)).all(axis=-1) & np.isfinite(wide(g)).all(axis=-1)
    assert finite.sum() >= 65536 - NOT_FINITE[dtype.name]
    true, terms = exact_vjp(p[finite], g[finite], 1.0)
    assert_within("softmax_vjp", got[finite], true, at=terms)
    bad = np.isnan(wide(p)).any(axis=-1) | np.isnan(wide(g)).any(axis=-1)
    assert bad.any()
    assert np.isnan(wide(got[bad])).all()


@pytest.mark.parametrize("place", [0, 1, 2], ids=["in g", "scores of p", "in p"])
@pytest.mark.parametrize("dtype", HALVES, ids=str)
def test_every_product_is_that_of_float32_rounded_once(isa, dtype, place):
    p, g = products(dtype)[place]
    assert same_bits(lk.softmax_vjp(p, g), rounded(lk.softmax_vjp, p, g, dtype=dtype))


BITS = arguments.BFLOAT16_BITS


def test_bfloat16_without_ml_dtypes_is_the_same():
    """Where a library has bfloat16 itself, its bits go through the core under another name."""
    x = every(inputs.BFLOAT16)
    with np.errstate(invalid="ignore"):  # of signalling NaNs
        assert same_bits(delivery.cast(x.view(BITS), np.dtype("f4")), wide(x).astype("f4"))
    rng = np.random.default_rng(0)
    floats = rng.integers(0, 2**32, 10**5, dtype=np.uint32).view("f4")
    with np.errstate(all="ignore"):
        for a in (floats, floats.astype("f2"), floats[:100].reshape(4, 5, 5).transpose(2, 0, 1)):
            want = a.astype(inputs.BFLOAT16)
            assert same_bits(delivery.cast(a, BITS).view(inputs.BFLOAT16), want)
    rows = x[np.isfinite(wide(x))][:65000].reshape(-1, 50)
    for function in (lk.softmax, lk.log_softmax):
        got = function(rows.view(BITS), axis=0)
        assert same_bits(np.ascontiguousarray(got).view(inputs.BFLOAT16), function(rows, axis=0))


def test_a_double_is_rounded_to_bfloat16_once():
    """A little beside the middle between two of them it goes to the nearer one."""
    x = np.abs(wide(every(inputs.BFLOAT16)))
    x = np.unique(x[np.isfinite(x)])
    low, high = x[:-1], x[1:]
    for sign in (1.0, -1.0):
        for dtype in (inputs.BFLOAT16, BITS):
            middle = sign * (low + high) / 2
            down, up = np.nextafter(middle, sign * low), np.nextafter(middle, sign * high)
            for values, want in ((down, sign * low), (up, sign * high)):
                assert np.array_equal(
                    wide(delivery.cast(values, dtype).view(inputs.BFLOAT16)), want
                )

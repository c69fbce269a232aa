"""Long rows of another dtype than is computed in are converted a block at a time: the same bits."""

import inputs
import ml_dtypes
import numpy as np
import pytest
from kernel_calls import same_bits
from test_memory import MIB, beyond_the_result

import logitkit as lk
from logitkit import _core
from logitkit.backends import _delivery

STORED = [
    "?",
    "i1",
    "u1",
    "i2",
    "u2",
    "i4",
    "u4",
    "i8",
    "u8",
    ">i2",
    ">u4",
    ">i8",
    ">f2",
    ">f4",
    ">f8",
]
LENGTH = 9001
AT_ONCE = 2 * MIB  # rooms for blocks, whatever the row


@pytest.fixture
def rows_are_long(monkeypatch):
    """Let rows that tests can afford be converted as long ones are."""
    monkeypatch.setattr(_delivery, "LONGEST_ROW", 4096)


def stored(dtype, seed=0, shape=(3, LENGTH)):
    """Return numbers over the range of a dtype, the ends too."""
    rng = np.random.default_rng(seed)
    dtype = np.dtype(dtype)
    if dtype.kind == "b":
        return rng.random(shape) < 0.5
    if dtype.kind in "iu":
        ends = np.iinfo(dtype)
        x = rng.integers(ends.min, ends.max, shape, dtype.newbyteorder("="), endpoint=True)
        x[0] = x[0] % 9
        x[:, :2] = ends.min, ends.max
        return x.astype(dtype)
    x = 3 * rng.normal(size=shape)
    x[1, 5], x[2, 5] = -np.inf, 50000
    return x.astype(dtype)


def results(x, g, keep):
    per_row = np.linspace(0.5, 2, len(x)).astype(np.float32)
    given = {"temperature": per_row, "mask": keep}
    yield from (f(x) for f in (lk.softmax, lk.log_softmax, lk.logsumexp, lk.entropy))
    yield from (f(x, **given) for f in (lk.softmax, lk.log_softmax, lk.logsumexp, lk.entropy))
    yield from (f(x, g) for f in (lk.softmax_vjp, lk.log_softmax_vjp))
    yield from (f(x, per_row, **given) for f in (lk.logsumexp_vjp, lk.entropy_vjp))
    yield lk.kl_divergence(x, g, **given, reduction="none")
    yield lk.gather_logprobs(x, [[0, 4096, LENGTH - 1]] * len(x))
    yield from lk.top_k(x, 40)


def assert_same(got, want):
    for one, other in zip(got, want, strict=True):
        assert same_bits(one, other)


@pytest.mark.parametrize("dtype", STORED)
def test_every_dtype_that_is_accepted(dtype, monkeypatch):
    x, g = stored(dtype), stored(dtype, seed=1)
    keep = np.random.default_rng(2).random(x.shape) < 0.8
    want = list(results(x, g, keep))
    monkeypatch.setattr(_delivery, "LONGEST_ROW", 4096)
    assert_same(results(x, g, keep), want)
    strided = [np.asfortranarray(x), np.repeat(g, 2, axis=1)[:, ::2], keep[:, ::-1].copy()[:, ::-1]]
    assert_same(results(*strided), want)
    for f in (lk.softmax, lk.logsumexp):
        assert same_bits(f(x.T, axis=None), f(x.T.astype(lk.softmax(x[:, :1]).dtype), axis=None))


@pytest.mark.parametrize("wanted", inputs.FLOATS, ids=str)
@pytest.mark.parametrize("dtype", [*inputs.FLOATS, np.dtype("u1"), np.dtype("i8")], ids=str)
def test_every_dtype_of_a_result(dtype, wanted, monkeypatch):
    x = stored(dtype)
    per_row = np.linspace(0.5, 2, len(x))
    out = np.empty((2 * LENGTH, 3), wanted)[::2].T
    for f in (lk.softmax, lk.log_softmax, lk.logsumexp):
        want = f(x, dtype=wanted)
        with monkeypatch.context() as patch:
            patch.setattr(_delivery, "LONGEST_ROW", 4096)
            assert same_bits(f(x, dtype=wanted), want)
            if f is not lk.logsumexp:
                assert f(x, dtype=wanted, out=out) is out
                assert same_bits(out, want)
    mixed = [lk.softmax_vjp(x, per_row[:, None] * np.ones(LENGTH)), lk.logsumexp_vjp(x, per_row)]
    monkeypatch.setattr(_delivery, "LONGEST_ROW", 4096)
    got = [lk.softmax_vjp(x, per_row[:, None] * np.ones(LENGTH)), lk.logsumexp_vjp(x, per_row)]
    assert_same(got, mixed)


def test_doubles_are_rounded_once_to_float16(rows_are_long):
    """Near the middle of two float16, where a float on the way would be that middle."""
    rng = np.random.default_rng(5)
    low = rng.integers(1, 0x7BFF, 5000).astype(np.uint16).view(np.float16).astype(np.float64)
    high = np.nextafter(low.astype(np.float16), np.float16(np.inf)).astype(np.float64)
    middle = (low + high) / 2
    g = np.concatenate([middle, np.nextafter(middle, 0), np.nextafter(middle, 1e9), -middle])
    g = g[None] * np.float64(1)
    zeros = np.zeros_like(g, dtype=np.float16)
    zeros[0, 0] = 1
    want = (lk.log_softmax_vjp(np.full_like(g, -1000.0), g)).astype(np.float16)
    got = lk.log_softmax_vjp(np.full(g.shape, -1000, np.float16), g)
    assert got.dtype == np.float16
    assert same_bits(got, want)


@pytest.mark.parametrize("dtype", ["u1", "i8", ">f4", "f2"])
@pytest.mark.parametrize("strided", [False, True])
def test_nothing_of_the_size_of_a_row_is_allocated(dtype, strided):
    x = stored(dtype, shape=(3, 2**20 + 1))
    x = x[:, ::-1] if strided else x
    for f in (lk.softmax, lk.log_softmax, lk.logsumexp, lk.entropy):
        wide = {} if f is lk.entropy else {"dtype": np.float32}
        _, beyond = beyond_the_result(lambda f=f, wide=wide: f(x, **wide))
        assert beyond <= AT_ONCE
    _, beyond = beyond_the_result(lambda: lk.softmax_vjp(x, x[:, ::-1], temperature=2.0))
    assert beyond <= AT_ONCE


def test_bfloat16_is_known_from_unsigned_integers(rows_are_long):
    x = stored(ml_dtypes.bfloat16)
    assert same_bits(lk.logsumexp(x, dtype=np.float64), lk.logsumexp(x.astype(np.float64)))
    bits = x.view(np.uint16)
    assert same_bits(lk.logsumexp(bits), lk.logsumexp(bits.astype(np.float32)))


@pytest.mark.parametrize(
    ("x", "changed", "error"),
    [
        (np.zeros(4096, np.uint8), {}, ValueError),  # no row of more than a block
        (np.zeros(5000, np.uint8), {"x_stored": "|u9"}, TypeError),
        (np.zeros(5000, np.uint8), {"x_stored": "<u2"}, TypeError),
        (np.zeros(5000, np.uint8), {"x_stored": ""}, TypeError),
        (np.zeros(5000, np.uint8), {"compute": "e"}, TypeError),
        (np.zeros(5000, np.uint8), {"compute": "q"}, TypeError),
        (np.zeros(5000, np.complex64), {"x_stored": "<c8"}, TypeError),
        (np.zeros(5000, np.uint8), {"out_stored": "<u4"}, TypeError),
    ],
)
def test_the_core_refuses_what_it_does_not_convert(x, changed, error):
    out = np.full(x.shape, 7, np.float32)
    stored = {"compute": "f", "x_stored": x.dtype.str, "out_stored": "<f4", **changed}
    with pytest.raises(error):
        _core.apply(_core.SOFTMAX, x, out, 1, 1.0, **stored)
    assert (out == 7).all()

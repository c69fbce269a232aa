"""The bits of a row depend on that row alone: not on batch, address, instruction set or modes."""

import ctypes
import shutil
import subprocess

import inputs
import numpy as np
import pytest
from kernel_calls import REGIMES, apply, at_offset, same_bits

import logitkit as lk
from logitkit import _core

INF, NAN = np.inf, np.nan
FUNCTIONS = ["softmax", "log_softmax", "logsumexp", "entropy"]
FLOAT32, FLOAT64 = np.dtype(np.float32), np.dtype(np.float64)
SPECIAL = [[NAN, 1, -INF], [INF, 1, -INF], [-INF] * 3, [-INF, 0, -0.0], [1e-40, -1e-40, 0]]


def rows(shape, dtype, spread=4.0):
    return (spread * np.random.default_rng(7).normal(size=shape)).astype(dtype)


def on_each_isa(compute):
    """Return what `compute()` gives on each instruction set."""
    before, results = _core.isa(), {}
    try:
        for name in _core.available_isas():
            _core.select_isa(name)
            results[name] = compute()
    finally:
        _core.select_isa(before)
    return results


@pytest.mark.parametrize("dtype", inputs.FLOATS, ids=str)
@pytest.mark.parametrize("function", FUNCTIONS)
def test_every_instruction_set_gives_the_same(function, dtype):
    cases = list(inputs.accuracy_inputs(dtype, scale=0.3).values())
    cases += [(np.array(SPECIAL).astype(dtype), t) for t in (0.0, 0.7, 1.0, INF)]
    different = 0
    for x, temperature in cases:

        def compute(x=x, temperature=temperature):
            return getattr(lk, function)(x, temperature=temperature)

        results = on_each_isa(compute)
        for name, got in results.items():
            assert same_bits(got, results["generic"]), name
        different += len(np.unique(results["generic"])) > 1
    assert different > 10


@pytest.mark.parametrize("dtype", inputs.COMPUTED, ids=str)
@pytest.mark.parametrize("function", ["softmax", "log_softmax"])
def test_every_regime_gives_the_same(isa, function, dtype):
    for x, temperature in inputs.accuracy_inputs(dtype, scale=0.3).values():
        kept, *others = (apply(function, x, temperature, regime=r) for r in REGIMES)
        in_place = x.copy()
        getattr(lk, function)(in_place, temperature=temperature, out=in_place)
        for other in (*others, in_place):
            assert same_bits(kept, other)


@pytest.mark.parametrize("temperature", [0.7, 1.0])
@pytest.mark.parametrize("dtype", inputs.FLOATS, ids=str)
def test_every_instruction_set_gives_the_same_gradient(dtype, temperature):
    x, g = rows((9, 801), dtype), rows((9, 801), dtype)
    g[0] -= g[0].mean(dtype=np.float64).astype(dtype)  # the sum all but cancels
    p, log_p = lk.softmax(x), lk.log_softmax(x)
    for call in (
        lambda: lk.softmax_vjp(p, g, temperature=temperature),
        lambda: lk.log_softmax_vjp(log_p, g, temperature=temperature),
        lambda: lk.logsumexp_vjp(x, g[:, 0], temperature=temperature),
        lambda: lk.entropy_vjp(x, g[:, 0], temperature=temperature),
    ):
        results = on_each_isa(call)
        for name, got in results.items():
            assert same_bits(got, results["generic"]), name


@pytest.mark.parametrize("dtype", inputs.FLOATS, ids=str)
@pytest.mark.parametrize("length", [1, 2, 3, 4, 7, 10, 16, 17, 33, 64, 100, 1000, 4096, 4099])
def test_a_row_is_the_same_alone_and_in_its_batch(isa, length, dtype):
    x = rows((6 if isa == "generic" else 13, length), dtype)
    x[1, length // 2], x[2, 0], x[3, -1] = NAN, -INF, INF
    for function in (getattr(lk, name) for name in FUNCTIONS):
        batch = function(x)
        for i, row in enumerate(x):
            assert same_bits(batch[i], function(row.copy()))


@pytest.mark.parametrize("dtype", [FLOAT32, FLOAT64], ids=str)
@pytest.mark.parametrize("shape", [(40_000, 10), (3000, 101)])
def test_a_row_is_the_same_alone_and_among_thousands(isa, shape, dtype):
    x = rows(shape, dtype)
    for function in (getattr(lk, name) for name in FUNCTIONS):
        with lk.num_threads(1):  # all rows in one batch
            batch, columns = function(x), function(x.T.copy(), axis=0)
        assert same_bits(columns.T, batch)
        for i in (0, 1, 2, shape[0] // 2, shape[0] - 1):
            assert same_bits(batch[i], function(x[i]))


@pytest.mark.parametrize("dtype", [FLOAT32, FLOAT64], ids=str)
def test_a_batch_may_be_split_at_every_point(isa, dtype):
    x = rows((20, 37), dtype)
    for function in (getattr(lk, name) for name in FUNCTIONS):
        whole = function(x)
        for point in range(1, 20):
            assert same_bits(np.concatenate([function(x[:point]), function(x[point:])]), whole)


@pytest.mark.parametrize("dtype", [FLOAT32, FLOAT64], ids=str)
def test_the_neighbours_of_a_row_do_not_matter(isa, dtype):
    x = rows((3, 101), dtype)
    quiet = lk.softmax(x)[1]
    for loud in (NAN, INF, -INF, float(np.finfo(dtype).max), 0.0):
        x[[0, 2]] = loud
        assert same_bits(lk.softmax(x)[1], quiet)


@pytest.mark.parametrize("length", [2, 16, 17, 32, 128, 300])
@pytest.mark.parametrize("dtype", inputs.FLOATS, ids=str)
def test_rows_done_together_may_take_different_ways(isa, dtype, length):
    # From even to so uneven that a logarithm vanishes: in floats, in doubles, and -0 or 0.
    x = rows((64, length), dtype)
    x[:, 0] = 2.5 * (7 * np.arange(64) % 64)
    for name in FUNCTIONS:
        function = getattr(lk, name)
        alone = np.concatenate([function(row[None]) for row in x])
        assert same_bits(function(x), alone), name
        assert same_bits(function(np.ascontiguousarray(x.T), axis=0).T, alone), name


@pytest.mark.parametrize("dtype", inputs.FLOATS, ids=str)
@pytest.mark.parametrize("length", [3, 16, 33, 250])
def test_the_address_does_not_matter(isa, length, dtype):
    x = rows((2, length), dtype)
    want = {name: getattr(lk, name)(x) for name in FUNCTIONS}
    p, gradient = want["softmax"], lk.softmax_vjp(want["softmax"], x)
    for offset in range(64):
        moved = at_offset(x, offset)
        assert moved.ctypes.data % 64 == offset
        for name in FUNCTIONS:
            assert same_bits(getattr(lk, name)(moved), want[name])
        other = 63 - offset
        assert same_bits(lk.softmax_vjp(at_offset(p, other), moved), gradient)
        for name in ("softmax", "log_softmax"):
            out = at_offset(np.zeros_like(x), other)
            assert same_bits(getattr(lk, name)(moved, out=out), want[name])


def test_a_long_row_is_the_same_alone_and_in_a_result_beyond_every_cache():
    length = 150_001  # beyond the rows that are stored and scaled; odd, so that addresses differ
    count = _core.cache_bytes(3) // (8 * length) + 2
    x = np.tile(rows(length, FLOAT32), (max(3, min(count, 60)), 1))
    x[:, 0] = np.arange(len(x))
    for function in (lk.softmax, lk.log_softmax):
        whole = function(x)
        for i in (0, 1, 2, len(x) - 1):
            assert same_bits(function(x[i]), whole[i])
    with_out = lk.softmax(x, out=np.empty_like(x))
    assert same_bits(with_out, lk.softmax(x.copy(order="F")))


# ---- the modes of the processor ---------------------------------------------------------------

MODES = """
#if defined(__x86_64__)
#include <xmmintrin.h>
unsigned long get(void) { return _mm_getcsr(); }
void set(unsigned long value) { _mm_setcsr(value); }
unsigned long hostile(void) { return 0xdfc0; /* flush, upward, denormals 0 */ }
#else
unsigned long get(void) { unsigned long v; __asm__ volatile("mrs %0, fpcr" : "=r"(v)); return v; }
void set(unsigned long v) { __asm__ volatile("msr fpcr, %0" : : "r"(v)); }
unsigned long hostile(void) { return 1ul << 24 | 1ul << 22; /* flush, upward */ }
#endif
"""


@pytest.fixture(scope="module")
def modes(tmp_path_factory):
    """The register that holds the rounding and subnormal modes of this thread."""
    directory = tmp_path_factory.mktemp("modes")
    (directory / "modes.c").write_text(MODES)
    compiler = next(name for name in ("cc", "gcc", "clang") if shutil.which(name))
    subprocess.run(
        [compiler, "-shared", "-fPIC", "-o", "modes.so", "modes.c"], cwd=directory, check=True
    )
    library = ctypes.CDLL(str(directory / "modes.so"))
    library.get.restype = library.hostile.restype = ctypes.c_ulong
    library.set.argtypes = [ctypes.c_ulong]
    return library


@pytest.mark.parametrize("dtype", [FLOAT32, FLOAT64], ids=str)
def test_the_modes_of_the_host_program_do_not_matter(isa, dtype, modes, thread_settings):
    _core.set_thread_count(2)
    least = -90.0 if dtype == FLOAT32 else -720.0  # results that flushing would lose
    x = np.stack([np.linspace(least, 0, 2000), np.linspace(3 * least, 0, 2000)] * 12).astype(dtype)
    want = {name: getattr(lk, name)(x) for name in FUNCTIONS}
    assert np.any((want["softmax"] > 0) & (want["softmax"] < np.finfo(dtype).tiny))
    options = {"temperature": 3.0, "top_k": 1900, "top_p": 0.999}
    left, drawn = lk.filter_logits(x, **options), lk.sample(x, seed=3, size=9, **options)
    filters = (3.0, None, [0, 1, 2], 1900, 0.999, 0.0, 3, "", "", "")
    got_left, ids = np.empty_like(x), np.empty((24, 9), np.int64)
    ids[:, 0] = range(24)
    out, (before, hostile) = np.empty_like(x), (modes.get(), modes.hostile())
    got = {}
    modes.set(hostile)
    try:
        # Straight to the core: NumPy and Python are not built for these modes.
        for name in FUNCTIONS:
            got[name] = apply(name, x)
        _core.apply(_core.SOFTMAX, x, out, 2, 1.0)
        _core.sample(_core.FILTER_LOGITS, x, got_left, 2, *filters)
        _core.sample(_core.SAMPLE, x, ids, 2, *filters)
        after = modes.get()
    finally:
        modes.set(before)
    assert after == hostile, "the modes of the host program were changed"
    assert all(same_bits(got[name], want[name]) for name in FUNCTIONS)
    assert same_bits(out, want["softmax"])
    assert same_bits(got_left, left)
    assert np.array_equal(ids.T, drawn)

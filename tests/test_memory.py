"""What is converted is converted by parts: there is no copy of a whole input, and no bit differs.

A row of more elements than a part has is converted by the core: test_long_rows_converted.py.
"""

import tracemalloc

import inputs
import numpy as np
import pytest
from kernel_calls import same_bits

import logitkit as lk
from logitkit.backends import _delivery

MIB = 2**20
PART = 8 * MIB  # of one operand, in float64
SMALL = 1.5 * MIB  # what else there is: one value a row, and flags of a part

# A dtype, and what it is converted to; float16 only where a result or another operand is float32.
CONVERTED = {
    "uint8": (np.dtype(np.uint8), np.dtype(np.float32)),
    "int64": (np.dtype(np.int64), np.dtype(np.float64)),
    "byte-swapped": (np.dtype(np.float32).newbyteorder(), np.dtype(np.float32)),
    "float16": (np.dtype(np.float16), np.dtype(np.float32)),
}

# 2^23 elements: converted as a whole they take 32 MiB in float32.
LAYOUTS = {
    "last axis": (lambda a: a.reshape(1024, 8192), -1),
    "long rows": (lambda a: a.reshape(16, 2**19), 1),
    "first axis": (lambda a: a.reshape(512, 16384), 0),
    "Fortran order": (lambda a: a.reshape(8192, 1024).T, -1),
}
SEVERAL_AXES = {
    "outer axes in Fortran order": (lambda a: a.reshape(64, 2048, 64).T, (0, 2)),
}

lk.top_k([1.0], 1)  # what is imported when it is first used is not measured


def scores(dtype, size=2**23):
    return np.random.default_rng(51).integers(0, 9, size, np.uint8).astype(dtype)


def beyond_the_result(call):
    """Return the result, and the most memory that there was beside it."""
    tracemalloc.start()
    try:
        result = call()
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    given = result if isinstance(result, tuple) else (result,)
    return result, peak - sum(np.asarray(one).nbytes for one in given)


def assert_no_whole_copy(call, operands=1):
    result, beyond = beyond_the_result(call)
    assert beyond <= operands * PART + SMALL, f"{beyond / MIB:.1f} MiB"
    return result


def test_a_whole_copy_is_seen():
    x = scores(np.uint8)
    _, beyond = beyond_the_result(lambda: lk.logsumexp(x.astype(np.float32)))
    assert beyond >= 32 * MIB


@pytest.mark.parametrize("layout", [*LAYOUTS, *SEVERAL_AXES])
@pytest.mark.parametrize("name", CONVERTED)
def test_the_family(name, layout):
    view, axis = {**LAYOUTS, **SEVERAL_AXES}[layout]
    dtype, compute = CONVERTED[name]
    x = view(scores(dtype))
    wide = x.astype(compute)
    for function in (lk.softmax, lk.log_softmax, lk.logsumexp):
        got = assert_no_whole_copy(lambda f=function: f(x, axis=axis, dtype=compute))
        want = function(wide, axis=axis)
        assert same_bits(got, want)
        assert got.strides == want.strides
    if name != "float16":
        assert same_bits(
            assert_no_whole_copy(lambda: lk.entropy(x, axis=axis)), lk.entropy(wide, axis=axis)
        )


@pytest.mark.parametrize("layout", [*LAYOUTS, *SEVERAL_AXES])
@pytest.mark.parametrize("name", CONVERTED)
def test_two_operands(name, layout):
    view, axis = {**LAYOUTS, **SEVERAL_AXES}[layout]
    dtype, compute = CONVERTED[name]
    x = view(scores(dtype))
    other = view(scores(compute if name == "float16" else dtype)[::-1])
    wide, wide_other = x.astype(compute), other.astype(compute)
    for function in (lk.softmax_vjp, lk.log_softmax_vjp):
        got = assert_no_whole_copy(lambda f=function: f(x, other, axis=axis), operands=2)
        want = function(wide, wide_other, axis=axis)
        with np.errstate(over="ignore"):
            assert same_bits(got, want.astype(got.dtype))
    options = {"axis": axis, "reduction": "none"}
    got = assert_no_whole_copy(lambda: lk.kl_divergence(x, other, **options), operands=2)
    assert same_bits(got, lk.kl_divergence(wide, wide_other, **options))


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("name", [name for name in CONVERTED if name != "float16"])
def test_single_elements(name, layout):
    view, axis = LAYOUTS[layout]
    dtype, compute = CONVERTED[name]
    x = view(scores(dtype))
    wide = x.astype(compute)
    ids = np.argmax(x, axis)
    got = assert_no_whole_copy(lambda: lk.gather_logprobs(x, ids, axis=axis))
    assert same_bits(got, lk.gather_logprobs(wide, ids, axis=axis))
    got = assert_no_whole_copy(lambda: lk.top_k(x, 3, axis=axis))
    want = lk.top_k(wide, 3, axis=axis)
    assert same_bits(got.ids, want.ids)
    assert same_bits(got.values.astype(compute), want.values)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("name", [name for name in CONVERTED if name != "float16"])
def test_filters_and_draws(name, layout):
    view, axis = LAYOUTS[layout]
    dtype, compute = CONVERTED[name]
    x = view(scores(dtype))
    wide = x.astype(compute)
    options = {"axis": axis, "temperature": 0.7, "top_p": 0.9}
    got = assert_no_whole_copy(lambda: lk.filter_logits(x, **options))
    assert same_bits(got, lk.filter_logits(wide, **options))
    draw = options | {"seed": 1}
    got = assert_no_whole_copy(lambda: lk.sample(x, **draw))
    assert np.array_equal(got, lk.sample(wide, **draw))


@pytest.mark.parametrize("layout", ["first axis", "Fortran order"])
@pytest.mark.parametrize("name", CONVERTED)
def test_with_every_option(name, layout):
    view, axis = LAYOUTS[layout]
    dtype, compute = CONVERTED[name]
    x = view(scores(dtype))
    wide = x.astype(compute)
    rows = np.delete(x.shape, axis)
    options = {
        "axis": axis,
        "mask": view(scores(np.uint8)[::-1]) > 2,
        "temperature": np.linspace(0.5, 2, *rows),
    }
    for function in (lk.softmax, lk.log_softmax, lk.logsumexp):
        want = function(wide, **options)
        more = {} if function is lk.logsumexp else {"empty": "raise"}
        out = np.empty_like(want)

        def call(function=function, more=more, out=out):
            return function(x, **options, **more, dtype=compute, out=out) is out

        assert assert_no_whole_copy(call)
        assert same_bits(out, want)
    g = np.linspace(-1, 1, *rows)
    for function in (lk.logsumexp_vjp, lk.entropy_vjp):
        got = assert_no_whole_copy(lambda f=function: f(x, g, **options), operands=2)
        assert same_bits(got, function(x.astype(np.float64), g, **options).astype(got.dtype))


@pytest.mark.parametrize("wanted", inputs.FLOATS, ids=str)
@pytest.mark.parametrize("layout", ["last axis", "first axis"])
def test_a_result_of_another_dtype(layout, wanted):
    view, axis = LAYOUTS[layout]
    x = view(scores(np.float32))
    wide = np.float64 if wanted == np.float64 else np.float32
    want = lk.softmax(x.astype(wide), axis=axis).astype(wanted)
    got = assert_no_whole_copy(lambda: lk.softmax(x, axis=axis, dtype=wanted))
    assert same_bits(got, want)
    out = np.empty_like(want)
    assert assert_no_whole_copy(lambda: lk.softmax(x, axis=axis, dtype=wanted, out=out) is out)
    assert same_bits(out, want)


@pytest.mark.parametrize("dtype", inputs.FLOATS, ids=str)
@pytest.mark.parametrize("axis", [-1, 0, None])
def test_empty_rows_are_sought_by_parts(axis, dtype):
    x = scores(dtype).reshape(4096, 2048)
    out = np.empty_like(x)
    for mask in (None, scores(np.uint8).reshape(x.shape) > 2):
        options = {"axis": axis, "mask": mask, "out": out}
        _, beyond = beyond_the_result(lambda o=options: lk.softmax(x, empty="raise", **o) is out)
        assert beyond <= 2 * SMALL


@pytest.mark.parametrize("order", ["C", "F"])
def test_the_first_empty_row_is_named(order, monkeypatch):
    monkeypatch.setattr(_delivery, "_PART_ELEMENTS", 16)
    x = np.zeros((3, 20, 5), order=order)
    x[1, 15], x[2, 3] = -np.inf, -np.inf
    with pytest.raises(ValueError, match=r"^row \(1, 15\) has no element"):
        lk.softmax(x, empty="raise")
    x[:, 4, 3] = -np.inf
    with pytest.raises(ValueError, match=r"^row \(4, 3\) has no element"):
        lk.softmax(x, axis=0, empty="raise")
    with pytest.raises(ValueError, match=r"^x has no element"):
        lk.softmax(x, axis=None, empty="raise", mask=x < 0)
    assert np.isfinite(lk.softmax(x, axis=None, empty="raise")).all()


def results(x, g, axes):
    """Return the results of everything that has a part to choose."""
    keep = np.random.default_rng(52).random(x.shape) < 0.8
    per_row = np.abs(g).sum(axis=axes, dtype=float) + 0.5
    options = {"axis": axes, "temperature": per_row, "mask": keep}
    yield from (f(x, **options) for f in (lk.softmax, lk.log_softmax, lk.logsumexp, lk.entropy))
    yield from (f(x, g, axis=axes) for f in (lk.softmax_vjp, lk.log_softmax_vjp))
    yield from (f(x, per_row, **options) for f in (lk.logsumexp_vjp, lk.entropy_vjp))
    yield lk.softmax(np.ma.array(x, mask=~keep), axis=axes, dtype=np.float16)
    yield lk.kl_divergence(x, g, reduction="none", **options)
    yield lk.kl_divergence(x[:1] if x.ndim else x, g, reduction="none", axis=axes)
    filters = {"axis": axes, "temperature": per_row, "top_k": 9, "top_p": 0.9}
    yield lk.filter_logits(np.ma.array(x, mask=~keep), **filters)
    if x.size:
        yield lk.sample(x, seed=1, size=3, **filters)
    if isinstance(axes, int) and x.size:
        yield from lk.top_k(x, 2, axis=axes)
        yield lk.gather_logprobs(x, np.zeros((*x.shape[:-1], 1), int), temperature=0.3)


@pytest.mark.parametrize("elements", [1, 7, 40, 10**6])
@pytest.mark.parametrize("axes", [-1, 0, (0, 2), (), None], ids=str)
@pytest.mark.parametrize("dtype", ["u1", "i8", ">f4", ">f2", "?"])
def test_the_size_of_the_parts_changes_no_bit(dtype, axes, elements, monkeypatch):
    monkeypatch.setattr(_delivery, "_PART_ELEMENTS", elements)
    rng = np.random.default_rng(53)
    memory = rng.integers(0, 4, (2, 12, 5, 6)).astype(dtype)
    for view in (
        memory[0],
        memory[0].T,
        memory[0, ::-2],
        memory[0, :, :0],
        np.broadcast_to(memory[0, :1, :, :1], (12, 5, 6)),
    ):
        g = memory[1, : view.shape[0], : view.shape[1], : view.shape[2]]
        g = np.resize(g, view.shape)
        wide = [a.astype(lk.softmax(a[:0]).dtype) for a in (view, g)]
        for got, want in zip(results(view, g, axes), results(*wide, axes), strict=True):
            assert same_bits(np.asarray(got).astype(want.dtype), want)


@pytest.mark.parametrize("dtype", ["u1", ">f8", "?"])
def test_a_scalar_has_one_part(dtype):
    x = np.ones((), dtype)
    wide = x.astype(lk.softmax(x).dtype)
    for got, want in zip(results(x, x, None), results(wide, wide, None), strict=True):
        assert same_bits(got, want)
    with pytest.raises(ValueError, match=r"^x has no element"):
        lk.softmax(-np.inf, empty="raise")

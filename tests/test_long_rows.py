"""Long rows that do not lie in one piece are seen by way of a window, a block at a time.

The bits are those of a contiguous copy. `WINDOWED` makes all rows of more than a block go that way;
left to itself the core takes it where a row needs more scratch than is kept.
"""

from contextlib import contextmanager
from functools import partial

import inputs
import numpy as np
import pytest
from kernel_calls import same_bits

import logitkit as lk
from logitkit import _core

WINDOWED = 3  # as kernels.hpp has it
LENGTHS = [4095, 4096, 4097, 8191, 8192, 8193, 12289, 20011]
BEYOND_SCRATCH = 2**19 + 1
ROWS = 3
# What stands in a row asks for its way: (temperature, what is changed).
KINDS = {
    "ordinary": (1.0, {}),
    "temperature": (0.7, {}),
    "huge scores": (1.0, {5: 50000, 70: -50000}),
    "next to nothing beside the maximum": (0.01, {4100: 40}),
    "a NaN": (1.0, {-1: np.nan}),
    "an infinity": (1.0, {4000: np.inf}),
    "a forbidden score": (1.0, {3: -np.inf, -2: -np.inf}),
    "temperature 0": (0.0, {-5: 30, -3: 30}),
    "temperature infinity": (np.inf, {-7: -np.inf}),
    "nothing possible": (1.0, {...: -np.inf}),
}


def scores(dtype, length, kind="ordinary", seed=0):
    rng = np.random.default_rng(seed)
    x = 3 * rng.normal(size=(ROWS, length))
    for at, value in KINDS[kind][1].items():
        x[:, at] = value
    return x.astype(dtype)


@contextmanager
def windows():
    """Let the public functions go by way of windows."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_core, "apply", partial(_core.apply, regime=WINDOWED))
        patch.setattr(_core, "map_plain", lambda *_: None)
        yield


def in_one_piece(x):
    return x.copy()


def side_by_side(x):
    return np.asfortranarray(x)


def every_third(x):
    wide = np.zeros((x.shape[0], 3 * x.shape[1]), x.dtype)
    view = wide[:, 1::3]
    view[...] = x
    return view


def backward(x):
    return x[:, ::-1].copy()[:, ::-1]


def unaligned(x):
    memory = np.empty(x.nbytes + 1, np.uint8)[1:]
    view = memory.view(x.dtype).reshape(x.shape)
    view[...] = x
    return view


def far_apart(x):
    wide = np.zeros((x.shape[1], 2, 700), x.dtype)
    view = wide[:, 0, : x.shape[0]].T
    view[...] = x
    return view


VIEWS = [in_one_piece, side_by_side, every_third, backward, unaligned]


def results(x, g, per_row, keep, temperature, empty="nan"):
    """Return the name and the result of every operation along the last axis."""
    given = {"temperature": temperature}
    masked = {**given, "mask": keep}
    for f in (lk.softmax, lk.log_softmax):
        yield f.__name__, f(x, **given)
        yield f.__name__, f(x, **masked, empty=empty)
        yield f.__name__, f(x, **masked, precision="exact")
    for f in (lk.logsumexp, lk.entropy):
        yield f.__name__, f(x, **given)
        yield f.__name__, f(x, **masked)
    for f in (lk.softmax_vjp, lk.log_softmax_vjp):
        yield f.__name__, f(x, g, **given)
    for f in (lk.logsumexp_vjp, lk.entropy_vjp):
        yield f.__name__, f(x, per_row, **given)
        yield f.__name__, f(x, per_row, **masked)
    yield "kl_divergence", lk.kl_divergence(x, g, **given, reduction="none")
    yield "kl_divergence", lk.kl_divergence(x, g, **masked, reduction="none")
    ids = np.arange(-5, x.shape[-1] + 5, x.shape[-1] // 7)[1:-1] + np.zeros((ROWS, 1), int)
    yield "gather_logprobs", lk.gather_logprobs(x, ids, **given)
    yield "gather_logprobs", lk.gather_logprobs(x, ids, **masked)
    for k in (1, 20, 5000):
        yield from (("top_k", part) for part in lk.top_k(x, min(k, x.shape[-1])))


def operands(dtype, length, kind="ordinary"):
    x, g = scores(dtype, length, kind), scores(dtype, length, seed=1)
    keep = np.random.default_rng(2).random(x.shape) < 0.8
    return x, g, np.linspace(0.5, 2, ROWS).astype(dtype), keep, KINDS[kind][0]


def assert_as_contiguous(views, dtype, length, kind="ordinary", **options):
    x, g, per_row, keep, temperature = operands(dtype, length, kind)
    want = list(results(x, g, per_row, keep, temperature, **options))
    with windows():
        for view in views:
            got = results(view(x), view(g), per_row, view(keep), temperature, **options)
            for (name, one), (_, other) in zip(got, want, strict=True):
                assert same_bits(one, other), (name, view.__name__)


@pytest.mark.parametrize("length", LENGTHS)
def test_every_operation_at_the_ends_of_blocks(length):
    assert_as_contiguous(VIEWS, np.float32, length)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("dtype", inputs.FLOATS, ids=str)
def test_every_kind_of_row_of_every_dtype(dtype, kind):
    assert_as_contiguous([in_one_piece, every_third], dtype, 9001, kind)


@pytest.mark.parametrize("empty", ["zero", "uniform"])
def test_rows_of_which_nothing_takes_part(empty):
    assert_as_contiguous([every_third], np.float32, 5000, "nothing possible", empty=empty)


def test_every_instruction_set(isa):
    for dtype in inputs.FLOATS:
        assert_as_contiguous([far_apart], dtype, 8193)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_rows_that_need_more_scratch_than_is_kept(dtype):
    x, g, per_row, keep, _ = operands(dtype, BEYOND_SCRATCH)
    want = results(x, g, per_row, keep, 1.0)
    got = results(every_third(x), every_third(g), per_row, every_third(keep), 1.0)
    for (name, one), (_, other) in zip(got, want, strict=True):
        assert same_bits(one, other), name


def test_any_number_of_threads(threads):
    x = scores(np.float32, BEYOND_SCRATCH)
    for view in VIEWS:
        for f in (lk.softmax, lk.log_softmax, lk.logsumexp):
            assert same_bits(f(view(x)), f(x))


@pytest.mark.parametrize("dtype", inputs.FLOATS, ids=str)
@pytest.mark.parametrize("f", [lk.softmax, lk.log_softmax], ids=lambda f: f.__name__)
def test_in_place_and_into_other_strides(f, dtype):
    for kind in ("ordinary", "huge scores", "a NaN", "temperature 0"):
        x = scores(dtype, 9001, kind)
        given = {"temperature": KINDS[kind][0], "mask": np.arange(x.shape[1]) % 5 > 0}
        want = f(x, **given)
        for view in (*VIEWS, far_apart):
            one = view(x)
            with windows():
                assert f(one, out=one, **given) is one
            assert same_bits(one, want)
            for out in (view(np.zeros_like(x)), np.zeros_like(x), side_by_side(np.zeros_like(x))):
                for given_x in (view(x), x):
                    with windows():
                        assert f(given_x, out=out, **given) is out
                    assert same_bits(out, want)


def test_in_place_where_rows_need_more_scratch_than_is_kept():
    x = scores(np.float32, BEYOND_SCRATCH)
    for f in (lk.softmax, lk.log_softmax):
        one = every_third(x)
        assert same_bits(f(one, out=one), f(x))


def test_a_temperature_a_row_and_a_mask_for_all():
    x = scores(np.float32, 9001)
    given = {"mask": np.arange(x.shape[1]) % 3 > 0, "temperature": np.array([0.5, 1, 2.5])}
    for f in (lk.softmax, lk.log_softmax, lk.logsumexp, lk.entropy):
        want = f(x, **given)
        for view in VIEWS:
            with windows():
                got = f(view(x), **given)
            assert same_bits(got, want)


@pytest.mark.parametrize("axes", [(0, 2), (0, 1), (1, 2), None], ids=str)
def test_rows_along_several_axes(axes):
    sizes = (81, 72, 91) if axes else (21, 23, 31)
    shape = [ROWS if axes and axis not in axes else sizes[axis] for axis in range(3)]
    x = (3 * np.random.default_rng(3).normal(size=shape)).astype(np.float32)
    view = x.transpose(2, 0, 1).copy()[:, :, ::-1].transpose(1, 2, 0)
    straight = view.copy()
    keep = np.random.default_rng(4).random(x.shape) < 0.8
    for mask in (None, keep, keep[:1]):
        for f in (lk.softmax, lk.log_softmax, lk.logsumexp, lk.entropy):
            with windows():
                got = f(view, axis=axes, mask=mask)
            assert same_bits(got, by_moving(f, straight, axes, mask))


def by_moving(f, x, axes, mask):
    """Return the result by moving the axes of the rows to the end, into one piece."""
    axes = (0, 1, 2) if axes is None else axes
    order = [a for a in range(3) if a not in axes] + list(axes)
    moved = x.transpose(order)
    shape = [x.shape[a] for a in order if a not in axes]
    flat = moved.reshape(*shape, -1).copy()
    if mask is not None:
        mask = np.broadcast_to(mask, x.shape).transpose(order).reshape(flat.shape)
    result = f(flat, axis=-1, mask=mask)
    if f in (lk.logsumexp, lk.entropy):
        return result
    return result.reshape(moved.shape).transpose(np.argsort(order))

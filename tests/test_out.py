"""`out`: exactly x or memory of its own, of the right shape and dtype; else nothing is written."""

import inputs
import numpy as np
import pytest
from kernel_calls import at_offset, same_bits

import logitkit as lk

MAPS = [lk.softmax, lk.log_softmax]
ALL = [*MAPS, lk.logsumexp]


def scores(shape, dtype=np.float32):
    return (3 * np.random.default_rng(27).normal(size=shape)).astype(dtype)


@pytest.mark.parametrize("dtype", inputs.FLOATS, ids=str)
@pytest.mark.parametrize("axis", [-1, 0, (0, 1), None], ids=str)
@pytest.mark.parametrize("function", ALL)
def test_the_result_is_put_there_and_returned(isa, function, axis, dtype):
    x = scores((3, 4, 33), dtype)
    want = function(x, axis=axis)
    out = np.full(np.shape(want), 7, dtype)
    assert function(x, axis=axis, out=out) is out
    assert same_bits(out, want)


@pytest.mark.parametrize("dtype", inputs.FLOATS, ids=str)
@pytest.mark.parametrize("axis", [-1, 0, (0, 1), None], ids=str)
@pytest.mark.parametrize("function", MAPS)
def test_in_place(isa, function, axis, dtype):
    x = scores((3, 4, 33), dtype)
    want = function(x, axis=axis, temperature=0.7, mask=x < 2)
    assert function(x, axis=axis, temperature=0.7, mask=x < 2, out=x) is x
    assert same_bits(x, want)


def test_in_place_of_long_rows_and_special_ones(isa):
    for row in (scores(140_000), np.float32([np.nan, 1]), np.float32([-np.inf] * 3)):
        for temperature in (1.0, 0.0, np.inf, 1e-3):
            for function in MAPS:
                want = function(row, temperature=temperature)
                x = row.copy()
                assert same_bits(function(x, temperature=temperature, out=x), want)


@pytest.mark.parametrize("function", MAPS)
def test_in_place_of_views(isa, function):
    for view in (lambda a: a.T, lambda a: a[::-1], lambda a: a[:, ::2], lambda a: a[::2, ::-3]):
        memory = scores((12, 30))
        before = memory.copy()
        want = function(view(before))
        got = function(view(memory), out=view(memory))
        assert same_bits(got, want)
        view(before)[...] = want
        assert same_bits(memory, before)  # and nothing beside the view is touched


@pytest.mark.parametrize("function", ALL)
def test_out_may_have_any_layout(isa, function):
    x = scores((5, 6, 7))
    for axis in (-1, 0):
        want = function(x, axis=axis)
        shape = want.shape
        many = np.zeros((2 * shape[0], *shape[1:]), np.float32)
        for out in (
            np.empty(shape, np.float32, order="F"),
            many[::2],
            np.empty(shape, np.float32)[::-1],
            at_offset(np.zeros(shape, np.float32), 3),
        ):
            assert same_bits(function(x, axis=axis, out=out), want)
        assert not many[1::2].any()


def test_out_of_a_scalar_and_of_an_empty_array():
    out = np.empty((), np.float64)
    assert lk.softmax(2.0, out=out) is out
    assert out == 1
    assert lk.logsumexp(scores((3, 4), np.float64), axis=None, out=out) is out
    assert out == lk.logsumexp(scores((3, 4), np.float64), axis=None)
    empty = np.empty((0, 3))
    assert lk.softmax(empty, out=empty) is empty
    none = np.empty(2)
    assert lk.logsumexp(np.empty((2, 0)), out=none) is none
    assert np.all(none == -np.inf)


def test_out_with_a_dtype():
    x = scores((3, 4))
    out = np.empty((3, 4), np.float16)
    assert same_bits(lk.softmax(x, dtype=np.float16, out=out), lk.softmax(x, dtype=np.float16))
    wide = np.empty((3, 4), np.float64)
    assert same_bits(lk.softmax(x, dtype=float, out=wide), lk.softmax(x.astype(float)))
    ints = np.arange(12).reshape(3, 4)
    assert same_bits(lk.softmax(ints, out=wide), lk.softmax(ints))


@pytest.mark.parametrize("dtype", [">f4", ">f8", "<f2", inputs.BFLOAT16, "i4"])
def test_out_beside_an_input_of_any_dtype_and_layout(dtype):
    for x in (
        scores((6, 8)),
        scores((6, 8)).T,
        scores((6, 16))[:, ::2],
        scores(()),
        scores((0, 3)),
    ):
        x = x.astype(dtype, order="K")
        want = lk.softmax(x)
        out = np.empty_like(want)
        assert same_bits(lk.softmax(x, out=out), want)


def test_keepdims_has_its_own_out():
    x = scores((3, 4))
    out = np.empty((3, 1), np.float32)
    assert same_bits(lk.logsumexp(x, keepdims=True, out=out)[:, 0], lk.logsumexp(x))
    with pytest.raises(ValueError, match=r"^out has the shape \(3, 1\); the result has \(3,\)$"):
        lk.logsumexp(x, out=out)


# ---- refusals ---------------------------------------------------------------------------------

X = scores((4, 6))
X.flags.writeable = False
MEMORY = np.full(100, 7, np.float32)
REFUSED = {
    "a list": ([0.0] * 24, TypeError, r"^out is a list; it must be a plain NumPy array$"),
    "a scalar": (1.0, TypeError, r"^out is a float; "),
    "another shape": (
        MEMORY[:24].reshape(6, 4),
        ValueError,
        r"^out has the shape \(6, 4\); .*\(4, 6\)$",
    ),
    "a shape to broadcast to": (MEMORY[:48].reshape(2, 4, 6), ValueError, r"^out has the shape"),
    "one dimension": (MEMORY[:24], ValueError, r"^out has the shape \(24,\); .*\(4, 6\)$"),
    "float64": (np.full((4, 6), 7.0), ValueError, r"^out has the dtype .*float64.*float32"),
    "integers": (np.full((4, 6), 7), ValueError, r"^out has the dtype .*int64.*float32"),
    "byte-swapped": (np.full((4, 6), 7, ">f4"), ValueError, r"^out has the dtype .*>f4.*float32"),
    "read-only": (np.broadcast_to(np.float32(7), (4, 6)), ValueError, r"^out is read-only"),
    "one place": (
        np.lib.stride_tricks.as_strided(MEMORY, (4, 6), (0, 4)),
        ValueError,
        r"^out holds several of its elements in one place",
    ),
}


@pytest.mark.parametrize("function", MAPS)
@pytest.mark.parametrize("name", REFUSED)
def test_what_does_not_fit_is_refused_and_nothing_is_written(function, name):
    out, error, message = REFUSED[name]
    before = np.array(out)
    with pytest.raises(error, match=message):
        function(X, out=out)
    assert np.array_equal(out, before)


@pytest.mark.parametrize("function", MAPS)
def test_partly_overlapping_memory_is_refused(function):
    memory = scores(200)
    before = memory.copy()
    pairs = [
        (memory[:100], memory[1:101]),
        (memory[:100], memory[99:199]),
        (memory[:100], memory[:100][::-1]),
        (memory[:100].reshape(10, 10), memory[:100].reshape(10, 10).T),
        (memory[:100:2], memory[:50]),
        (memory[:100].view(np.int16)[:100], memory[:100]),
    ]
    for x, out in pairs:
        with pytest.raises(ValueError, match=r"^out (overlaps x in memory|has the dtype)"):
            function(x, out=out)
    assert same_bits(memory, before)


def test_interleaved_memory_is_no_overlap():
    memory = scores(200)
    x = memory[::2].copy()
    out = lk.softmax(memory[::2], out=memory[1::2])
    assert same_bits(out, lk.softmax(x))
    assert same_bits(memory[::2], x)


def test_overlaps_with_other_arguments_are_refused():
    x = scores((3, 8))
    memory = np.zeros(24, np.float32)
    mask = memory.view(bool)[:8]
    with pytest.raises(ValueError, match=r"^out overlaps mask in memory"):
        lk.softmax(x, mask=mask, out=memory.reshape(3, 8))
    t = np.ones(3)
    with pytest.raises(ValueError, match=r"^out overlaps temperature in memory"):
        lk.logsumexp(x.astype(float), temperature=t, out=t)
    assert np.all(t == 1)
    y = scores(3, np.float64)
    with pytest.raises(ValueError, match=r"^out overlaps x in memory"):
        lk.logsumexp(y[:, None], out=y)


@pytest.mark.parametrize("function", ALL)
def test_nothing_is_written_when_another_argument_is_refused(function):
    x = scores((3, 4))
    out = np.full((3, 4) if function in MAPS else 3, 7, np.float32)
    bad = [{"temperature": -1}, {"axis": 5}, {"mask": [1, 0, 1, 1]}, {"mask": np.ones(5, bool)}]
    bad += [{"temperature": np.ones(7)}, {"dtype": int}]
    if function in MAPS:
        bad += [{"empty": "none"}, {"precision": "none"}, {"empty": "raise", "mask": False}]
    for arguments in bad:
        arguments = {k: np.bool_(v) if v is False else v for k, v in arguments.items()}
        with pytest.raises((TypeError, ValueError)):
            function(x, out=out, **arguments)
        assert np.all(out == 7)


@pytest.mark.parametrize("strides", [(16, 8), (0, 8), (24, 8), (8, 8), (4, 8)])
def test_an_out_whose_elements_share_memory_is_refused(strides):
    out = np.lib.stride_tricks.as_strided(np.zeros(20), (4, 4), strides)
    with pytest.raises(ValueError, match="several of its elements in one place"):
        lk.softmax(np.ones((4, 4)), out=out)


def test_a_masked_out_is_refused():
    with pytest.raises(TypeError, match="out is a MaskedArray"):
        lk.softmax(np.ones(3), out=np.ma.zeros(3))

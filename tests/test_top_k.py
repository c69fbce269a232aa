"""top_k: the first k of a stable sort in descending order, without the sort."""

import tracemalloc

import inputs
import ml_dtypes
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from kernel_calls import at_offset, same_bits

import logitkit as lk
from logitkit import reference as ref

INF, NAN = np.inf, np.nan
RNG = np.random.default_rng(32)
DTYPES = [
    *inputs.FLOATS,
    *map(np.dtype, ("bool", "i1", "u2", "i4", "u4", "i8", "u8", ">f4", ">i8")),
]


def check(x, k, axis=-1):
    """Compare with the reference; the values are those of x at the indices, bit for bit."""
    values, ids = lk.top_k(x, k, axis=axis)
    want = ref.top_k(x, k, axis=axis)[1]
    assert ids.dtype == np.int64
    np.testing.assert_array_equal(ids, want)
    assert values.dtype == x.dtype
    assert values.tobytes() == np.take_along_axis(x, want, axis).tobytes()


@pytest.mark.parametrize("dtype", inputs.FLOATS, ids=str)
def test_is_the_head_of_a_stable_sort_on_every_input(isa, dtype):
    for x, _ in inputs.accuracy_inputs(dtype, inputs.scale_of(isa)).values():
        for k in (0, 1, 2, 7, 50, x.shape[1] // 2, x.shape[1] - 1, x.shape[1], x.shape[1] + 9):
            check(x, k)


@pytest.mark.parametrize("k", [1, 3, 40])
@pytest.mark.parametrize("length", [1, 2, 7, 8, 9, 15, 16, 17, 31, 32, 33, 63, 64, 65, 130])
def test_every_length_and_place(isa, length, k):
    # The largest at each place in turn: none may be missed at the end of a vector or of the row.
    for dtype in (np.float32, np.float64):
        x = np.zeros((length, length), dtype)
        np.fill_diagonal(x, 1)
        check(x, k)
        check(-x, k)


@pytest.mark.parametrize("order", [1, -1])
def test_rows_in_order(isa, order):
    x = np.arange(3000.0)[::order].copy()
    for k in (1, 10, 2999):
        check(x, k)
        check(x.astype(np.float32), k)
        check(np.repeat(x, 3), k)


SPECIAL = st.sampled_from([0.0, -0.0, NAN, INF, -INF, 1.0, -1.0])


@given(
    hnp.arrays(
        np.float64,
        st.tuples(st.integers(1, 3), st.integers(1, 70)),
        elements=SPECIAL | st.floats(-3, 3, width=16),
    ),
    st.integers(0, 75),
    st.sampled_from(inputs.FLOATS),
)
def test_any_row_with_ties_and_specials(isa, x, k, dtype):
    check(x.astype(dtype), k)


def test_nan_is_the_largest_and_the_lower_index_wins(isa):
    x = np.array([1.0, NAN, INF, 0.0, NAN, -0.0, -INF, INF])
    for dtype in inputs.FLOATS:
        values, ids = lk.top_k(x.astype(dtype), 8)
        assert ids.tolist() == [1, 4, 2, 7, 0, 3, 5, 6]
        assert np.isnan(values[:2].astype(float)).all()
    wide = np.r_[np.full(40, -INF), NAN, np.full(40, NAN)]
    assert lk.top_k(wide, 2).ids.tolist() == [40, 41]


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("axis", [0, 1, 2, -1, -2])
def test_any_axis_layout_and_dtype(isa, axis, dtype):
    # From 0 to 9: beyond 2^53 the reference cannot tell integers apart.
    x = RNG.integers(0, 10, (6, 5, 7)).astype(dtype)
    for a in (x, np.asfortranarray(x), x[::-1, :, ::-1].copy()[::-1, :, ::-1], x[:, ::2]):
        check(a, 3, axis)


@pytest.mark.parametrize("kind", [np.int64, np.uint64])
def test_integers_beyond_the_doubles_are_told_apart(kind):
    info = np.iinfo(kind)
    x = np.array([info.max - 1, info.max, info.min, info.max, info.min + 1, 2**53, 2**53 + 1], kind)
    values, ids = lk.top_k(x, 7)
    assert ids.tolist() == [1, 3, 0, 6, 5, 4, 2]
    assert values.dtype == kind
    assert np.array_equal(values, x[ids])
    assert lk.top_k(np.array([x, x[::-1]]).T, 2, axis=0).ids.T.tolist() == [[1, 3], [3, 5]]


def test_shapes():
    assert lk.top_k(2.0, 1).values.tolist() == [2.0]
    assert lk.top_k(np.ones((3, 4)), 0).ids.shape == (3, 0)
    assert lk.top_k(np.ones((3, 4)), 0, axis=0).values.shape == (0, 4)
    assert lk.top_k(np.ones((3, 0)), 5).ids.shape == (3, 0)
    assert lk.top_k(np.ones((0, 4)), 2).values.shape == (0, 2)
    assert lk.top_k([1, 2, 3], np.int8(2)).values.tolist() == [3, 2]
    values, ids = lk.top_k(np.broadcast_to(np.float32([1, 3, 2]), (4, 3)), 2)
    assert values.tolist() == [[3, 2]] * 4
    assert ids.tolist() == [[1, 2]] * 4


def test_the_number_of_threads_does_not_matter(isa, threads):
    x = np.round(RNG.normal(size=(200, 700)), 1).astype(np.float32)
    check(x, 9)
    check(x.T, 9, axis=0)


def test_the_address_does_not_matter(isa):
    x = RNG.normal(size=(2, 100)).astype(np.float32)
    want = lk.top_k(x, 10)
    for offset in range(64):
        got = lk.top_k(at_offset(x, offset), 10)
        assert same_bits(got.values, want.values)
        assert same_bits(got.ids, want.ids)


def test_nothing_but_the_result_is_allocated_and_the_input_stays():
    x = RNG.normal(size=(20, 50_000))
    before = x.copy()
    tracemalloc.start()
    try:
        lk.top_k(x, 10)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < x.nbytes / 50
    assert same_bits(x, before)


def test_bad_arguments_are_refused():
    x = np.zeros((2, 3))
    with pytest.raises(ValueError, match=r"^k is -1; it must be >= 0$"):
        lk.top_k(x, -1)
    for k in (1.0, None, "1", [1]):
        with pytest.raises(TypeError, match=r"^k is .*; accepted is an integer >= 0$"):
            lk.top_k(x, k)
    for axis in (None, (0,), 1.0):
        with pytest.raises(TypeError, match=r"^axis is .*; accepted is an int$"):
            lk.top_k(x, 1, axis=axis)
    with pytest.raises(np.exceptions.AxisError, match=r"^axis is 2; "):
        lk.top_k(x, 1, axis=2)
    with pytest.raises(TypeError, match=r"^x is a masked array; .*filled"):
        lk.top_k(np.ma.array([1.0, 2.0], mask=[True, False]), 1)
    for bad in (np.ones(3, complex), np.array(["a"]), np.ones(3, ml_dtypes.int4)):
        with pytest.raises(TypeError, match=r"^x has the dtype "):
            lk.top_k(bad, 1)

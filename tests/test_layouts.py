"""Any axis, stride and order in memory: the result is that of a contiguous copy, bit for bit."""

import inputs
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from kernel_calls import at_offset, same_bits

import logitkit as lk

MAPS = [lk.softmax, lk.log_softmax]
REDUCTIONS = [lk.logsumexp, lk.entropy]
FUNCTIONS = MAPS + REDUCTIONS
AXES = [-1, 0, 1, 2, (0, 1), (0, 2), (2, 1), (-1, -3), (0, 1, 2), None, ()]


def scores(shape, dtype=np.float64):
    return (3 * np.random.default_rng(26).normal(size=shape)).astype(dtype)


def by_rows(function, x, axis):
    """Return the result by taking each row out, contiguous, and doing it alone."""
    axes = range(x.ndim) if axis is None else axis if isinstance(axis, tuple) else (axis,)
    axes = sorted(a % x.ndim for a in axes)
    others = [a for a in range(x.ndim) if a not in axes]
    moved = x.transpose(others + axes)
    kept, reduced = moved.shape[: len(others)], moved.shape[len(others) :]
    rows = moved.reshape(-1, int(np.prod(reduced))).copy()
    results = np.array([function(row) for row in rows])
    if function in REDUCTIONS:
        return results.reshape(kept)
    return results.reshape(moved.shape).transpose(np.argsort(others + axes))


@pytest.mark.parametrize("dtype", inputs.FLOATS, ids=str)
@pytest.mark.parametrize("axis", AXES, ids=str)
def test_any_axis_is_its_rows_one_by_one(isa, axis, dtype):
    x = scores((3, 5, 37), dtype)
    for function in FUNCTIONS:
        assert same_bits(function(x, axis=axis), by_rows(function, x, axis))


@pytest.mark.parametrize("axis", [0, 1])
def test_columns_and_rows_of_every_shape_beyond_a_tile(isa, axis):
    for shape in [(1, 300), (300, 1), (17, 70), (65, 129), (5000, 3), (3, 5000)]:
        x = scores(shape, np.float32)
        for function in FUNCTIONS:
            assert same_bits(function(x, axis=axis), by_rows(function, x, axis))


@pytest.mark.parametrize("dtype", inputs.FLOATS, ids=str)
@pytest.mark.parametrize("length", [1, 2, 16, 17, 256, 257, 700, 4096, 4097])
def test_rows_side_by_side_are_their_rows_one_by_one(isa, length, dtype):
    """Some of them have no ordinary sum, are too large, or next to nothing beside the maximum."""
    x = scores((length, 150 if length < 1000 else 40), dtype)
    middle = length // 2
    x[middle, 3], x[0, 20], x[middle, 21], x[:, 22] = np.nan, np.inf, -np.inf, -np.inf
    x[0, 35], x[0, 36] = np.float64(x.dtype.type(60000)), 40
    for temperature in (1.0, 0.7, 1e-35, 0.0):
        for function in FUNCTIONS:

            def at_temperature(row, function=function, temperature=temperature, **axis):
                return function(row, temperature=temperature, **axis)

            by_one = np.array([at_temperature(row) for row in x.T.copy()])
            together = at_temperature(x, axis=0)
            assert same_bits(together.T, by_one), (function.__name__, temperature)
            if function in MAPS:
                in_place = x.copy()
                function(in_place, axis=0, temperature=temperature, out=in_place)
                assert same_bits(in_place, together)


def test_negative_axes_count_from_the_end():
    x = scores((2, 3, 4))
    for function in FUNCTIONS:
        for axis in range(3):
            assert same_bits(function(x, axis=axis - 3), function(x, axis=axis))
        assert same_bits(function(x, axis=(0, 2)), function(x, axis=(-1, 0)))
        assert same_bits(function(x, axis=None), function(x, axis=(0, 1, 2)))
        assert same_bits(function(x, axis=np.int64(1)), function(x, axis=1))
        assert same_bits(function(x), function(x, axis=2))


LAYOUTS = {
    "Fortran": np.asfortranarray,
    "transposed": lambda x: x.transpose(2, 0, 1).copy().transpose(1, 2, 0),
    "reversed": lambda x: x[::-1, ::-1, ::-1].copy()[::-1, ::-1, ::-1],
    "reversed rows": lambda x: x[..., ::-1].copy()[..., ::-1],
    "every second": lambda x: np.repeat(np.repeat(x, 2, axis=-1), 2, axis=0)[::2, :, ::2],
    "every second, backwards": lambda x: np.repeat(x[..., ::-1], 2, axis=-1)[..., ::-2],
    "a part of a larger one": lambda x: np.pad(x, 3, constant_values=np.nan)[3:-3, 3:-3, 3:-3],
    "unaligned": lambda x: at_offset(x, 1),
    "a field of records": lambda x: as_field(x),
    "read-only": lambda x: np.frombuffer(x.tobytes(), x.dtype).reshape(x.shape),
    "byte-swapped": lambda x: x.astype(x.dtype.newbyteorder()),
    "byte-swapped Fortran": lambda x: np.asfortranarray(x).astype(x.dtype.newbyteorder()),
    "a subclass": lambda x: x.view(type("Sub", (np.ndarray,), {})),
    "a memory view": lambda x: memoryview(x),
}


def as_field(x):
    """Return x with 3 bytes between its elements: strides that no element size divides."""
    records = np.zeros(x.shape, [("pad", "V3"), ("x", x.dtype)])
    records["x"] = x
    return records["x"]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("axis", [-1, 0, (0, 2), None], ids=str)
@pytest.mark.parametrize("layout", LAYOUTS)
def test_layout_changes_no_bit(isa, layout, axis, dtype):
    x = scores((4, 6, 19), dtype)
    other = LAYOUTS[layout](x)
    assert np.array_equal(other, x)
    for function in FUNCTIONS:
        assert same_bits(function(other, axis=axis), function(x, axis=axis))


@pytest.mark.parametrize("axis", [-1, 0, 1, (0, 1), (1, 2), None], ids=str)
def test_broadcast_inputs_are_read_where_they_are(isa, axis):
    shape = (4, 5, 7)
    for source in (scores((7,)), scores((5, 1)), scores((4, 1, 1)), scores(())):
        x = np.broadcast_to(source, shape)
        assert 0 in x.strides
        for function in FUNCTIONS:
            assert same_bits(function(x, axis=axis), function(x.copy(), axis=axis))


def test_the_input_is_never_changed():
    for layout in LAYOUTS.values():
        x = layout(scores((4, 6, 19)))
        before = np.array(x)
        for function in FUNCTIONS:
            result = function(x, axis=1, temperature=0.5, mask=np.array(x) < 2)
            assert not np.shares_memory(result, x)
        assert np.array_equal(x, before)


@pytest.mark.parametrize("function", FUNCTIONS)
@pytest.mark.parametrize("shape", [(0,), (0, 3), (3, 0), (2, 0, 3), (0, 0)])
def test_empty_arrays(isa, function, shape):
    x = np.empty(shape, np.float32)
    for axis in (*range(-len(shape), len(shape)), None, tuple(range(len(shape)))):
        got = function(x, axis=axis)
        if function in MAPS:
            assert got.shape == shape
        else:
            assert got.shape == x.sum(axis=axis).shape
            assert np.all(got == (-np.inf if function is lk.logsumexp else 0))
        assert got.dtype == np.float32


@pytest.mark.parametrize("axis", [-1, 0, None, ()])
def test_a_scalar_is_a_row_of_one(isa, axis):
    for x in (3.0, np.float64(3), np.array(3.0)):
        for function, want in zip(FUNCTIONS, (1.0, 0.0, 3.0, 0.0), strict=True):
            got = function(x, axis=axis)
            assert isinstance(got, np.float64)
            assert got == want
    assert np.isnan(lk.softmax(np.nan))
    assert lk.softmax(-np.inf, empty="uniform") == 1
    assert lk.softmax(-np.inf, empty="zero") == 0
    with pytest.raises(ValueError, match="-inf"):
        lk.softmax(-np.inf, empty="raise")


def test_as_many_dimensions_as_numpy_has():
    most = 64 if np.lib.NumpyVersion(np.__version__) >= "2.0.0b1" else 32
    x = scores((2, 3)).reshape((1,) * (most - 2) + (2, 3))
    assert same_bits(lk.softmax(x).reshape(2, 3), lk.softmax(x.reshape(2, 3)))
    assert same_bits(lk.logsumexp(x, axis=most - 2).ravel(), lk.logsumexp(x.reshape(2, 3), axis=0))


@given(
    hnp.array_shapes(max_dims=5, max_side=5).flatmap(
        lambda shape: st.tuples(
            hnp.arrays(np.float32, shape, elements=st.floats(-90, 90, width=32)),
            st.permutations(range(len(shape))),
            st.lists(st.sampled_from([1, -1, 2]), min_size=len(shape), max_size=len(shape)),
            st.sets(st.integers(0, len(shape) - 1)).map(lambda axes: tuple(sorted(axes))),
        )
    )
)
def test_any_view_is_its_rows_one_by_one(drawn):
    x, order, steps, axes = drawn
    view = x.transpose(order)[tuple(slice(None, None, step) for step in steps)]
    for function in FUNCTIONS:
        assert same_bits(function(view, axis=axes), by_rows(function, view, axes))


@pytest.mark.parametrize(
    ("axis", "error"), [(2, ValueError), (-3, ValueError), ((0, 2), ValueError)]
)
def test_an_axis_out_of_range_is_refused(axis, error):
    for function in FUNCTIONS:
        with pytest.raises(error, match=r"^axis is .*; x has 2 dimensions, accepted are -2 to 1$"):
            function(np.ones((2, 3)), axis=axis)


def test_an_axis_that_is_none_is_refused():
    for function in FUNCTIONS:
        for axis in (1.0, "1", [0], (0, 1.0), np.array([0, 1]), True, (0, np.True_)):
            with pytest.raises(TypeError, match=r"^axis is .*accepted are an int, a tuple of ints"):
                function(np.ones((2, 3)), axis=axis)
        with pytest.raises(ValueError, match=r"^axis is \(0, -2\); it names an axis twice, "):
            function(np.ones((2, 3)), axis=(0, -2))
        with pytest.raises(
            ValueError, match=r"^axis is 1; x has 0 dimensions, accepted are -1 to 0$"
        ):
            function(1.0, axis=1)

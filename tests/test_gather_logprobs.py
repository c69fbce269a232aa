"""gather_logprobs: log_softmax at chosen classes, with the bits of the whole."""

import re
import tracemalloc

import inputs
import ml_dtypes
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from kernel_calls import same_bits

import logitkit as lk
from logitkit import reference as ref

INF, NAN = np.inf, np.nan
RNG = np.random.default_rng(31)
BAD_ROWS = {
    "a NaN": [NAN, 1.0, -INF],
    "a +inf": [INF, 1.0, -INF],
    "all -inf": [-INF, -INF, -INF],
    "one possible": [-INF, 2.0, -INF],
    "ties": [3.0, -1.0, 3.0],
}


def take(x, ids, axis=-1, **options):
    """Gather from the whole log-softmax, as NumPy does."""
    log_p = lk.log_softmax(x, axis=axis, **options)
    if ids.ndim == log_p.ndim:
        return np.take_along_axis(log_p, ids.astype(np.int64), axis)
    wanted = np.expand_dims(ids.astype(np.int64), axis)
    return np.take_along_axis(log_p, wanted, axis).squeeze(axis)


@pytest.mark.parametrize("dtype", inputs.FLOATS, ids=str)
def test_has_the_bits_of_log_softmax_on_every_input(isa, dtype):
    for x, temperature in inputs.accuracy_inputs(dtype, inputs.scale_of(isa)).values():
        ids = RNG.integers(0, x.shape[1], (len(x), 29))
        got = lk.gather_logprobs(x, ids, temperature=temperature)
        assert same_bits(got, take(x, ids, temperature=temperature))
        one = lk.gather_logprobs(x, ids[:, 0], temperature=temperature)
        assert same_bits(one, got[:, 0])


@pytest.mark.parametrize("dtype", inputs.COMPUTED, ids=str)
def test_has_the_bits_of_log_softmax_on_rows_beyond_a_cache(isa, dtype):
    x = (3 * RNG.normal(size=(2, 70_001))).astype(dtype)
    ids = RNG.integers(0, x.shape[1], (2, 40))
    for temperature in (1.0, 0.3):
        got = lk.gather_logprobs(x, ids, temperature=temperature)
        assert same_bits(got, take(x, ids, temperature=temperature))


@pytest.mark.parametrize("temperature", [0.0, 0.5, 1.0, INF])
@pytest.mark.parametrize("name", BAD_ROWS)
def test_special_rows(isa, name, temperature):
    row = np.array(BAD_ROWS[name])
    ids = np.array([2, 0, 1, 1])
    for keep in (None, [True, True, False], [False, True, True], [False] * 3):
        options = {"temperature": temperature, "mask": keep}
        got = lk.gather_logprobs(row, ids, **options)
        assert same_bits(got, take(row, ids, **options))
        np.testing.assert_allclose(got, ref.gather_logprobs(row, ids, **options), rtol=1e-15)


@pytest.mark.parametrize("dtype", [*inputs.FLOATS, np.int8, np.uint16, np.int64, bool], ids=str)
@pytest.mark.parametrize("axis", [0, 1, 2, -1, -2, -3])
def test_any_axis_layout_and_dtype(isa, axis, dtype):
    x = (3 * RNG.normal(size=(4, 5, 6))).astype(dtype)
    shape = list(x.shape)
    shape[axis] = 3
    ids = RNG.integers(0, x.shape[axis], shape)
    first = ids.take(0, axis=axis)
    for a in (x, np.asfortranarray(x), x[::-1, ::-1, ::-1].copy()[::-1, ::-1, ::-1]):
        got = lk.gather_logprobs(a, ids, axis=axis)
        assert got.dtype == lk.log_softmax(x).dtype
        assert same_bits(got, take(x, ids, axis))
        assert same_bits(lk.gather_logprobs(a, first, axis=axis), take(x, first, axis))
    assert same_bits(lk.gather_logprobs(x, ids.T.copy().T, axis=axis), take(x, ids, axis))


@pytest.mark.parametrize(
    "kind", [np.int8, np.uint8, np.int16, np.uint32, np.int64, np.uint64, ">i4"]
)
def test_any_integer_dtype_of_ids(kind):
    x, ids = RNG.normal(size=(6, 10)), RNG.integers(0, 10, (6, 2))
    assert same_bits(lk.gather_logprobs(x, ids.astype(kind)), lk.gather_logprobs(x, ids))
    assert same_bits(lk.gather_logprobs(x, ids.tolist()), lk.gather_logprobs(x, ids))


def test_dimensions_broadcast_as_for_take_along_axis():
    x = RNG.normal(size=(3, 4, 7))
    for shape in [(1, 1, 5), (3, 1, 5), (1, 4, 5), (1, 1, 0)]:
        ids = RNG.integers(0, 7, shape)
        assert same_bits(lk.gather_logprobs(x, ids), take(x, ids))
    assert same_bits(lk.gather_logprobs(x, np.array(2)[None, None]), lk.log_softmax(x)[..., 2])
    one, ids = RNG.normal(size=(1, 7)), RNG.integers(0, 7, (5, 2))
    assert same_bits(lk.gather_logprobs(one, ids), take(one, ids))
    t = np.array([0.5, 2.0, 1.0])[:, None]
    ids = RNG.integers(0, 7, (3, 4))
    mask = RNG.random((3, 1, 7)) < 0.7
    got = lk.gather_logprobs(x, ids, temperature=t, mask=mask)
    assert same_bits(got, take(x, ids, temperature=np.broadcast_to(t, (3, 4)), mask=mask))


def test_shapes():
    assert lk.gather_logprobs(2.0, 0) == 0
    assert type(lk.gather_logprobs([1.0, 2.0], 1)) is np.float64
    assert lk.gather_logprobs([1.0, 2.0], [1]).shape == (1,)
    assert lk.gather_logprobs(np.ones((3, 4)), np.zeros((3, 0), int)).shape == (3, 0)
    assert lk.gather_logprobs(np.ones((0, 4)), np.zeros(0, int)).shape == (0,)
    assert lk.gather_logprobs(np.ones((3, 0)), np.zeros((3, 0), int)).shape == (3, 0)


@given(
    hnp.arrays(
        np.float64, st.tuples(st.integers(1, 5), st.integers(1, 9)), elements=st.floats(-50, 50)
    ),
    st.data(),
)
def test_what_stands_in_a_masked_slot_changes_no_bit(x, data):
    keep = data.draw(hnp.arrays(bool, x.shape))
    ids = data.draw(hnp.arrays(np.int64, (len(x), 3), elements=st.integers(0, x.shape[1] - 1)))
    loud = np.where(keep, x, data.draw(st.sampled_from([NAN, INF, 1e308])))
    got = lk.gather_logprobs(loud, ids, mask=keep)
    assert same_bits(got, take(x, ids, mask=keep))
    assert same_bits(lk.gather_logprobs(np.ma.array(loud, mask=~keep), ids), got)
    assert np.all(got[~np.take_along_axis(keep, ids, -1)] == -INF)


def test_the_number_of_threads_does_not_matter(threads):
    x = RNG.normal(size=(300, 500)).astype(np.float32)
    ids, keep = RNG.integers(0, 500, (300, 3)), RNG.random(500) < 0.5
    assert same_bits(lk.gather_logprobs(x, ids), take(x, ids))
    assert same_bits(lk.gather_logprobs(x.T, ids.T, axis=0), take(x, ids).T)
    assert same_bits(lk.gather_logprobs(x, ids, mask=keep), take(x, ids, mask=keep))


def test_nothing_of_the_size_of_the_scores_is_allocated():
    x = np.ones((200, 5000), np.float32)
    tracemalloc.start()
    try:
        lk.gather_logprobs(x, np.zeros(200, np.int32))
        lk.gather_logprobs(x.T, np.zeros(200, np.int32), axis=0, temperature=np.full(200, 2.0))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < x.nbytes / 50


def test_values_are_those_of_the_reference():
    x = RNG.normal(size=(4, 6)).astype(ml_dtypes.bfloat16)
    for ids in (RNG.integers(0, 6, (4, 2)), RNG.integers(0, 6, 4)):
        want = ref.gather_logprobs(x, ids)
        np.testing.assert_allclose(lk.gather_logprobs(x, ids).astype(float), want, rtol=8e-3)


@pytest.mark.parametrize(
    ("ids", "said"),
    [
        ([[0, 1], [2, 3]], "ids is 3 at index (1, 1); accepted are the classes in [0, 3)"),
        ([0, -1], "ids is -1 at index (1,); accepted are the classes in [0, 3)"),
        (np.uint64([2**63 + 5, 0]), f"ids is {2**63 + 5} at index (0,); accepted are"),
    ],
)
def test_a_class_that_is_none_is_told(ids, said):
    with pytest.raises(IndexError, match="^" + re.escape(said)):
        lk.gather_logprobs(np.zeros((2, 3)), ids)


def test_bad_arguments_are_refused():
    x = np.zeros((2, 3))
    for ids, name in (([0.0, 1.0], "float64"), ([True, False], "bool"), (["a", "b"], "<U1")):
        with pytest.raises(TypeError, match=rf"^ids has the dtype {name}; accepted are integers$"):
            lk.gather_logprobs(x, ids)
    with pytest.raises(ValueError, match=r"^ids has the shape \(\); it must have as many dim"):
        lk.gather_logprobs(x, 0)
    with pytest.raises(ValueError, match=r"^ids has the shape \(3,\); without the axis .*\(2, 3\)"):
        lk.gather_logprobs(x, [0, 0, 0])
    for axis in (None, (0,), 1.0, True):
        with pytest.raises(TypeError, match=r"^axis is .*; accepted is an int$"):
            lk.gather_logprobs(x, [0, 0], axis=axis)
    with pytest.raises(np.exceptions.AxisError, match=r"^axis is 2; "):
        lk.gather_logprobs(x, [0, 0], axis=2)
    with pytest.raises(IndexError, match=r"accepted are the classes in \[0, 0\)$"):
        lk.gather_logprobs(np.zeros((1, 0)), [0])
    with pytest.raises(ValueError, match=r"^temperature is -1\.0; "):
        lk.gather_logprobs(x, [0, 0], temperature=-1)
    with pytest.raises(TypeError, match=r"^mask has the dtype int64; "):
        lk.gather_logprobs(x, [0, 0], mask=[1, 0, 1])
    with pytest.raises(TypeError, match=r"^x has the dtype complex128; "):
        lk.gather_logprobs(x + 0j, [0, 0])

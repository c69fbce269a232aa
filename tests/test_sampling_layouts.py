"""filter_logits and sample: what is converted, strided or longer than a part gives the same."""

import inputs
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from kernel_calls import at_offset, same_bits

import logitkit as lk
from logitkit.backends import _delivery

FILTERS = {"temperature": 0.7, "top_k": 40_000, "top_p": 0.93, "min_p": 1e-4}
DRAWS = {"seed": 31, "size": 50}


def check(x, plain, **options):
    """Compare an array with the contiguous one of floats that has its elements."""
    got = lk.filter_logits(x, **FILTERS, **options)
    want = lk.filter_logits(plain, **FILTERS, **options)
    assert same_bits(got, want.astype(got.dtype))
    got = lk.sample(x, **FILTERS, **DRAWS, **options)
    assert np.array_equal(got, lk.sample(plain, **FILTERS, **DRAWS, **options))


@pytest.mark.parametrize("dtype", ["i1", "i8", ">f4", ">f8", ">f2"])
@pytest.mark.parametrize("layout", ["plain", "strided", "turned"])
def test_a_long_row_that_is_converted(dtype, layout):
    length = _delivery.LONGEST_ROW + 4097
    values = np.random.default_rng(73).integers(-9, 9, (2, length), np.int8)
    x = values.astype(dtype)
    plain = values.astype(lk.softmax(x[:, :0]).dtype)
    if layout == "strided":
        x = np.repeat(x, 2, axis=1)[:, ::2]
    elif layout == "turned":
        x = np.asfortranarray(x)
    check(x, plain)


@pytest.mark.parametrize("dtype", inputs.FLOATS, ids=str)
def test_a_long_strided_row(dtype):
    plain = np.random.default_rng(74).normal(size=(2, 2**19 + 4097)).astype(dtype)
    check(np.asfortranarray(plain), plain)
    check(np.repeat(plain, 2, axis=1)[:, ::2], plain)
    check(plain[:, ::-1].copy()[:, ::-1], plain)
    check(np.ma.array(np.asfortranarray(plain), mask=plain > 3), np.ma.array(plain, mask=plain > 3))


@pytest.mark.parametrize("elements", [1, 7, 40, 10**6])
@pytest.mark.parametrize("axes", [-1, 0, (0, 2), (), None], ids=str)
@pytest.mark.parametrize("dtype", ["u1", "i8", ">f4", ">f2", "?"])
def test_the_size_of_the_parts_changes_no_bit(dtype, axes, elements, monkeypatch):
    monkeypatch.setattr(_delivery, "_PART_ELEMENTS", elements)
    memory = np.random.default_rng(75).integers(0, 4, (12, 5, 6)).astype(dtype)
    for view in (memory, memory.T, memory[::-2], np.broadcast_to(memory[:1], memory.shape)):
        plain = view.astype(lk.softmax(view[:0]).dtype, order="C")
        check(view, plain, axis=axes)


@given(
    hnp.array_shapes(max_dims=4, max_side=5).flatmap(
        lambda shape: st.tuples(
            hnp.arrays(np.float32, shape, elements=st.floats(-9, 9, width=16)),
            st.permutations(range(len(shape))),
            st.lists(st.sampled_from([1, -1, 2]), min_size=len(shape), max_size=len(shape)),
            st.sets(st.integers(0, len(shape) - 1)).map(lambda axes: tuple(sorted(axes))),
        )
    )
)
def test_any_view_is_its_copy(drawn):
    x, order, steps, axes = drawn
    view = x.transpose(order)[tuple(slice(None, None, step) for step in steps)]
    check(view, view.copy(), axis=axes)


@pytest.mark.parametrize("dtype", inputs.FLOATS, ids=str)
def test_the_address_does_not_matter(isa, dtype):
    x = np.random.default_rng(76).normal(size=(2, 601)).astype(dtype)
    for offset in range(64):
        check(at_offset(x, offset), x)

"""filter_logits and sample of tensors: NumPy's bits, a gradient; on the CPU alone."""

import jax
import numpy as np
import pytest
import sampling_rows
import torch
from conformance.backends import array_of, tensor_of
from kernel_calls import same_bits
from torch_calls import FLOATS, INF, NAN, randn

import logitkit as lk

FILTERS = {"temperature": 0.7, "top_k": 300, "top_p": 0.9, "min_p": 1e-3}
OTHERS = (torch.bool, torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64)


@pytest.mark.parametrize("dtype", FLOATS, ids=str)
@pytest.mark.parametrize("with_gradients", [False, True])
def test_the_bits_are_those_of_numpy(dtype, with_gradients):
    for length in (1, 17, 600, 5000):
        for name, row in sampling_rows.rows(length).items():
            if name == "largest finite" and dtype is torch.float16:
                continue
            x = tensor_of(sampling_rows.in_dtype(row, array_of(torch.zeros(1, dtype=dtype)).dtype))
            want = lk.filter_logits(array_of(x), **FILTERS)
            drawn = lk.sample(array_of(x), seed=8, size=9, **FILTERS)
            x.requires_grad_(with_gradients)
            assert same_bits(array_of(lk.filter_logits(x, **FILTERS)), want), name
            got = lk.sample(x, seed=8, size=9, **FILTERS)
            assert got.dtype is torch.int64
            assert np.array_equal(got.numpy(), drawn)


def test_a_gradient_changes_no_bit_at_the_extremes():
    for dtype in FLOATS:
        most = torch.finfo(dtype).max
        x = torch.tensor([[0.0, -0.0, -1.0], [most, -most, 0], [-INF, 1, -0.0]], dtype=dtype)
        for t in (1.0, 0.5, 1e-310, 0.0, INF):
            want = lk.filter_logits(x, temperature=t)
            got = lk.filter_logits(x.clone().requires_grad_(), temperature=t)
            assert same_bits(array_of(got), array_of(want)), (dtype, t)


def test_any_axis_and_strides():
    x = randn(4, 6, 50)
    for axis in (-1, 0, (0, 2), None, ()):
        for view in (x, x.mT.contiguous().mT, x[::2, :, ::3]):
            want = lk.filter_logits(view.numpy(), axis=axis, top_k=5)
            assert same_bits(lk.filter_logits(view, axis=axis, top_k=5).numpy(), want)
            want = lk.sample(view.numpy(), axis=axis, seed=9, size=3)
            assert np.array_equal(lk.sample(view, axis=axis, seed=9, size=3), want)
    assert lk.filter_logits(torch.tensor(3.0)).shape == ()
    assert lk.sample(torch.tensor(3.0), seed=1).shape == ()


@pytest.mark.parametrize("default", [torch.float32, torch.float64])
@pytest.mark.parametrize("dtype", OTHERS, ids=str)
def test_integers_become_the_default_dtype(dtype, default):
    before = torch.get_default_dtype()
    torch.set_default_dtype(default)
    try:
        x = torch.tensor([[0, 1, 1], [1, 0, 0]]).to(dtype)
        got = lk.filter_logits(x, top_k=1, temperature=2.0)
        assert got.dtype is default
        assert got.tolist() == [[-INF, 0.5, -INF], [0.5, -INF, -INF]]
        assert lk.sample(x, seed=1, temperature=0).tolist() == [1, 0]
    finally:
        torch.set_default_dtype(before)


def test_options_may_be_tensors():
    x = randn(3, 40)
    t, rows = torch.tensor([0.5, 1.0, 2.0], dtype=torch.float64), torch.tensor([7, 2**40, 0])
    for temperature in (t, t[:, None], t.bfloat16()):
        want = lk.filter_logits(x.numpy(), temperature=t.numpy(), top_p=0.9)
        got = lk.filter_logits(x, temperature=temperature, top_p=0.9)
        assert same_bits(got.numpy(), want)
        options = {"seed": 3, "size": 4, "top_p": 0.9}
        want = lk.sample(x.numpy(), temperature=t.numpy(), rows=rows.numpy(), **options)
        got = lk.sample(x, temperature=temperature, rows=rows, **options)
        assert np.array_equal(got, want)


@pytest.mark.parametrize(
    "options",
    [
        {"top_k": 3},
        {"top_p": 0.8, "temperature": 0.6},
        {"min_p": 0.2, "temperature": torch.tensor([0.5, 1.0, 2.0], dtype=torch.float64)},
        {"axis": 0, "top_k": 2, "temperature": 3.0},
    ],
    ids=str,
)
def test_the_gradient_is_the_limit_of_differences(options):
    x = randn(3, 7).requires_grad_()
    axis = options.get("axis", -1)

    def probabilities(x):  # the difference of infinities is none
        return lk.softmax(lk.filter_logits(x, **options), axis=axis)

    assert torch.autograd.gradcheck(probabilities, (x,))
    assert torch.autograd.gradgradcheck(probabilities, (x,))


def test_the_gradient_is_1_over_the_temperature_where_it_is_kept():
    x = torch.tensor([[3.0, 1.0, -INF, 2.0], [1.0, NAN, 0.0, 0.0]], requires_grad=True)
    for t, slope in ((1.0, 1.0), (0.5, 2.0), (0.0, 0.0), (INF, 0.0)):
        (got,) = torch.autograd.grad(
            lk.filter_logits(x, top_k=2, temperature=t)[0, [0, 3]].sum(), x
        )
        assert got[0, [1, 2]].tolist() == [0, 0]
        if t != INF:  # there top_k goes by the index
            assert got[0, [0, 3]].tolist() == [slope, slope if t else 0]
        assert got[1].tolist() == [0] * 4
    with torch.no_grad():
        assert not lk.filter_logits(x).requires_grad
    assert not lk.sample(x[:1], seed=1).requires_grad


def test_what_is_not_on_the_cpu_is_refused():
    x = torch.zeros(3, device="meta")
    for call in (lambda: lk.filter_logits(x), lambda: lk.sample(x, seed=1)):
        with pytest.raises(TypeError, match=r"^x is on meta; .*on the CPU: pass x\.cpu\(\)$"):
            call()
    with pytest.raises(TypeError, match=r"^x has the dtype torch\.complex64; "):
        lk.filter_logits(torch.zeros(3, dtype=torch.complex64))
    with pytest.raises(ValueError, match=r"^row 1: NaN logit at index 0; "):
        lk.sample(torch.tensor([[0.0], [NAN]]), seed=1)


def test_arrays_of_jax_are_refused_also_where_they_are_traced():
    x = jax.numpy.zeros(3)
    for function in (lk.filter_logits, lambda x: lk.sample(x, seed=1)):
        for call in (function, jax.jit(function)):
            with pytest.raises(TypeError, match=r"^x is a .*; sampling takes NumPy arrays and Py"):
                call(x)

"""linear_cross_entropy of PyTorch tensors: NumPy's bits, gradients in the pass of the loss."""

import numpy as np
import pytest
import torch
from conformance.backends import array_of, no_kernels, tensor_of
from inputs import FLOATS
from kernel_calls import same_bits
from torch_calls import randn

import logitkit as lk
from logitkit.torch import nn

LABELS = torch.tensor([[1, 4, 0], [3, -1, 2]])
WEIGHT = torch.tensor([1.0, 2.0, 0.5, 0.0, 3.0], dtype=torch.float64)
OPTIONS = {
    "none": {},
    "weight": {"weight": WEIGHT, "label_smoothing": 0.1},
    "sum": {"reduction": "sum", "z_loss": 0.1},
    "count": {"normalizer": "count"},
}


def operands():
    return randn(2, 3, 4), randn(5, 4, seed=1), randn(5, seed=2)


@pytest.mark.parametrize("memory", [1, 2**20])
@pytest.mark.parametrize("dtype", FLOATS, ids=str)
@pytest.mark.parametrize("name", OPTIONS)
def test_the_bits_are_those_of_numpy(name, dtype, memory):
    options = {"ignore_index": -1, "memory": memory, **OPTIONS[name]}
    h, w, bias = (a.numpy().astype(dtype) for a in operands())
    as_arrays = options | ({"weight": WEIGHT.numpy()} if "weight" in options else {})
    for b in (None, bias):
        want = lk.linear_cross_entropy_with_grad(h, w, LABELS.numpy(), bias=b, **as_arrays)
        given = (tensor_of(h), tensor_of(w), LABELS)
        t = None if b is None else tensor_of(b)
        got = lk.linear_cross_entropy_with_grad(*given, bias=t, **options)
        assert (got.grad_bias is None) == (b is None)
        for one, other in zip(got, want, strict=True):
            assert other is None or same_bits(array_of(one), np.asarray(other))


@pytest.mark.parametrize("name", OPTIONS)
def test_gradients_are_those_of_finite_differences(name):
    options = {"ignore_index": -1, **OPTIONS[name]}
    leaves = tuple(a.requires_grad_() for a in operands())

    def loss(h, w, b):
        return lk.linear_cross_entropy(h, w, LABELS, bias=b, **options)

    assert torch.autograd.gradcheck(loss, leaves)
    assert torch.autograd.gradgradcheck(loss, leaves)
    h, w, b = leaves
    assert torch.autograd.gradgradcheck(lambda h: loss(h, w.detach(), None), (h,))
    assert torch.autograd.gradgradcheck(lambda b: loss(h.detach(), w.detach(), b), (b,))


def test_compiled_and_on_another_device_it_is_the_same():
    torch._dynamo.reset()

    def loss(h, w, bias):
        return lk.linear_cross_entropy(h, w, LABELS, bias=bias, ignore_index=-1)

    results = []
    for way in ("plain", "compiled", "formulas"):
        leaves = [a.requires_grad_() for a in operands()]
        if way == "formulas":
            with no_kernels():
                value = loss(*leaves)
                value.backward()
        else:
            call = torch.compile(loss, fullgraph=True, backend="aot_eager")
            value = (call if way == "compiled" else loss)(*leaves)
            value.backward()
        results.append([value.detach(), *(a.grad for a in leaves)])
    assert all(torch.equal(one, other) for one, other in zip(*results[:2], strict=True))
    for one, other in zip(results[0], results[2], strict=True):
        torch.testing.assert_close(one, other, rtol=1e-13, atol=1e-15)


@pytest.mark.parametrize("bias", [True, False])
def test_the_module_is_a_layer_and_a_loss(bias):
    layer = nn.LinearCrossEntropyLoss(4, 5, bias=bias, ignore_index=-1, dtype=torch.float64)
    h = operands()[0].requires_grad_()
    loss = layer(h, LABELS)
    loss.backward()
    linear = torch.nn.Linear(4, 5, bias=bias, dtype=torch.float64)
    linear.load_state_dict(layer.state_dict())
    other = operands()[0].requires_grad_()
    logits = linear(other).reshape(-1, 5)
    want = torch.nn.functional.cross_entropy(logits, LABELS.reshape(-1), ignore_index=-1)
    want.backward()
    torch.testing.assert_close(loss, want)
    torch.testing.assert_close(h.grad, other.grad)
    for ours, theirs in zip(layer.parameters(), linear.parameters(), strict=True):
        torch.testing.assert_close(ours.grad, theirs.grad)


def test_a_gradient_of_single_rows_is_refused():
    h, w, _ = operands()
    with pytest.raises(ValueError, match=r"^reduction is 'none', and an operand requires grad"):
        lk.linear_cross_entropy(h.requires_grad_(), w, LABELS, reduction="none", ignore_index=-1)

"""linear_cross_entropy has the loss that PyTorch has of all logits, and autograd's gradients."""

import numpy as np
import pytest
import torch
from linear_problems import CHOICES, CUTS, IGNORE, problem
from torch.nn import functional

import logitkit as lk

SHARED = ("weight", "label_smoothing", "reduction", "ignore_index")


@pytest.mark.parametrize("cut", CUTS)
@pytest.mark.parametrize("choice", ["plain", "weights", "smoothing", "sum", "rows"])
def test_loss_and_gradients_are_those_of_autograd(choice, cut):
    memory, n = CUTS[cut]
    h, w, bias, targets = problem(np.float64, (n,))
    options = {"ignore_index": IGNORE, **CHOICES[choice]}
    got = lk.linear_cross_entropy_with_grad(h, w, targets, bias=bias, memory=memory, **options)

    leaves = [torch.tensor(a, requires_grad=True) for a in (h, w, bias)]
    theirs = {key: options[key] for key in SHARED if key in options}
    if "weight" in theirs:
        theirs["weight"] = torch.tensor(theirs["weight"])
    logits = functional.linear(leaves[0], leaves[1], leaves[2])
    loss = functional.cross_entropy(logits, torch.tensor(targets), **theirs)
    loss.sum().backward()
    np.testing.assert_allclose(got.loss, loss.detach().numpy(), rtol=1e-13)
    for gradient, leaf in zip(got[1:], leaves, strict=True):
        np.testing.assert_allclose(gradient, leaf.grad.numpy(), rtol=1e-11, atol=1e-14)


def test_tensors_beside_an_array_of_numpy_are_refused_by_name():
    h, w, bias, targets = problem()
    for at, name in ((1, "w"), (2, "targets")):
        operands = [h, w, targets]
        operands[at] = torch.tensor(operands[at])
        with pytest.raises(TypeError, match=rf"^{name} is a torch\.Tensor, and h of NumPy"):
            lk.linear_cross_entropy(*operands)
    with pytest.raises(TypeError, match=r"^bias is a torch\.Tensor, and h of NumPy"):
        lk.linear_cross_entropy_with_grad(h, w, targets, bias=torch.tensor(bias))

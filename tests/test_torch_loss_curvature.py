"""The second derivative of cross_entropy of PyTorch tensors."""

import numpy as np
import pytest
import torch
from test_torch_losses import LABELS, MODULES, SHAPES, WEIGHT
from torch_calls import randn

import logitkit as lk
from logitkit.torch import nn


def bent(loss, x, *arguments, **options):
    """Return the second derivative of a loss, along the cube of the first."""
    x = x.clone().requires_grad_()
    (grad,) = torch.autograd.grad(loss(x, *arguments, **options).sum(), x, create_graph=True)
    return torch.autograd.grad((grad**3).sum(), x)[0]


@pytest.mark.parametrize(("shape", "rows"), SHAPES)
@pytest.mark.parametrize("soft", [False, True], ids=["classes", "probabilities"])
@pytest.mark.parametrize("weight", [None, WEIGHT], ids=["equal", "weighted"])
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_the_second_derivative_is_that_of_pytorch(dtype, weight, soft, shape, rows):
    x = randn(*shape).to(dtype)
    targets = torch.from_numpy(np.random.default_rng(3).integers(0, 5, rows))
    if soft:
        targets = torch.softmax(randn(*shape, seed=5), min(1, len(shape) - 1)).to(dtype)
    elif targets.numel() > 2:
        targets.view(-1)[1] = -100
    weight = None if weight is None else weight.to(dtype)
    for options in MODULES:
        got = bent(nn.CrossEntropyLoss(weight, **options), x, targets)
        want = bent(torch.nn.CrossEntropyLoss(weight, **options), x, targets)
        torch.testing.assert_close(got, want)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32])
def test_the_second_derivative_keeps_its_digits_at_an_unlikely_target(dtype):
    x = torch.zeros(1, 1000, dtype=dtype)
    unit = torch.zeros(1, 1000, dtype=dtype)
    unit[0, 3] = 1
    x.requires_grad_()
    (grad,) = torch.autograd.grad(lk.cross_entropy(x, torch.tensor([3])), x, create_graph=True)
    (bends,) = torch.autograd.grad(grad, x, unit)
    assert abs(float(bends[0, 3]) - 999e-6) < (1e-7 if dtype is torch.float32 else 4e-6)


def test_the_mean_of_nothing_and_an_ignored_row_do_not_bend():
    x = randn(3, 5)
    weight = torch.tensor([0.0, 0, 1, 1, 0], dtype=torch.float64)
    for z_loss in (0, 0.1):
        options = {"label_smoothing": 0.1, "z_loss": z_loss, "empty": "zero", "weight": weight}
        assert (bent(lk.cross_entropy, x, LABELS, **options) == 0).all()
        options = {"z_loss": 0.1, "label_smoothing": 0.1, "ignore_index": 4}
        spoilt = x.clone()
        spoilt[1] = torch.nan
        assert (bent(lk.cross_entropy, spoilt, LABELS, **options)[1] == 0).all()
    mask = torch.ones(3, 5, dtype=torch.bool)
    mask[1] = False
    assert (bent(lk.cross_entropy, x, LABELS, mask=mask, z_loss=0.1)[1] == 0).all()


def test_a_negative_class_is_ignored_among_small_unsigned_ones():
    x, few = randn(4, 200), torch.tensor([156, 156, 3, 5], dtype=torch.uint8)
    options = {"ignore_index": -100, "normalizer": "count"}
    got, want = (bent(lk.cross_entropy, x, targets, **options) for targets in (few, few.long()))
    torch.testing.assert_close(got, want)
    for loss in (lk.cross_entropy, lk.nll_loss):
        grads = []
        for targets in (few, few.long()):
            given = x.clone().requires_grad_()
            loss(given, targets, **options).backward()
            grads.append(given.grad)
        assert torch.equal(*grads)


def test_what_takes_no_part_has_no_second_derivative():
    x = randn(3, 5)
    x[0, 2] = x[1, 4] = -torch.inf  # the second is a target
    mask = torch.ones(3, 5, dtype=torch.bool)
    mask[2, 3] = False
    for options in ({}, {"z_loss": 0.1}, {"label_smoothing": 0.1}):
        got = bent(lk.cross_entropy, x, LABELS, mask=mask, **options)
        assert (got[0, 2], got[1, 4], got[2, 3]) == (0, 0, 0)
        assert torch.isfinite(got[[0, 2]]).all()
        alone = bent(lk.cross_entropy, x[:1], LABELS[:1], normalizer=3, **options)
        torch.testing.assert_close(got[:1], alone)
    none = torch.full((3,), -1)
    assert (bent(lk.cross_entropy, x, none, ignore_index=-1, empty="zero") == 0).all()

"""cross_entropy beside PyTorch's, value and gradient, under every option that both have."""

import itertools

import numpy as np
import pytest
import torch
from losses import classes, soft_targets, weights
from torch.nn import functional

import logitkit as lk

RNG = np.random.default_rng(76)
IGNORED = -100


def theirs(x, targets, **options):
    """Return PyTorch's loss and gradient in float64."""
    leaf = torch.from_numpy(x.astype(np.float64)).requires_grad_()
    if options.get("weight") is not None:
        options["weight"] = torch.from_numpy(options["weight"])
    given = torch.from_numpy(targets.astype(np.float64 if targets.dtype.kind == "f" else np.int64))
    loss = functional.cross_entropy(leaf, given, **options)
    loss.sum().backward()
    return loss.detach().numpy(), leaf.grad.numpy()


def compare(x, targets, ours, options):
    loss, grad = lk.cross_entropy_with_grad(x, targets, **ours, **options)
    want, slope = theirs(x, targets, **options)
    rtol = {"float32": 2e-6, "float64": 1e-13}[x.dtype.name]
    np.testing.assert_allclose(loss, want, rtol=rtol)
    np.testing.assert_allclose(grad, slope, rtol=rtol, atol=rtol * np.abs(slope).max())


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("shape", [(9, 7), (5, 300), (40, 12), (3, 6, 4, 5)])
def test_classes_with_every_option(shape, dtype, reduction):
    x = (3 * RNG.normal(size=shape)).astype(dtype)
    ids = classes(np.moveaxis(x, 1, -1))
    for weighted, smoothing, ignoring in itertools.product(
        (False, True), (0.0, 0.2), (False, True)
    ):
        targets = ids.copy()
        if ignoring:
            targets[RNG.random(ids.shape) < 0.3] = IGNORED
        options = {
            "weight": weights(shape[1]) if weighted else None,
            "label_smoothing": smoothing,
            "ignore_index": IGNORED,
            "reduction": reduction,
        }
        compare(x, targets, {"axis": 1}, options)


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("shape", [(9, 7), (5, 300), (3, 6, 4, 5)])
def test_probabilities_with_every_option(shape, reduction):
    """PyTorch's mean over them divides by the rows, whatever their weights."""
    x = 3 * RNG.normal(size=shape)
    soft = np.moveaxis(soft_targets(np.moveaxis(x, 1, -1)), -1, 1)
    for weighted, smoothing in itertools.product((False, True), (0.0, 0.2)):
        ours = {"axis": 1} | ({"normalizer": "count"} if reduction == "mean" else {})
        options = {
            "weight": weights(shape[1]) if weighted else None,
            "label_smoothing": smoothing,
            "reduction": reduction,
        }
        compare(x, soft, ours, options)


def test_nothing_to_average_is_nan_in_both():
    x, ids = RNG.normal(size=(3, 4)), np.full(3, IGNORED)
    want, slope = theirs(x, ids, ignore_index=IGNORED)
    loss, grad = lk.cross_entropy_with_grad(x, ids, ignore_index=IGNORED)
    assert np.isnan(want) and np.isnan(loss)
    assert np.array_equal(np.nan_to_num(slope), grad)


def test_nll_loss_is_theirs():
    x = RNG.normal(size=(4, 6, 5))
    log_p = lk.log_softmax(x, axis=1)
    ids = RNG.integers(0, 6, (4, 5))
    ids[0] = IGNORED
    for reduction, weight in itertools.product(("mean", "sum", "none"), (None, weights(6))):
        got = lk.nll_loss(
            log_p, ids, axis=1, weight=weight, ignore_index=IGNORED, reduction=reduction
        )
        want = functional.nll_loss(
            torch.from_numpy(log_p),
            torch.from_numpy(ids),
            weight=None if weight is None else torch.from_numpy(weight),
            ignore_index=IGNORED,
            reduction=reduction,
        )
        np.testing.assert_allclose(got, want.numpy(), rtol=1e-14)

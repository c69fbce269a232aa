"""cross_entropy of PyTorch tensors: NumPy's bits, PyTorch's values, the gradient with the loss."""

import itertools

import numpy as np
import pytest
import torch
from conformance.backends import array_of, no_kernels, tensor_of
from inputs import FLOATS
from kernel_calls import same_bits
from torch_calls import MASK, randn

import logitkit as lk
from logitkit.torch import nn

LABELS = torch.tensor([1, 4, 0])
WEIGHT = torch.tensor([1.0, 2.0, 0.5, 0.0, 3.0], dtype=torch.float64)
SOFT = torch.softmax(randn(3, 5, seed=9), -1)
OPTIONS = {
    "none": {},
    "weight": {"weight": WEIGHT},
    "ignored": {"ignore_index": 4, "weight": WEIGHT},
    "smoothing": {"label_smoothing": 0.2, "weight": WEIGHT, "mask": MASK[1:2]},
    "z-loss": {"z_loss": 0.1, "reduction": "sum"},
    "rows": {"reduction": "none", "label_smoothing": 0.1},
    "count": {"normalizer": "count", "weight": WEIGHT},
    "a number": {"normalizer": 7.0},
}


def as_arrays(options):
    return {k: v.numpy() if isinstance(v, torch.Tensor) else v for k, v in options.items()}


@pytest.mark.parametrize("dtype", FLOATS, ids=str)
@pytest.mark.parametrize("soft", [False, True], ids=["classes", "probabilities"])
@pytest.mark.parametrize("options", OPTIONS)
def test_the_bits_are_those_of_numpy(options, soft, dtype):
    chosen = OPTIONS[options]
    if soft and "ignore_index" in chosen:
        chosen = {"weight": WEIGHT}
    x = (3 * randn(3, 5)).numpy().astype(dtype)
    targets = SOFT.numpy().astype(dtype) if soft else LABELS.numpy()
    want = lk.cross_entropy_with_grad(x, targets, **as_arrays(chosen))
    given = (tensor_of(x), tensor_of(targets))
    got = lk.cross_entropy_with_grad(*given, **chosen)
    for one, other in zip(got, want, strict=True):
        assert same_bits(array_of(one), other)
    assert same_bits(array_of(lk.cross_entropy(*given, **chosen)), want[0])
    # The same along another axis, recorded, and backwards.
    turned = given[0].mT.clone().requires_grad_()
    if "mask" not in chosen:
        loss = lk.cross_entropy(turned, given[1].mT if soft else given[1], axis=0, **chosen)
        assert same_bits(array_of(loss), want[0])
        loss.sum().backward()
        assert same_bits(array_of(turned.grad.mT), want[1])


@pytest.mark.parametrize("options", OPTIONS)
@pytest.mark.parametrize("soft", [False, True], ids=["classes", "probabilities"])
def test_gradients_are_those_of_finite_differences(soft, options):
    chosen = OPTIONS[options]
    if soft and "ignore_index" in chosen:
        chosen = {"weight": WEIGHT}
    targets = SOFT if soft else LABELS
    x = randn(3, 5).requires_grad_()
    assert torch.autograd.gradcheck(lambda a: lk.cross_entropy(a, targets, **chosen), (x,))
    assert torch.autograd.gradgradcheck(lambda a: lk.cross_entropy(a, targets, **chosen), (x,))


SHAPES = [((6, 5), (6,)), ((3, 5, 4, 2), (3, 4, 2)), ((5,), ())]
MODULES = [
    {},
    {"label_smoothing": 0.2},
    {"reduction": "sum"},
    {"reduction": "none", "label_smoothing": 0.1},
]


@pytest.mark.parametrize(("shape", "rows"), SHAPES)
@pytest.mark.parametrize("soft", [False, True], ids=["classes", "probabilities"])
@pytest.mark.parametrize("weighted", [False, True], ids=["equal", "weighted"])
def test_the_module_takes_the_place_of_pytorchs(weighted, soft, shape, rows):
    x = randn(*shape)
    targets = torch.from_numpy(np.random.default_rng(3).integers(0, 5, rows))
    if targets.numel() > 2:
        targets.view(-1)[1] = -100
    if soft:
        targets = torch.softmax(randn(*shape, seed=5), min(1, len(shape) - 1))
    weight = WEIGHT if weighted else None
    for options in MODULES:
        ours, theirs = x.clone().requires_grad_(), x.clone().requires_grad_()
        loss = nn.CrossEntropyLoss(weight, **options)(ours, targets)
        want = torch.nn.CrossEntropyLoss(weight, **options)(theirs, targets)
        torch.testing.assert_close(loss, want)
        slope = randn(*want.shape, seed=6)
        loss.backward(slope)
        want.backward(slope)
        torch.testing.assert_close(ours.grad, theirs.grad)


def test_all_rows_ignored():
    x, none = randn(3, 5).requires_grad_(), torch.full((3,), -100)
    assert torch.isnan(nn.CrossEntropyLoss()(x, none))
    loss = nn.CrossEntropyLoss(empty="zero")(x, none)
    loss.backward()
    assert loss == 0
    assert (x.grad == 0).all()


@pytest.mark.parametrize("route", ["kernels", "formulas", "compiled"])
def test_a_label_out_of_range_is_named_with_its_place(route):
    x, labels = randn(2, 3, 5).requires_grad_(), torch.tensor([[0, 1, 2], [3, 9, -1]])
    function = lk.cross_entropy
    if route == "compiled":
        torch._dynamo.reset()
        function = torch.compile(function, fullgraph=True, backend="aot_eager")
    with pytest.raises(IndexError, match=r"^targets is 9 at index \(1, 1\); accepted are the cla"):
        if route == "formulas":
            with no_kernels():
                function(x, labels, ignore_index=-1)
        else:
            function(x, labels, ignore_index=-1)


def test_compiled_it_is_the_same():
    torch._dynamo.reset()

    def loss(x, weight):
        return lk.cross_entropy(x, LABELS, weight=weight, label_smoothing=0.1, ignore_index=4)

    compiled = torch.compile(loss, fullgraph=True, backend="aot_eager")
    results = []
    for call in (loss, compiled):
        x = randn(3, 5).requires_grad_()
        value = call(x, WEIGHT)
        value.backward()
        results.append((value.detach(), x.grad))
    assert all(torch.equal(one, other) for one, other in zip(*results, strict=True))


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
def test_transforms_compose(reduction):
    x = randn(4, 3, 5)
    labels = torch.tensor([[1, 4, 0], [4, 4, 2], [0, 1, 2], [4, 3, 3]])

    def total(a, b):
        return lk.cross_entropy(a, b, ignore_index=4, reduction=reduction).square().sum()

    mapped = torch.func.vmap(torch.func.grad(total))(x, labels)
    for i in range(4):
        given = x[i].clone().requires_grad_()
        total(given, labels[i]).backward()
        torch.testing.assert_close(mapped[i], given.grad)
    losses = torch.func.vmap(total)(x, labels)
    assert torch.equal(losses, torch.stack([total(x[i], labels[i]) for i in range(4)]))


def test_the_scores_are_not_kept_for_the_derivative():
    x = randn(3, 5).requires_grad_() * 2
    for options, kept in (({}, False), ({"z_loss": 0.1}, True)):
        saved = lk.cross_entropy(x, LABELS, **options).grad_fn.saved_tensors
        assert any(t is not None and t.data_ptr() == x.data_ptr() for t in saved) == kept


def test_gradients_flow_to_the_scores_alone():
    x = randn(3, 5)
    for name, options in (("targets", {}), ("weight", {"weight": WEIGHT.clone()})):
        targets = SOFT.clone().requires_grad_() if name == "targets" else LABELS
        if "weight" in options:
            options["weight"].requires_grad_()
        with pytest.raises(ValueError, match=rf"^{name} requires grad.*pass {name}\.detach\(\)$"):
            lk.cross_entropy(x, targets, **options)


def test_out_takes_the_gradient():
    x = randn(3, 5)
    want = lk.cross_entropy_with_grad(x, LABELS)
    for out in (torch.empty(3, 5, dtype=x.dtype), torch.empty(5, 3, dtype=x.dtype).mT, x.clone()):
        given = out if torch.equal(out, x) else x
        version = out._version
        loss, grad = lk.cross_entropy_with_grad(given, LABELS, out=out)
        assert grad is out
        assert torch.equal(loss, want[0])
        assert torch.equal(grad, want[1])
        assert out._version > version
    places = torch.zeros(4, 5, dtype=x.dtype)
    with pytest.raises(ValueError, match=r"^out overlaps x in memory"):
        lk.cross_entropy_with_grad(places[:3], LABELS, out=places[1:])


def test_bad_targets_are_refused_alike_on_every_way():
    x = randn(3, 5)
    bad = {
        "shape": (LABELS[:2], {}, ValueError, r"targets has the shape \(2,\); class indices must"),
        "soft": (SOFT[:2], {}, ValueError, r"targets has the shape \(2, 5\); probabilities must"),
        "bool": (LABELS > 0, {}, TypeError, "targets has the dtype torch.bool; accepted are int"),
        "weight": (
            LABELS,
            {"weight": WEIGHT[:3]},
            ValueError,
            r"weight has the shape \(3,\); it",
        ),
        "ignored": (SOFT, {"ignore_index": 2}, ValueError, "ignore_index is 2, a class, and tar"),
    }
    for (targets, options, error, message), kernels in itertools.product(
        bad.values(), (True, False)
    ):
        with pytest.raises(error, match=f"^{message}"):
            if kernels:
                lk.cross_entropy(x, targets, **options)
            else:
                with no_kernels():
                    lk.cross_entropy(x, targets, **options)


@pytest.mark.parametrize("options", OPTIONS)
@pytest.mark.parametrize("soft", [False, True], ids=["classes", "probabilities"])
def test_on_another_device_it_is_the_same_within_rounding(soft, options):
    chosen = OPTIONS[options]
    if soft and "ignore_index" in chosen:
        chosen = {"weight": WEIGHT}
    x, targets = randn(3, 5), SOFT if soft else LABELS
    want = lk.cross_entropy_with_grad(x, targets, **chosen)
    with no_kernels():
        got = lk.cross_entropy_with_grad(x, targets, **chosen)
    for one, other in zip(got, want, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-14, atol=1e-16)


NLL = {
    "none": {},
    "weight": {"weight": WEIGHT},
    "ignored": {"ignore_index": 4, "weight": WEIGHT},
    "count": {"normalizer": "count", "weight": WEIGHT, "ignore_index": 0},
    "a number": {"normalizer": 7.0},
    "rows": {"reduction": "none", "mask": MASK[1:2]},
    "sum": {"reduction": "sum", "weight": WEIGHT},
}


@pytest.mark.parametrize("dtype", FLOATS, ids=str)
@pytest.mark.parametrize("options", NLL)
def test_nll_loss_has_the_bits_of_numpy(options, dtype):
    chosen = NLL[options]
    x = (3 * randn(3, 5)).numpy().astype(dtype)
    log_p = lk.log_softmax(x)
    want = lk.nll_loss(log_p, LABELS.numpy(), **as_arrays(chosen))
    assert same_bits(array_of(lk.nll_loss(tensor_of(log_p), LABELS, **chosen)), want)
    with no_kernels():
        other = lk.nll_loss(tensor_of(log_p), LABELS, **chosen)
    torch.testing.assert_close(other, tensor_of(np.asarray(want)))


@pytest.mark.parametrize("options", NLL)
def test_nll_loss_has_the_gradient_of_finite_differences_and_of_cross_entropy(options):
    chosen = NLL[options]
    x = randn(3, 5).requires_grad_()
    assert torch.autograd.gradcheck(lambda a: lk.nll_loss(a, LABELS, **chosen), (x,))
    assert torch.autograd.gradgradcheck(
        lambda a: lk.nll_loss(lk.log_softmax(a), LABELS, **chosen), (x,)
    )
    grads = []
    for loss in (
        lk.cross_entropy(x, LABELS, **chosen),
        lk.nll_loss(lk.log_softmax(x), LABELS, **chosen),
    ):
        grads += torch.autograd.grad(loss.sum(), x)
    torch.testing.assert_close(*grads)


def test_without_a_class_every_row_is_ignored():
    for loss in (lk.nll_loss, lk.cross_entropy):
        x = torch.empty(2, 0, requires_grad=True)
        value = loss(x, torch.tensor([-1, -1]), ignore_index=-1, empty="zero")
        value.backward()
        assert value == 0
        assert x.grad.shape == (2, 0)


def test_nll_loss_takes_no_probabilities():
    with pytest.raises(TypeError, match=r"^targets has the dtype torch.float64; accepted are int"):
        lk.nll_loss(randn(3, 5), SOFT)

"""Gradients through PyTorch: right, twice, exactly 0 where nothing takes part, never silent."""

import numpy as np
import pytest
import torch
from torch.autograd import forward_ad
from torch_calls import CASES, FLOATS, INF, NAN, randn

import logitkit as lk


def leaves(tensors):
    return tuple(a.detach().clone().requires_grad_() for a in tensors)


@pytest.mark.parametrize("name", CASES)
def test_gradients_are_those_of_finite_differences(name):
    function, tensors = CASES[name]
    assert torch.autograd.gradcheck(function, leaves(tensors))


@pytest.mark.parametrize("name", CASES)
def test_so_are_the_gradients_of_gradients(name):
    function, tensors = CASES[name]
    assert torch.autograd.gradgradcheck(function, leaves(tensors))


def test_a_third_derivative_is_right_too():
    def second(a):
        (first,) = torch.autograd.grad(lk.log_softmax(a)[0], a, create_graph=True)
        (again,) = torch.autograd.grad((first * first).sum(), a, create_graph=True)
        return again

    def double(a):
        return torch.func.grad(lambda b: (torch.func.grad(one_of_torch)(b) ** 2).sum())(a)

    def one_of_torch(a):
        return torch.log_softmax(a, -1)[0]

    x = randn(4)
    (x_grad,) = torch.autograd.grad(second(a := x.clone().requires_grad_()).prod(), a)
    (want,) = torch.autograd.grad(double(b := x.clone().requires_grad_()).prod(), b)
    torch.testing.assert_close(x_grad, want)


SCORED = {
    "softmax": lk.softmax,
    "log_softmax": lambda x, **o: lk.log_softmax(x, **o),
    "logsumexp": lk.logsumexp,
    "entropy": lk.entropy,
    "gather_logprobs": lambda x, **o: lk.gather_logprobs(x, torch.tensor([0, 0, 0]), **o),
    "kl_divergence": lambda x, **o: lk.kl_divergence(x, torch.zeros(3, 4), reduction="none", **o),
    "kl_divergence of q": lambda x, **o: lk.kl_divergence(
        torch.zeros(4).where(x > -9, -INF), x, **o
    ),
}
HIDDEN = torch.tensor([[True, False, True, True], [False] * 4, [True] * 4])


@pytest.mark.parametrize("loud", [NAN, INF, -INF, 1e38])
@pytest.mark.parametrize(
    "name", ["softmax", "log_softmax", "logsumexp", "entropy", "kl_divergence"]
)
def test_what_is_masked_has_a_gradient_of_0_and_changes_no_other(name, loud):
    quiet = torch.where(HIDDEN, randn(3, 4, dtype=torch.float32), 0.0)
    grads = []
    for value in (0.0, loud):
        x = torch.where(HIDDEN, quiet, value).requires_grad_()
        result = SCORED[name](x, mask=HIDDEN)
        # What is -inf itself would spoil the sum.
        result.where(result > -INF, 0.0).square().sum().backward()
        assert (x.grad[~HIDDEN] == 0).all()
        assert torch.isfinite(x.grad).all()
        grads.append(x.grad)
    assert torch.equal(*grads)


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("name", SCORED)
def test_what_is_impossible_has_a_gradient_of_0(name, dtype):
    x = torch.tensor([[0.5, -INF, 1.0, -INF], [3, 2, 1, 0], [0, -INF, -INF, -INF]], dtype=dtype)
    x.requires_grad_()
    result = SCORED[name](x)
    result.where(result > -INF, 0.0).float().square().sum().backward()
    assert x.grad.dtype is dtype
    assert (x.grad[x == -INF] == 0).all()
    assert torch.isfinite(x.grad).all()


def test_what_is_impossible_for_q_alone_has_a_gradient_of_0():
    q = torch.tensor([[0.0, -INF, 1.0], [0.0, 1.0, 2.0]], requires_grad=True)
    divergence = lk.kl_divergence(torch.zeros(2, 3), q, reduction="none")
    assert divergence[0] == INF
    divergence.sum().backward()
    assert q.grad[0, 1] == 0
    assert torch.isfinite(q.grad).all()


def test_the_normaliser_of_an_impossible_row_does_not_move():
    x = torch.full((2, 3), -INF, requires_grad=True)
    lk.logsumexp(x).sum().backward()
    assert (x.grad == 0).all()


@pytest.mark.parametrize("function", [lk.softmax, lk.log_softmax])
@pytest.mark.parametrize("empty", ["zero", "uniform"])
def test_a_row_that_is_made_up_does_not_move(function, empty):
    x = torch.tensor([[-INF, -INF], [1.0, 2.0]], requires_grad=True)
    function(x, empty=empty)[:, 0].clamp_min(-9).sum().backward()
    assert (x.grad[0] == 0).all()
    assert (x.grad[1] != 0).all()


@pytest.mark.parametrize("temperature", [0.0, INF, torch.tensor([0.0, INF, 1.0])])
@pytest.mark.parametrize("name", [name for name in SCORED if name != "logsumexp"])
def test_nothing_moves_in_the_limits_of_the_temperature(name, temperature):
    x = randn(3, 4).requires_grad_()
    result = SCORED[name](x, temperature=temperature)
    result.where(result.isfinite(), 0.0).sum().backward()
    still = 3 if isinstance(temperature, float) else 2
    assert (x.grad[:still] == 0).all()
    assert torch.isfinite(x.grad).all()


def test_second_derivatives_do_not_leak_what_is_masked():
    x = torch.where(HIDDEN, randn(3, 4), NAN).requires_grad_()
    for function in (lk.softmax, lk.logsumexp, lk.entropy):
        result = function(x, mask=HIDDEN)
        kept = result.where(result > -INF, 0.0)
        (grad,) = torch.autograd.grad(kept.square().sum(), x, create_graph=True)
        (again,) = torch.autograd.grad(grad.square().sum(), x)
        assert (again[~HIDDEN] == 0).all()
        assert torch.isfinite(again).all()


@pytest.mark.parametrize("dtype", FLOATS)
def test_a_gradient_has_the_dtype_of_its_scores_and_is_rounded_once(dtype):
    x = randn(3, 300).to(dtype).requires_grad_()
    slope = randn(3, 300, seed=3).float()
    lk.softmax(x, dtype=torch.float32).mul(slope).sum().backward()
    assert x.grad.dtype is dtype
    wide = x.detach().double().requires_grad_()
    lk.softmax(wide).mul(slope.double()).sum().backward()
    eps = torch.finfo(dtype).eps if dtype is not torch.float64 else torch.finfo(torch.float32).eps
    error = (x.grad.double() - wide.grad).abs() / wide.grad.abs().max()
    assert error.max() < eps


@pytest.mark.parametrize("function", [lk.softmax, lk.log_softmax, lk.logsumexp, lk.entropy])
def test_a_temperature_that_requires_grad_is_refused(function):
    x, t = randn(3, 4), torch.ones(3, requires_grad=True)
    message = r"^temperature requires grad.*temperature\.detach\(\)$"
    for scores in (x, x.clone().requires_grad_()):
        with pytest.raises(ValueError, match=message):
            function(scores, temperature=t)
    with pytest.raises(ValueError, match=message):
        torch.func.grad(lambda u: function(x, temperature=u).sum())(t.detach())
    with torch.no_grad():
        function(x, temperature=t)


def test_out_and_gradients_exclude_each_other():
    x = randn(3, 4)
    leaf = x.clone().requires_grad_()
    for scores, out in ((leaf, torch.empty_like(x)), (x, torch.empty_like(x).requires_grad_())):
        for function in (lk.softmax, lk.log_softmax):
            with pytest.raises(ValueError, match=r"^out cannot take a result that requires grad"):
                function(scores, out=out)
            with torch.no_grad():
                assert function(scores, out=out) is out


def test_what_autograd_needs_cannot_be_overwritten_unseen():
    x = randn(3, 4).requires_grad_()
    y = x * 2
    loss = y.square().sum()
    with torch.no_grad():
        lk.softmax(y, out=y)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        loss.backward()


@pytest.mark.filterwarnings("ignore:.*torch.jit.script:DeprecationWarning")
def test_tangents_are_refused_rather_than_dropped():
    x = randn(3, 4)
    with forward_ad.dual_level(), pytest.raises(RuntimeError, match=r"jvp|forward"):
        lk.softmax(forward_ad.make_dual(x, torch.ones_like(x)))
    with pytest.raises(RuntimeError, match=r"jvp|forward"):
        torch.func.jvp(lk.softmax, (x,), (x,))


def test_one_row_is_pushed_up_as_the_others_are_down():
    x = randn(1000, dtype=torch.float32).requires_grad_()
    lk.log_softmax(x)[3].backward()
    assert abs(np.asarray(x.grad).astype(np.float64).sum()) < 1e-6


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16], ids=str)
@pytest.mark.parametrize("name", ["softmax_vjp", "softmax_jvp", "log_softmax_vjp", "entropy_vjp"])
def test_out_takes_a_gradient_where_it_lies(name, dtype):
    x, g = torch.randn(2, 5, 6, generator=torch.Generator().manual_seed(4)).to(dtype)
    a = lk.log_softmax(x) if name == "log_softmax_vjp" else lk.softmax(x)
    g = g[:, 0] if name == "entropy_vjp" else g
    function = getattr(lk, name)
    want = function(a, g)
    apart = torch.empty(5, 12, dtype=dtype)[:, ::2]
    version = apart._version
    assert function(a, g, out=apart) is apart and torch.equal(apart, want)
    assert apart._version > version
    copy = a.clone()
    assert function(copy, g, out=copy) is copy and torch.equal(copy, want)
    if name != "entropy_vjp":
        copy = g.clone()
        assert function(a, copy, out=copy) is copy and torch.equal(copy, want)


@pytest.mark.parametrize("which", [0, 1])
def test_out_takes_no_gradient_that_requires_grad(which):
    p, g = lk.softmax(torch.randn(2, 3)), torch.randn(2, 3)
    (p, g)[which].requires_grad_()
    out = torch.full((2, 3), 7.0)
    with pytest.raises(ValueError, match=r"^out cannot take a result that requires grad"):
        lk.softmax_vjp(p, g, out=out)
    assert (out == 7).all()
    with torch.no_grad():
        assert lk.softmax_vjp(p, g, out=out) is out


def test_out_that_overlaps_an_operand_is_refused():
    places = torch.zeros(30)
    p, g = places[:6].reshape(2, 3), places[10:16].reshape(2, 3)
    for out, name in ((places[1:7], "p"), (places[12:18], "g")):
        with pytest.raises(ValueError, match=f"^out overlaps {name} in memory"):
            lk.softmax_vjp(p, g, out=out.reshape(2, 3))

"""The operators of PyTorch: registered in full, and the same under its compiler and transforms."""

import pytest
import torch
from torch import library
from torch.fx.experimental.proxy_tensor import make_fx
from torch_calls import CASES, FLOATS, IDS, INF, MASK, probabilities, randn

import logitkit as lk
from logitkit.backends.torch import _operators as operators

OPS = torch.ops.logitkit
ROWS = torch.tensor([[0.5], [1.0], [2.0]])


def leaf(a):
    """Return a float32 with the strides of a."""
    return torch.empty_like(a, dtype=torch.float32).copy_(a.detach()).requires_grad_()


def samples():
    """Return arguments of each operator, with tensors that are transposed, spread and of halves."""
    x, y, p = leaf(randn(3, 5)), leaf(randn(3, 5, seed=1)), leaf(probabilities())
    turned, row = leaf(x.mT), leaf(y[:, :1])
    spread = randn(3, 10).float()[:, ::2].requires_grad_()
    short = randn(3, 5).bfloat16().requires_grad_()
    yield "softmax", (x, [1], 1.0, None, None, None, torch.float32, "default")
    yield "softmax", (x, [0, 1], 1.0, None, MASK, "zero", torch.float64, "exact")
    yield "softmax", (turned, [1], 0.5, None, None, "uniform", torch.float16, "default")
    yield "softmax", (short, [1], 1.0, ROWS, None, None, torch.bfloat16, "default")
    whole = torch.arange(6).reshape(2, 3)
    yield "softmax", (whole, [1], 1.0, None, None, None, torch.float32, "default")
    yield "log_softmax", (x, [1], 1.0, ROWS, MASK, None, torch.float32, "default")
    yield "logsumexp", (x, [1], 1.0, ROWS, MASK, torch.float32)
    yield "entropy", (spread, [0], 1.0, None, None, torch.float32)
    yield "softmax_vjp", (p, y, [1], 1.0, ROWS)
    yield "log_softmax_vjp", (leaf(p.log()), y, [1], 1.0, ROWS)
    yield "logsumexp_vjp", (x, row, [1], 1.0, ROWS, MASK)
    yield "entropy_vjp", (x, row, [1], 1.0, ROWS, MASK)
    yield "softmax_jacobian", (p, 1.0, ROWS)
    for reduction in ("mean", "sum", "none"):
        yield "kl_divergence", (x, y, [1], 1.0, None, MASK, reduction)
    yield "gather_logprobs", (x, IDS, 1, 1.0, ROWS, MASK)
    yield "gather_logprobs", (turned, IDS.mT, 0, 1.0, None, None)
    yield "top_k", (x.detach().mT, 2, 0)
    labels, weight = torch.tensor([1, -1, 4]), torch.tensor([1.0, 2, 0, 3, 1])
    loss = (labels, 1, weight, -1, 0.1, 0.01, "mean", "weight", 1.0, "nan", MASK[1])
    yield "cross_entropy", (x, *loss)
    yield "cross_entropy", (turned, labels, 0, None, -1, 0.0, 0.0, "none", *loss[-4:-1], None)
    yield "nll_loss", (x, labels, 1, weight, -1, "mean", "weight", 1.0, "nan", MASK)
    h, w, bias = leaf(randn(3, 4)), leaf(randn(5, 4, seed=1)), leaf(randn(5))
    linear = (labels, bias, 2**20, weight, -1, 0.1, 0.0, "mean", "weight", 1.0, "nan")
    yield "linear_cross_entropy", (h, w, *linear)
    # Its gradient is a result, of which opcheck would ask for a derivative.
    still = (labels, bias.detach(), *linear[2:])
    yield "linear_cross_entropy_with_grad", (h.detach(), w.detach(), *still)
    yield "cross_entropy_with_grad", (x.detach(), *loss)
    yield "activation", (x, "silu", [])
    yield "activation", (turned, "leaky_relu", [0.1])


SAMPLES = list(samples())


def test_every_operator_has_a_sample():
    assert {name for name, _ in SAMPLES} == set(operators.SCHEMAS)


@pytest.mark.parametrize(("name", "arguments"), SAMPLES, ids=[name for name, _ in SAMPLES])
def test_an_operator_is_registered_in_full(name, arguments):
    """Schema, shapes without memory, derivative, and dynamic shapes: PyTorch's own checks."""
    done = library.opcheck(getattr(OPS, name).default, arguments)
    assert set(done.values()) == {"SUCCESS"}


@pytest.mark.parametrize(("name", "arguments"), SAMPLES, ids=[name for name, _ in SAMPLES])
def test_shapes_are_known_without_memory(name, arguments):
    operator = getattr(OPS, name)
    without = [a.to("meta") if isinstance(a, torch.Tensor) else a for a in arguments]
    results = [operator(*given) for given in (arguments, without)]
    pairs = zip(*results, strict=True) if isinstance(results[0], tuple) else [results]
    for there, found in pairs:
        assert (found.shape, found.dtype, found.device.type) == (there.shape, there.dtype, "meta")


@pytest.mark.parametrize("name", CASES)
def test_compiled_without_a_break_it_is_the_same(name):
    """The result and the gradients; a second shape is compiled with its sizes left open."""
    function, tensors = CASES[name]
    torch._dynamo.reset()
    compiled = torch.compile(function, fullgraph=True, backend="aot_eager")
    results = []
    for call in (function, compiled):
        given = [a.clone().requires_grad_() for a in tensors]
        result = call(*given)
        result.square().sum().backward()
        results.append([result.detach(), *(a.grad for a in given)])
    for one, other in zip(*results, strict=True):
        assert torch.equal(one, other)


def test_one_graph_serves_many_shapes():
    torch._dynamo.reset()
    graphs = []

    def keep(graph, inputs):
        graphs.append(graph)
        return graph.forward

    compiled = torch.compile(lk.log_softmax, fullgraph=True, dynamic=True, backend=keep)
    for rows, classes in ((3, 5), (7, 11), (2, 300)):
        x = randn(rows, classes)
        assert torch.equal(compiled(x), lk.log_softmax(x))
    assert len(graphs) == 1


@pytest.mark.filterwarnings("ignore:.torch.jit:DeprecationWarning")
def test_through_the_default_compiler_it_is_the_same():
    torch._dynamo.reset()

    compiled = torch.compile(lk.log_softmax, fullgraph=True)
    results = []
    for call in (lk.log_softmax, compiled):
        x = randn(3, 5, dtype=torch.float32).requires_grad_()
        result = call(x)
        result.backward(randn(3, 5, seed=1, dtype=torch.float32))
        results.append((result.detach(), x.grad))
    assert all(torch.equal(one, other) for one, other in zip(*results, strict=True))


def test_arguments_are_checked_while_compiling():
    torch._dynamo.reset()
    x = randn(3, 5)
    with pytest.raises(Exception, match="it must broadcast against that of x"):
        torch.compile(lk.softmax, backend="eager", fullgraph=True)(x, mask=MASK[:, :2])
    with pytest.raises(ValueError, match=r"^temperature is -1\.0"):
        torch.compile(lk.softmax, backend="eager", fullgraph=True)(x, temperature=-1.0)


def test_out_can_be_compiled():
    torch._dynamo.reset()
    x, out = randn(3, 5), torch.zeros(3, 5, dtype=torch.float64)
    torch.compile(lk.softmax, backend="aot_eager", fullgraph=True)(x, out=out)
    assert torch.equal(out, lk.softmax(x))


@pytest.mark.parametrize("name", CASES)
def test_a_mapped_call_is_the_calls_one_by_one(name):
    function, tensors = CASES[name]
    stacked = [torch.stack([a, a.flip(-1) if a.ndim else -a]) for a in tensors]
    mapped = torch.func.vmap(function)(*stacked)
    single = torch.stack([function(*one) for one in zip(*stacked, strict=True)])
    torch.testing.assert_close(mapped, single, rtol=1e-14, atol=0)


@pytest.mark.parametrize("name", CASES)
def test_transforms_compose(name):
    """Gradients of each of many, by `torch.func`, are those of autograd."""
    function, tensors = CASES[name]
    stacked = [torch.stack([a, a.flip(-1) if a.ndim else -a]) for a in tensors]

    def total(*a):
        return function(*a).square().sum()

    places = tuple(range(len(tensors)))
    found = torch.func.vmap(torch.func.grad(total, argnums=places))(*stacked)
    given = [a.clone().requires_grad_() for a in stacked]
    sum(total(*one) for one in zip(*given, strict=True)).backward()
    for one, other in zip(found, given, strict=True):
        torch.testing.assert_close(one, other.grad)


def test_any_dimension_can_be_mapped():
    x, mask, t = randn(4, 3, 5), MASK, torch.tensor([0.5, 2.0, 1.0, 3.0])

    def one(a, m, u):
        return lk.softmax(a, mask=m, temperature=u)

    got = torch.func.vmap(one, in_dims=(1, 0, None))(x, mask, t)
    want = torch.stack([one(x[:, i], mask[i], t) for i in range(3)])
    assert torch.equal(got, want)
    got = torch.func.vmap(one, in_dims=(2, None, None), out_dims=1)(x, mask[:, 0], t)
    want = torch.stack([one(x[:, :, i], mask[:, 0], t) for i in range(5)], 1)
    assert torch.equal(got, want)


def test_a_batch_of_temperatures_is_mapped():
    x, t = randn(3, 5), torch.tensor([0.5, 2.0])
    got = torch.func.vmap(lambda u: lk.logsumexp(x, temperature=u.expand(3)))(t)
    assert torch.equal(got, torch.stack([lk.logsumexp(x, temperature=float(u)) for u in t]))


def test_a_jacobian_is_that_of_the_formula():
    x = randn(5)
    found = torch.func.jacrev(lk.softmax)(x)
    torch.testing.assert_close(found, lk.softmax_jacobian(lk.softmax(x)))


def test_a_traced_call_is_a_node_of_the_graph():
    x = randn(3, 5)
    for grad in (False, True):
        graph = make_fx(lambda a: lk.softmax(a).sum())(x.clone().requires_grad_(grad))
        assert "logitkit.softmax" in graph.code
    with torch._subclasses.FakeTensorMode() as mode:
        assert lk.softmax(mode.from_tensor(x)).shape == (3, 5)
        assert lk.logsumexp(mode.from_tensor(x), axis=0).shape == (5,)


def test_an_exported_program_holds_the_operator():
    class Model(torch.nn.Module):
        def forward(self, x):
            return lk.log_softmax(x, axis=0)

    x = randn(3, 5)
    program = torch.export.export(Model(), (x,))
    assert "logitkit.log_softmax" in program.graph_module.code
    assert torch.equal(program.module()(x), lk.log_softmax(x, axis=0))


@pytest.mark.parametrize("dtype", FLOATS)
def test_autocast_leaves_it_alone(dtype):
    """Halves are computed in float32 inside, so there is nothing to gain."""
    x = randn(3, 5).to(dtype)
    weights = randn(5, 5, dtype=torch.float32).requires_grad_()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert torch.equal(lk.softmax(x), lk.softmax(x.clone()))
        scores = x.float() @ weights
        assert scores.dtype is torch.bfloat16
        p = lk.softmax(scores)
    assert p.dtype is torch.bfloat16
    p.square().sum().backward()
    assert weights.grad.dtype is torch.float32
    assert torch.isfinite(weights.grad).all()


def test_operators_are_there_for_programs_that_do_not_know_logitkit():
    x = randn(3, 5)
    arguments = ([1], 1.0, None, None, None, torch.float64, "default")
    assert torch.equal(OPS.softmax(x, *arguments), lk.softmax(x))
    y = x.clone().requires_grad_()
    OPS.softmax(y, *arguments)[:, 0].sum().backward()
    z = x.clone().requires_grad_()
    lk.softmax(z)[:, 0].sum().backward()
    assert torch.equal(y.grad, z.grad)
    assert not torch.isinf(y.grad).any() and INF not in y.grad

"""PyTorch tensors: the bits of NumPy's arrays, in memory of PyTorch, on the CPU and elsewhere."""

import numpy as np
import pytest
import torch
from conformance.backends import array_of, no_kernels, tensor_of
from inputs import FLOATS
from kernel_calls import same_bits
from torch.utils.flop_counter import FlopCounterMode
from torch_calls import INF, MASK, randn

import logitkit as lk
from logitkit.backends.torch import _calls as calls

INTEGERS = ("bool", "uint8", "int8", "uint16", "int16", "uint32", "int32", "uint64", "int64")


def scores(dtype, shape=(4, 5, 6)):
    rng = np.random.default_rng(0)
    x = 5 * rng.normal(size=shape)
    x[..., 0] = np.where(x[..., 0] > 0, -np.inf, x[..., 0])
    return x.astype(dtype)


def same(got, want):
    return same_bits(array_of(got), np.asarray(want))


KEEP = np.random.default_rng(1).random((5, 6)) > 0.4
ONE_A_ROW = np.random.default_rng(2).random((4, 5, 1)) + 0.3
OPTIONS = {
    "none": {},
    "a temperature": {"temperature": 0.37},
    "temperatures": {"temperature": ONE_A_ROW},
    "a mask": {"mask": KEEP},
    "all": {"temperature": ONE_A_ROW, "mask": KEEP},
}
FUNCTIONS = {
    "softmax": lk.softmax,
    "softmax, exact": lambda x, **o: lk.softmax(x, precision="exact", **o),
    "log_softmax": lk.log_softmax,
    "log_softmax, uniform": lambda x, **o: lk.log_softmax(x, empty="uniform", **o),
    "logsumexp": lk.logsumexp,
    "entropy": lk.entropy,
    "kl_divergence": lambda x, **o: lk.kl_divergence(x, x[:1] * 2, reduction="none", **o),
    "kl_divergence, mean": lambda x, **o: lk.kl_divergence(x, x[:1] * 2, **o),
    "logsumexp_vjp": lambda x, **o: lk.logsumexp_vjp(x, x[..., :1] * 0 + 3, **o),
    "entropy_vjp": lambda x, **o: lk.entropy_vjp(x, x[..., :1] * 0 + 3, **o),
}


@pytest.mark.parametrize("options", OPTIONS)
@pytest.mark.parametrize("dtype", FLOATS, ids=str)
@pytest.mark.parametrize("name", FUNCTIONS)
def test_the_bits_are_those_of_numpy(name, dtype, options):
    x = scores(dtype)
    chosen = OPTIONS[options]
    as_tensors = {k: tensor_of(v) if isinstance(v, np.ndarray) else v for k, v in chosen.items()}
    with np.errstate(invalid="ignore"):
        want = FUNCTIONS[name](x, **chosen)
    assert same(FUNCTIONS[name](tensor_of(x), **as_tensors), want)
    assert same(FUNCTIONS[name](tensor_of(x), **chosen), want)


@pytest.mark.parametrize("axis", [0, 1, -1, (0, 2), (2, 1), None, ()])
@pytest.mark.parametrize("function", [lk.softmax, lk.log_softmax, lk.logsumexp, lk.entropy])
@pytest.mark.parametrize("dtype", FLOATS, ids=str)
def test_along_any_axis_and_strides(function, axis, dtype):
    x = scores(dtype, (4, 6, 10))
    t = tensor_of(x)
    for array, tensor in (
        (x, t),
        (x.transpose(2, 0, 1), t.permute(2, 0, 1)),
        (x[::2, :, 1::3], t[::2, :, 1::3]),
        (np.broadcast_to(x[:1], (3, 6, 10)), t[:1].expand(3, 6, 10)),
    ):
        assert same(function(tensor, axis=axis), function(array, axis=axis))


@pytest.mark.parametrize("dtype", FLOATS, ids=str)
def test_products_picks_and_activations_have_the_bits_too(dtype):
    x = scores(dtype)
    t = tensor_of(x)
    p, g = lk.softmax(x), np.ones_like(x)
    g[..., 1] = 3
    for function in (lk.softmax_vjp, lk.softmax_jvp):
        assert same(function(tensor_of(p), tensor_of(g), axis=1), function(p, g, axis=1))
    log_p = lk.log_softmax(x)
    assert same(lk.log_softmax_vjp(tensor_of(log_p), tensor_of(g)), lk.log_softmax_vjp(log_p, g))
    assert same(lk.softmax_jacobian(tensor_of(p)), lk.softmax_jacobian(p))
    ids = np.arange(20).reshape(4, 5) % 6
    for given, axis in ((ids, -1), (ids[..., None] % 3, 2), (ids[:, :1, None] % 5, 1)):
        want = lk.gather_logprobs(x, given, axis=axis, temperature=0.5)
        got = lk.gather_logprobs(t, torch.from_numpy(given), axis=axis, temperature=0.5)
        assert same(got, want)
    for axis in (0, 1, -1):
        for got, want in zip(lk.top_k(t, 3, axis=axis), lk.top_k(x, 3, axis=axis), strict=True):
            assert same(got, want)
    for function in (lk.sigmoid, lk.tanh, lk.relu, lk.leaky_relu, lk.silu):
        assert same(function(t), function(x))


@pytest.mark.parametrize("wanted", FLOATS, ids=str)
@pytest.mark.parametrize("name", INTEGERS)
def test_integers_become_the_default_dtype_as_if_it_were_asked_for(name, wanted):
    x = (np.arange(24).reshape(4, 6) * 7 % 11).astype(name)
    before = torch.get_default_dtype()
    torch.set_default_dtype(getattr(torch, wanted.name))
    try:
        for function in (lk.softmax, lk.log_softmax, lk.logsumexp):
            got = function(torch.from_numpy(x), axis=0)
            assert same(got, function(x, axis=0, dtype=wanted))
        assert lk.entropy(torch.from_numpy(x)).dtype is getattr(torch, wanted.name)
        assert lk.sigmoid(torch.from_numpy(x)).dtype is getattr(torch, wanted.name)
    finally:
        torch.set_default_dtype(before)


@pytest.mark.parametrize("wanted", FLOATS, ids=str)
@pytest.mark.parametrize("dtype", FLOATS, ids=str)
def test_a_dtype_can_be_asked_for_by_either_name(dtype, wanted):
    x = scores(dtype)
    chosen = getattr(torch, wanted.name)
    for function in (lk.softmax, lk.log_softmax, lk.logsumexp):
        want = function(x, dtype=wanted)
        for name in (chosen, wanted, wanted.name):
            assert same(function(tensor_of(x), dtype=name), want)


@pytest.mark.parametrize(
    "bad", [torch.complex64, torch.float8_e4m3fn], ids=["complex64", "float8_e4m3fn"]
)
def test_other_dtypes_are_refused_by_name(bad):
    x = torch.zeros(3).to(bad)
    for function in (lk.softmax, lk.entropy, lk.sigmoid, lambda a: lk.top_k(a, 1)):
        with pytest.raises(TypeError, match=rf"^x has the dtype {bad}; accepted are bool, integ"):
            function(x)
    with pytest.raises(TypeError, match=rf"^dtype is {bad}; accepted are float16"):
        lk.softmax(torch.zeros(3), dtype=bad)


def test_other_layouts_are_refused_by_name():
    with pytest.raises(TypeError, match=r"^x is a tensor of layout torch\.sparse_coo; accepted"):
        lk.softmax(torch.eye(3).to_sparse())


def test_a_scalar_is_a_row_of_one():
    for function, value in ((lk.softmax, 1.0), (lk.log_softmax, 0.0), (lk.logsumexp, 3.0)):
        result = function(torch.tensor(3.0))
        assert (result.shape, result.item()) == ((), value)
    assert lk.top_k(torch.tensor(3.0), 1).values.shape == (1,)


def test_negated_views_and_derived_classes_are_read_right():
    negated = torch.complex(randn(3, 5), randn(3, 5, seed=1)).conj().imag
    assert negated.is_neg()
    assert torch.equal(lk.softmax(negated), lk.softmax(negated.resolve_neg().clone()))

    class Scores(torch.Tensor):
        pass

    x = randn(3, 5)
    result = lk.softmax(x.as_subclass(Scores))
    assert isinstance(result, Scores)
    assert torch.equal(result.as_subclass(torch.Tensor), lk.softmax(x))


def test_the_result_is_memory_of_pytorch():
    """It begins where a cache line does, which NumPy's need not."""
    kept = []
    for n in range(1, 40):
        for x in (randn(n, 5), randn(n, 5).bfloat16(), randn(n, 5).requires_grad_()):
            kept += [lk.softmax(x), lk.softmax_vjp(x.detach(), x.detach(), axis=0)]
    assert {result.data_ptr() % 64 for result in kept} == {0}


@pytest.mark.parametrize("dtype", FLOATS, ids=str)
def test_out_takes_the_result_where_it_lies(dtype):
    x = scores(dtype)
    memory = torch.zeros(5, 4, 12, dtype=getattr(torch, dtype.name))
    out = memory.transpose(0, 1)[:, :, ::2]
    version = out._version
    assert lk.softmax(tensor_of(x), out=out) is out
    assert same(out, lk.softmax(x))
    assert (memory.transpose(0, 1)[:, :, 1::2] == 0).all()
    assert out._version > version
    row = torch.empty(4, 5, dtype=out.dtype)
    assert lk.logsumexp(tensor_of(x), out=row) is row
    assert same(row, lk.logsumexp(x))
    t = tensor_of(x.copy())
    assert lk.log_softmax(t, axis=0, out=t) is t
    assert same(t, lk.log_softmax(x, axis=0))


@pytest.mark.parametrize("mode", ["kernels", "formulas"])
def test_out_with_memory_of_another_argument_is_refused(mode):
    x = randn(4, 6)
    t = torch.ones(4, 1, dtype=torch.float64)
    places = randn(8, 6)
    refused = {
        "a part of x": (places[:4], {"out": places[2:6]}, "out overlaps x"),
        "one place": (x, {"out": torch.empty(1, 6, dtype=x.dtype).expand(4, 6)}, "out holds sever"),
        "a temperature": (x, {"out": t.expand(4, 6), "temperature": t}, "out holds several"),
        "a device": (x, {"out": x.to("meta")}, "out is on meta; the result is on cpu"),
        "a dtype": (x, {"out": x.float()}, "out has the dtype torch.float32; the result has"),
        "a shape": (x, {"out": x[0]}, r"out has the shape \(6,\); the result has \(4, 6\)"),
        "an array": (x, {"out": x.numpy()}, "out is a ndarray; it must be a plain tensor"),
    }
    for x, options, message in refused.values():
        before = x.clone()
        error = TypeError if "ndarray" in message else ValueError
        context = no_kernels() if mode == "formulas" else torch.no_grad()
        with context, pytest.raises(error, match=f"^{message}"):
            lk.softmax(x, **options)
        assert torch.equal(x, before)


def test_arguments_may_be_arrays_lists_and_numbers():
    x = randn(3, 5)
    want = lk.softmax(x, mask=MASK, temperature=torch.tensor([0.5, 1, 2]))
    for mask in (MASK.numpy(), MASK.tolist(), MASK):
        for t in (np.array([0.5, 1, 2]), [0.5, 1, 2], np.array([[0.5], [1], [2]], np.float32)):
            assert torch.equal(lk.softmax(x, mask=mask, temperature=t), want)
    for mask in (np.broadcast_to(MASK.numpy()[:1], (3, 5)), MASK.numpy()[:1, ::-1][:, ::-1]):
        assert torch.equal(lk.softmax(x, mask=mask), lk.softmax(x, mask=MASK[:1]))
    for one in (1, True, 1.0, np.float32(1), torch.tensor(1), torch.tensor([1.0]).bfloat16()):
        assert torch.equal(lk.softmax(x, temperature=one), lk.softmax(x))
    q = randn(5, seed=4)
    assert torch.equal(lk.kl_divergence(x, q.tolist()), lk.kl_divergence(x, q))
    assert torch.equal(lk.kl_divergence(x, q.numpy().astype(">f8")), lk.kl_divergence(x, q))
    short = x.numpy().astype(FLOATS[1])
    assert torch.equal(lk.kl_divergence(x, short), lk.kl_divergence(x, tensor_of(short)))
    assert torch.equal(lk.gather_logprobs(x, [0, 1, 2]), lk.gather_logprobs(x, np.arange(3)))


def test_explain_reads_a_tensor():
    x = [1.5, 2.2, -0.3, 0.8]
    for tensor in (torch.tensor(x), torch.tensor(x, requires_grad=True)):
        assert str(lk.explain(tensor)) == str(lk.explain(np.float32(x)))
    assert lk.explain(torch.tensor([1.0, 2.0]).bfloat16()).dtype == "float32"


def test_plain_calls_do_not_pass_pytorchs_dispatcher(monkeypatch):
    """And those that somebody records, traces or maps do."""
    x = randn(3, 5)
    assert calls.is_plain(x, None, 1.0)
    assert calls.is_plain(torch.nn.Parameter(x, requires_grad=False))
    with torch.no_grad():
        assert calls.is_plain(torch.nn.Parameter(x))
    assert not calls.is_plain(x, torch.nn.Parameter(x))
    assert not calls.is_plain(x.to("meta"))
    seen = []
    torch.func.vmap(lambda a: seen.append(calls.is_plain(a)) or a)(x)
    with FlopCounterMode(display=False):
        seen.append(calls.is_plain(x))
    with no_kernels():
        seen.append(calls.is_plain(x))
    assert seen == [False] * 3


def test_on_another_device_it_is_within_the_same_table():
    """`test_conformance.py` runs the table on this way; here is that it is another one."""
    x = randn(3, 400, dtype=torch.float32)
    with no_kernels():
        got = lk.softmax(x)
        (grad,) = torch.autograd.grad(lk.entropy(y := x.clone().requires_grad_()).sum(), y)
    torch.testing.assert_close(got, lk.softmax(x), rtol=3e-7, atol=0)
    (want,) = torch.autograd.grad(lk.entropy(y := x.clone().requires_grad_()).sum(), y)
    torch.testing.assert_close(grad, want, rtol=1e-6, atol=1e-12)
    wide = randn(3, 400)
    with no_kernels():
        other = lk.softmax(wide)
    assert not torch.equal(other, lk.softmax(wide))


def test_what_only_values_show_is_refused_there_too():
    x = torch.tensor([[-INF, -INF], [0.0, 1.0]])
    with no_kernels():
        for call in (
            lambda: lk.softmax(x, empty="raise"),
            lambda: lk.softmax(x, temperature=torch.tensor([1.0, -1.0])),
            lambda: torch.ops.logitkit.entropy(x, [1], -1.0, None, None, torch.float32),
        ):
            with pytest.raises(ValueError, match=r"row 0 has no element|temperature is -1"):
                call()
        with pytest.raises(IndexError, match=r"^ids is 2 at index \(0, 0\); accepted are"):
            lk.gather_logprobs(x, torch.tensor([2, 0]))


def test_a_tensor_on_another_device_is_named():
    x, elsewhere = randn(3, 5), randn(3, 5).to("meta")
    with pytest.raises(ValueError, match=r"^g is on meta; it must be on that of x, cpu"):
        lk.softmax_vjp(x, elsewhere)
    with pytest.raises(TypeError, match=r"^temperature is a tensor of .* on meta; accepted are"):
        lk.softmax(x, temperature=elsewhere[:, 0])

"""Modules for networks with the arguments of PyTorch's, and what an import of them loads."""

import copy
import pickle
import subprocess
import sys

import pytest
import torch
from torch_calls import INF, MASK, randn

import logitkit as lk
from logitkit.torch import nn

PAIRS = [(nn.Softmax, torch.nn.Softmax), (nn.LogSoftmax, torch.nn.LogSoftmax)]


@pytest.mark.parametrize(("ours", "theirs"), PAIRS)
@pytest.mark.parametrize("dim", [0, 1, -1])
def test_a_module_takes_the_place_of_pytorchs(ours, theirs, dim):
    x = randn(3, 5, 4)
    torch.testing.assert_close(ours(dim)(x), theirs(dim=dim)(x))
    assert repr(ours(dim=dim)) == repr(theirs(dim=dim))


@pytest.mark.parametrize(("ours", "theirs"), PAIRS)
@pytest.mark.parametrize("dims", [0, 1, 2, 3, 4])
def test_without_a_dim_it_chooses_and_warns_as_pytorch_does(ours, theirs, dims):
    x = randn(*(2, 3, 4, 5)[:dims])
    with pytest.warns(UserWarning, match=rf"^dim is None.*for {dims} dimensions"):
        got = ours()(x)
    with pytest.warns(UserWarning, match="Implicit dimension choice"):
        want = theirs()(x)
    torch.testing.assert_close(got, want)


def test_what_pytorch_has_not():
    x = randn(3, 5)
    assert torch.equal(nn.Softmax((0, 1))(x), lk.softmax(x, axis=None))
    cooled = nn.Softmax(-1, temperature=0.5)
    assert torch.equal(cooled(x, MASK), lk.softmax(x, temperature=0.5, mask=MASK))
    assert repr(nn.LogSoftmax(1, temperature=2.0, empty="zero")) == (
        "LogSoftmax(dim=1, temperature=2.0, empty='zero')"
    )
    none = torch.full((2, 3), -INF)
    assert (nn.Softmax(-1, empty="zero")(none) == 0).all()


def test_modules_are_trained_copied_and_stored():
    weight = torch.rand(5)
    network = torch.nn.Sequential(torch.nn.Linear(4, 5), nn.LogSoftmax(dim=1))
    loss = nn.CrossEntropyLoss(weight, label_smoothing=0.1)
    assert repr(loss) == "CrossEntropyLoss(label_smoothing=0.1)"
    assert "weight" in loss.state_dict()
    assert loss.double().weight.dtype is torch.float64
    for module in (copy.deepcopy(loss), pickle.loads(pickle.dumps(loss))):
        assert torch.equal(module.weight, loss.weight)
    x, labels = randn(8, 4, dtype=torch.float32), torch.arange(8) % 5
    before = None
    optimiser = torch.optim.SGD(network.parameters(), lr=0.5)
    for _ in range(20):
        optimiser.zero_grad()
        value = loss(network(x), labels)
        value.backward()
        optimiser.step()
        before = value.item() if before is None else before
    assert value.item() < before


def python(code):
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=False
    )


WITHOUT = "import sys; sys.modules['torch'] = None\n"


def test_without_pytorch_the_import_names_the_extra():
    done = python(WITHOUT + "import logitkit.torch")
    assert done.returncode != 0
    last = done.stderr.strip().splitlines()[-1]
    assert last == (
        "ImportError: logitkit.torch needs PyTorch, which is not installed: "
        "pip install logitkit[torch]"
    )


def test_without_pytorch_all_else_is_as_it_was():
    done = python(WITHOUT + "import logitkit as lk; print(lk.softmax([0.0, 0.0]).tolist())")
    assert (done.stdout, done.stderr) == ("[0.5, 0.5]\n", "")


def test_pytorch_is_loaded_with_the_first_tensor_only():
    code = "import sys, logitkit as lk; lk.softmax([[1.0, 2.0]]); print('torch' in sys.modules)"
    assert python(code).stdout == "False\n"
    code = (
        "import sys, torch, logitkit as lk\n"
        "print('logitkit.backends.torch' in sys.modules)\n"
        "print(lk.softmax(torch.zeros(2)).tolist())\n"
        "print('array_api_compat' in sys.modules, 'ml_dtypes' in sys.modules)\n"
    )
    assert python(code).stdout == "False\n[0.5, 0.5]\nFalse False\n"


def test_the_first_call_may_be_compiled():
    """Neither the backend nor `logitkit.torch` needs to be imported before."""
    code = (
        "import torch, logitkit as lk\n"
        "f = torch.compile(lk.softmax, fullgraph=True, backend='eager')\n"
        "print(f(torch.zeros(2)).tolist())\n"
    )
    done = python(code)
    assert done.stdout == "[0.5, 0.5]\n", done.stderr

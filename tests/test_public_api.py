"""The public names, their signatures and their documentation."""

import doctest
import inspect
import itertools
import re
import types
from pathlib import Path

import pytest

import logitkit as lk

ROOT = Path(__file__).resolve().parent.parent

MAP = (
    "(x, /, *, axis=-1, temperature=1.0, mask=None, empty=None, dtype=None, out=None, "
    "precision='default')"
)
LOSS = (
    "axis=-1, weight=None, ignore_index=None, label_smoothing=0.0, z_loss=0.0, reduction='mean', "
    "normalizer='weight', empty='nan', mask=None"
)
LINEAR = (
    "(h, w, targets, /, *, bias=None, weight=None, ignore_index=None, label_smoothing=0.0, "
    "z_loss=0.0, reduction='mean', normalizer='weight', empty='nan', memory=50331648)"
)
FILTERS = "temperature=1.0, top_k=None, top_p=None, min_p=None, order='hf'"
SIGNATURES = {
    "softmax": MAP,
    "log_softmax": MAP,
    "logsumexp": (
        "(x, /, *, axis=-1, temperature=1.0, mask=None, keepdims=False, dtype=None, out=None)"
    ),
    "entropy": "(x, /, *, axis=-1, temperature=1.0, mask=None)",
    "gather_logprobs": "(x, ids, /, *, axis=-1, temperature=1.0, mask=None)",
    "top_k": "(x, k, /, *, axis=-1)",
    "filter_logits": f"(x, /, *, {FILTERS}, axis=-1)",
    "sample": f"(x, /, *, seed, {FILTERS}, size=None, axis=-1, rows=None)",
    "kl_divergence": (
        "(p_logits, q_logits, /, *, axis=-1, temperature=1.0, mask=None, reduction='mean')"
    ),
    "cross_entropy": f"(x, targets, /, *, {LOSS})",
    "cross_entropy_with_grad": f"(x, targets, /, *, {LOSS}, out=None)",
    "nll_loss": (
        "(log_p, targets, /, *, axis=-1, weight=None, ignore_index=None, reduction='mean', "
        "normalizer='weight', empty='nan', mask=None)"
    ),
    "linear_cross_entropy": LINEAR,
    "linear_cross_entropy_with_grad": LINEAR,
    "log_softmax_vjp": "(log_p, g, /, *, axis=-1, temperature=1.0, out=None)",
    "logsumexp_vjp": "(x, g, /, *, axis=-1, temperature=1.0, mask=None, out=None)",
    "entropy_vjp": "(x, g, /, *, axis=-1, temperature=1.0, mask=None, out=None)",
    "softmax_vjp": "(p, g, /, *, axis=-1, temperature=1.0, out=None)",
    "softmax_jvp": "(p, v, /, *, axis=-1, temperature=1.0, out=None)",
    "softmax_jacobian": "(p, /, *, temperature=1.0)",
    "sigmoid": "(x, /)",
    "tanh": "(x, /)",
    "relu": "(x, /)",
    "leaky_relu": "(x, /, *, negative_slope=0.01)",
    "silu": "(x, /)",
    "explain": "(x, /, *, labels=None, temperature=1.0)",
    "set_num_threads": "(n)",
    "get_num_threads": "()",
    "num_threads": "(n)",
    "show_config": "(mode='stdout')",
    "cpu_info": "()",
}


def signature(function):
    """Return the signature without annotations."""
    full = inspect.signature(function)
    empty = inspect.Parameter.empty
    bare = [p.replace(annotation=empty) for p in full.parameters.values()]
    return str(full.replace(parameters=bare, return_annotation=inspect.Signature.empty))


def test_the_public_names_are_those_of_the_contract():
    assert sorted(lk.__all__) == sorted([*SIGNATURES, "reference"])
    assert lk.__all__ == sorted(lk.__all__)
    assert isinstance(lk.reference, types.ModuleType)


def test_nothing_else_looks_public():
    internal = {"backends", "explanation", "functional", "info", "threads"}
    internal |= {"bench", "cli", "sampling", "stream"}
    internal |= {"torch"}  # public, and imported by who wants it
    found = {name for name in dir(lk) if not name.startswith("_")}
    assert found - set(lk.__all__) <= internal
    assert set(lk.__all__) <= found


@pytest.mark.parametrize("name", SIGNATURES)
def test_signature(name):
    assert signature(getattr(lk, name)) == SIGNATURES[name]


def test_the_reference_has_the_same_functions():
    common = {name for name in SIGNATURES if hasattr(lk.reference, name)}
    assert common == set(lk.reference.__all__)
    assert len(common) == 25
    # The reference computes and returns float64, in one way.
    ours_alone = {"dtype", "out", "precision", "memory"}
    for name in sorted(common):
        ours = inspect.signature(getattr(lk, name)).parameters
        theirs = inspect.signature(getattr(lk.reference, name)).parameters
        assert [k for k in ours if k not in ours_alone] == list(theirs)
        for key, parameter in theirs.items():
            assert (ours[key].kind, ours[key].default) == (parameter.kind, parameter.default)


@pytest.mark.parametrize("name", SIGNATURES)
def test_documentation_is_whole(name):
    function = getattr(lk, name)
    text = inspect.getdoc(function)
    lines = text.splitlines()
    assert lines[0].endswith((".", ":"))
    sections = {a for a, b in itertools.pairwise(lines) if b and set(b) == {"-"}}
    assert "Examples" in sections
    assert doctest.DocTestParser().get_examples(text)
    parameters = inspect.signature(function).parameters
    if parameters:
        assert "Parameters" in sections
    described = text.partition("Parameters\n")[2].partition("\n\n" + "Returns")[0]
    for parameter in parameters:
        assert parameter in described.replace(",", " ").replace(":", " ").split()
    # A context manager and what sets something return nothing to describe.
    if name not in ("set_num_threads", "num_threads"):
        assert "Returns" in sections


def test_explain_names_its_class():
    assert type(lk.explain([1.0, 2.0])).__name__ == "Explanation"
    assert type(lk.explain([1.0, 2.0])).__module__ == "logitkit.explanation"


def test_the_functions_pretend_to_be_nothing_else():
    for name in SIGNATURES:
        function = getattr(lk, name)
        assert function.__name__ == name
        assert function.__module__.startswith("logitkit.")


def test_arrays_of_other_libraries_are_refused_by_name():
    class Tensor:
        __module__ = "tensorflow"

        def __array__(self, dtype=None, copy=None):
            raise AssertionError("an array of another library must not be copied unseen")

    def draw(x):
        return lk.sample(x, seed=1)

    family = (lk.softmax, lk.log_softmax, lk.logsumexp, lk.entropy, lk.sigmoid)
    for function in (*family, lk.filter_logits, draw):
        with pytest.raises(
            TypeError, match=r"^x is a tensorflow\..*Tensor; accepted are NumPy arrays"
        ):
            function(Tensor())


def test_every_name_has_a_row_in_the_docs():
    table = (ROOT / "docs" / "functions.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(\w+)` \|", table.partition("## Options")[0], re.MULTILINE)
    assert sorted(rows) == sorted(lk.__all__)
    named = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert [name for name in lk.__all__ if f"`{name}`" not in named] == []

"""SciPy's own tests of its three functions, with ours in their place; what differs is listed.

The tests come with SciPy and are run as they are: they find a function by its name in their module,
where an adapter to ours stands for the time of the test. SciPy's default axis is None.
"""

import inspect
import itertools
import re
import warnings
from pathlib import Path

import numpy as np
import pytest
from scipy._lib._array_api import array_namespace
from scipy.special.tests import test_logsumexp as theirs

import logitkit as lk

CONTRACT = Path(__file__).resolve().parent.parent / "docs" / "contract.md"

WEIGHTS = "logsumexp has no `b=`: add its logarithm to x, or hide what weighs 0 with `mask`"
SIGN = "logsumexp has no `return_sign=`: a sum of exponentials is never negative"
COMPLEX = "complex scores are refused"
# Which of SciPy's tests ours do not pass, each with the rule of the contract that says otherwise.
DECIDED_OTHERWISE = {
    "TestLogSumExp.test_logsumexp_b": WEIGHTS,
    "TestLogSumExp.test_logsumexp_b_zero": WEIGHTS,
    "TestLogSumExp.test_logsumexp_b_shape": WEIGHTS,
    "TestLogSumExp.test_logsumexp_shape": WEIGHTS,
    "TestLogSumExp.test_dtypes_ab[*]": WEIGHTS,
    "TestLogSumExp.test_no_writeback": WEIGHTS,
    "TestLogSumExp.test_device[1.0]": WEIGHTS,
    "TestLogSumExp.test_device[[]]": WEIGHTS,
    "TestLogSumExp.test_device[1j]": COMPLEX,
    "TestLogSumExp.test_gh22903": WEIGHTS,
    "TestLogSumExp.test_logsumexp_sign": SIGN,
    "TestLogSumExp.test_logsumexp_sign_zero": SIGN,
    "TestLogSumExp.test_logsumexp_sign_shape": SIGN,
    "TestLogSumExp.test_gh23548[*]": SIGN,
    "TestLogSumExp.test_logsumexp_complex_sign": SIGN,
    "TestLogSumExp.test_dtypes_a[complex*]": COMPLEX,
    "TestLogSumExp.test_gh21610[*]": COMPLEX,
    "TestLogSumExp.test_gh21709_small_imaginary": COMPLEX,
    "TestLogSumExp.test_gh22601_infinite_elements[*j*]": COMPLEX,
}


class DecidedOtherwise(Exception):
    """What the contract does not offer was asked for."""


def ours(function):
    """Return one of our functions with SciPy's default axis; its warnings are errors."""

    def call(x, axis=None, **options):
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            try:
                return function(x, axis=axis, **options)
            except TypeError as error:
                raise DecidedOtherwise(COMPLEX) from error

    return call


def lse(x, axis=None, b=None, keepdims=False, return_sign=False):
    """Take SciPy's arguments of logsumexp."""
    if b is not None or return_sign:
        raise DecidedOtherwise(SIGN if return_sign else WEIGHTS)
    return ours(lk.logsumexp)(x, axis, keepdims=keepdims)


ADAPTERS = {"softmax": ours(lk.softmax), "log_softmax": ours(lk.log_softmax), "logsumexp": lse}
FIXTURES = {"xp": array_namespace(np.empty(0)), "devices": ["cpu"]}


def variants(function):
    """Return the arguments of each run that the marks of a test ask for, under a name."""
    marks = [m.args for m in getattr(function, "pytestmark", []) if m.name == "parametrize"]
    names = [re.split(r"\s*,\s*", n) if isinstance(n, str) else list(n) for n, _ in marks]
    for chosen in itertools.product(*(list(values) for _, values in marks)):
        arguments = {}
        for keys, value in zip(names, chosen, strict=True):
            arguments |= {keys[0]: value} if len(keys) == 1 else zip(keys, value, strict=True)
        yield ",".join(str(v) for v in arguments.values()), arguments


def collect():
    """Return SciPy's tests by name: a bound method and its arguments."""
    found = {}
    for home in (theirs.TestLogSumExp, theirs.TestSoftmax, theirs.TestLogSoftmax):
        for name, function in inspect.getmembers(home, inspect.isfunction):
            if not name.startswith("test_"):
                continue
            for variant, arguments in variants(function):
                wanted = inspect.signature(function).parameters
                arguments |= {k: v for k, v in FIXTURES.items() if k in wanted}
                key = f"{home.__name__}.{name}" + f"[{variant}]" * bool(variant)
                assert key not in found
                found[key] = getattr(home(), name), arguments
    return found


TESTS = collect()


def fits(pattern, name):
    """Whether a name is the pattern, whose stars stand for anything."""
    return re.fullmatch(".*".join(map(re.escape, pattern.split("*"))), name) is not None


def reason(name):
    """Return why a test is not ours, or None."""
    return next((r for pattern, r in DECIDED_OTHERWISE.items() if fits(pattern, name)), None)


@pytest.mark.filterwarnings("ignore::RuntimeWarning")  # of the references, as SciPy marks them
@pytest.mark.parametrize("name", TESTS)
def test_scipys_own_test(name, monkeypatch):
    for function, adapter in ADAPTERS.items():
        assert getattr(theirs, function).__module__.startswith("scipy.")
        monkeypatch.setattr(theirs, function, adapter)
    test, arguments = TESTS[name]
    if reason(name) is None:
        test(**arguments)
        return
    with pytest.raises(DecidedOtherwise, match=re.escape(reason(name))):
        test(**arguments)


def test_every_test_of_the_functions_is_run():
    assert len(TESTS) > 400
    assert sum(reason(name) is None for name in TESTS) >= 30
    classes = {name for name in vars(theirs) if name.startswith("Test")}
    assert classes == {"TestLogSumExp", "TestSoftmax", "TestLogSoftmax"}
    # The only test outside them is of a helper that is SciPy's own.
    assert [name for name in vars(theirs) if name.startswith("test_")] == ["test_wrap_radians"]


def test_every_exception_is_in_use_and_in_the_document():
    text = CONTRACT.read_text(encoding="utf-8")
    for pattern in DECIDED_OTHERWISE:
        assert any(fits(pattern, name) for name in TESTS), pattern
        assert f"`{pattern}`" in text

"""`explain`: the worked numbers of the reference example and of any scores, and what it refuses."""

import math

import ml_dtypes
import numpy as np
import pytest
from explanations import FRUIT, SCORES, column
from hypothesis import given
from hypothesis import strategies as st

import logitkit
from logitkit import explain, reference

NAN = math.nan


def test_the_reference_example():
    fruit = explain(SCORES, labels=FRUIT)
    assert fruit.sentence == "most likely orange (55 %), then apple (27 %)"
    assert [f"{v:.2f}" for v in fruit.naive.exponentials] == ["4.48", "9.03", "0.74", "2.23"]
    assert f"{fruit.naive.total:.2f}" == "16.47"
    assert [f"{v:.2f}" for v in fruit.naive.quotients] == ["0.27", "0.55", "0.04", "0.14"]
    assert [f"{v:.2f}" for v in column(fruit, "probability")] == ["0.27", "0.55", "0.04", "0.14"]
    assert column(fruit, "label") == FRUIT
    assert column(fruit, "logit") == SCORES
    assert column(fruit, "scaled") == SCORES
    assert fruit.maximum == 2.2
    np.testing.assert_allclose(column(fruit, "shifted"), [-0.7, 0, -2.5, -1.4], rtol=1e-14)
    np.testing.assert_allclose(
        column(fruit, "exponential"), np.exp([-0.7, 0, -2.5, -1.4]), rtol=1e-14
    )
    np.testing.assert_allclose(fruit.stable.total, np.exp([-0.7, 0, -2.5, -1.4]).sum(), rtol=1e-14)
    np.testing.assert_allclose(
        column(fruit, "percent"), 100 * reference.softmax(SCORES), rtol=1e-14
    )
    np.testing.assert_allclose(
        column(fruit, "log_probability"), reference.log_softmax(SCORES), rtol=1e-14
    )
    assert column(fruit, "rank") == [2, 1, 4, 3]
    assert fruit.naive.works and fruit.stable.works


@pytest.mark.parametrize("dtype", [np.float16, ml_dtypes.bfloat16, np.float32, np.float64])
def test_probabilities_are_those_of_the_library(dtype):
    x = np.array([3, -2, 0.25, 7], dtype=dtype)
    e = explain(x, temperature=1.5)
    assert e.dtype == e.naive.dtype == np.dtype(dtype).name
    p = logitkit.softmax(x, temperature=1.5)
    assert p.dtype == dtype
    assert column(e, "probability") == list(e.stable.quotients) == p.tolist()
    assert column(e, "log_probability") == logitkit.log_softmax(x, temperature=1.5).tolist()
    z = x / x.dtype.type(1.5)
    assert list(e.naive.exponentials) == np.exp(z).tolist()
    assert list(e.naive.quotients) == (np.exp(z) / np.exp(z).sum()).tolist()


@pytest.mark.parametrize(
    ("x", "dtype"),
    [
        ([1, 2], "float64"),
        ([1.0, 2.0], "float64"),
        (np.uint8([1, 2]), "float32"),
        (np.int16([1, 2]), "float32"),
        (np.int32([1, 2]), "float64"),
        ([True, False], "float32"),
        (np.array([1, 2], dtype=">f4"), "float32"),
        (np.arange(4.0)[::-2], "float64"),
        (5, "float64"),
    ],
)
def test_dtypes(x, dtype):
    e = explain(x)
    assert e.dtype == dtype
    np.testing.assert_allclose(
        column(e, "probability"), np.atleast_1d(reference.softmax(x)), rtol=1e-6
    )


@given(st.lists(st.floats(-50, 50), min_size=1, max_size=8), st.floats(0.1, 10))
def test_the_steps_follow_from_each_other(x, t):
    e = explain(x, temperature=t)
    z = np.array(x)
    np.testing.assert_allclose(column(e, "scaled"), z / t, rtol=1e-15)
    np.testing.assert_allclose(column(e, "shifted"), (z - z.max()) / t, rtol=1e-15)
    np.testing.assert_allclose(column(e, "exponential"), np.exp(column(e, "shifted")), rtol=1e-15)
    # The rounding of a shifted score, half an ULP of it, is a relative error of its exponential.
    p = np.array(column(e, "probability"))
    bound = np.finfo(float).eps * (4 + np.abs(column(e, "shifted"))) * p + 1e-323
    assert np.all(np.abs(np.array(column(e, "exponential")) / e.stable.total - p) <= bound)
    assert column(e, "rank") == [1 + sum(other > v for other in x) for v in x]
    assert e.sentence and all(e.notes) and str(e)


def test_the_largest_numbers_do_not_overflow():
    e = explain([1.7e308, -1.7e308], temperature=0.5)
    assert column(e, "probability") == [1, 0]
    assert e.stable.works


def test_the_scores_are_not_changed():
    x = np.array([3.0, 1.0])
    x.flags.writeable = False
    explain(x)
    assert x.tolist() == [3, 1]


@pytest.mark.parametrize(
    ("args", "options", "error", "text"),
    [
        ([[]], {}, ValueError, r"x must hold at least one score, got an array of shape \(0,\)"),
        ([[[1, 2], [3, 4]]], {}, ValueError, r"one row of scores, got shape \(2, 2\); pass one"),
        ([[1, [2, 3]]], {}, ValueError, "ragged"),
        ([["a", "b"]], {}, TypeError, "x must be float16.*got dtype <U1"),
        ([[1j]], {}, TypeError, "complex128"),
        ([[None]], {}, TypeError, "object"),
        ([np.longdouble([1, 2])], {}, TypeError, "float128"),
        ([np.ma.array([1.0, 2.0], mask=[0, 1])], {}, TypeError, "masked array"),
        ([[1, 2, 3]], {"labels": ["a"]}, ValueError, "x has 3, labels has 1"),
        ([[1, 2]], {"labels": "ab"}, TypeError, "the one string 'ab'"),
        ([[1, 2]], {"temperature": -1}, ValueError, "temperature .* got -1.0"),
        ([[1, 2]], {"temperature": NAN}, ValueError, "temperature .* got nan"),
        ([[1, 2]], {"temperature": [1, 2]}, ValueError, r"one number, got shape \(2,\)"),
    ],
)
def test_refusals(args, options, error, text):
    with pytest.raises(error, match=text):
        explain(*args, **options)


@pytest.mark.parametrize("temperature", ["x", None, [0.5, "x"], 1j])
def test_a_temperature_of_another_kind_is_named(temperature):
    with pytest.raises(TypeError, match=r"^temperature is .*; accepted is a number >= 0$"):
        explain([1.0, 2.0], temperature=temperature)


def test_labels_that_are_no_sequence_are_named():
    with pytest.raises(TypeError, match=r"^labels is 5; accepted is a sequence of names$"):
        explain([1.0, 2.0], labels=5)

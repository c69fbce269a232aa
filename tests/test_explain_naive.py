"""The naive way in `explain`: each failure is named with the step, the class, the dtype and why."""

import math

import ml_dtypes
import numpy as np
import pytest
from explanations import column, note

from logitkit import explain
from logitkit.explanation.naive import exp_range

INF = math.inf

bfloat16 = np.dtype(ml_dtypes.bfloat16)


@pytest.mark.parametrize(
    ("dtype", "x", "limit"),
    [
        ("float64", 1000, "709.78"),
        ("float32", 100, "88.72"),
        ("float16", 12, "11.09"),
        (bfloat16, 100, "88.72"),
    ],
)
def test_an_overflow_is_named_with_dtype_class_and_reason(dtype, x, limit):
    e = explain(np.array([0, x, x + 1], dtype=dtype))
    first, second = e.naive.failures
    assert (first.step, first.index, first.label, first.dtype) == ("exp", 1, "class 1", dtype)
    assert first.message == f"exp({x}) = inf: {dtype} holds exp(x) up to x = {limit}"
    assert (second.step, second.message) == ("quotient", "inf / inf = NaN")
    assert not e.naive.works and e.stable.works
    assert note(e, "naive").startswith(f"naive: fails, {first.message} (at class 1 and 1 more)")
    assert e.naive.exponentials[1:] == (INF, INF)
    assert all(map(math.isfinite, column(e, "probability")))


@pytest.mark.parametrize(
    ("x", "top"),
    [
        (np.float64([709, 709.5]), "1.7977e+308"),
        (np.float32([88, 88.5]), "3.4028e+38"),
        (np.float16([11, 11]), "65504"),
        (np.array([88.5, 88.5], bfloat16), "3.3895e+38"),
    ],
)
def test_a_sum_overflows_though_no_exponential_does(x, top):
    e = explain(x)
    assert all(map(math.isfinite, e.naive.exponentials))
    first, second = e.naive.failures
    assert first.step == "sum" and first.index is None
    assert first.message.endswith(f"{x.dtype.name} holds numbers up to {top}")
    assert second.message == "a number / inf = 0, so every quotient is 0"
    assert set(e.naive.quotients) == {0}
    assert math.isclose(sum(column(e, "probability")), 1, rel_tol=1e-3)


@pytest.mark.parametrize(
    ("dtype", "x", "limit"),
    [
        ("float64", -800, "-745.13"),
        ("float32", -200, "-103.97"),
        ("float16", -20, "-17.33"),
        (bfloat16, -200, "-92.88"),
    ],
)
def test_an_underflow_is_named(dtype, x, limit):
    e = explain(np.array([x - 1, x], dtype=dtype))
    first, second = e.naive.failures
    assert (first.step, first.index) == ("exp", 1)
    assert first.message == f"exp({x}) = 0: in {dtype} exp(x) is 0 below x = {limit}"
    assert second.message == "0 / 0 = NaN"


def test_lost_digits_are_named():
    (failure,) = explain([-740.0, -742.0]).naive.failures
    assert failure.step == "sum" and "float64 loses digits" in failure.message


@pytest.mark.parametrize("dtype", ["float16", bfloat16, "float32", "float64"], ids=str)
def test_the_limits_of_exp_are_true(dtype):
    low, high = (np.dtype(dtype).type(v) for v in exp_range(dtype))
    # The spacing of the dtype near the limits.
    near = {"float16": 1 / 64, "bfloat16": 1 / 2}.get(str(dtype), 1e-4)
    near = np.dtype(dtype).type(near)
    with np.errstate(all="ignore"):
        assert np.isfinite(np.exp(high - near)) and np.isinf(np.exp(high + near))
        assert np.exp(low + near) > 0 and np.exp(low - near) == 0


@pytest.mark.parametrize(
    ("x", "t", "text"),
    [
        ([1.0, 2.0], 1e-320, "1 / 9.99989e-321 = inf: float64 holds numbers up to 1.7977e+308"),
        (np.float16([1, 2]), 1e-9, "the temperature 1e-09 is 0 in float16"),
        (np.float16([1, 2]), 1e6, "the temperature 1e+06 is inf in float16"),
        ([1.0, 2.0], 0, "1 / 0 = inf: division by 0"),
        ([0.0, -2.0], 0, "0 / 0 = NaN: division by 0"),
        ([1.0, -INF], INF, "-inf / inf = NaN"),
    ],
)
def test_a_division_that_fails(x, t, text):
    e = explain(x, temperature=t)
    assert e.naive.failures[0].step == "divide"
    assert e.naive.failures[0].message == text
    assert not e.naive.works and e.stable.works

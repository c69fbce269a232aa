"""entropy: its digits, its bounds, and the rows that have none."""

import inputs
import ml_dtypes
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from kernel_calls import same_bits
from oracles import Exact, exact_row, to_longdouble
from tolerances import assert_within

import logitkit as lk
from logitkit import reference as ref

INF, NAN = np.inf, np.nan


@pytest.mark.parametrize("dtype", inputs.FLOATS, ids=str)
def test_within_the_table_on_every_input(isa, dtype):
    for x, temperature in inputs.accuracy_inputs(dtype, inputs.scale_of(isa)).values():
        got = lk.entropy(x, temperature=temperature)
        assert_within("entropy", got, Exact(x, temperature).entropy)


@pytest.mark.parametrize("dtype", inputs.COMPUTED, ids=str)
@pytest.mark.parametrize("name", inputs.NAMES)
def test_within_the_table_against_mpmath(name, dtype):
    x, temperature = inputs.accuracy_inputs(dtype, scale=0.01)[name]
    row = x[0, :12]
    true = to_longdouble(exact_row(row, temperature)["entropy"])
    assert_within("entropy", np.atleast_1d(lk.entropy(row, temperature=temperature)), true)


@given(
    hnp.arrays(np.float64, st.integers(1, 40), elements=st.floats(-700, 700)),
    st.floats(1e-3, 1e3),
)
def test_is_between_certainty_and_the_uniform(x, temperature):
    value = lk.entropy(x, temperature=temperature)
    assert 0 <= value <= np.log(len(x)) * (1 + 4e-16)


def test_rises_with_the_temperature():
    x = np.random.default_rng(9).normal(size=30)
    values = [lk.entropy(x, temperature=t) for t in (0, 0.01, 0.1, 1, 10, 100, INF)]
    assert np.all(np.diff(values) > 0)
    assert values[0] == 0
    assert_within("entropy", values[-1:], np.log(np.longdouble([30])))


def test_is_minus_the_mean_of_log_softmax():
    x = np.random.default_rng(10).normal(size=(5, 200))
    want = -(lk.softmax(x) * lk.log_softmax(x)).sum(axis=-1)
    np.testing.assert_allclose(lk.entropy(x), want, rtol=1e-14)


ROWS = {
    "one": ([3.5], 0.0),
    "none": ([], 0.0),
    "certain": ([0.0, -INF, -INF], 0.0),
    "two of four": ([2.0, -INF, 2.0, -INF], np.log(2)),
    "all -inf": ([-INF, -INF], NAN),
    "a +inf": ([0.0, INF], NAN),
    "a NaN": ([0.0, NAN], NAN),
    "a NaN among -inf": ([-INF, NAN], NAN),
}


@pytest.mark.parametrize("temperature", [0.0, 0.5, 1.0, INF])
@pytest.mark.parametrize("name", ROWS)
def test_special_rows(isa, name, temperature):
    row, want = np.array(ROWS[name][0]), ROWS[name][1]
    if temperature == 0 and name == "two of four":
        want = 0.0  # the first of them
    for function in (lk.entropy, ref.entropy):
        assert np.array_equal(function(row, temperature=temperature), want, equal_nan=True)


@pytest.mark.parametrize("axis", [0, 1, (0, 2), (2, 1), None, ()])
def test_shape_is_that_of_a_sum(isa, axis):
    x = np.random.default_rng(11).normal(size=(2, 3, 4))
    got = lk.entropy(x, axis=axis)
    assert got.shape == x.sum(axis=axis).shape
    assert type(got) is type(x.sum(axis=axis))
    np.testing.assert_allclose(got, ref.entropy(x, axis=axis), rtol=1e-14)


# ---- the whole contract -----------------------------------------------------------------------

RESULTS = {
    "bool": "float32",
    "int8": "float32",
    "uint16": "float32",
    "int32": "float64",
    "uint64": "float64",
    "float16": "float16",
    "bfloat16": "bfloat16",
    ">f4": "float32",
    "float64": "float64",
}


@pytest.mark.parametrize("name", RESULTS)
def test_dtype_policy(name):
    dtype = np.dtype(getattr(ml_dtypes, name, name))
    x = np.random.default_rng(36).integers(0, 2, (5, 9)).astype(dtype)
    got = lk.entropy(x)
    assert got.dtype.name == RESULTS[name]
    wide = lk.entropy(x.astype(np.float32 if "64" not in RESULTS[name] else np.float64))
    assert same_bits(got, wide.astype(got.dtype))
    assert type(lk.entropy(x[0])) is got.dtype.type


@settings(max_examples=40)
@given(
    hnp.arrays(np.float64, (2, 3, 5), elements=st.floats(-40, 40)),
    hnp.arrays(bool, st.sampled_from([(2, 3, 5), (3, 5), (1, 5), (2, 1, 1), (5,), ()])),
    st.sampled_from([0, 1, -1, (0, 2), (1, -1), None, ()]),
    st.data(),
)
def test_a_masked_slot_does_not_exist_whatever_the_axis_and_temperature(isa, x, keep, axis, data):
    per_row = np.shape(x.sum(axis=axis))
    t = data.draw(hnp.arrays(np.float64, per_row, elements=st.sampled_from([0, 0.5, 1, 3, INF])))
    options = {"axis": axis, "temperature": t, "mask": keep}
    whole = np.broadcast_to(keep, x.shape)
    got = lk.entropy(x, **options)
    loud = np.where(whole, x, data.draw(st.sampled_from([NAN, INF, -INF, 1e308])))
    assert same_bits(lk.entropy(loud, **options), got)
    assert same_bits(lk.entropy(np.ma.array(loud, mask=~whole), axis=axis, temperature=t), got)
    np.testing.assert_allclose(got, ref.entropy(x, **options), rtol=1e-13, atol=1e-15)
    assert np.all(np.asarray(got)[~whole.any(axis=axis)] == 0)


@pytest.mark.parametrize("shape", [(3,), (3, 1), (1,), ()])
def test_one_temperature_a_row(isa, shape):
    x = np.random.default_rng(37).normal(size=(3, 8))
    t = np.array([0.5, 1.0, 3.0])[: int(np.prod(shape))].reshape(shape)
    each = np.broadcast_to(t.reshape(-1), 3)
    want = [lk.entropy(row, temperature=float(one)) for row, one in zip(x, each, strict=True)]
    assert same_bits(lk.entropy(x, temperature=t), want)


def test_rows_of_no_elements_and_no_rows():
    assert lk.entropy(np.empty((2, 0))).tolist() == [0, 0]
    assert lk.entropy(np.empty((0, 2))).shape == (0,)
    assert lk.entropy(np.empty((2, 0)), axis=0).shape == (0,)
    assert lk.entropy(np.empty((2, 0), np.float16), axis=None) == 0
    assert lk.entropy(5.0) == 0


def test_bad_arguments_are_refused():
    x = np.zeros((2, 3))
    with pytest.raises(TypeError, match=r"^x has the dtype complex128; "):
        lk.entropy(x + 0j)
    with pytest.raises(ValueError, match=r"^temperature has the shape \(3,\); .*\(2,\)$"):
        lk.entropy(x, temperature=[1.0, 1.0, 1.0])
    with pytest.raises(ValueError, match=r"^mask has the shape \(2,\); .*\(2, 3\)$"):
        lk.entropy(x, mask=[True, False])
    with pytest.raises(ValueError, match=r"^axis is \(0, 0\); "):
        lk.entropy(x, axis=(0, 0))

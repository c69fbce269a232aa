"""The dtype policy: what comes in, what it is computed in, what comes out, what is refused."""

import inputs
import ml_dtypes
import numpy as np
import pytest
from kernel_calls import same_bits
from oracles import Exact
from tolerances import assert_within

import logitkit as lk
from logitkit import reference as ref

MAPS = [lk.softmax, lk.log_softmax]
FUNCTIONS = [*MAPS, lk.logsumexp, lk.entropy]

RESULTS = {
    "bool": "float32",
    "int8": "float32",
    "uint8": "float32",
    "int16": "float32",
    "uint16": "float32",
    "int32": "float64",
    "uint32": "float64",
    "int64": "float64",
    "uint64": "float64",
    "float16": "float16",
    "bfloat16": "bfloat16",
    "float32": "float32",
    "float64": "float64",
}


@pytest.mark.parametrize("function", FUNCTIONS)
@pytest.mark.parametrize("name", RESULTS)
def test_result_dtype(name, function):
    x = np.array([[0, 1], [1, 0]]).astype(np.dtype(name))
    assert function(x).dtype.name == RESULTS[name]
    assert function(x, axis=None).dtype.name == RESULTS[name]
    assert function(x[0, 0]).dtype.name == RESULTS[name]
    assert function(x[:0]).dtype.name == RESULTS[name]


def test_array_likes():
    for x in ([1, 2, 3], (1.0, 2.0, 3.0), [np.float32(1), 2, 3], range(1, 4)):
        got = lk.softmax(x)
        assert got.dtype == np.float64
        assert same_bits(got, lk.softmax(np.array([1.0, 2.0, 3.0])))
    assert lk.softmax([True, False]).dtype == np.float32
    assert lk.softmax([]).dtype == np.float64

    class Scores:
        def __array__(self, dtype=None, copy=None):
            return np.array([1, 2, 3], np.float32)

    assert same_bits(lk.softmax(Scores()), lk.softmax(np.float32([1, 2, 3])))


@pytest.mark.parametrize("name", [name for name in RESULTS if "int" in name])
def test_integers_are_converted_before_the_maximum_is_subtracted(name):
    info = np.iinfo(name)
    for row in ([1, 2, 3], [info.min, info.max, info.max - 1], [info.max, info.max - 3, 0]):
        x = np.array(row, name)
        wide = x.astype(RESULTS[name])
        assert same_bits(lk.softmax(x), lk.softmax(wide))
        assert_within("softmax", lk.softmax(x), Exact(wide).softmax)
    assert np.round(lk.softmax(np.array([1, 2, 3], name)), 4).tolist() == pytest.approx(
        [0.0900, 0.2447, 0.6652]
    )


def test_booleans_are_zero_and_one():
    assert same_bits(lk.softmax(np.array([True, False])), lk.softmax(np.float32([1, 0])))


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, np.int16, np.uint64])
@pytest.mark.parametrize("function", FUNCTIONS)
def test_byte_swapped_arrays_are_the_same_numbers(function, dtype):
    x = np.random.default_rng(22).normal(size=(5, 31)).astype(dtype)
    swapped = x.astype(x.dtype.newbyteorder())
    assert not swapped.dtype.isnative
    assert same_bits(function(swapped), function(x))
    assert function(swapped).dtype.isnative


@pytest.mark.parametrize("short", inputs.FLOATS[:2], ids=str)
@pytest.mark.parametrize("function", FUNCTIONS)
def test_short_floats_are_computed_in_float32_and_rounded_once(function, short):
    x = (3 * np.random.default_rng(23).normal(size=(50, 300))).astype(short)
    wide = function(x.astype(np.float32))
    assert same_bits(function(x), np.asarray(wide).astype(short))


def test_no_warning_where_a_result_leaves_the_range_of_its_dtype():
    x = np.float16([0, -20, -60000, 60000])
    assert lk.softmax(x).tolist() == [0, 0, 0, 1]
    assert lk.log_softmax(np.float16([-60000, 60000])).tolist() == [-np.inf, 0]
    assert lk.logsumexp(np.float64([1e300]), dtype=np.float32) == np.inf


SIGNALLING = {
    "float16": np.uint16(0x7C01),
    "bfloat16": np.uint16(0x7F81),
    "float32": np.uint32(0x7F800001),
    "float64": np.uint64(0x7FF0000000000001),
}


@pytest.mark.parametrize("dtype", inputs.FLOATS, ids=str)
def test_no_warning_for_a_signalling_nan(dtype):
    bad = SIGNALLING[dtype.name].reshape(1).view(dtype)
    swapped = bad.astype(bad.dtype.newbyteorder()) if dtype != inputs.BFLOAT16 else bad
    for x in (bad, swapped):
        for function in (*FUNCTIONS, lk.relu, lk.silu, lk.sigmoid, lk.softmax_jacobian):
            assert np.isnan(function(x)).all()
        for wanted in inputs.FLOATS:
            assert np.isnan(lk.softmax(x, dtype=wanted)).all()
        assert np.isnan(lk.softmax_vjp(x, bad)).all()
        with pytest.raises(ValueError, match=r"^temperature is nan"):
            lk.softmax([1.0, 2.0], temperature=x)


@pytest.mark.parametrize(
    "wanted", [*inputs.FLOATS, "float32", np.float64, float, ">f4", "bfloat16"]
)
@pytest.mark.parametrize("dtype", [*inputs.FLOATS, np.dtype(np.int8), np.dtype(np.int64)], ids=str)
def test_dtype_is_that_of_the_result(dtype, wanted):
    x = np.random.default_rng(24).integers(-5, 6, (4, 9)).astype(dtype)
    target = np.dtype(wanted).newbyteorder("=")
    for function in (*MAPS, lk.logsumexp):
        got = function(x, dtype=wanted)
        assert got.dtype == target
        # Computed in the wider of the two, and rounded once.
        wide = np.float64 if "float64" in (target.name, RESULTS[dtype.name]) else np.float32
        assert same_bits(got, function(x.astype(wide)).astype(target))


@pytest.mark.parametrize("function", FUNCTIONS)
@pytest.mark.parametrize(
    "x",
    [
        np.ones(3, np.complex128),
        np.ones(3, np.complex64),
        np.array(["1", "2"]),
        np.array([b"1"]),
        np.array([1, None], object),
        np.array(["2020-01-01"], "M8[D]"),
        np.ones(3, "m8[s]"),
        np.ones(3, [("a", "f4")]),
        np.ones(3, ml_dtypes.float8_e4m3fn),
        np.ones(3, ml_dtypes.int4),
        np.ones(3, np.longdouble),
    ],
    ids=lambda x: str(x.dtype),
)
def test_other_dtypes_are_refused_by_name(function, x):
    accepted = ["bool", "integers", "float16", "bfloat16", "float32", "float64"]
    with pytest.raises(TypeError, match=r"^x has the dtype ") as refusal:
        function(x)
    message = str(refusal.value)
    assert f" {x.dtype};" in message
    assert all(name in message for name in accepted)


@pytest.mark.parametrize("wanted", [int, "int8", complex, bool, object, np.longdouble, "nothing"])
def test_other_results_are_refused_by_name(wanted):
    for function in (*MAPS, lk.logsumexp):
        with pytest.raises(TypeError, match=r"^dtype is .*accepted are "):
            function([1.0, 2.0], dtype=wanted)


def test_ragged_lists_are_refused():
    with pytest.raises(ValueError, match=r"^x is no array: "):
        lk.softmax([[1.0, 2.0], [3.0]])


@pytest.mark.parametrize("dtype", inputs.FLOATS, ids=str)
def test_values_are_those_of_the_reference(dtype):
    x = np.random.default_rng(25).normal(size=(7, 40)).astype(dtype)
    for function in FUNCTIONS:
        want = getattr(ref, function.__name__)(x)
        bound = {"float16": 1e-3, "bfloat16": 8e-3, "float32": 4e-7, "float64": 2e-15}[dtype.name]
        np.testing.assert_allclose(function(x).astype(float), want, rtol=bound)

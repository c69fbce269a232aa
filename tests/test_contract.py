"""Everything at once, any shape, axis, strides, dtype, mask, temperature: it is the reference."""

import inputs
import ml_dtypes
import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from tolerances import REFERENCE_ULP, assert_within

import logitkit as lk
from logitkit import reference as ref

DTYPES = [
    *inputs.FLOATS,
    *map(np.dtype, ("bool", "uint8", "int16", "int32", "uint64", ">f4", ">f8")),
]
SPECIAL = [0.0, -0.0, np.nan, np.inf, -np.inf, -np.inf, 1.0]
TEMPERATURES = st.sampled_from([1.0, 1.0, 0.0, np.inf, 0.5]) | st.floats(1e-3, 1e3)


@st.composite
def scores(draw):
    """Draw scores of any dtype, seen through any strides."""
    dtype = draw(st.sampled_from(DTYPES))
    shape = draw(hnp.array_shapes(max_dims=4, max_side=6))
    if dtype.kind in "biu":
        low = -60 if dtype.kind == "i" else 0
        values = st.integers(low, 1 if dtype.kind == "b" else 60)
        x = draw(hnp.arrays(np.int64, shape, elements=values)).astype(dtype)
    else:
        values = st.floats(-60, 60, width=16) | st.sampled_from(SPECIAL)
        x = draw(hnp.arrays(np.float64, shape, elements=values)).astype(dtype)
    x = x.transpose(draw(st.permutations(range(x.ndim))))
    return x[tuple(slice(None, None, draw(st.sampled_from([1, 1, -1, 2]))) for _ in x.shape)]


@st.composite
def calls(draw):
    """Draw scores and options: an axis, a mask that broadcasts, one temperature or one a row."""
    x = draw(scores())
    axes = draw(st.none() | st.integers(-x.ndim, x.ndim - 1) | st.sets(st.integers(0, x.ndim - 1)))
    axis = tuple(axes) if isinstance(axes, set) else axes
    mask_shape = tuple(draw(st.sampled_from([n, n, 1])) for n in x.shape)
    mask = draw(st.none() | hnp.arrays(bool, mask_shape[draw(st.integers(0, x.ndim)) :]))
    per_row = np.broadcast_to(0.0, x.shape).sum(axis=axis, keepdims=draw(st.booleans())).shape
    temperature = draw(TEMPERATURES | hnp.arrays(np.float64, per_row, elements=TEMPERATURES))
    return x, {"axis": axis, "mask": mask, "temperature": temperature}


def compare(function, x, options, at=None):
    """Compare with the reference, which may be off itself in the last digits of float64."""
    got = np.asarray(getattr(lk, function)(x, **options))
    want = np.asarray(getattr(ref, function)(x, **options), np.longdouble)
    spare = REFERENCE_ULP[function] if got.dtype == np.float64 else 0.0
    assert_within(function, got, want, at=at, spare=spare)


def largest_term(x, temperature):
    """Return a bound of the terms that logsumexp adds; where they cancel it has its own laws."""
    values = np.abs(x.astype(np.float64))
    largest = values[np.isfinite(values)].max(initial=0)
    t = np.asarray(temperature)
    least = t[t > 0].min(initial=1.0)
    return largest / least + np.log(x.size)


@settings(max_examples=200)
@given(calls(), st.sampled_from([None, "nan", "zero", "uniform"]))
def test_softmax_and_its_logarithm_are_the_reference(isa, call, empty):
    x, options = call
    for function in ("softmax", "log_softmax"):
        compare(function, x, options | {"empty": empty})


@settings(max_examples=200)
@given(calls(), st.booleans())
def test_logsumexp_and_entropy_are_the_reference(isa, call, keepdims):
    x, options = call
    compare(
        "logsumexp", x, options | {"keepdims": keepdims}, largest_term(x, options["temperature"])
    )
    compare("entropy", x, options)


@settings(max_examples=100)
@given(calls())
def test_a_result_has_the_shape_and_dtype_of_the_contract(call):
    x, options = call
    p = lk.softmax(x, **options)
    assert np.shape(p) == x.shape
    if x.dtype.kind in "biu":
        assert p.dtype == (np.float64 if x.dtype.itemsize > 2 else np.float32)
    else:
        assert p.dtype == x.dtype.newbyteorder("=")
        assert ml_dtypes.finfo(p.dtype).bits == 8 * x.dtype.itemsize
    assert np.shape(lk.logsumexp(x, **options)) == np.zeros(x.shape).sum(axis=options["axis"]).shape

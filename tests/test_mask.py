"""`mask`: a masked slot does not exist, whatever stands in it; what is left is a shorter row."""

import inputs
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from kernel_calls import same_bits
from oracles import Exact
from tolerances import assert_within

import logitkit as lk
from logitkit import reference as ref

INF, NAN = np.inf, np.nan
MAPS = [lk.softmax, lk.log_softmax]
FUNCTIONS = [*MAPS, lk.logsumexp, lk.entropy]
IMPOSSIBLE = {lk.softmax: 0.0, lk.log_softmax: -INF}


def scores(shape, dtype=np.float64):
    return (3 * np.random.default_rng(28).normal(size=shape)).astype(dtype)


def keep_some(shape):
    keep = np.random.default_rng(29).random(shape) < 0.6
    keep[..., 0] = True
    return keep


@pytest.mark.parametrize("dtype", inputs.FLOATS, ids=str)
@pytest.mark.parametrize("axis", [-1, 0, None])
@pytest.mark.parametrize("temperature", [1.0, 0.3, 0.0, INF])
def test_what_stands_in_a_masked_slot_changes_no_bit(isa, temperature, axis, dtype):
    x, keep = scores((5, 41), dtype), keep_some((5, 41))
    options = {"axis": axis, "temperature": temperature, "mask": keep}
    quiet = np.where(keep, x, dtype.type(0))
    for value in (NAN, INF, -INF, float(np.finfo("f2").max), -0.0, 1e38):
        if value == 1e38 and dtype == np.float16:
            value = -6e4
        loud = np.where(keep, x, dtype.type(value))
        for function in FUNCTIONS:
            assert same_bits(function(loud, **options), function(quiet, **options))


@pytest.mark.parametrize("dtype", inputs.FLOATS, ids=str)
def test_masked_results_are_exactly_zero_or_impossible(isa, dtype):
    x, keep = scores((6, 30), dtype), keep_some((6, 30))
    x[0, 0], x[1, 0], x[2] = NAN, INF, -INF
    assert not keep.all()
    for empty in (None, "nan", "zero", "uniform"):
        for function, impossible in IMPOSSIBLE.items():
            got = function(x, mask=keep, empty=empty)
            assert np.all(got[~keep] == impossible)
            assert not np.signbit(got[~keep]).any() or function is lk.log_softmax
    got = lk.softmax(x, mask=keep)
    assert np.isnan(got[:2][keep[:2]]).all()
    assert np.isnan(got[2][keep[2]]).all()


@pytest.mark.parametrize("dtype", inputs.FLOATS, ids=str)
def test_the_kept_slots_are_a_row_of_their_own(isa, dtype):
    x, keep = scores((8, 60), dtype), keep_some((8, 60))
    at = {lk.entropy: "entropy", lk.logsumexp: "logsumexp"}
    for row, kept in zip(x, keep, strict=True):
        true = Exact(row[kept])
        assert_within("softmax", lk.softmax(row, mask=kept)[kept], true.softmax)
        assert_within("log_softmax", lk.log_softmax(row, mask=kept)[kept], true.log_softmax)
        for function, name in at.items():
            got = function(row, mask=kept)
            scale = np.maximum(np.abs(true.anchor), true.log_sum)
            assert_within(name, got, getattr(true, name), at=scale)


def test_a_mask_of_everything_changes_no_bit(isa):
    for x in (scores((4, 50)), np.array([[NAN, 1], [-INF, -INF], [INF, 0], [1, 2]])):
        for function in FUNCTIONS:
            assert same_bits(function(x, mask=np.ones(x.shape, bool)), function(x))


# ---- rows with nothing kept, or nothing possible among what is kept ---------------------------


@pytest.mark.parametrize("empty", [None, "nan", "zero", "uniform"])
@pytest.mark.parametrize("temperature", [1.0, 0.0, INF])
def test_a_fully_masked_row_is_impossible(isa, empty, temperature):
    x = np.array([[1.0, NAN, 2.0], [INF, -INF, 3.0], [0.0, 1.0, 2.0]])
    keep = np.array([[False] * 3, [False] * 3, [True] * 3])
    for function, impossible in IMPOSSIBLE.items():
        got = function(x, mask=keep, temperature=temperature, empty=empty)
        assert np.all(got[:2] == impossible)
        assert same_bits(got[2], function(x[2], temperature=temperature))
    assert lk.logsumexp(x, mask=keep, temperature=temperature)[:2].tolist() == [-INF, -INF]
    assert lk.entropy(x, mask=keep, temperature=temperature)[:2].tolist() == [0, 0]


@pytest.mark.parametrize("dtype", inputs.FLOATS, ids=str)
@pytest.mark.parametrize("length", [3, 40])
def test_an_empty_row_is_shared_among_its_kept_slots(isa, length, dtype):
    x = np.full((2, length), -INF, dtype)
    keep = np.arange(length) % 3 != 1
    count = int(keep.sum())
    x[:, ~keep] = NAN
    for temperature in (1.0, 0.0, INF, 0.5):
        options = {"mask": keep, "temperature": temperature}
        p = lk.softmax(x, **options, empty="uniform")[:, keep]
        assert_within("softmax", p, np.full_like(p, 1, np.longdouble) / count)
        logp = lk.log_softmax(x, **options, empty="uniform")[:, keep]
        assert_within("log_softmax", logp, np.full(logp.shape, -np.log(np.longdouble(count))))
        assert np.all(lk.softmax(x, **options, empty="zero") == 0)
        assert np.all(lk.log_softmax(x, **options, empty="zero") == -INF)
        for empty in (None, "nan"):
            for function in MAPS:
                assert np.isnan(function(x, **options, empty=empty)[:, keep]).all()
        assert np.all(lk.logsumexp(x, **options) == -INF)
        assert np.isnan(lk.entropy(x, **options)).all()


@pytest.mark.parametrize("function", MAPS)
def test_empty_rows_are_refused_when_asked(function):
    x = np.zeros((3, 4))
    keep = np.ones((3, 4), bool)
    assert same_bits(function(x, mask=keep, empty="raise"), function(x))
    keep[1] = False
    with pytest.raises(ValueError, match=r"row .*1\b"):
        function(x, mask=keep, empty="raise")
    keep[1, 2], x[1, 2] = True, -INF
    with pytest.raises(ValueError, match=r"row .*1\b"):
        function(x, mask=keep, empty="raise")
    with pytest.raises(ValueError, match=r"row .*1\b"):
        function(x.T, mask=keep.T, empty="raise", axis=0)
    x[1, 2] = NAN
    assert np.isnan(function(x, mask=keep, empty="raise")[1, 2])
    integers = np.zeros((2, 3), int)
    with pytest.raises(ValueError, match=r"row .*0\b"):
        function(integers, mask=False * integers == 1, empty="raise")


# ---- shapes and masked arrays -----------------------------------------------------------------


@pytest.mark.parametrize("shape", [(4, 5, 6), (5, 6), (6,), (1, 6), (4, 1, 1), (5, 1), (1,), ()])
@pytest.mark.parametrize("axis", [-1, 1, (0, 2), None], ids=str)
def test_a_mask_is_broadcast(isa, shape, axis):
    x = scores((4, 5, 6))
    keep = np.random.default_rng(30).random(shape) < 0.7
    whole = np.broadcast_to(keep, x.shape).copy()
    for function in FUNCTIONS:
        want = function(x, mask=whole, axis=axis)
        assert same_bits(function(x, mask=keep, axis=axis), want)
        assert same_bits(function(x, mask=keep.tolist(), axis=axis), want)
        assert same_bits(function(x, mask=np.asfortranarray(whole), axis=axis), want)


def test_a_mask_of_a_scalar():
    assert lk.softmax(2.0, mask=True) == 1
    assert lk.softmax(2.0, mask=False) == 0
    assert lk.log_softmax(NAN, mask=False) == -INF
    assert lk.logsumexp(NAN, mask=False) == -INF
    assert lk.entropy(NAN, mask=False) == 0


def test_the_mask_of_a_masked_array_is_honoured(isa):
    x, hidden = scores((4, 9)), ~keep_some((4, 9))
    x[hidden] = NAN
    masked = np.ma.array(x, mask=hidden)
    half = np.arange(9) % 2 == 0
    for function in FUNCTIONS:
        got = function(masked)
        assert type(got) is np.ndarray
        assert same_bits(got, function(x, mask=~hidden))
        both = function(masked, mask=half)  # a slot must be kept by both
        assert same_bits(both, function(x, mask=~hidden & half))
        plain = np.ma.array(np.zeros((2, 3)))
        assert same_bits(function(plain), function(np.zeros((2, 3))))
    assert np.isnan(x[hidden]).all()


def test_hidden_rows_of_a_masked_array():
    x = np.ma.masked_all((2, 3))
    x[0] = [1.0, 2.0, 3.0]
    got = lk.softmax(x)
    assert same_bits(got[0], lk.softmax([1.0, 2.0, 3.0]))
    assert np.all(got[1] == 0)


KEPT_SCORES = hnp.array_shapes(max_dims=3, max_side=6).flatmap(
    lambda shape: st.tuples(
        hnp.arrays(np.float64, shape, elements=st.floats(-50, 50) | st.sampled_from([-INF, NAN])),
        hnp.arrays(bool, shape),
        st.none() | st.integers(0, len(shape) - 1),
        st.sampled_from([1.0, 0.25, 7.0, 0.0, INF]),
        st.sampled_from([None, "zero", "uniform"]),
    )
)


@settings(max_examples=300)
@given(KEPT_SCORES)
def test_masked_results_are_those_of_the_reference(drawn):
    x, keep, axis, temperature, empty = drawn
    options = {"axis": axis, "temperature": temperature, "mask": keep}
    for name in ("softmax", "log_softmax"):
        got = getattr(lk, name)(x, **options, empty=empty)
        want = getattr(ref, name)(x, **options, empty=empty)
        np.testing.assert_allclose(got, want, rtol=2e-15, atol=1e-320)
    for name, scale in (("logsumexp", 1e-13), ("entropy", 1e-15)):
        got, want = getattr(lk, name)(x, **options), getattr(ref, name)(x, **options)
        np.testing.assert_allclose(got, want, rtol=2e-15, atol=scale if temperature else 0)


# ---- refusals ---------------------------------------------------------------------------------


@pytest.mark.parametrize("function", FUNCTIONS)
def test_what_is_no_mask_is_refused(function):
    x = np.zeros((2, 3))
    for mask, name in (([1, 0, 1], "int"), (np.ones(3), "float64"), (["a"] * 3, "<U1")):
        with pytest.raises(TypeError, match=rf"^mask has the dtype {name}.*bool, True where"):
            function(x, mask=mask)
    for shape in ((2,), (3, 3), (1, 2, 3), (2, 3, 1)):
        text = str(shape).replace("(", r"\(").replace(")", r"\)")
        with pytest.raises(ValueError, match=rf"^mask has the shape {text}; .*\(2, 3\)$"):
            function(x, mask=np.ones(shape, bool))


def test_the_mask_argument_of_a_masked_array_is_checked_like_any():
    x = np.ma.array([1.0, 2.0, 3.0], mask=[False, True, False])
    with pytest.raises(TypeError, match=r"^mask has the dtype int64"):
        lk.softmax(x, mask=[1, 0, 1])
    with pytest.raises(ValueError, match=r"^mask has the shape"):
        lk.softmax(x, mask=[True, False])
    with pytest.raises(ValueError, match=r"^mask is no array"):
        lk.softmax([[1.0, 2.0]], mask=[[True, False], [True]])


def test_an_elementwise_function_keeps_the_mask():
    got = lk.relu(np.ma.array([-1.0, 2.0, 3.0], mask=[False, True, False]))
    assert isinstance(got, np.ma.MaskedArray)
    assert got.mask.tolist() == [False, True, False] and got.compressed().tolist() == [0.0, 3.0]

"""filter_logits and sample: what is accepted, shapes, and what is refused by name."""

import re

import ml_dtypes
import numpy as np
import pytest

import logitkit as lk

INF, NAN = np.inf, np.nan
X = np.zeros((2, 3))
BOTH = [lk.filter_logits, lambda x, **options: lk.sample(x, seed=1, **options)]


@pytest.mark.parametrize("function", BOTH, ids=["filter_logits", "sample"])
@pytest.mark.parametrize(
    ("options", "error", "said"),
    [
        ({"top_k": -1}, ValueError, "top_k is -1; it must be >= 0"),
        ({"top_k": 1.0}, TypeError, "top_k is 1.0; accepted is an integer >= 0"),
        ({"top_k": np.True_}, TypeError, "top_k is np.True_; accepted is an integer >= 0"),
        ({"top_p": 1.5}, ValueError, "top_p is 1.5; it must be from 0 to 1"),
        ({"top_p": NAN}, ValueError, "top_p is nan; it must be from 0 to 1"),
        ({"top_p": "0.5"}, TypeError, "top_p is '0.5'; accepted is a number from 0 to 1"),
        ({"top_p": [0.5]}, TypeError, "top_p is [0.5]; accepted is a number from 0 to 1"),
        ({"top_p": True}, TypeError, "top_p is True; accepted is a number from 0 to 1"),
        ({"min_p": -0.1}, ValueError, "min_p is -0.1; it must be from 0 to 1"),
        ({"min_p": 10**400}, TypeError, f"min_p is {10**400}; accepted is a number from 0 to 1"),
        ({"order": "HF"}, ValueError, "order is 'HF'; accepted are "),
        ({"order": 1}, TypeError, "order is 1; accepted are 'hf', 'llama.cpp' and a tuple of "),
        ({"order": ("top_q",)}, ValueError, "order names 'top_q'; accepted are "),
        ({"order": ("top_k", ["a"])}, TypeError, "order names ['a']; accepted are "),
        (
            {"order": ("top_k",) * 2},
            ValueError,
            "order is ('top_k', 'top_k'); it names a filter tw",
        ),
        (
            {"order": ("top_k",), "min_p": 0.5},
            ValueError,
            "order is ('top_k',); it must name min_p too, which is 0.5",
        ),
        (
            {"order": (), "temperature": 2.0},
            ValueError,
            "order is (); it must name temperature too, which is 2.0",
        ),
        ({"temperature": -1}, ValueError, "temperature is -1.0; it must be >= 0"),
        ({"temperature": [1.0] * 3}, ValueError, "temperature has the shape (3,); it must broadc"),
        ({"temperature": None}, TypeError, "temperature is None; accepted are a number >= 0"),
        ({"axis": 2}, ValueError, "axis is 2; x has 2 dimensions"),
        ({"axis": 1.0}, TypeError, "axis is 1.0; accepted are an int, a tuple of ints, or None"),
    ],
)
def test_a_bad_argument_is_named(function, options, error, said):
    with pytest.raises(error, match="^" + re.escape(said)):
        function(X, **options)


@pytest.mark.parametrize("function", BOTH, ids=["filter_logits", "sample"])
def test_a_bad_array_is_named(function):
    for bad in (X + 0j, np.array(["a"]), np.ones(3, ml_dtypes.int4), np.ones(3, "g")):
        with pytest.raises(TypeError, match=r"^x has the dtype .*accepted are"):
            function(bad)
    with pytest.raises(ValueError, match=r"^x is no array: .*different lengths"):
        function([[1.0], [1.0, 2.0]])


@pytest.mark.parametrize(
    ("options", "error", "said"),
    [
        ({"seed": -1}, ValueError, "seed is -1; it must be >= 0 and < 2**64"),
        ({"seed": 2**64}, ValueError, f"seed is {2**64}; it must be >= 0 and < 2**64"),
        ({"seed": 1.0}, TypeError, "seed is 1.0; accepted is an integer >= 0 and < 2**64"),
        ({"seed": None}, TypeError, "seed is None; accepted is an integer >= 0 and < 2**64"),
        ({"seed": True}, TypeError, "seed is True; accepted is an integer >= 0 and < 2**64"),
        ({"size": -1}, ValueError, "size is -1; it must be >= 0 and < 2**63"),
        ({"size": (2, -3)}, ValueError, "size is -3; it must be >= 0 and < 2**63"),
        ({"size": 2.0}, TypeError, "size is 2.0; accepted is an integer >= 0 and < 2**63"),
        ({"size": "2"}, TypeError, "size is '2'; accepted is an integer >= 0 and < 2**63"),
        ({"rows": [0, -4]}, ValueError, "rows has the values -4 to 0; they must be >= 0 and < 2"),
        ({"rows": np.uint64(2**63)}, ValueError, f"rows has the values {2**63} to {2**63}; they"),
        ({"rows": [0.0, 1.0]}, TypeError, "rows has the dtype float64; accepted are integers >= 0"),
        ({"rows": [True]}, TypeError, "rows has the dtype bool; accepted are integers >= 0"),
        ({"rows": [0, 1, 2]}, ValueError, "rows has the shape (3,); it must broadcast against one"),
    ],
)
def test_a_bad_argument_of_a_draw_is_named(options, error, said):
    with pytest.raises(error, match="^" + re.escape(said)):
        lk.sample(X, **{"seed": 1} | options)


def test_a_seed_must_be_given():
    with pytest.raises(TypeError, match="seed"):
        lk.sample(X)


def test_the_first_bad_row_is_named():
    x = np.zeros((30, 50), np.float32)
    x[17, 42], x[20, 1] = NAN, INF
    with pytest.raises(ValueError, match=r"^row 17: NaN logit at index 42; accepted are numbers b"):
        lk.sample(x, seed=1)
    with pytest.raises(ValueError, match=r"^row 1: \+inf logit at index 20; "):
        lk.sample(x, seed=1, axis=0)
    with pytest.raises(ValueError, match=r"^row 20: \+inf logit at index 1; "):
        lk.sample(np.nan_to_num(x, nan=0, posinf=INF), seed=1, size=3, temperature=0)
    with pytest.raises(ValueError, match=r"^x: NaN logit at index 892; "):
        lk.sample(x, seed=1, axis=None)
    with pytest.raises(ValueError, match=r"^row \(2, 5\): NaN logit at index 42; "):
        lk.sample(x.reshape(5, 6, 50)[:, :, :], seed=1)
    with pytest.raises(ValueError, match=r"^row 2: NaN logit at index 292; "):
        lk.sample(x.reshape(5, 6, 50), seed=1, axis=(1, 2))
    x = np.full((3, 4), -INF)
    x[0] = 1
    with pytest.raises(ValueError, match=r"^row 1: no logit above -inf; a draw needs one$"):
        lk.sample(x, seed=1)
    with pytest.raises(ValueError, match=r"^row 0: no logit above -inf; "):
        lk.sample(np.ma.array(x, mask=True), seed=1)


def test_a_bad_row_is_named_whatever_its_dtype_and_part():
    for dtype in (np.float16, ml_dtypes.bfloat16, np.float64, ">f4"):
        x = np.zeros((3, 700_000), dtype)
        x[2, 699_999] = NAN
        with pytest.raises(ValueError, match=r"^row 2: NaN logit at index 699999; "):
            lk.sample(x, seed=1)
    masked = np.ma.array([[NAN, 1.0, NAN]], mask=[[True, False, False]])
    with pytest.raises(ValueError, match=r"^row 0: NaN logit at index 2; "):
        lk.sample(masked, seed=1)


def test_nothing_to_draw():
    for shape, axis in (((2, 0), -1), ((0,), 0), ((0, 3), 0), ((0, 0), None)):
        said = f"x has the shape {shape}: no class to draw, axis is {axis}"
        with pytest.raises(ValueError, match="^" + re.escape(said)):
            lk.sample(np.zeros(shape), seed=1, axis=axis)
    assert lk.sample(np.zeros((0, 0)), seed=1).shape == (0,)
    assert lk.sample(np.zeros((0, 3)), seed=1, size=4).shape == (4, 0)


def test_shapes_of_draws():
    x = np.zeros((2, 3, 4), np.float32)
    for size, shape in ((None, ()), (0, (0,)), (5, (5,)), ((), ()), ((2, 3), (2, 3)), ([2], (2,))):
        for axis, rows in ((-1, (2, 3)), (0, (3, 4)), ((0, 2), (3,)), (None, ()), ((), (2, 3, 4))):
            got = lk.sample(x, seed=1, size=size, axis=axis)
            assert np.shape(got) == (*shape, *rows)
            assert np.asarray(got).dtype == np.int64
    assert type(lk.sample([1.0, 2.0], seed=1)) is np.int64
    assert lk.sample(3.0, seed=np.uint64(2**64 - 1)) == 0
    assert lk.sample(3.0, seed=1, size=2).tolist() == [0, 0]
    one_by_one = lk.sample(x[0], seed=1, size=(2, 3))
    assert np.array_equal(one_by_one.reshape(6, 3), lk.sample(x[0], seed=1, size=6))


def test_shapes_of_filtered_logits():
    assert type(lk.filter_logits(3.0)) is np.float64
    assert lk.filter_logits(3.0, top_k=1, top_p=0.1, temperature=0.5) == 6
    for shape in ((0,), (2, 0), (0, 3), (2, 3, 4)):
        assert lk.filter_logits(np.zeros(shape), top_k=1, axis=None).shape == shape
    x = np.arange(24.0).reshape(2, 3, 4)
    kept = lk.filter_logits(x, top_k=1, axis=(0, 2)) > -INF
    assert np.argwhere(kept).tolist() == [[1, 0, 3], [1, 1, 3], [1, 2, 3]]
    assert np.argwhere(lk.filter_logits(x, top_k=1, axis=None) > -INF).tolist() == [[1, 2, 3]]
    assert np.array_equal(lk.filter_logits(x, top_k=1, axis=()), x)

"""cross_entropy: what is accepted, what is refused in which words, and that nothing is written."""

from decimal import Decimal
from fractions import Fraction

import inputs
import numpy as np
import pytest
from kernel_calls import same_bits
from losses import classes, soft_targets

import logitkit as lk

INF, NAN = np.inf, np.nan
RNG = np.random.default_rng(74)
X = RNG.normal(size=(3, 4))
IDS = np.array([0, 3, 1])
INTEGERS = ["i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8", ">i2", ">u4", ">i8"]


# ---- targets ----------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", INTEGERS)
def test_every_integer_dtype_is_a_class(dtype):
    x = RNG.normal(size=(5, 100)).astype(np.float32)
    ids = np.array([0, 99, 7, 0, 50])
    want = lk.cross_entropy_with_grad(x, ids)
    for given in (ids.astype(dtype), np.repeat(ids, 2).astype(dtype)[::2]):
        for got in (
            lk.cross_entropy_with_grad(x, given),
            lk.cross_entropy_with_grad(x, given, ignore_index=-1),
            lk.cross_entropy_with_grad(x, given, ignore_index=1000),
        ):
            assert same_bits(got[0], want[0]) and same_bits(got[1], want[1])
    assert same_bits(lk.cross_entropy(x, ids.tolist()), want[0])


@pytest.mark.parametrize(
    ("dtype", "value", "ignore"),
    [
        ("i1", -128, -128),
        ("u1", 255, 255),
        ("u1", 2, np.uint8(2)),
        ("i2", -100, np.int64(-100)),
        ("u8", 2**64 - 1, 2**64 - 1),
        ("i8", -(2**63), -(2**63)),
        ("i8", 2, 2),
    ],
)
def test_whatever_class_is_to_be_ignored(dtype, value, ignore):
    ids = np.array([0, 3, 1, 3]).astype(dtype)
    ids[2] = value
    x = RNG.normal(size=(4, 4))
    got = lk.cross_entropy(x, ids, ignore_index=ignore, reduction="none")
    want = lk.cross_entropy(x, [0, 3, 0, 3], reduction="none")
    assert got[2] == 0
    assert same_bits(np.delete(got, 2), np.delete(want, 2))
    # A number that no label of this dtype can be leaves nothing out.
    safe = np.where(ids == ids[2], 0, ids).astype(dtype)
    assert same_bits(lk.cross_entropy(x, safe, ignore_index=10**30), lk.cross_entropy(x, safe))


@pytest.mark.parametrize("function", [lk.cross_entropy, lk.cross_entropy_with_grad, lk.nll_loss])
def test_the_first_target_out_of_range_is_named(function):
    x = np.zeros((2, 3, 5))
    ids = np.zeros((2, 3), np.int64)
    ids[1, 0], ids[1, 2] = 5, -3
    with pytest.raises(
        IndexError,
        match=r"^targets is 5 at index \(1, 0\); accepted are the classes in \[0, 5\)$",
    ):
        function(x, ids)
    with pytest.raises(
        IndexError,
        match=r"^targets is -3 at index \(1, 2\); .* in \[0, 5\), and ignore_index, 5$",
    ):
        function(x, ids, ignore_index=5)
    with pytest.raises(IndexError, match=r"^targets is 18446744073709551615 at index \(0,\); "):
        function(x[0], np.array([2**64 - 1, 0, 0], np.uint64))
    with pytest.raises(IndexError, match=r"^targets is 1; accepted are the classes in \[0, 1\)$"):
        function(2.0, 1)
    with pytest.raises(IndexError, match=r"^targets is 0 at index \(0,\); .* in \[0, 0\)$"):
        function(np.empty((2, 0)), [0, 0])


def test_targets_of_another_shape_or_kind_are_refused():
    for bad, words in (
        (IDS[:2], r"\(2,\); class indices must have .* x without its axis, \(3,\), and prob"),
        (IDS[:, None], r"\(3, 1\); class indices must"),
        (0, r"\(\); class indices must"),
        (np.ones((3, 3)), r"\(3, 3\); probabilities must have that of x, \(3, 4\)$"),
        (np.ones(3), r"\(3,\); probabilities must"),
        (np.ones((4, 3)), r"\(4, 3\); probabilities must"),
    ):
        with pytest.raises(ValueError, match=rf"^targets has the shape {words}"):
            lk.cross_entropy(X, bad)
    for bad in (IDS > 0, X > 0):
        with pytest.raises(
            TypeError, match=r"^targets has the dtype bool; accepted are integers, "
        ):
            lk.cross_entropy(X, bad)
    for bad in (X + 0j, X.astype(object), X.astype("U4"), None, "classes"):
        with pytest.raises(TypeError, match=r"^targets has the dtype "):
            lk.cross_entropy(X, bad)
    with pytest.raises(TypeError, match=r"^targets has the dtype float128; "):
        lk.cross_entropy(X, X.astype(np.longdouble))
    with pytest.raises(TypeError, match=r"^targets is a masked array; .*fill it with ignore_index"):
        lk.cross_entropy(X, np.ma.array(IDS, mask=[0, 1, 0]))
    with pytest.raises(ValueError, match=r"^targets is no array: "):
        lk.cross_entropy(X, [[0], [1, 2]])
    with pytest.raises(ValueError, match=r"^ignore_index is 2, a class, and targets are probab"):
        lk.cross_entropy(X, soft_targets(X), ignore_index=2)
    # A number that is no class is a habit, and does no harm.
    soft = soft_targets(X)
    for harmless in (-100, -1, 4):
        assert lk.cross_entropy(X, soft, ignore_index=harmless) == lk.cross_entropy(X, soft)


# ---- options ----------------------------------------------------------------------------------

TWICE = {"label_smoothing": "from 0 to 1", "z_loss": "finite and >= 0"}


@pytest.mark.parametrize("function", [lk.cross_entropy, lk.cross_entropy_with_grad])
@pytest.mark.parametrize("name", TWICE)
def test_numbers_of_options(function, name):
    for good in (0, 1, 0.5, np.float32(0.5), np.int8(1), Fraction(1, 4)):
        function(X, IDS, **{name: good})
    for bad in (-1, -1e-9, NAN, INF, -INF, *([1.5] if name == "label_smoothing" else [])):
        with pytest.raises(ValueError, match=rf"^{name} is {bad!r}; it must be {TWICE[name]}$"):
            function(X, IDS, **{name: bad})
    for bad in (True, np.bool_(False), "0.1", None, 1j, [0.1], Decimal("0.1"), np.array(0.5)):
        with pytest.raises(TypeError, match=rf"^{name} is .*; accepted is a number "):
            function(X, IDS, **{name: bad})
    with pytest.raises(ValueError, match=rf"^{name} is beyond the range of float64; "):
        function(X, IDS, **{name: 10**400})


@pytest.mark.parametrize("function", [lk.cross_entropy, lk.cross_entropy_with_grad, lk.nll_loss])
def test_choices_and_what_divides(function):
    for name, accepted in (
        ("reduction", "'mean', 'sum', 'none'"),
        ("empty", "'nan', 'zero'"),
    ):
        for bad in ("Mean", "", None, 1, ["mean"], True):
            with pytest.raises(ValueError, match=rf"^{name} is .*; accepted are {accepted}$"):
                function(X, IDS, **{name: bad})
    with pytest.raises(ValueError, match=r"^normalizer is 'rows'; accepted are 'weight', 'count'$"):
        function(X, IDS, normalizer="rows")
    for bad in (0, 0.0, -1, NAN, INF):
        with pytest.raises(ValueError, match=r"^normalizer is .*; a number must be above 0$"):
            function(X, IDS, normalizer=bad)
    for bad in (True, None, [2.0], 1j):
        with pytest.raises(
            TypeError,
            match=r"^normalizer is .*; accepted is 'weight', 'count' or a number above 0$",
        ):
            function(X, IDS, normalizer=bad)
    for normalizer in ("count", 3.0):
        for reduction in ("sum", "none"):
            with pytest.raises(ValueError, match=r"^normalizer is .* and reduction .*; it divides"):
                function(X, IDS, normalizer=normalizer, reduction=reduction)
    for bad in (True, 1.0, "1", [1], NAN):
        with pytest.raises(TypeError, match=r"^ignore_index is .*; accepted are an int and None$"):
            function(X, IDS, ignore_index=bad)


@pytest.mark.parametrize("function", [lk.cross_entropy, lk.cross_entropy_with_grad, lk.nll_loss])
def test_weights_axes_and_masks(function):
    for bad in (np.ones(3), np.ones((4, 1)), np.ones((3, 4)), 2.0, []):
        with pytest.raises(
            ValueError, match=r"^weight has the shape .*one number a class, \(4,\)$"
        ):
            function(X, IDS, weight=bad)
    with pytest.raises(ValueError, match=r"^weight has the shape "):
        function(X, IDS, weight=np.ma.array(np.ones(4), mask=[0, 0, 0, 1]))
    for bad in (np.ones(4) + 0j, ["a"] * 4, [None] * 4):
        with pytest.raises(TypeError, match=r"^weight has the dtype "):
            function(X, IDS, weight=bad)
    name = "log_p" if function is lk.nll_loss else "x"
    for bad in (None, (0,), 1.0, "0", True):
        with pytest.raises(TypeError, match=r"^axis is .*; accepted is an int$"):
            function(X, IDS, axis=bad)
    with pytest.raises(np.exceptions.AxisError, match=rf"^axis is 2; {name} has 2 dimensions, "):
        function(X, IDS, axis=2)
    with pytest.raises(TypeError, match=r"^mask has the dtype int64; it must be bool"):
        function(X, IDS, mask=np.ones(4, int))
    with pytest.raises(ValueError, match=rf"^mask has the shape \(3,\); .* of {name}, \(3, 4\)$"):
        function(X, IDS, mask=np.ones(3, bool))
    for bad in (X + 0j, X.astype("g"), X.astype(object), [["a"]], "x"):
        with pytest.raises(TypeError, match=rf"^{name} has the dtype "):
            function(bad, IDS)
    with pytest.raises(TypeError, match="takes 2 positional arguments"):
        function(X, IDS, -1)


def test_weights_of_any_kind_of_number():
    x = RNG.normal(size=(6, 4))
    ids = classes(x)
    want = lk.cross_entropy(x, ids, weight=[1.0, 2.0, 0.0, 4.0])
    unaligned = np.frombuffer(bytes(1) + np.array([1.0, 2, 0, 4]).tobytes(), np.uint8)[1:]
    for weight in (
        np.array([1, 2, 0, 4]),
        np.array([1, 2, 0, 4], np.float16),
        np.array([1, 2, 0, 4], inputs.BFLOAT16),
        np.array([1, 2, 0, 4], ">f8"),
        np.array([4.0, 0, 2, 1])[::-1],
        unaligned.view(np.float64),
    ):
        assert lk.cross_entropy(x, ids, weight=weight) == want


# ---- out --------------------------------------------------------------------------------------


def test_an_out_that_does_not_fit_is_refused_and_nothing_is_written():
    x = X.astype(np.float32)
    soft = soft_targets(x)
    weight = np.ones(4, np.float32)
    twelve = np.full(13, 7, np.float32)
    read_only = np.zeros((3, 4), np.float32)
    read_only.flags.writeable = False
    one_place = np.broadcast_to(np.zeros(4, np.float32), (3, 4))
    for bad, error, words in (
        ([0.0], TypeError, "out is a list; it must be a plain NumPy array"),
        (np.ma.zeros((3, 4), "f4"), TypeError, "out is a MaskedArray"),
        (
            np.zeros((4, 3), "f4"),
            ValueError,
            r"out has the shape \(4, 3\); the result has \(3, 4\)",
        ),
        (np.zeros((3, 4)), ValueError, "out has the dtype float64; the result has float32"),
        (np.zeros((3, 4), ">f4"), ValueError, "out has the dtype >f4"),
        (read_only, ValueError, "out is read-only"),
        (one_place, ValueError, "out "),
    ):
        with pytest.raises(error, match=f"^{words}"):
            lk.cross_entropy_with_grad(x, IDS, out=bad)
    flat = twelve[:12].reshape(3, 4)
    shifted = twelve[1:].reshape(3, 4)
    flat[...] = x
    before = twelve.copy()
    with pytest.raises(ValueError, match=r"^out overlaps x in memory; .* or exactly x$"):
        lk.cross_entropy_with_grad(flat, IDS, out=shifted)
    with pytest.raises(ValueError, match=r"^out overlaps x in memory"):
        lk.cross_entropy_with_grad(flat, IDS, out=flat[::-1])
    assert np.array_equal(twelve, before)
    for name, given, other in (
        ("targets", soft, {}),
        ("weight", soft, {"weight": weight}),
        ("mask", soft, {"mask": np.ones((3, 4), bool)}),
    ):
        memory = np.zeros(200, np.uint8)
        source = {"targets": soft, **other}[name]
        shared = memory[: source.nbytes].view(source.dtype).reshape(source.shape)
        shared[...] = source
        out = memory[: x.nbytes].view(np.float32).reshape(3, 4)
        options = dict.fromkeys(other, shared)
        before = memory.copy()
        with pytest.raises(ValueError, match=rf"^out overlaps {name} in memory; it needs memory"):
            lk.cross_entropy_with_grad(
                x, shared if name == "targets" else given, out=out, **options
            )
        assert np.array_equal(memory, before)


def test_nothing_is_written_when_any_argument_is_refused():
    out = np.full((3, 4), 7.0)
    for targets, bad in (
        ([0, 4, 1], {}),
        ([0, 1], {}),
        (IDS, {"weight": [1.0]}),
        (IDS, {"reduction": "all"}),
        (IDS, {"label_smoothing": 2}),
        (IDS, {"mask": np.ones(3, bool)}),
        (IDS, {"axis": 3}),
        (IDS, {"normalizer": -1}),
        (IDS > 1, {}),
        (X > 0, {}),
    ):
        with pytest.raises((TypeError, ValueError, IndexError)):
            lk.cross_entropy_with_grad(X, targets, out=out, **bad)
        with pytest.raises((TypeError, ValueError, IndexError)):
            lk.cross_entropy_with_grad(out, targets, out=out, **bad)
        assert np.all(out == 7)


def test_no_argument_is_changed():
    x, soft = X.copy(), soft_targets(X)
    ids, weight, keep = IDS.copy(), np.array([1.0, 2, 3, 4]), np.array([True, False, True, True])
    before = [a.copy() for a in (x, soft, ids, weight, keep)]
    for targets in (ids, soft):
        ignore = {"ignore_index": 3} if targets is ids else {}
        lk.cross_entropy_with_grad(x, targets, weight=weight, mask=keep, **ignore)
        lk.cross_entropy(x, targets, weight=weight, mask=keep, label_smoothing=0.1, **ignore)
    for a, b in zip((x, soft, ids, weight, keep), before, strict=True):
        assert np.array_equal(a, b)

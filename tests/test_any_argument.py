"""Whatever is passed: a result of the right shape, or an error that names an argument.

Nothing else is raised, nothing is written where a call is refused, nothing crashes.
"""

import re
from collections import Counter
from decimal import Decimal
from fractions import Fraction

import inputs
import ml_dtypes
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import logitkit as lk
from logitkit import _core

MAPS = ("softmax", "log_softmax")
FAMILY = (*MAPS, "logsumexp", "entropy")
PRODUCTS = {"softmax_vjp": "g", "softmax_jvp": "v"}
SAMPLING = ("filter_logits", "sample")
FILTERS = ("temperature", "top_k", "top_p", "min_p")
ELEMENTWISE = ("sigmoid", "tanh", "relu", "leaky_relu", "silu")
RESULTS = {dtype.name for dtype in inputs.FLOATS}
KNOWN = [*inputs.FLOATS, *map(np.dtype, ("?", "i1", "u2", "i4", "u8", ">f2", ">f4", ">f8", ">i4"))]
FOREIGN = [
    *map(np.dtype, ("g", "F", "D", "O", "U3", "S2", "V4", "M8[s]", "m8[D]")),
    np.dtype([("a", "f4"), ("b", "i2")]),
    np.dtype(ml_dtypes.float8_e5m2),
]

OBJECTS = [
    *(None, True, False, 0, 1, -1, 2, 10**30, -(10**400), 0.5, -0.5, 1e400, float("nan"), 1j),
    *("", "abc", "-1", "float32", "zero", "raise", "exact", b"x", bytearray(8)),
    *((), [], {}, set(), {"a": 1}, [1, 2], (0, 1), (0, 0), (1.5,), [[1.0], [2.0, 3.0]], [None]),
    *(object(), type, len, range(3), slice(None), ..., NotImplemented, Decimal(1), Fraction(1)),
    *(np.float32(1), np.int64(-1), np.bool_(True), np.array(0), np.array([0, 1]), np.ma.masked),
    *(np.ma.array([1.0, 2.0], mask=[0, 1]), np.array([1, None]), np.str_("a"), np.void(b"abc")),
    *(np.dtype("f4"), np.float16, "f4,f4", "V0", "datetime64", [("a", int)], {"names": 1}, "<f4 "),
    memoryview(b"abcd"),
]


def any_object():
    return st.sampled_from(OBJECTS)


def shapes():
    return hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=4)


def make_array(rng, dtype, shape):
    """Return an array of any dtype, seen through any strides, perhaps read-only."""
    order = rng.permutation(len(shape))
    memory = tuple(shape[i] for i in order)
    a = np.zeros(memory, dtype)
    if dtype.name in RESULTS:
        a = rng.choice(np.float32([0, 1, 1, -3, 2.5, np.nan, -np.inf, np.inf]), memory)
        a = np.asarray(a).astype(dtype)
    elif dtype.kind in "biu":
        a = rng.integers(0, 2 if dtype.kind == "b" else 5, memory, int).astype(dtype)
    a = a.transpose(np.argsort(order))
    a = a[(..., *(slice(None, None, step) for step in rng.choice([1, 1, -1], a.ndim)))]
    a.flags.writeable = rng.random() < 0.9
    return a


@st.composite
def arrays(draw, dtypes=tuple(KNOWN), shape=None):
    rng = np.random.default_rng(draw(st.integers(0, 1000)))
    dtype = draw(st.sampled_from(dtypes))
    return make_array(rng, dtype, draw(shapes()) if shape is None else shape)


def scores():
    return arrays() | arrays() | arrays((*KNOWN, *FOREIGN)) | any_object()


def axes():
    return st.sampled_from([-1, 0, 1, None, (0, 1), (), -2, 5, (0, -1)]) | any_object()


def temperatures():
    numbers = st.sampled_from([1.0, 0.5, 0, np.inf, 1e-320, -1.0, np.nan])
    return numbers | arrays((*KNOWN, *FOREIGN)) | any_object()


def masks(shape):
    fitting = arrays((np.dtype(bool),), shape)
    return st.none() | fitting | arrays((np.dtype(bool), *FOREIGN)) | any_object()


def outs(x):
    """Return outputs that fit, nearly fit, are x, or overlap it."""
    some = [np.full(np.shape(x), 7, d) for d in (*inputs.FLOATS, np.dtype(">f4"), np.dtype(int))]
    if isinstance(x, np.ndarray) and x.ndim:
        some += [x, x[::-1], x.T, x[:1], np.broadcast_to(x, (2, *x.shape))]
        some.append(np.full(x.shape[:-1], 7, np.float32))
        some.append(np.full((2 * x.shape[0], *x.shape[1:]), 7, np.float32)[::2])
    return st.none() | st.sampled_from(some) | arrays((*KNOWN, *FOREIGN)) | any_object()


def filters(draw, options):
    """Set some of the options of the filters."""
    shares = st.sampled_from([0, 0.5, 1.0, -0.1, np.nan, 5e-324]) | any_object()
    orders = st.permutations(FILTERS) | st.sampled_from(["hf", "llama.cpp", FILTERS[:2], ("x",)])
    optional(draw, options, "top_k", st.sampled_from([0, 1, 2, 100, -1]) | any_object())
    optional(draw, options, "top_p", shares)
    optional(draw, options, "min_p", shares)
    optional(draw, options, "order", orders | any_object())


def optional(draw, options, name, strategy):
    """Set an option in half of the calls."""
    if draw(st.booleans()):
        options[name] = draw(strategy)


@st.composite
def calls(draw):
    """Draw a function, its arguments and its options."""
    names = [*FAMILY, *FAMILY, *SAMPLING, *SAMPLING, *PRODUCTS, "softmax_jacobian", *ELEMENTWISE]
    name = draw(st.sampled_from(names))
    x, options = draw(scores()), {}
    args = [x]
    shape = np.shape(x) if isinstance(x, np.ndarray) else (2,)
    if name in PRODUCTS:
        args.append(draw(arrays(shape=shape) | scores()))
    if name in (*FAMILY, *SAMPLING, *PRODUCTS):
        optional(draw, options, "axis", axes())
    if name not in ELEMENTWISE:
        optional(draw, options, "temperature", temperatures())
    if name in SAMPLING:
        filters(draw, options)
    if name == "sample":
        options["seed"] = draw(st.integers(0, 2**64 - 1) | st.integers(0, 9) | any_object())
        optional(draw, options, "size", st.sampled_from([None, 0, 3, (2, 1)]) | any_object())
        optional(draw, options, "rows", arrays((*KNOWN, *FOREIGN)) | any_object())
    if name in FAMILY:
        optional(draw, options, "mask", masks(shape))
    if name in FAMILY[:3]:
        optional(draw, options, "dtype", st.sampled_from([*RESULTS, None]) | any_object())
        optional(draw, options, "out", outs(x if isinstance(x, np.ndarray) else np.zeros(2)))
    if name in MAPS:
        choices = st.sampled_from(["zero", "nan", "uniform", "raise", None])
        optional(draw, options, "empty", choices | any_object())
        optional(draw, options, "precision", st.sampled_from(["exact", "default"]) | any_object())
    if name == "logsumexp":
        optional(draw, options, "keepdims", st.booleans() | any_object())
    if name == "leaky_relu":
        optional(draw, options, "negative_slope", st.floats(-2, 2) | any_object())
    return name, args, options


def memory_of(a):
    """Return the bytes of the memory that an array is a part of."""
    while isinstance(a.base, np.ndarray):
        a = a.base
    return a.tobytes() if a.dtype.kind != "O" else [id(v) for v in a.ravel()]


def shape_of_result(name, args, options):
    x = np.asarray(args[0])
    if name == "softmax_jacobian":
        return (*x.shape, x.shape[-1])
    if name not in ("logsumexp", "entropy", "sample"):
        return x.shape
    axis = options.get("axis", -1)
    like = np.empty(x.shape or (1,), bool)
    keep = bool(options.get("keepdims", False))
    shape = like.any(axis=axis, keepdims=keep).shape
    shape = () if not x.shape else shape
    size = options.get("size")
    drawn = () if size is None else size if isinstance(size, tuple | list) else (int(size),)
    return (*drawn, *shape)


def names_of(name, options):
    """Return what the message may start with: an argument, or the row that is refused."""
    names = {"softmax_jacobian": ["p"], **{f: ["p", second] for f, second in PRODUCTS.items()}}
    has_row = "empty" in options or name == "sample"
    return [*names.get(name, ["x"]), *(["row"] if has_row else []), *options]


@settings(max_examples=400)
@given(calls())
def test_any_call_gives_a_result_or_an_error_that_names_an_argument(call):
    name, args, options = call
    arrays = [a for a in (*args, *options.values()) if isinstance(a, np.ndarray)]
    out = options.get("out")
    before = [memory_of(a) for a in arrays]
    try:
        result = getattr(lk, name)(*args, **options)
    except (TypeError, ValueError, IndexError) as error:
        names = "|".join(names_of(name, options))
        assert re.match(rf"({names})\b", str(error)), f"no argument is named: {error}"
        assert [memory_of(a) for a in arrays] == before, "written although refused"
        return
    assert np.shape(result) == shape_of_result(name, args, options)
    assert np.asarray(result).dtype.name in ({"int64"} if name == "sample" else RESULTS)
    if out is None:
        assert [memory_of(a) for a in arrays] == before
    else:
        assert result is out


def core_call(rng):
    """Return arguments of the core: operands of its dtypes and shapes, but for one or two."""

    def one_of(*values):
        return values[rng.integers(len(values))]

    def array(dtype, shape):
        return make_array(rng, np.dtype(dtype), shape)

    shape = tuple(rng.integers(0, 5, rng.integers(1, 4)).tolist())
    bits = int(rng.integers(2 ** len(shape)))
    one_a_row = tuple(1 if bits >> i & 1 else n for i, n in enumerate(shape))
    # uint16 are the bits of bfloat16. The last two operations need ids besides.
    dtype, op = one_of("f4", "f8", "f2", "u2"), one_of(*range(11))
    reduces = op in (_core.LOGSUMEXP, _core.ENTROPY, _core.KL_DIVERGENCE)
    arguments = {
        "op": op,
        "x": array(dtype, shape),
        "out": array(dtype, one_a_row if reduces else shape),
        "axes": bits,
        "temperature": one_of(1.0, 0.0, np.inf, -1.0, np.nan, array("f8", shape)),
        "mask": one_of(None, array("?", shape)),
        "g": one_of(None, array(dtype, shape)),
        "empty": one_of(0, 1, 2),
        "exact": one_of(True, False),
        "regime": one_of(0, 1, 2, 3),
    }
    for _ in range(rng.integers(0, 3)):
        wrong = (one_of(*OBJECTS), array(one_of(*KNOWN, *FOREIGN), shape), array(dtype, (2, 3)))
        number = int(rng.integers(-3, 9))
        arguments[one_of(*arguments)] = one_of(*wrong, arguments["x"], number, 2**70)
    return arguments


def plain_call(rng):
    """Return arguments for the short way: x and out alike, overlapping, unlike, or no arrays."""

    def one_of(*choices):
        return choices[rng.integers(len(choices))]

    shape = tuple(rng.integers(0, 5, rng.integers(0, 4)).tolist())
    floats = map(np.dtype, ("f4", "f8") * 8)
    x = make_array(rng, one_of(*floats, *KNOWN), shape)
    reversed_x = x[::-1] if x.ndim else x
    out = one_of(None, x, make_array(rng, x.dtype, shape), reversed_x)
    if rng.random() < 0.2:
        out = one_of(*OBJECTS, make_array(rng, np.dtype("f4"), (2, 3)))
    if rng.random() < 0.1:
        x = one_of(*OBJECTS)
    return {"op": one_of(0, 0, 1, 1, 2, -1, 99, "0"), "x": x, "out": out}


def outcome(function, arguments):
    """Call the core and return what it did; only `out` may be written, and only if it says so."""
    arrays = [a for a in arguments.values() if isinstance(a, np.ndarray)]
    before = [memory_of(a) for a in arrays]
    try:
        done = function(**arguments)
    except (TypeError, ValueError, BufferError) as error:
        assert str(error)
        assert [memory_of(a) for a in arrays] == before, "written although refused"
        return "refused"
    done = done is not None or function is _core.apply
    for a, old in zip(arrays, before, strict=True):
        written = done and np.may_share_memory(a, arguments["out"])
        assert written or memory_of(a) == old, "an operand was written"
    return "done" if done else "left"


@settings(max_examples=60)
@given(st.integers(0, 2**32))
def test_any_call_of_the_core_is_done_or_refused(seed):
    rng = np.random.default_rng(seed)
    for _ in range(40):
        outcome(_core.apply, core_call(rng))
        outcome(_core.map_plain, plain_call(rng))


def test_calls_of_the_core_are_of_all_kinds():
    """Else the law above would prove little."""
    rng, counts = np.random.default_rng(46), Counter()
    for _ in range(1500):
        counts["apply", outcome(_core.apply, core_call(rng))] += 1
        counts["map_plain", outcome(_core.map_plain, plain_call(rng))] += 1
    assert len(counts) == 5, counts
    assert min(counts.values()) > 60, counts


@pytest.mark.parametrize("kept", [True, False])
def test_the_core_takes_no_mask_beside_a_gradient(kept):
    # It was read as another operand: a crash where the rows are strided.
    p, g, out = np.full((3, 4, 2), 0.5).transpose(0, 2, 1)
    with pytest.raises(ValueError, match="takes no mask"):
        _core.apply(_core.SOFTMAX_VJP, p, out, 2, 1.0, np.full(p.shape, kept), g)

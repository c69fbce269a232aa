"""`out` of the gradients: exactly an operand, or memory of its own; else nothing is written."""

import inputs
import numpy as np
import pytest
from kernel_calls import at_offset, same_bits

import logitkit as lk

PRODUCTS = {"softmax_vjp": lk.softmax, "softmax_jvp": lk.softmax, "log_softmax_vjp": lk.log_softmax}
OF_REDUCTIONS = ("logsumexp_vjp", "entropy_vjp")
# Rows by themselves, sixteen together by unzipping and by transposing, side by side, and turned.
SHAPES = [((3, 40), -1), ((37, 2), -1), ((37, 10), -1), ((40, 5, 33), 1), ((6, 5, 4), (0, 2))]


def operands(name, shape, axis, dtype=np.float32):
    rng = np.random.default_rng(3)
    x, g = (3 * rng.normal(size=(2, *shape))).astype(dtype)
    if name in PRODUCTS:
        return PRODUCTS[name](x, axis=axis), g
    return x, g.max(axis=axis)


@pytest.mark.parametrize("dtype", inputs.FLOATS, ids=str)
@pytest.mark.parametrize(("shape", "axis"), SHAPES, ids=str)
@pytest.mark.parametrize("name", [*PRODUCTS, *OF_REDUCTIONS])
def test_the_result_is_put_there_and_returned(isa, name, shape, axis, dtype):
    a, g = operands(name, shape, axis, dtype)
    function, options = getattr(lk, name), {"axis": axis}
    want = function(a, g, **options)
    many = np.zeros((2 * shape[0], *shape[1:]), dtype)
    for out in (
        np.full(shape, 7, dtype),
        np.full(shape, 7, dtype, order="F"),
        many[::2],
        np.full(shape, 7, dtype)[::-1],
        at_offset(np.full(shape, 7, dtype), 1),
    ):
        assert function(a, g, out=out, **options) is out
        assert same_bits(out, want)
    assert not many[1::2].any()
    for taken in (0, 1) if name in PRODUCTS else (0,):
        copies = [a.copy(), g.copy()]
        assert function(*copies, out=copies[taken], **options) is copies[taken]
        assert same_bits(copies[taken], want)


@pytest.mark.parametrize("name", PRODUCTS)
def test_one_array_may_be_all_three(name):
    p, _ = operands(name, (5, 7), -1)
    want = getattr(lk, name)(p, p)
    assert same_bits(getattr(lk, name)(p, p, out=p), want)


@pytest.mark.parametrize("name", PRODUCTS)
def test_rows_that_are_converted(name):
    a, g = operands(name, (6, 300), -1)
    for made in (a.astype(">f4"), a.astype(np.float64)):
        want = getattr(lk, name)(made, g)
        out = np.empty_like(want)
        assert same_bits(getattr(lk, name)(made, g, out=out), want)
    wide = g.astype(np.float64)
    want = getattr(lk, name)(a.astype(np.float64), g)
    assert same_bits(getattr(lk, name)(a.astype(np.float64), g, out=wide), want)


def test_an_out_of_a_scalar_and_of_nothing():
    out = np.empty((), np.float64)
    assert lk.softmax_vjp(1.0, 3.0, out=out) is out
    assert out == 0
    nothing = np.empty((0, 3))
    assert lk.softmax_vjp(nothing, nothing.copy(), out=nothing) is nothing


@pytest.mark.parametrize("name", [*PRODUCTS, *OF_REDUCTIONS])
@pytest.mark.parametrize("options", [{}, {"axis": -1, "temperature": np.ones((4, 1))}], ids=str)
def test_what_overlaps_is_refused_and_nothing_is_written(name, options):
    memory = np.zeros(100, np.float32)
    a, g = operands(name, (4, 6), -1)
    first = "log_p" if name == "log_softmax_vjp" else "p" if name in PRODUCTS else "x"
    memory[:24] = a.ravel()
    a = memory[:24].reshape(4, 6)
    with pytest.raises(
        ValueError, match=f"^out overlaps {first} in memory; .* or exactly {first}$"
    ):
        getattr(lk, name)(a, g, out=memory[1:25].reshape(4, 6), **options)
    second = "v" if name == "softmax_jvp" else "g"
    memory[30 : 30 + g.size] = g.ravel()
    g = memory[30 : 30 + g.size].reshape(g.shape)
    before = memory.copy()
    with pytest.raises(ValueError, match=f"^out overlaps {second} in memory; "):
        getattr(lk, name)(a, g, out=memory[31:55].reshape(4, 6), **options)
    t = np.ones((4, 1))
    places = t.view(np.float32)
    with pytest.raises(ValueError, match=r"^out "):
        getattr(lk, name)(a, g, out=np.broadcast_to(places[:, :1], (4, 6)), temperature=t)
    for bad, error in (
        (np.ones((6, 4), "f4"), ValueError),
        (np.ones((4, 6)), ValueError),
        (0, TypeError),
    ):
        with pytest.raises(error, match=r"^out "):
            getattr(lk, name)(a, g, out=bad, **options)
    assert same_bits(memory, before)

"""The short way of the gradients of softmax and log_softmax gives what the long way does."""

import numpy as np
import pytest
from kernel_calls import same_bits

import logitkit as lk
from logitkit import _core

lk.softmax([0.0])  # now the core knows what an array is

FUNCTIONS = {"softmax_vjp": lk.softmax, "log_softmax_vjp": lk.log_softmax}
OPS = {"softmax_vjp": _core.SOFTMAX_VJP, "log_softmax_vjp": _core.LOG_SOFTMAX_VJP}


def made(name, shape, dtype="f4"):
    rng = np.random.default_rng(8)
    return FUNCTIONS[name](rng.normal(size=shape).astype(dtype)), rng.normal(size=shape).astype(
        dtype
    )


@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize("dtype", ["f4", "f8"])
@pytest.mark.parametrize("shape", [(1,), (10,), (0, 3), (5, 7), (2, 3, 40), (3, 5000)], ids=str)
def test_both_ways_give_the_same(shape, dtype, name, monkeypatch):
    p, g = made(name, shape, dtype)
    apart = np.zeros((*shape, 2), dtype)[..., 0]
    apart[...] = g
    call = getattr(lk, name)
    pairs = [(p, g), (p, apart), (p[..., ::-1], g), (p.copy(order="F"), g)]
    short = [call(a, b) for a, b in pairs]
    monkeypatch.setattr(_core, "vjp_plain", lambda *_: None)
    for (a, b), got in zip(pairs, short, strict=True):
        assert type(got) is np.ndarray and same_bits(got, call(a, b))


@pytest.mark.parametrize("name", FUNCTIONS)
def test_it_steps_aside_for_all_that_must_be_looked_at(name):
    p, g = made(name, (4, 6))
    others = [
        (p.tolist(), g),
        (p, g.tolist()),
        (p, g.astype("f8")),
        (p.astype("f2"), g.astype("f2")),
        (p.astype(">f4"), g.astype(">f4")),
        (p, g[:1]),
        (p, g[0]),
        (p, np.ma.masked_array(g)),
        (p[0, 0], g[0, 0]),
    ]
    for one in others:
        assert _core.vjp_plain(OPS[name], *one) is None
    assert _core.vjp_plain(OPS[name], p, g) is not None


@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize("option", [{"axis": 0}, {"temperature": 2.0}, {"temperature": np.ones(1)}])
def test_every_option_goes_the_long_way(option, name, monkeypatch):
    def refuse(*_):
        raise AssertionError("the short way was taken")

    p, g = made(name, (4, 6))
    monkeypatch.setattr(_core, "vjp_plain", refuse)
    getattr(lk, name)(p, g, **option)
    with pytest.raises(AssertionError):
        getattr(lk, name)(p, g)

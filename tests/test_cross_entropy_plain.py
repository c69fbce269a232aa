"""The short way of a loss with default options gives what the long way does, or steps aside."""

import numpy as np
import pytest
from kernel_calls import same_bits

import logitkit as lk
from logitkit import _core

lk.softmax([0.0])  # now the core knows what an array is

SHAPES = [(1, 1), (5, 7), (2, 3, 4), (40, 10), (20, 129), (3, 5000)]


def made(shape, dtype="f4"):
    rng = np.random.default_rng(5)
    x = (4 * rng.normal(size=shape)).astype(dtype)
    return x, rng.integers(0, shape[-1], shape[:-1])


@pytest.fixture
def long_way(monkeypatch):
    """Let calls go the long way from now on."""
    return lambda: monkeypatch.setattr(_core, "loss_plain", lambda *_: None)


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("dtype", ["f4", "f8"])
@pytest.mark.parametrize("shape", [(3,), *SHAPES], ids=str)
def test_both_ways_give_the_same(shape, dtype, reduction, long_way):
    x, targets = made(shape, dtype)
    targets = np.asarray(targets)
    out, in_place = np.empty_like(x), x.copy()
    short = [
        lk.cross_entropy(x, targets, reduction=reduction),
        *lk.cross_entropy_with_grad(x, targets, reduction=reduction),
        *lk.cross_entropy_with_grad(x, targets, reduction=reduction, out=out),
        *lk.cross_entropy_with_grad(in_place, targets, reduction=reduction, out=in_place),
    ]
    assert short[4] is out and short[6] is in_place
    long_way()
    loss, grad = lk.cross_entropy_with_grad(x, targets, reduction=reduction)
    for got in short[:2] + short[3:4] + short[5:6]:
        assert type(got) is type(loss) and same_bits(np.asarray(got), np.asarray(loss))
    for got in short[2::2]:
        assert same_bits(got, grad)


def test_strided_scores_go_the_short_way(long_way):
    x, targets = made((6, 40))
    x = x[::-2, ::3]
    targets = np.array([0, 13, 5])
    assert _core.loss_plain(x, targets, None, True, 0) is not None
    short = lk.cross_entropy_with_grad(x, targets)
    long_way()
    long = lk.cross_entropy_with_grad(x, targets)
    assert same_bits(short[0], long[0]) and same_bits(short[1], long[1])


X, TARGETS = made((4, 6))


@pytest.mark.parametrize(
    ("x", "targets", "out"),
    [
        (X.tolist(), TARGETS, None),
        (X.view(np.ma.MaskedArray), TARGETS, None),
        (X.astype("f2"), TARGETS, None),
        (X.astype(">f4"), TARGETS, None),
        (np.float32(1), np.int64(0), None),
        (X[:0], TARGETS[:0], None),
        (X, TARGETS.tolist(), None),
        (X, TARGETS.astype("i4"), None),
        (X, TARGETS.astype(bool), None),
        (X, TARGETS.astype(">i8"), None),
        (X, np.repeat(TARGETS, 2)[::2], None),
        (X, TARGETS[:3], None),
        (X, TARGETS[None], None),
        (X, np.array([0, 1, 6, 2]), None),
        (X, np.array([0, 1, -1, 2]), None),
        (X, X, None),
        (X, TARGETS, np.empty((4, 5), "f4")),
        (X, TARGETS, np.empty((4, 6), "f8")),
        (X, TARGETS, np.empty((4, 6), ">f4")),
        (X, TARGETS, [[0.0] * 6] * 4),
    ],
)
def test_it_steps_aside_for_all_that_must_be_looked_at(x, targets, out):
    assert _core.loss_plain(x, targets, out, True, 0) is None


def test_it_steps_aside_for_a_result_that_overlaps_or_is_read_only():
    memory = np.zeros(60, "f4")
    x = memory[:24].reshape(4, 6)
    assert _core.loss_plain(x, TARGETS, memory[6:30].reshape(4, 6), True, 0) is None
    assert _core.loss_plain(x, TARGETS, np.broadcast_to(np.zeros(6, "f4"), (4, 6)), True, 0) is None
    words = np.zeros(40, np.int64)
    out = words.view("f4")[:24].reshape(4, 6)
    assert _core.loss_plain(X, words[8:12], out, True, 0) is None
    assert (words == 0).all() and (memory == 0).all()


@pytest.mark.parametrize(
    "option",
    [
        {"axis": 0},
        {"axis": np.int64(-1)},
        {"weight": np.ones(6)},
        {"ignore_index": -1},
        {"normalizer": "count"},
        {"normalizer": 2.0},
        {"empty": "zero"},
        {"label_smoothing": 0.1},
        {"label_smoothing": 0},
        {"z_loss": 1e-4},
        {"mask": np.ones(6, bool)},
    ],
    ids=lambda one: next(iter(one)),
)
def test_every_option_goes_the_long_way(option, monkeypatch):
    def refuse(*_):
        raise AssertionError("the short way was taken")

    monkeypatch.setattr(_core, "loss_plain", refuse)
    targets = np.array([0, 1, 2, 3, 0, 1]) if option.get("axis") == 0 else TARGETS
    lk.cross_entropy(X, targets, **option)
    lk.cross_entropy_with_grad(X, targets, **option)
    with pytest.raises(AssertionError):
        lk.cross_entropy(X, TARGETS)

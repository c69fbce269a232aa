"""The bits of a row's loss and gradient: not of its batch, layout, threads or instruction set."""

import tracemalloc

import inputs
import numpy as np
import pytest
from kernel_calls import at_offset, same_bits
from losses import CHOICES, classes, options, soft_targets
from test_bits import on_each_isa
from test_layouts import LAYOUTS

import logitkit as lk
from logitkit import _core

INF, NAN = np.inf, np.nan


def rows(x, targets, **options):
    return lk.cross_entropy_with_grad(x, targets, reduction="none", **options)


def equal(got, want):
    return same_bits(got[0], want[0]) and same_bits(got[1], want[1])


def made(shape, dtype, spread=4.0):
    return (spread * np.random.default_rng(77).normal(size=shape)).astype(dtype)


def with_bad_rows(x):
    """Return scores of which some rows have no proper softmax."""
    x = x.copy()
    x[1, x.shape[1] // 2], x[2, 0], x[3, -1], x[4] = NAN, -INF, INF, -INF
    x[5, 0] = 6e4
    return x


@pytest.mark.parametrize("choice", CHOICES)
@pytest.mark.parametrize("dtype", inputs.FLOATS, ids=str)
def test_every_instruction_set_gives_the_same(dtype, choice):
    for x, _ in inputs.accuracy_inputs(dtype, scale=0.1).values():
        for targets in (classes(x), soft_targets(x)):
            chosen = options(choice, x.shape[1])
            results = on_each_isa(lambda x=x, t=targets, o=chosen: rows(x, t, **o))
            for name, got in results.items():
                assert equal(got, results["generic"]), name
    x = with_bad_rows(made((40, 33), dtype))
    results = on_each_isa(lambda: rows(x, np.zeros(40, int), **options(choice, 33)))
    for name, got in results.items():
        assert equal(got, results["generic"]), name


@pytest.mark.parametrize("choice", ["plain", "weights", "all"])
@pytest.mark.parametrize("dtype", inputs.FLOATS, ids=str)
@pytest.mark.parametrize("length", [1, 2, 3, 10, 16, 17, 33, 64, 100, 128, 129, 1000, 4096, 4099])
def test_a_row_is_the_same_alone_and_in_its_batch(isa, length, dtype, choice):
    x = made((40 if length < 130 else 7, length), dtype)
    x = with_bad_rows(x) if length > 1 else x
    chosen = options(choice, length)
    for targets in (classes(x), soft_targets(made(x.shape, dtype))):
        batch = rows(x, targets, **chosen)
        alone = [rows(a[None], t[None], **chosen) for a, t in zip(x, targets, strict=True)]
        assert equal(batch, [np.concatenate(part) for part in zip(*alone, strict=True)])
        columns = targets if targets.ndim == 1 else targets.T.copy()
        loss, grad = rows(x.T.copy(), columns, axis=0, **chosen)
        assert equal((loss, grad.T), batch)


@pytest.mark.parametrize("dtype", inputs.COMPUTED, ids=str)
@pytest.mark.parametrize("length", [9, 37, 200])
def test_a_batch_may_be_split_at_every_point(isa, length, dtype):
    x = made((40, length), dtype)
    ids = classes(x)
    whole = rows(x, ids)
    for point in range(1, 40):
        parts = [rows(x[:point], ids[:point]), rows(x[point:], ids[point:])]
        assert equal([np.concatenate(part) for part in zip(*parts, strict=True)], whole)


@pytest.mark.parametrize("dtype", inputs.FLOATS, ids=str)
@pytest.mark.parametrize("length", [12, 100, 500])
def test_rows_done_together_may_take_different_ways(isa, dtype, length):
    # From even to so uneven that a probability vanishes: in floats, in doubles, and 0.
    x = made((64, length), dtype)
    x[:, 0] = 2.5 * (7 * np.arange(64) % 64)
    ids = np.where(np.arange(64) % 3 > 0, 0, length - 1)
    alone = [rows(a[None], [t]) for a, t in zip(x, ids, strict=True)]
    assert equal(rows(x, ids), [np.concatenate(part) for part in zip(*alone, strict=True)])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("axis", [-1, 0, 1])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_layout_changes_no_bit(isa, layout, axis, dtype):
    x = made((4, 6, 19), dtype)
    moved = np.moveaxis(x, axis, -1)
    ids, soft = classes(moved), np.moveaxis(soft_targets(moved), -1, axis)
    keep = np.random.default_rng(1).random(x.shape) < 0.8
    weight = np.random.default_rng(2).uniform(size=moved.shape[-1])
    chosen = {"axis": axis, "weight": weight}
    for targets in (ids, soft):
        want = rows(x, targets, mask=keep, **chosen)
        other = LAYOUTS[layout](x)
        assert equal(rows(other, targets, mask=keep, **chosen), want)
        again = LAYOUTS[layout](targets) if targets is soft else targets[::-1].copy()[::-1]
        masked = np.asfortranarray(keep)
        assert equal(rows(other, again, mask=masked, **chosen), want)
    broadcast = np.broadcast_to(x[:1], x.shape)
    first = np.broadcast_to(ids[:1] if axis != 0 else ids, ids.shape)
    assert equal(rows(broadcast, first, **chosen), rows(broadcast.copy(), first.copy(), **chosen))


@pytest.mark.parametrize("dtype", inputs.FLOATS, ids=str)
@pytest.mark.parametrize("length", [3, 16, 33, 250])
def test_the_address_does_not_matter(isa, length, dtype):
    x = made((5, length), dtype)
    ids, soft = classes(x), soft_targets(x)
    for targets in (ids, soft):
        want = rows(x, targets)
        for offset in range(0, 64, 1 if dtype == np.float32 else 9):
            moved, out = at_offset(x, offset), at_offset(np.zeros_like(x), 63 - offset)
            given = targets if targets is ids else at_offset(soft, offset // 2)
            loss, grad = rows(moved, given, out=out)
            assert grad is out
            assert equal((loss, out), want)


def test_the_number_of_threads_changes_no_bit(isa, threads):
    for dtype in (np.float32, np.float64):
        for shape in ((3000, 10), (300, 301), (12, 9000)):
            x = made(shape, dtype)
            for targets in (classes(x), soft_targets(x)):
                _core.set_thread_count(1)
                one = lk.cross_entropy_with_grad(x, targets, label_smoothing=0.1)
                plain = lk.cross_entropy_with_grad(x, targets)
                columns = targets if targets.ndim == 1 else targets.T
                _core.set_thread_count(threads)
                got = lk.cross_entropy_with_grad(x, targets, label_smoothing=0.1)
                assert equal(got, one)
                assert equal(lk.cross_entropy_with_grad(x, targets), plain)
                loss, grad = lk.cross_entropy_with_grad(x.T, columns, axis=0)
                assert equal((loss, grad.T), plain)


@pytest.mark.parametrize("dtype", inputs.FLOATS, ids=str)
def test_the_other_dtypes_by_parts_are_as_a_whole(dtype, monkeypatch):
    from logitkit.backends import _delivery

    x = made((30, 70), dtype)
    ids, soft = classes(x), soft_targets(x.astype(np.float64))
    keep = np.random.default_rng(3).random(x.shape) < 0.8
    # Weights of probabilities would be added in another order.
    chosen = {"mask": keep, "weight": np.linspace(0.1, 2, 70), "label_smoothing": 0.1}
    chosen["normalizer"] = "count"
    want = lk.cross_entropy_with_grad(x, soft, **chosen)
    plain = lk.cross_entropy_with_grad(x, ids, **chosen)
    monkeypatch.setattr(_delivery, "_PART_ELEMENTS", 200)
    got = lk.cross_entropy_with_grad(x, soft, **chosen)
    assert equal(got, want)
    if dtype.name != "bfloat16":
        swapped = x.astype(dtype.newbyteorder())
        assert equal(lk.cross_entropy_with_grad(swapped, ids, **chosen), plain)


def test_nothing_of_the_size_of_the_scores_is_allocated():
    x = np.zeros((100, 5000), np.float32)
    soft, out = np.full_like(x, 1 / 5000), np.empty_like(x)
    weight = np.ones(5000)
    calls = [
        lambda: lk.cross_entropy(x, np.zeros(100, int), mask=np.ones(5000, bool)),
        lambda: lk.cross_entropy_with_grad(x, np.zeros(100, int), out=out, weight=weight),
        lambda: lk.cross_entropy_with_grad(x, np.zeros(100, int), out=out, label_smoothing=0.1),
        lambda: lk.cross_entropy_with_grad(x, soft, out=out, normalizer="count"),
    ]
    for call in calls:
        call()
        tracemalloc.start()
        try:
            call()
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
        assert peak < x.nbytes / 20


# 64 blocks are the most whose exponentials are rounded.
@pytest.mark.parametrize("length", [64 * 4096, 64 * 4096 + 1])
@pytest.mark.parametrize("dtype", ["f2", "f4"])
def test_the_longest_rounded_rows_have_the_same_bits_kept_and_computed_again(length, dtype):
    x = made((1, length), dtype)
    x[0, 5000:9000] -= 30
    targets = np.array([length // 3])
    grad = lk.cross_entropy_with_grad(x, targets)[1]
    in_place = x.copy()
    lk.cross_entropy_with_grad(in_place, targets, out=in_place)
    strided = np.empty((1, 2 * length), dtype)[:, ::2]
    lk.cross_entropy_with_grad(x, targets, out=strided)
    assert same_bits(in_place, grad) and same_bits(strided, grad)
    want = lk.softmax(x.astype("f8")) - np.eye(1, length, length // 3)
    unit = np.spacing(np.abs(want).astype(dtype)).astype("f8")
    assert np.max(np.abs(grad - want) / unit) < (3 if dtype == "f4" else 0.51)

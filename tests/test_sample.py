"""sample: draws that follow from seed, row and number, in the shares of the probabilities."""

import threading
import time

import inputs
import ml_dtypes
import numpy as np
import pytest
import sampling_rows
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import stats

import logitkit as lk
from logitkit import reference as ref
from logitkit.reference import sampling as ref_sampling

INF, NAN = np.inf, np.nan
RNG = np.random.default_rng(72)
MILLION = 10**6


def check(row, **options):
    """Compare draws with those of the reference."""
    got, want = lk.sample(row, **options), ref.sample(row, **options)
    assert np.asarray(got).dtype == np.int64
    np.testing.assert_array_equal(got, want)


@pytest.mark.parametrize("dtype", inputs.FLOATS, ids=str)
@pytest.mark.parametrize("length", sampling_rows.LENGTHS)
def test_is_that_of_the_reference(length, dtype):
    rng = np.random.default_rng(length)
    for row in sampling_rows.rows(length).values():
        x = sampling_rows.in_dtype(row, dtype)
        check(x, seed=length, size=20)
        check(x, seed=2**63 + 1, rows=2**40, size=20, **sampling_rows.choices(rng, length))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", sampling_rows.rows(1))
def test_is_that_of_the_reference_on_long_rows(isa, name, dtype):
    row = sampling_rows.in_dtype(sampling_rows.rows(20_000)[name], dtype)
    check(row, seed=5, size=50, **({} if isa == "generic" else {"top_p": 0.9}))


@pytest.mark.parametrize("filters", [{}, {"top_k": 2000}, {"top_p": 0.9}, {"min_p": 0.01}], ids=str)
@pytest.mark.parametrize("name", sampling_rows.long_rows())
def test_float_sums_draw_what_whole_numbers_draw(isa, name, filters):
    # Whole numbers alone serve for rows of float64. Of so many draws some are close to a bound.
    x = sampling_rows.long_rows()[name]
    for temperature in (1.0, 1.3):
        options = {"seed": 3, "size": 500, "temperature": temperature, **filters}
        np.testing.assert_array_equal(
            lk.sample(x, **options), lk.sample(x.astype(np.float64), **options)
        )


def test_float_sums_that_are_off_draw_what_whole_numbers_draw():
    # Float exponentials are too large by 4e-8 in one half and too small in the other: were their
    # sums taken for exact, one draw in a hundred would be another.
    scores = (np.arange(2000, 4000) / 2**14).astype(np.float32)
    exact = np.exp(scores.astype(np.float64))
    off = exact.astype(np.float32) / exact - 1
    x = np.repeat([scores[abs(off - by).argmin()] for by in (4e-8, -4e-8)], 2**19)
    options = {"seed": 7, "size": 5000}
    np.testing.assert_array_equal(
        lk.sample(x, **options), lk.sample(x.astype(np.float64), **options)
    )


@given(
    hnp.arrays(
        np.float64,
        st.tuples(st.integers(1, 4), st.integers(1, 30)),
        elements=st.sampled_from([0.0, -0.0, -INF, 40.0, 1 - 2.0**-53]) | st.floats(-5, 5),
    ),
    st.integers(0, 2**64 - 1),
    st.sampled_from([1.0, 0.5, 1e-9, 0.0, INF]),
    st.integers(0, 2**63 - 5),
)
def test_any_rows_give_the_draws_of_the_reference(x, seed, temperature, first):
    x[:, 0] = 1
    rows = first + np.arange(len(x))
    options = {"seed": seed, "temperature": temperature, "rows": rows, "top_p": 0.99}
    check(x, size=(2, 3), **options)


# ---- the random numbers -----------------------------------------------------------------------

# Random123's known answers of philox4x32-10: key, counter, words.
KNOWN = [
    ((0, 0), (0, 0, 0, 0), "6627e8d5 e169c58d bc57ac4c 9b00dbd8"),
    ((2**32 - 1,) * 2, (2**32 - 1,) * 4, "408f276d 41c83b0e a20bc7c6 6d5451fd"),
    (
        (0xA4093822, 0x299F31D0),
        (0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344),
        "d16cfe09 94fdcceb 5001e420 24126ea1",
    ),
]


@pytest.mark.parametrize(("key", "counter", "words"), KNOWN)
def test_the_reference_has_the_known_answers_of_philox(key, counter, words):
    assert " ".join(f"{word:08x}" for word in ref_sampling.philox(key, counter)) == words


@pytest.mark.parametrize("bits", [1, 8, 12, 13, 20])
def test_a_draw_from_equal_classes_shows_the_number_it_came_from(isa, bits):
    x = np.full(2**bits, 0.7, np.float32)
    for seed, row in ((0, 0), (0x299F31D0A4093822, 3), (2**64 - 1, 2**63 - 1)):
        want = [ref_sampling.uniform(seed, row, draw) >> (53 - bits) for draw in range(30)]
        assert lk.sample(x, seed=seed, rows=row, size=30).tolist() == want
    assert lk.sample(x, seed=0) == 0xE169C58D >> (32 - bits)


def test_seeds_rows_and_draws_differ():
    x = np.zeros((4, 2**16))
    drawn = [lk.sample(x, seed=seed, size=4).ravel() for seed in (0, 1, 2**32, 2**63)]
    assert len(np.unique(drawn)) > 60  # of 64; a chance of about 1 in 30 for one of them twice
    assert lk.sample(x, seed=0, size=4).tolist() == drawn[0].reshape(4, 4).tolist()


# ---- their shares -----------------------------------------------------------------------------

SHARES = {
    "even": [1] * 10,
    "steep": [2.0**-i for i in range(12)],
    "one of 1e-4": [1, 1e-4, 0.5],
    "random": RNG.exponential(size=50),
    "blocks": np.repeat(RNG.exponential(size=20), 500),
}


@pytest.mark.parametrize("name", SHARES)
def test_shares_are_the_probabilities(name):
    weights = np.array(SHARES[name], float)
    weights /= weights.sum()
    draws = MILLION if len(weights) < 4096 else MILLION // 10
    counts = np.bincount(lk.sample(np.log(weights), seed=11, size=draws), minlength=len(weights))
    if name == "blocks":
        counts, weights = (a.reshape(20, 500).sum(axis=1) for a in (counts, weights))
    assert stats.chisquare(counts, draws * weights).pvalue > 1e-4


def test_shares_are_the_probabilities_over_the_rows_of_a_batch():
    weights = np.array([0.1, 0.2, 0.3, 0.4])
    x = np.broadcast_to(np.log(weights).astype(np.float32), (MILLION, 4))
    assert stats.chisquare(np.bincount(lk.sample(x, seed=12)), MILLION * weights).pvalue > 1e-4


def test_shares_are_those_of_what_filters_leave():
    x = np.array([1.0, 3.0, 0.0, 2.0, 2.5])
    for options in (
        {"top_k": 3, "temperature": 2.0},
        {"top_p": 0.9},
        {"min_p": 0.2, "temperature": 0.5, "order": "llama.cpp"},
    ):
        p = lk.softmax(lk.filter_logits(x, **options))
        counts = np.bincount(lk.sample(x, seed=13, size=MILLION, **options), minlength=5)
        assert np.all(counts[p == 0] == 0)
        assert stats.chisquare(counts[p > 0], MILLION * p[p > 0]).pvalue > 1e-4


def test_more_classes_than_float32_has_steps():
    half = 2**23
    x = np.r_[np.full(half, np.log(2), np.float32), np.zeros(half + 64, np.float32)]
    drawn = lk.sample(x, seed=14, size=3000)
    share, sigma = np.mean(drawn >= half), np.sqrt(2 / 9 / 3000)
    assert abs(share - 1 / 3) < 4 * sigma
    assert abs(np.mean(drawn % 2) - 0.5) < 4 * np.sqrt(1 / 4 / 3000)
    assert len(np.unique(drawn)) > 2990


def test_a_class_of_probability_0_is_never_drawn(isa):
    for length in (2, 600, 5000, 20_000):
        for low in (-INF, -57.0, -1e300):
            x = np.full(length, low)
            x[length // 2] = 0
            assert np.all(lk.sample(x, seed=15, size=500) == length // 2)
    x = np.where(np.arange(5000) % 3, 0, -INF)
    for temperature in (1.0, 0.01, 1e300, INF):
        assert np.all(lk.sample(x, seed=16, size=3000, temperature=temperature) % 3)
    masked = np.ma.array(np.where(x < 0, 1e308, x), mask=x < 0)
    assert np.array_equal(lk.sample(masked, seed=16, size=50), lk.sample(x, seed=16, size=50))


# ---- what a draw does not depend on -----------------------------------------------------------

OPTIONS = {"seed": 21, "temperature": 0.8, "top_k": 500, "top_p": 0.95, "size": 7}


@pytest.mark.parametrize("shape", [(12, 30), (12, 700), (12, 5000)])
def test_a_draw_is_the_same_in_any_part_of_a_batch(isa, shape):
    x = 3 * RNG.normal(size=shape)
    whole = lk.sample(x, **OPTIONS)
    for point in range(1, 12):
        parts = [
            lk.sample(x[:point], **OPTIONS),
            lk.sample(x[point:], rows=np.arange(point, 12), **OPTIONS),
        ]
        assert np.array_equal(np.concatenate(parts, axis=1), whole)
        assert np.array_equal(lk.sample(x[point], rows=point, **OPTIONS), whole[:, point])
    order = RNG.permutation(12)
    assert np.array_equal(lk.sample(x[order], rows=order, **OPTIONS), whole[:, order])
    few = lk.sample(x, **OPTIONS | {"size": 3})
    assert np.array_equal(few, whole[:3])
    assert np.array_equal(lk.sample(x, **OPTIONS | {"size": None}), whole[0])


def test_neither_threads_nor_instruction_sets_change_a_draw(isa, threads):
    x = np.round(3 * np.random.default_rng(4).normal(size=(60, 3000)), 1).astype(np.float32)
    got = lk.sample(x, **OPTIONS)
    assert np.array_equal(got[:, 17], ref.sample(x[17], rows=17, **OPTIONS))
    with lk.num_threads(1):
        assert np.array_equal(lk.sample(x, **OPTIONS), got)
        assert np.array_equal(lk.sample(x.T, axis=0, **OPTIONS), got)


@pytest.mark.parametrize(
    "dtype", [*inputs.FLOATS, *map(np.dtype, ("i1", "u2", "i8", ">f4", ">i8", ">f2"))], ids=str
)
def test_neither_dtype_nor_layout_nor_axis_change_a_draw(dtype):
    x = RNG.integers(0, 9, (3, 5, 70))
    want = lk.sample(x.astype(float), **OPTIONS)
    a = x.astype(dtype)
    for view in (
        np.asfortranarray(a),
        a[::-1, :, ::-1].copy()[::-1, :, ::-1],
        np.repeat(a, 2, axis=-1)[..., ::2],
    ):
        assert np.array_equal(lk.sample(view, **OPTIONS), want)
    moved = np.moveaxis(a, -1, 0).copy()
    assert np.array_equal(lk.sample(moved, axis=0, **OPTIONS), want)
    together = lk.sample(a, axis=(1, 2), **OPTIONS)
    assert np.array_equal(together, lk.sample(a.reshape(3, 350), **OPTIONS))
    assert together.shape == (7, 3)
    outer = lk.sample(a, axis=(0, 2), **OPTIONS)
    flat = a.transpose(1, 0, 2).reshape(5, 210)
    assert np.array_equal(outer, lk.sample(flat, **OPTIONS))
    assert np.array_equal(lk.sample(a, axis=None, **OPTIONS), lk.sample(a.reshape(-1), **OPTIONS))


def test_each_row_has_its_temperature_and_its_number():
    x = RNG.normal(size=(3, 4, 50))
    t, rows = RNG.uniform(0, 2, (3, 4)), RNG.integers(0, 2**62, (3, 4))
    t[0, 0], t[1, 1] = 0, INF
    got = lk.sample(x, seed=3, temperature=t, rows=rows, size=5, top_p=0.8)
    for at in np.ndindex(3, 4):
        one = lk.sample(x[at], seed=3, temperature=t[at], rows=rows[at], size=5, top_p=0.8)
        assert np.array_equal(got[:, *at], one)
    one_row = lk.sample(x, seed=3, rows=rows[:1], size=5)
    assert np.array_equal(one_row, lk.sample(x, seed=3, rows=np.tile(rows[:1], (3, 1)), size=5))
    columns = lk.sample(x, seed=3, rows=rows[..., None], size=5)
    assert np.array_equal(columns, lk.sample(x, seed=3, rows=rows, size=5))


def test_bfloat16_is_drawn_from_as_float32():
    x = RNG.normal(size=(5, 600)).astype(ml_dtypes.bfloat16)
    want = lk.sample(x.astype(np.float32), **OPTIONS)
    assert np.array_equal(lk.sample(x, **OPTIONS), want)


def test_a_small_stack_is_enough():
    x, done = RNG.normal(size=(3, 5000)), []
    before = threading.stack_size(128 * 1024)
    try:
        thread = threading.Thread(
            target=lambda: done.append(lk.sample(x, seed=1, top_k=3000, top_p=0.9, size=4))
        )
        thread.start()
        thread.join()
    finally:
        threading.stack_size(before)
    assert np.array_equal(done[0], lk.sample(x, seed=1, top_k=3000, top_p=0.9, size=4))


def test_many_draws_let_another_thread_work():
    x, gaps = np.arange(10.0), []

    def watch():
        last = time.monotonic()
        while not done.is_set():
            time.sleep(0.001)
            gaps.append(time.monotonic() - last)
            last = time.monotonic()

    done = threading.Event()
    thread = threading.Thread(target=watch)
    thread.start()
    lk.sample(x, seed=1, size=3 * MILLION)
    done.set()
    thread.join()
    assert len(gaps) > 10

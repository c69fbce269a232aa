"""filter_logits: what a sort would keep, without the sort; what is kept stays as it is."""

import tracemalloc

import inputs
import numpy as np
import pytest
import sampling_rows
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from kernel_calls import same_bits

import logitkit as lk
from logitkit import reference as ref

INF, NAN = np.inf, np.nan
RNG = np.random.default_rng(71)
FILTERS = ("temperature", "top_k", "top_p", "min_p")


def check(row, **options):
    """Compare with the reference, bit for bit."""
    got, want = lk.filter_logits(row, **options), sampling_rows.filtered(row, **options)
    assert same_bits(got, want), (options, np.flatnonzero(got != want)[:5])


@pytest.mark.parametrize("dtype", inputs.FLOATS, ids=str)
@pytest.mark.parametrize("length", sampling_rows.LENGTHS)
def test_has_the_bits_of_the_reference(length, dtype):
    rng = np.random.default_rng(length)
    for row in sampling_rows.rows(length).values():
        for _ in range(3 if length < 4000 else 1):
            check(sampling_rows.in_dtype(row, dtype), **sampling_rows.choices(rng, length))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", sampling_rows.rows(1))
def test_has_the_bits_of_the_reference_on_long_rows(isa, name, dtype):
    row = sampling_rows.in_dtype(sampling_rows.rows(20_000)[name], dtype)
    options = {"top_k": 300} if isa == "generic" else {"top_p": 0.9}
    check(row, **options)
    check(row, temperature=0.7, top_k=5000, top_p=0.5, order="llama.cpp")


LONG = sampling_rows.long_rows()


@pytest.mark.parametrize("temperature", [1.0, 0.7])
@pytest.mark.parametrize("name", LONG)
def test_float_sums_keep_what_whole_numbers_keep(isa, name, temperature):
    # Whole numbers alone serve for rows of float64. An end on an element is where floats are off.
    x = LONG[name]
    wide = x.astype(np.float64)
    p = np.sort(lk.softmax(wide, temperature=temperature))[::-1].cumsum()
    shares = [*p[RNG.integers(0, len(p), 3 if isa == "generic" else 20)], 0.5, 0.999]
    for share in np.minimum(shares, 1 - 2.0**-53):
        options = {"temperature": temperature, "top_p": float(share)}
        np.testing.assert_array_equal(
            lk.filter_logits(x, **options) > -INF, lk.filter_logits(wide, **options) > -INF
        )
    for k in RNG.integers(1, len(x), 2):
        np.testing.assert_array_equal(
            lk.filter_logits(x, top_k=k) > -INF, lk.filter_logits(wide, top_k=k) > -INF
        )


@pytest.mark.parametrize("name", sampling_rows.misleading_rows())
def test_a_wrong_guess_changes_nothing(isa, name):
    x = sampling_rows.misleading_rows()[name]
    wide = x.astype(np.float64)
    falling = np.sort(lk.softmax(wide))[::-1].cumsum()
    ends = [1, 399, 400, 401, 402, 1000, 1001, 3000, 4095]
    options = [{"top_k": k} for k in ends]
    options += [
        {"top_p": (falling[k - 1] + falling[k - 2 + i]) / 2} for k in ends[1:] for i in (0, 2)
    ]
    for one in options:
        np.testing.assert_array_equal(
            lk.filter_logits(x, **one) > -INF, lk.filter_logits(wide, **one) > -INF, str(one)
        )


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32"])
@pytest.mark.parametrize("name", LONG)
def test_float_sums_of_halves_and_of_masked_rows(isa, name, dtype, masked):
    x = LONG[name].astype(dtype)
    wide = x.astype(np.float64)
    if masked:
        out = RNG.random(len(x)) < 0.3
        x, wide = np.ma.masked_array(x, out), np.ma.masked_array(wide, out)
    for filters in ({"top_p": 0.9}, {"top_k": 300, "top_p": 0.8}, {"min_p": 0.1, "top_p": 0.7}):
        np.testing.assert_array_equal(
            lk.filter_logits(x, **filters) > -INF, lk.filter_logits(wide, **filters) > -INF
        )
        np.testing.assert_array_equal(
            lk.sample(x, seed=1, size=20, **filters), lk.sample(wide, seed=1, size=20, **filters)
        )


HARD = st.sampled_from([0.0, -0.0, 1.0, -INF, 5e-324, -5e-324, 1.79e308, -1.79e308, 1 - 2.0**-53])
SHARES = st.sampled_from([0.0, 2.0**-60, 0.1, 0.25, 0.5, 0.9, 1 - 2.0**-53, 1.0])


@given(
    hnp.arrays(np.float64, st.integers(1, 40), elements=HARD | st.floats(-3, 3, width=16)),
    st.fixed_dictionaries(
        {"order": st.permutations(FILTERS), "temperature": st.sampled_from([1.0, 0.3, 1e-310, 0])},
        optional={"top_k": st.integers(0, 45), "top_p": SHARES, "min_p": st.just(0.01)},
    ),
    st.integers(0, 3),
)
def test_any_row_is_filtered_as_the_reference_says(row, options, repeats):
    # Repeated it is longer than what is searched at once.
    check(np.tile(row, 1 + 13 * repeats), **options)


def by_sorting(row, k, p, least, temperature, order):
    """Return which elements are kept, by a stable sort and sums of float64."""
    left = np.argsort(-row, kind="stable")
    scores = row.astype(float)
    for name in order:
        weights = np.exp(scores[left] - scores[left[0]])
        if name == "temperature":
            scores = scores / temperature
        elif name == "top_k":
            left = left[:k]
        elif name == "top_p":
            sums = np.cumsum(weights)
            left = left[: 1 + np.searchsorted(sums, p * sums[-1])]
        else:
            left = left[weights >= least]
    return np.sort(left)


@pytest.mark.parametrize("order", [FILTERS, (*FILTERS[1:], "temperature"), FILTERS[::-1]])
@pytest.mark.parametrize("length", [1, 9, 300, 5000])
def test_is_what_a_sort_keeps(length, order):
    for scale in (0.5, 3):
        row = np.round(scale * RNG.normal(size=length), 1 + (length < 5000))
        for k, p, least, t in ((7, 0.9, 1e-3, 0.7), (1000, 0.613, 1e-4, 1.7), (40, 0.99, 0.11, 1)):
            left = lk.filter_logits(row, temperature=t, top_k=k, top_p=p, min_p=least, order=order)
            kept = np.flatnonzero(left > -INF)
            assert kept.tolist() == by_sorting(row, k, p, least, t, order).tolist()
            assert same_bits(left[kept], row[kept] / t)


@pytest.mark.parametrize("dtype", inputs.FLOATS, ids=str)
def test_masses_that_are_exact_end_where_they_reach_p(isa, dtype):
    for length in (2, 4, 10, 600, 1024, 5000):
        x = np.full(length, 2, dtype)
        for count in {1, 2, length // 2, length - 1, length}:
            for p in (count / length, np.nextafter(count / length, 0)):
                kept = lk.filter_logits(x, top_p=p) > -INF
                assert np.flatnonzero(kept).tolist() == list(range(count))
            kept = lk.filter_logits(x, top_p=min(1, np.nextafter(count / length, 1))) > -INF
            assert kept.sum() == min(count + 1, length)


def test_the_orders_of_transformers_and_of_llama_cpp_differ():
    x = np.array([3.0, 2.0, 1.0])
    options = {"temperature": 0.5, "top_p": 0.8}
    assert lk.filter_logits(x, **options).tolist() == [6, -INF, -INF]
    assert lk.filter_logits(x, **options, order="llama.cpp").tolist() == [6, 4, -INF]


def test_each_row_has_its_temperature(isa):
    x = 3 * RNG.normal(size=(5, 700))
    t = np.array([0.0, 0.5, 1.0, 2.0, INF])
    for order in sampling_rows.ORDERS:
        options = {"top_p": 0.8, "top_k": 100, "order": order}
        got = lk.filter_logits(x, temperature=t, **options)
        for i in range(5):
            assert same_bits(got[i], lk.filter_logits(x[i], temperature=t[i], **options))
        columns = lk.filter_logits(x.T.copy(), temperature=t, axis=0, **options)
        assert same_bits(columns.T, got)


@pytest.mark.parametrize("dtype", inputs.FLOATS, ids=str)
def test_what_is_kept_at_temperature_1_keeps_its_bits(isa, dtype):
    for row in sampling_rows.rows(600).values():
        x = sampling_rows.in_dtype(row, dtype)
        x[:2] = -0.0, 0.0
        before = x.copy()
        for options in ({}, {"top_k": 300}, {"top_p": 0.7}, {"min_p": 0.1}):
            left = lk.filter_logits(x, **options)
            kept = left > -INF
            assert kept.any()
            assert same_bits(left[kept], x[kept])
        assert same_bits(lk.filter_logits(x), x)
        assert same_bits(x, before)


@pytest.mark.parametrize("length", [5, 513, 4097])
def test_filtering_twice_is_filtering_once(length):
    for row in sampling_rows.rows(length).values():
        for options in ({"top_k": 40}, {"min_p": 0.2}, {"top_k": 0, "top_p": 0.0}):
            once = lk.filter_logits(row, **options)
            assert same_bits(lk.filter_logits(once, **options), once)


def test_top_k_leaves_k_probabilities():
    for length in (1, 16, 600, 5000):
        for name in ("normal", "ties", "all equal"):
            for k in (1, 7, length // 2 + 1, length + 1):
                left = lk.filter_logits(sampling_rows.rows(length)[name], top_k=k)
                assert np.count_nonzero(lk.softmax(left)) == min(k, length)
                ids = lk.top_k(sampling_rows.rows(length)[name], k).ids
                assert np.flatnonzero(left > -INF).tolist() == sorted(ids.tolist())


@pytest.mark.parametrize("length", [3, 700, 5000])
def test_what_is_masked_counts_for_nothing(length):
    x = 2 * RNG.normal(size=(2, length))
    keep = RNG.random(x.shape) < 0.6
    keep[:, 0] = True
    options = {"temperature": 0.8, "top_p": 0.7, "top_k": length // 2 + 1}
    want = lk.filter_logits(np.where(keep, x, -INF), **options)
    for loud in (NAN, INF, 1e308):
        masked = np.ma.array(np.where(keep, x, loud), mask=~keep)
        assert same_bits(lk.filter_logits(masked, **options), want)
    with np.errstate(invalid="ignore"):
        assert np.all(np.isneginf(want) | keep)


def test_an_infinite_temperature_goes_by_the_index(isa):
    for length in (7, 600, 5000):
        x = RNG.normal(size=length)
        x[::3] = -INF
        places = np.flatnonzero(x > -INF)
        for options, count in (
            ({}, len(places)),
            ({"top_k": 3}, 3),
            ({"top_p": 0.5}, (len(places) + 1) // 2),
        ):
            left = lk.filter_logits(x, temperature=INF, **options)
            assert np.flatnonzero(left > -INF).tolist() == places[:count].tolist()
            assert not np.isnan(left).any()
            assert np.all(left[left > -INF] == 0)


@pytest.mark.parametrize("temperature", [0.0, 1.0, 0.3, INF])
def test_a_row_with_nan_or_infinity_is_nan_and_no_other(isa, temperature):
    x = RNG.normal(size=(4, 5000))
    x[0, 4999], x[2, 17], x[3] = NAN, INF, -INF
    options = {"temperature": temperature, "top_k": 9, "top_p": 0.9}
    got = lk.filter_logits(x, **options)
    assert np.isnan(got[[0, 2]]).all()
    assert np.all(got[3] == -INF)
    assert same_bits(got[1], lk.filter_logits(x[1], **options))


def test_neither_threads_nor_instruction_sets_nor_batches_change_a_bit(isa, threads):
    x = np.round(3 * RNG.normal(size=(40, 3000)), 1).astype(np.float32)
    options = {"temperature": 0.8, "top_k": 900, "top_p": 0.95, "min_p": 1e-4}
    got = lk.filter_logits(x, **options)
    assert same_bits(got[17], sampling_rows.filtered(x[17], **options))
    with lk.num_threads(1):
        assert same_bits(lk.filter_logits(x[5:30], **options), got[5:30])
        assert same_bits(lk.filter_logits(x.T, axis=0, **options), got.T)
    assert same_bits(lk.filter_logits(x.astype(float), top_p=0.9) > -INF, ref_kept(x, 0.9))


def ref_kept(x, p):
    return np.array([ref.filter_logits(row, top_p=p) > -INF for row in x])


def test_nothing_but_the_result_is_allocated():
    x = RNG.normal(size=(20, 50_000)).astype(np.float32)
    tracemalloc.start()
    try:
        lk.filter_logits(x, top_k=40, top_p=0.9, min_p=0.01)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 1.05 * x.nbytes

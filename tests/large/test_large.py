"""More than 2^31 elements: each index is a 64-bit number.

The arrays are sparse temporary files mapped into memory, for what is mapped can be given back. Run
by `make test-large`; needs up to 13 GB of memory, 4 of them of the files, and 9 GB on the disk for
the time of the run.
"""

import math
import tempfile
from contextlib import ExitStack

import numpy as np
import pytest

import logitkit as lk
from logitkit.reference.sampling import uniform

pytestmark = [pytest.mark.large, pytest.mark.timeout(3600)]

BEYOND = 2**31
LONG = BEYOND + 16
PIECE = 2**26  # elements looked at at a time


@pytest.fixture
def mapped(tmp_path):
    """Make arrays of zeros that take no room until they are written."""
    with ExitStack() as files:

        def make(shape, dtype):
            file = files.enter_context(tempfile.TemporaryFile(dir=tmp_path))
            file.truncate(math.prod(shape) * np.dtype(dtype).itemsize)
            return np.memmap(file, dtype, "r+", shape=shape)

        yield make


def sum_and_counts(row, *values):
    """Return the sum in float64, and how often each of these values occurs, piece by piece."""
    total, counts = 0.0, [0] * len(values)
    for start in range(0, len(row), PIECE):
        piece = row[start : start + PIECE]
        total += float(piece.sum(dtype=np.float64))
        counts = [n + int((piece == v).sum()) for n, v in zip(counts, values, strict=True)]
    return total, counts


def test_a_row_of_equal_scores_longer_than_2_31_is_exactly_uniform(mapped):
    row = mapped((LONG,), np.float32)
    assert lk.softmax(row, out=row) is row
    total, (count,) = sum_and_counts(row, np.float32(1 / LONG))
    assert count == LONG
    assert total == pytest.approx(1, abs=2.0**-24)


@pytest.mark.parametrize("place", [-3, BEYOND, BEYOND - 1, 5])
def test_one_large_score_is_seen_wherever_it_stands(mapped, place):
    row = mapped((LONG,), np.float32)
    row[place] = 20
    # The others sum to 2^31 and a little, the large one to e^20, a fifth of it.
    total = LONG - 1 + math.exp(20)
    logarithm = math.log(total)
    got = lk.logsumexp(row)
    assert abs(got - logarithm) <= np.spacing(np.float32(logarithm))
    # In nats: what is certain is told by the large one, the rest is spread evenly.
    entropy = logarithm - 20 * math.exp(20 - logarithm)
    assert lk.entropy(row) == pytest.approx(entropy, rel=2.0**-22)


def test_one_large_score_at_the_far_end_takes_its_share_of_a_long_row(mapped):
    row = mapped((LONG,), np.float32)
    row[-3] = 20
    total = LONG - 1 + math.exp(20)
    lk.softmax(row, out=row)
    few, much = row[0], row[-3]
    for probability, right in ((few, 1 / total), (much, math.exp(20) / total)):
        assert abs(float(probability) - right) <= 3 * np.spacing(np.float32(right))
    for place in (1, BEYOND - 1, BEYOND, BEYOND + 1, LONG - 4, LONG - 2, LONG - 1):
        assert row[place] == few
    summed, counts = sum_and_counts(row, few, much)
    assert counts == [LONG - 1, 1]
    assert summed == pytest.approx(1, abs=2.0**-22)


def test_a_float16_row_longer_than_2_31_is_reduced(mapped):
    row = mapped((LONG,), np.float16)
    assert lk.logsumexp(row, dtype=np.float32) == np.float32(math.log(LONG))
    row[-3] = 20
    right = np.float32(math.log(LONG - 1 + math.exp(20)))
    assert abs(lk.logsumexp(row, dtype=np.float32) - right) <= np.spacing(right)


@pytest.mark.parametrize("place", ["in place", "into another map"])
def test_a_float16_row_longer_than_2_31_is_normalised(mapped, place):
    row = mapped((LONG,), np.float16)
    out = row if place == "in place" else mapped((LONG,), np.float16)
    out.fill(7)  # no probability
    row.fill(-np.inf)
    scores = {5: 40, BEYOND - 1: 39, BEYOND: 38, LONG - 3: 40.5}
    for index, score in scores.items():
        row[index] = score
    assert lk.softmax(row, out=out) is out
    total = sum(map(math.exp, scores.values()))
    for index, score in scores.items():
        assert out[index] == np.float16(math.exp(score) / total)
    summed, (zeros,) = sum_and_counts(out, 0)
    assert zeros == LONG - len(scores)
    assert summed == pytest.approx(1, abs=2.0**-11)


@pytest.mark.parametrize("dtype", [np.int8, np.float16])
def test_rows_beyond_2_31_elements_are_reduced_each_by_itself(mapped, dtype):
    x = mapped((2**20 + 1, 2048), dtype)
    assert x.size > BEYOND
    x[-1, -1] = 100
    got = lk.logsumexp(x)
    assert np.unique(got[:-1]).tolist() == [got.dtype.type(math.log(2048))]
    assert got[-1] == 100


def test_columns_of_an_array_of_more_than_2_31_elements_are_reduced(mapped):
    x = mapped((2**20 + 1, 2048), np.int8)
    x[-1, -1] = 100
    got = lk.logsumexp(x, axis=0)
    assert np.unique(got[:-1]).tolist() == [np.float32(math.log(2**20 + 1))]
    assert got[-1] == 100


def test_rows_beyond_2_31_elements_are_normalised_into_a_mapped_result(mapped):
    x, out = mapped((2**20 + 1, 2048), np.float16), mapped((2**20 + 1, 2048), np.float16)
    x[-1, -1] = 20
    lk.softmax(x, out=out)
    _, (count,) = sum_and_counts(out.reshape(-1), np.float16(1 / 2048))
    assert count == (len(x) - 1) * 2048
    assert out[-1, -1] == np.float16(math.exp(20) / (2047 + math.exp(20)))


def test_draws_come_from_all_of_a_row_longer_than_2_31(mapped):
    row = mapped((LONG,), np.int8)
    drawn = lk.sample(row, seed=3, size=20, temperature=math.inf)
    assert drawn.tolist() == [uniform(3, 0, draw) * LONG >> 53 for draw in range(20)]
    row[-3] = 20
    assert lk.sample(row, seed=3, top_k=1) == LONG - 3
    # Of equals the lowest index is kept; at the temperature that comes last both weigh the same.
    two = {"top_k": 2, "order": "llama.cpp", "temperature": math.inf}
    assert set(lk.sample(row, seed=3, size=20, **two).tolist()) == {0, LONG - 3}

"""The words of `explain` for special scores: impossible classes, ties, NaN, temperature 0, inf."""

import math

import numpy as np
import pytest
from explanations import column, note

from logitkit import explain
from logitkit.explanation.sentence import percent

INF, NAN = math.inf, math.nan


def test_impossible_class():
    e = explain([1.0, -INF, 2.0], labels=["a", "b", "c"])
    assert e.sentence == "most likely c (73 %), then a (27 %)"
    assert note(e, "b is impossible")
    assert e.steps[1].probability == 0 and e.steps[1].log_probability == -INF
    assert e.steps[1].rank == 3
    assert e.naive.works
    assert note(explain([1.0, -INF, -INF, 0.0]), "class 1 and class 2 are impossible")
    e = explain([1.0, -INF], labels=["a", "b"])
    assert e.sentence == "always a (100 %): every other class is impossible"


@pytest.mark.parametrize("t", [0, 1, INF])
@pytest.mark.parametrize(
    ("x", "why", "stable"),
    [
        ([1, NAN], "the score of class 1 is NaN, and each probability", "neither below nor above"),
        ([NAN, INF], "the score of class 0 is NaN, and each probability", "neither below nor"),
        ([1, INF, 2], "the score of class 1 is +inf, and inf / inf has no value", "inf - inf"),
        ([-INF, -INF], "every score is -inf, so the sum", "-inf - (-inf) = NaN"),
    ],
)
def test_undefined(x, t, why, stable):
    e = explain(x, temperature=t)
    assert e.sentence.startswith(f"softmax is undefined here: {why}")
    assert stable in note(e, "stable: undefined")
    assert all(map(math.isnan, column(e, "probability")))
    assert set(column(e, "rank")) == {None}
    assert not e.stable.works and not e.naive.works
    assert "exp" not in {f.step for f in e.naive.failures}  # it is not exp that fails here
    for view in (str(e), e.to_markdown(), e._repr_html_()):
        assert "NaN" in view


def test_one_class():
    e = explain([-3.0], labels=["only"])
    assert e.sentence == "always only (100 %): the only class has probability 1"
    assert e.steps[0].probability == 1 and e.steps[0].log_probability == 0


@pytest.mark.parametrize(
    ("x", "sentence"),
    [
        ([1, 1], "class 0 and class 1 are equally likely (50 % each)"),
        ([0, 0, 0, 0, 0], "5 classes are equally likely (20 % each)"),
        ([1, 1, 0], "class 0 and class 1 are equally likely (42 % each), then class 2 (16 %)"),
        ([2, 1, 1], "most likely class 0 (58 %), then class 1 and class 2 (21 % each)"),
    ],
)
def test_ties(x, sentence):
    e = explain(x)
    assert e.sentence == sentence
    tied = [n for n in e.notes if "tie: equal scores have equal probabilities" in n]
    assert bool(tied) == (x[0] == x[1])


def test_temperature_zero():
    e = explain([-1.0, 3.0, 3.0], labels=["a", "b", "c"], temperature=0)
    assert e.sentence == "always b (100 %): temperature 0 takes the largest score"
    assert column(e, "probability") == [0, 1, 0]
    assert column(e, "shifted") == [-INF, 0, -INF]
    assert column(e, "scaled") == [None] * 3
    assert e.stable.total == 1
    assert note(e, "temperature 0 is the limit")
    assert note(e, "b and c tie for the largest score; at temperature 0 the first one wins")
    assert not [n for n in explain([1, 2], temperature=0).notes if "tie" in n]


def test_temperature_inf():
    e = explain([1.0, 900.0, -INF], temperature=INF)
    assert e.sentence == "class 0 and class 1 are equally likely (50 % each)"
    assert column(e, "probability") == [0.5, 0.5, 0]
    assert column(e, "shifted") == [0, 0, -INF]
    assert column(e, "scaled") == [0, 0, -INF]
    assert note(e, "temperature inf is the limit")


@pytest.mark.parametrize(
    ("x", "t", "words"),
    [
        ([0.0, 0.0], 1, ["50 %", "50 %"]),
        ([9.0, 0.0], 1, ["99.988 %", "0.012 %"]),
        ([3.5, 0.0], 1, ["97 %", "3 %"]),
        ([40.0, 0.0], 1, ["more than 99.9999 %", "less than 0.0001 %"]),
        ([2000.0, 0.0], 1, ["100 %", "less than 0.0001 %"]),  # 1 - p is below every float64
        ([4.0, 0.0], 0, ["100 %", "0 %"]),
        (np.float16([9, 0]), 1, ["99.988 %", "0.012 %"]),
    ],
)
def test_percent_is_100_only_when_it_is(x, t, words):
    assert [percent(s) for s in explain(x, temperature=t).steps] == words

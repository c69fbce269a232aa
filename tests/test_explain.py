"""`explain`: the worked numbers, the words for each special case, and every view."""

import io
import json
import math
import subprocess
import sys
import warnings
from html.parser import HTMLParser

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import logitkit
from logitkit import explain, reference
from logitkit.explanation.naive import exp_range
from logitkit.explanation.sentence import percent

INF, NAN = math.inf, math.nan
FRUIT = ["apple", "orange", "banana", "avocado"]
SCORES = [1.5, 2.2, -0.3, 0.8]


@pytest.fixture(autouse=True)
def no_warnings():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


@pytest.fixture
def fruit():
    return explain(SCORES, labels=FRUIT)


def column(e, name):
    return [getattr(step, name) for step in e.steps]


def note(e, start):
    (found,) = [n for n in e.notes if n.startswith(start)]
    return found


# ---- the reference example ------------------------------------------------------------------


def test_the_reference_example(fruit):
    assert fruit.sentence == "most likely orange (55 %), then apple (27 %)"
    assert [f"{v:.2f}" for v in fruit.naive.exponentials] == ["4.48", "9.03", "0.74", "2.23"]
    assert f"{fruit.naive.total:.2f}" == "16.47"
    assert [f"{v:.2f}" for v in fruit.naive.quotients] == ["0.27", "0.55", "0.04", "0.14"]
    assert [f"{v:.2f}" for v in column(fruit, "probability")] == ["0.27", "0.55", "0.04", "0.14"]
    assert column(fruit, "label") == FRUIT
    assert column(fruit, "logit") == SCORES
    assert column(fruit, "scaled") == SCORES
    assert fruit.maximum == 2.2
    np.testing.assert_allclose(column(fruit, "shifted"), [-0.7, 0, -2.5, -1.4], rtol=1e-14)
    np.testing.assert_allclose(
        column(fruit, "exponential"), np.exp([-0.7, 0, -2.5, -1.4]), rtol=1e-14
    )
    np.testing.assert_allclose(fruit.stable.total, np.exp([-0.7, 0, -2.5, -1.4]).sum(), rtol=1e-14)
    np.testing.assert_allclose(
        column(fruit, "percent"), 100 * reference.softmax(SCORES), rtol=1e-14
    )
    np.testing.assert_allclose(
        column(fruit, "log_probability"), reference.log_softmax(SCORES), rtol=1e-14
    )
    assert column(fruit, "rank") == [2, 1, 4, 3]
    assert fruit.naive.works and fruit.stable.works


def test_the_reference_example_in_print(fruit):
    lines = str(fruit).splitlines()
    cells = {line.split()[0]: line.split()[1:] for line in lines if line}
    assert cells["apple"][:3] == ["1.5", "4.48", "0.27"]
    assert cells["orange"][:3] == ["2.2", "9.03", "0.55"]
    assert cells["banana"][:3] == ["-0.3", "0.74", "0.04"]
    assert cells["avocado"][:3] == ["0.8", "2.23", "0.14"]
    assert cells["sum"][:2] == ["16.47", "1.00"]
    assert "most likely orange (55 %), then apple (27 %)" in lines


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_probabilities_are_those_of_the_library(dtype):
    x = np.array([3, -2, 0.25, 7], dtype=dtype)
    e = explain(x, temperature=1.5)
    assert e.dtype == e.naive.dtype == np.dtype(dtype).name
    p = logitkit.softmax(x, temperature=1.5)
    assert p.dtype == dtype
    assert column(e, "probability") == list(e.stable.quotients) == p.tolist()
    assert column(e, "log_probability") == logitkit.log_softmax(x, temperature=1.5).tolist()
    z = x / dtype(1.5)
    assert list(e.naive.exponentials) == np.exp(z).tolist()
    assert list(e.naive.quotients) == (np.exp(z) / np.exp(z).sum()).tolist()


@pytest.mark.parametrize(
    ("x", "dtype"),
    [
        ([1, 2], "float64"),
        ([1.0, 2.0], "float64"),
        (np.uint8([1, 2]), "float32"),
        (np.int16([1, 2]), "float32"),
        (np.int32([1, 2]), "float64"),
        ([True, False], "float32"),
        (np.array([1, 2], dtype=">f4"), "float32"),
        (np.arange(4.0)[::-2], "float64"),
        (5, "float64"),
    ],
)
def test_dtypes(x, dtype):
    e = explain(x)
    assert e.dtype == dtype
    np.testing.assert_allclose(
        column(e, "probability"), np.atleast_1d(reference.softmax(x)), rtol=1e-6
    )


@given(st.lists(st.floats(-50, 50), min_size=1, max_size=8), st.floats(0.1, 10))
def test_the_steps_follow_from_each_other(x, t):
    e = explain(x, temperature=t)
    z = np.array(x)
    np.testing.assert_allclose(column(e, "scaled"), z / t, rtol=1e-15)
    np.testing.assert_allclose(column(e, "shifted"), (z - z.max()) / t, rtol=1e-15)
    np.testing.assert_allclose(column(e, "exponential"), np.exp(column(e, "shifted")), rtol=1e-15)
    # The rounding of a shifted score, half an ULP of it, is a relative error of its exponential.
    p = np.array(column(e, "probability"))
    bound = np.finfo(float).eps * (4 + np.abs(column(e, "shifted"))) * p + 1e-323
    assert np.all(np.abs(np.array(column(e, "exponential")) / e.stable.total - p) <= bound)
    assert column(e, "rank") == [1 + sum(other > v for other in x) for v in x]
    assert e.sentence and all(e.notes) and str(e)


# ---- the naive way --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("dtype", "x", "limit"),
    [("float64", 1000, "709.78"), ("float32", 100, "88.72"), ("float16", 12, "11.09")],
)
def test_an_overflow_is_named_with_dtype_class_and_reason(dtype, x, limit):
    e = explain(np.array([0, x, x + 1], dtype=dtype))
    first, second = e.naive.failures
    assert (first.step, first.index, first.label, first.dtype) == ("exp", 1, "class 1", dtype)
    assert first.message == f"exp({x}) = inf: {dtype} holds exp(x) up to x = {limit}"
    assert (second.step, second.message) == ("quotient", "inf / inf = NaN")
    assert not e.naive.works and e.stable.works
    assert note(e, "naive").startswith(f"naive: fails, {first.message} (at class 1 and 1 more)")
    assert e.naive.exponentials[1:] == (INF, INF)
    assert all(map(math.isfinite, column(e, "probability")))


@pytest.mark.parametrize(
    ("x", "top"),
    [
        (np.float64([709, 709.5]), "1.7977e+308"),
        (np.float32([88, 88.5]), "3.4028e+38"),
        (np.float16([11, 11]), "65504"),
    ],
)
def test_a_sum_overflows_though_no_exponential_does(x, top):
    e = explain(x)
    assert all(map(math.isfinite, e.naive.exponentials))
    first, second = e.naive.failures
    assert first.step == "sum" and first.index is None
    assert first.message.endswith(f"{x.dtype.name} holds numbers up to {top}")
    assert second.message == "a number / inf = 0, so every quotient is 0"
    assert set(e.naive.quotients) == {0}
    assert math.isclose(sum(column(e, "probability")), 1, rel_tol=1e-3)


@pytest.mark.parametrize(
    ("dtype", "x", "limit"),
    [("float64", -800, "-745.13"), ("float32", -200, "-103.97"), ("float16", -20, "-17.33")],
)
def test_an_underflow_is_named(dtype, x, limit):
    e = explain(np.array([x - 1, x], dtype=dtype))
    first, second = e.naive.failures
    assert (first.step, first.index) == ("exp", 1)
    assert first.message == f"exp({x}) = 0: in {dtype} exp(x) is 0 below x = {limit}"
    assert second.message == "0 / 0 = NaN"


def test_lost_digits_are_named():
    (failure,) = explain([-740.0, -742.0]).naive.failures
    assert failure.step == "sum" and "float64 loses digits" in failure.message


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_the_limits_of_exp_are_true(dtype):
    low, high = (np.dtype(dtype).type(v) for v in exp_range(dtype))
    near = 1 / 64 if dtype == "float16" else 1e-4
    near = np.dtype(dtype).type(near)
    with np.errstate(all="ignore"):
        assert np.isfinite(np.exp(high - near)) and np.isinf(np.exp(high + near))
        assert np.exp(low + near) > 0 and np.exp(low - near) == 0


@pytest.mark.parametrize(
    ("x", "t", "text"),
    [
        ([1.0, 2.0], 1e-320, "1 / 9.99989e-321 = inf: float64 holds numbers up to 1.7977e+308"),
        (np.float16([1, 2]), 1e-9, "the temperature 1e-09 is 0 in float16"),
        (np.float16([1, 2]), 1e6, "the temperature 1e+06 is inf in float16"),
        ([1.0, 2.0], 0, "1 / 0 = inf: division by 0"),
        ([0.0, -2.0], 0, "0 / 0 = NaN: division by 0"),
        ([1.0, -INF], INF, "-inf / inf = NaN"),
    ],
)
def test_a_division_that_fails(x, t, text):
    e = explain(x, temperature=t)
    assert e.naive.failures[0].step == "divide"
    assert e.naive.failures[0].message == text
    assert not e.naive.works and e.stable.works


# ---- special scores -------------------------------------------------------------------------


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


def test_the_largest_numbers_do_not_overflow():
    e = explain([1.7e308, -1.7e308], temperature=0.5)
    assert column(e, "probability") == [1, 0]
    assert e.stable.works


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


# ---- refusals -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("args", "options", "error", "text"),
    [
        ([[]], {}, ValueError, r"x must hold at least one score, got an array of shape \(0,\)"),
        ([[[1, 2], [3, 4]]], {}, ValueError, r"one row of scores, got shape \(2, 2\); pass one"),
        ([[1, [2, 3]]], {}, ValueError, "ragged"),
        ([["a", "b"]], {}, TypeError, "x must be float16.*got dtype <U1"),
        ([[1j]], {}, TypeError, "complex128"),
        ([[None]], {}, TypeError, "object"),
        ([np.longdouble([1, 2])], {}, TypeError, "float128"),
        ([np.ma.array([1.0, 2.0], mask=[0, 1])], {}, TypeError, "masked array"),
        ([[1, 2, 3]], {"labels": ["a"]}, ValueError, "x has 3, labels has 1"),
        ([[1, 2]], {"labels": "ab"}, TypeError, "the one string 'ab'"),
        ([[1, 2]], {"temperature": -1}, ValueError, "temperature .* got -1.0"),
        ([[1, 2]], {"temperature": NAN}, ValueError, "temperature .* got nan"),
        ([[1, 2]], {"temperature": [1, 2]}, ValueError, r"one number, got shape \(2,\)"),
    ],
)
def test_refusals(args, options, error, text):
    with pytest.raises(error, match=text):
        explain(*args, **options)


def test_the_scores_are_not_changed():
    x = np.array([3.0, 1.0])
    x.flags.writeable = False
    explain(x)
    assert x.tolist() == [3, 1]


# ---- views ----------------------------------------------------------------------------------


def test_the_text_is_aligned(fruit):
    for e in (fruit, explain([1000, 1, -INF], labels=["a", "日本", "c"], temperature=2)):
        lines = str(e).splitlines()
        rules = [i for i, line in enumerate(lines) if line.startswith("---")]
        table = lines[rules[0] + 1 : rules[1]]
        wide = [len(line) + line.count("日") + line.count("本") for line in table]
        assert set(wide) == {len(lines[rules[0]])}
        assert ("logit / T" in lines[2]) == (e.temperature != 1)


def test_repr_is_one_line(fruit):
    assert repr(fruit) == "<Explanation: most likely orange (55 %), then apple (27 %)>"


def test_many_classes_show_the_most_likely():
    e = explain(np.arange(100.0)[::-1])
    views = (str(e), e.to_markdown(), e._repr_html_())
    for view in views:
        assert "80 less likely classes" in view
        assert "class 19" in view and "class 20" not in view
    assert len(e.steps) == 100
    assert "100 scores" in views[0]


def test_markdown(fruit):
    lines = fruit.to_markdown().splitlines()
    table = [line for line in lines if line.startswith("|")]
    assert len(table) == 2 + 4 + 1
    assert {line.count("|") for line in table} == {11}
    assert table[3].startswith("| orange | 2.2 | 9.03 | 0.55 |")
    assert table[-1].startswith("| **sum** |  | **16.47** |")
    assert fruit.sentence in lines
    odd = explain([1, 2], labels=["a|b", "*c*\nd"]).to_markdown()
    assert r"| a\|b |" in odd and r"| \*c\* d |" in odd


def test_dict_is_strict_json():
    e = explain([1000.0, -INF], labels=["a", "b"])
    data = json.loads(json.dumps(e.to_dict(), allow_nan=False))
    assert data["sentence"] == e.sentence and data["notes"] == list(e.notes)
    assert data["steps"][1]["logit"] == "-Infinity"
    assert data["steps"][0]["probability"] == 1
    assert data["naive"]["exponentials"] == ["Infinity", 0]
    assert data["naive"]["quotients"][0] == "NaN"
    assert data["naive"]["failures"][0]["label"] == "a"
    assert (data["dtype"], data["temperature"], data["maximum"]) == ("float64", 1, 1000)
    assert explain([1, 2], temperature=0).to_dict()["steps"][0]["scaled"] is None
    assert explain([1, 2], temperature=INF).to_dict()["temperature"] == "Infinity"


class Table(HTMLParser):
    """The cells of an HTML table, and a check that every element is closed."""

    def __init__(self, text):
        super().__init__()
        self.rows, self.open, self.tags, self.text = [], [], set(), ""
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.open.append(tag)
        self.tags.add(tag)
        if tag == "tr":
            self.rows.append([])
        elif tag in ("td", "th"):
            self.rows[-1].append("")

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data
        if {"td", "th"} & set(self.open):
            self.rows[-1][-1] += data


def test_html(fruit):
    table = Table(fruit._repr_html_())
    assert table.rows[2][:4] == ["orange", "2.2", "9.03", "0.55"]
    assert table.rows[-1][:3] == ["sum", "", "16.47"]
    assert {len(row) for row in table.rows} == {11}
    assert fruit.sentence in table.text
    html = fruit._repr_html_()
    for step in fruit.steps:
        assert f"width:{step.percent:.2f}%" in html
    assert "http" not in html


def test_html_escapes_labels():
    html = explain([1, 2], labels=["<script>x</script>", 'a & "b"'])._repr_html_()
    table = Table(html)
    assert "script" not in table.tags
    assert table.rows[1][0] == "<script>x</script>"
    assert table.rows[2][0] == 'a & "b"'


def test_control_characters_do_not_reach_the_terminal():
    e = explain([1, 2], labels=["a\x1b[31m", "b\nc"])
    for view in (str(e), e.to_markdown(), e._repr_html_(), printed(e)):
        assert "\x1b" not in view and "b\nc" not in view


def printed(e, width=100):
    from rich.console import Console

    console = Console(width=width, color_system=None, record=True, file=io.StringIO())
    console.print(e)
    return console.export_text()


@pytest.mark.parametrize("width", [100, 80, 60, 40, 30])
def test_rich_fits_the_terminal(fruit, width):
    text = printed(fruit, width)
    assert max(map(len, text.splitlines())) <= width
    assert "…" not in text
    for word in ("orange", "2.2", "0.5479"):
        assert word in text
    hidden = " ".join(text.split()).partition("... hidden: ")[2].partition(";")[0]
    said = hidden.split(", ") if hidden else []
    shown = {"naive exp": "16.47", "naive p": "0.27", "shifted": "-2.5", "exp": "1.8253",
             "log p": "-1.3017", "rank": "rank", "percent": "54.79"}  # fmt: skip
    table = text.partition("...")[0].partition("most likely")[0].split()
    # The naive way goes first, the rank and the percents last.
    assert sorted(said) == sorted(list(shown)[: len(said)])
    assert [name for name, cell in shown.items() if cell not in table] == list(shown)[: len(said)]
    assert "most likely orange" in text


def test_rich_prints_markup_as_it_is():
    text = printed(explain([1, 2], labels=["[red]a[/red]", "[/]"]))
    assert "[red]a[/red]" in text and "[/]" in text
    assert "most likely [/] (73 %)" in text


def test_plot(fruit):
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    ax = fruit.plot()
    try:
        assert [bar.get_width() for bar in ax.patches] == column(fruit, "probability")
        assert [label.get_text() for label in ax.get_yticklabels()] == FRUIT
        assert [text.get_text() for text in ax.texts] == ["27 %", "55 %", "4 %", "14 %"]
        assert ax.get_ylim()[0] > ax.get_ylim()[1]  # the first class is on top
        given = plt.figure().subplots()
        assert explain([NAN, 1.0]).plot(given) is given
        assert [text.get_text() for text in given.texts] == ["NaN", "NaN"]
        given.figure.canvas.draw()
        assert len(explain(np.arange(100.0)).plot(plt.figure().subplots()).patches) == 20
    finally:
        plt.close("all")


def test_plot_without_matplotlib(fruit, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)
    with pytest.raises(ImportError, match=r'pip install "logitkit\[plot\]"'):
        fruit.plot()


def test_nothing_heavy_is_imported():
    code = (
        "import sys, logitkit; e = logitkit.explain([1, 2]); str(e); e._repr_html_(); "
        "print([m for m in ('rich', 'matplotlib', 'torch', 'scipy') if m in sys.modules])"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"


@pytest.mark.parametrize("temperature", ["x", None, [0.5, "x"], 1j])
def test_a_temperature_of_another_kind_is_named(temperature):
    with pytest.raises(TypeError, match=r"^temperature is .*; accepted is a number >= 0$"):
        explain([1.0, 2.0], temperature=temperature)


def test_labels_that_are_no_sequence_are_named():
    with pytest.raises(TypeError, match=r"^labels is 5; accepted is a sequence of names$"):
        explain([1.0, 2.0], labels=5)

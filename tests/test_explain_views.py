"""The views of `explain`: text, Markdown, HTML, dictionary, a terminal and a plot."""

import io
import json
import math
import subprocess
import sys
from html.parser import HTMLParser

import numpy as np
import pytest
from explanations import FRUIT, SCORES, column

from logitkit import explain

INF, NAN = math.inf, math.nan


@pytest.fixture
def fruit():
    return explain(SCORES, labels=FRUIT)


def test_the_reference_example_in_print(fruit):
    lines = str(fruit).splitlines()
    cells = {line.split()[0]: line.split()[1:] for line in lines if line}
    assert cells["apple"][:3] == ["1.5", "4.48", "0.27"]
    assert cells["orange"][:3] == ["2.2", "9.03", "0.55"]
    assert cells["banana"][:3] == ["-0.3", "0.74", "0.04"]
    assert cells["avocado"][:3] == ["0.8", "2.23", "0.14"]
    assert cells["sum"][:2] == ["16.47", "1.00"]
    assert "most likely orange (55 %), then apple (27 %)" in lines


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


def printed(e, width=100):
    from rich.console import Console

    console = Console(width=width, color_system=None, record=True, file=io.StringIO())
    console.print(e)
    return console.export_text()


def test_control_characters_do_not_reach_the_terminal():
    e = explain([1, 2], labels=["a\x1b[31m", "b\nc"])
    for view in (str(e), e.to_markdown(), e._repr_html_(), printed(e)):
        assert "\x1b" not in view and "b\nc" not in view


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

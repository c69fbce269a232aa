"""The lines under "Show code" are run as they stand: they print the numbers on the screen."""

import json
import os
import re
import shlex
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from cli_process import environment

from page.lab import PANELS, column
from page.states import DTYPES, State
from page.test_confidence import LABELS, SCORES, WRITERS

COMPUTED = PANELS[:-1]
NUMBER = re.compile(r"-?(?:\d+\.?\d*(?:e[+-]?\d+)?|\.\d+|inf|nan)", re.IGNORECASE)
STATE = State(
    names=["a pear", "it's", "fig"],
    logits=[1.3, -0.5, 3.1],
    temperature=0.5,
    dtype="float64",
    target=2,
    smoothing=0.1,
    shift=10,
    nudge=-0.25,
    row=0,
    column=2,
)


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    """A folder for the search path, in which `logitkit` is the command under test."""
    folder = tmp_path_factory.mktemp("bin")
    command = folder / "logitkit"
    command.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m logitkit "$@"\n')
    command.chmod(0o755)
    return folder


def code(lab, panel, language):
    """Open the code of a panel and return its lines."""
    element = lab.page.locator(f"#panel-{panel}")
    toggle = element.get_by_role("button", name="Show code")
    if toggle.count():
        toggle.click()
    return element.locator(f"code[data-language={language}]").text_content()


def run(command, path, folder):
    """Run a program that must succeed without a word on standard error; return what it prints."""
    done = subprocess.run(
        command,
        cwd=folder,
        env=environment(PATH=f"{path}{os.pathsep}{os.environ['PATH']}"),
        capture_output=True,
        text=True,
        timeout=180,
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return done.stdout


def prints(printed, wanted, digits):
    """Check that each wanted value is among the printed ones, to so many digits after the point."""
    found = np.array([float(text) for text in NUMBER.findall(printed)])
    for value in np.ravel(wanted):
        size = 10.0**-digits * max(1.0, abs(value) if digits > 8 else 1.0)
        assert np.nanmin(np.abs(found - value)) <= 0.51 * size, (value, printed)


def on_screen(lab, panel):
    """Return the numbers of a panel that its code prints."""
    tables = lab.tables(panel)
    columns = [[column(t, i) for i in range(1, len(t["columns"]))] for t in tables]
    if panel == "probabilities":
        return columns[0][1]
    if panel == "stability":
        return [columns[0][9], columns[0][11]]  # naive and library, of float64
    if panel == "derivative":
        return [*np.ravel(columns[0][:-1]), *columns[1][2], *columns[1][3]]
    if panel == "compare":
        return np.array(columns[0])[:, :-1]
    if panel == "loss":
        return [*columns[0][2], float(lab.readouts("loss")["logitkit: log-softmax"][1])]
    return columns[0]  # every step; every temperature


@pytest.mark.parametrize("panel", COMPUTED)
def test_the_python_lines_print_what_is_on_the_screen(tall, path, tmp_path, panel):
    tall.go(STATE.link())
    printed = run([sys.executable, "-c", code(tall, panel, "python")], path, tmp_path)
    # NumPy prints eight digits, the text of an explanation four.
    prints(printed, on_screen(tall, panel), 4 if panel == "worked" else 8)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32"])
def test_the_python_lines_compute_in_the_dtype_of_the_page(tall, path, tmp_path, dtype):
    tall.go(State(dtype=dtype, temperature=2).link())
    lines = code(tall, "probabilities", "python")
    lines = re.sub(r"print\((.*)\)$", r"print((\1).astype(np.float64).tolist())", lines)
    printed = json.loads(run([sys.executable, "-c", lines], path, tmp_path))
    assert printed == column(tall.tables("probabilities")[0], 2)


def holds(printed, wanted, dtype):
    """Check that each wanted number is printed: whole, or with the fewest digits of its dtype."""
    found = {repr(float(text)) for text in NUMBER.findall(printed)}
    for value in np.ravel(wanted).tolist():
        fewest = value if dtype == "bfloat16" else float(str(DTYPES[dtype](value)))
        assert {repr(value), repr(fewest)} & found, (value, printed)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("panel", COMPUTED)
def test_the_shell_lines_print_what_is_on_the_screen(tall, path, tmp_path, panel, dtype):
    tall.go(replace(STATE, dtype=dtype).link())
    printed = run(["sh", "-c", code(tall, panel, "shell")], path, tmp_path)
    table = tall.tables(panel)[0]
    wanted = {
        "probabilities": lambda: column(table, 2),
        "worked": lambda: [column(table, i) for i in range(1, 6)],
        "loss": lambda: [
            *(column(table, i) for i in range(1, 5)),
            [float(tall.readouts("loss")["logitkit: log-softmax"][1])] * len(table["rows"]),
        ],
        "derivative": lambda: [column(table, i) for i in range(1, 4)],
        "compare": lambda: [column(table, i)[:-1] for i in range(1, 8)],
        "stability": lambda: [column(table, i) for i in range(1, 13)],
        "temperature": lambda: [column(table, i) for i in range(1, 5)],
    }[panel]()
    # In a pipe all digits are printed: the same bits.
    holds(printed, wanted, dtype)


@pytest.mark.parametrize("name", WRITERS)
def test_the_code_of_a_file_prints_its_bins(tall, path, tmp_path, name):
    data = WRITERS[name](SCORES, LABELS)
    (tmp_path / name).write_bytes(data)
    panel = tall.page.locator("#panel-confidence")
    panel.locator("input[type=file]").set_input_files(tmp_path / name)
    panel.locator(".drop.is-done").wait_for()
    (table,) = tall.tables("confidence")
    told = tall.readouts("confidence")
    numbers = [float(told[one][1]) for one in ("Accuracy", "Mean confidence")]
    python = run([sys.executable, "-c", code(tall, "confidence", "python")], path, tmp_path)
    prints(python.splitlines()[0], numbers, 12)
    counts = [int(float(text)) for text in NUMBER.findall(" ".join(python.splitlines()[1:]))]
    assert counts == [*map(int, column(table, 2)), *map(int, column(table, 3))]
    answer = json.loads(run(["sh", "-c", code(tall, "confidence", "shell")], path, tmp_path))
    assert [answer["accuracy"], answer["mean_confidence"]] == numbers
    assert [one["count"] for one in answer["bins"]] == column(table, 2)
    # With a bin that is chosen, its rows too.
    last = int(np.flatnonzero(column(table, 2))[-1])
    with tall.page.expect_response(f"**/bins/{last}?*"):
        panel.locator("lk-reliability [data-mark]").nth(last).press("Enter")
    tall.settle()
    rows = panel.locator("lk-confidence-rows tbody tr").evaluate_all(
        "all => all.map(({cells}) => [...cells].slice(0, 4).map(c => Number(c.dataset.value)))"
    )
    python = run([sys.executable, "-c", code(tall, "confidence", "python")], path, tmp_path)
    prints(python.split("]")[2], [row[0] for row in rows], 0)
    shell = run(["sh", "-c", code(tall, "confidence", "shell")], path, tmp_path)
    answer = json.loads(shell.splitlines()[1])
    assert rows == [
        [one["row"], one["predicted"], one["confidence"], one["label"]] for one in answer["rows"]
    ]

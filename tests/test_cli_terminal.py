"""On a terminal: tables, help instead of waiting, colours only where they are wanted."""

import subprocess

import numpy as np
import pytest
from cli_process import ok, plain, terminal


def test_one_row_is_a_table_of_classes():
    code, seen = terminal("softmax", 2, 1, 0.1, "--labels", "apple,banana,cherry")
    lines = [line.split() for line in plain(seen).splitlines() if line.strip()]
    assert code == 0 and lines[0] == ["class", "logit", "probability", "percent"]
    assert lines[2][:5] == ["apple", "2", "0.659001", "65.9", "%"]
    assert lines[4][:5] == ["cherry", "0.1", "0.098566", "9.9", "%"]


def test_many_rows_are_elided_and_said_so(tmp_path):
    np.save(tmp_path / "x.npy", np.zeros((100, 40)))
    code, seen = terminal("softmax", tmp_path / "x.npy", width=80)
    lines = plain(seen).splitlines()
    assert code == 0 and max(map(len, lines)) <= 80
    assert sum("0.025000" in line for line in lines) == 20
    assert " … 80 more rows of 100; a pipe, --json or -o gives all." in lines
    assert any("more columns of 40" in line for line in lines)
    assert len(ok("softmax", tmp_path / "x.npy").splitlines()) == 100


def test_of_many_classes_the_likely_ones_are_shown():
    scores = [str(k % 50) for k in range(100)]
    _, seen = terminal("softmax", *scores)
    assert "49 " in plain(seen) and "80 less probable classes of 100" in plain(seen)


@pytest.mark.parametrize("width", [40, 80, 120])
@pytest.mark.parametrize(
    "args",
    [
        "log-softmax 0 -800",
        "explain 1.5 2.2 -0.3",
        "temperature 2 1 0.1",
        "stability 1000 1001 1002",
        "jacobian 2 1 0.1",
        "info",
    ],
)
def test_every_command_draws_a_table(args, width):
    code, seen = terminal(*args.split(), width=width)
    assert (code == 0 and "─" in seen) or args == "info"
    assert max(map(len, plain(seen).splitlines())) <= width


def test_compare_fits_80_columns():
    code, seen = terminal("compare", 2, -1, 0.5, width=80)
    lines = plain(seen).splitlines()
    assert code == 0 and max(map(len, lines)) <= 80
    assert "silu" in seen and "…" not in seen
    assert next(line.split() for line in lines if "sum" in line)[:3] == ["sum", "1.5000", "1.0000"]


@pytest.mark.parametrize("command", ["softmax", "log-softmax", "explain", "temperature",
                                     "stability", "jacobian", "compare"])  # fmt: skip
def test_no_input_shows_examples_and_does_not_wait(command):
    code, seen = terminal(command, seconds=30)
    assert code == 2
    assert "no scores given. For example:" in seen and f"logitkit {command} " in seen
    assert len(seen.splitlines()) <= 5


def test_no_command_shows_the_help():
    code, seen = terminal(seconds=30)
    assert code == 2 and seen.startswith("Examples:\n  logitkit softmax 2 -1 0.5\n")


@pytest.mark.parametrize(
    ("env", "coloured"),
    [({}, True), ({"NO_COLOR": "1"}, False), ({"TERM": "dumb"}, False), ({"CI": "1"}, True)],
)
def test_colours_are_for_terminals_that_want_them(env, coloured):
    code, seen = terminal("softmax", 2, 1, env=env)
    assert code == 0 and ("\x1b[36m" in seen) == coloured
    assert "█" in seen and "\r" not in seen


def test_a_pipe_stays_plain_under_force_color():
    with subprocess.Popen(["cat"], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as cat:
        env = {"FORCE_COLOR": "1"}
        code, seen = terminal("softmax", 2, 1, stdout=cat.stdin, env=env)
        assert (code, seen) == (0, "")
        assert cat.communicate()[0].decode() == ok("softmax", 2, 1)


def test_labels_cannot_write_to_the_terminal():
    _, seen = terminal("softmax", 2, 1, "--labels", "\x1b[31mred,[bold]b[/]")
    assert "\x1b[31m" not in seen and "\ufffd[31mred" in seen and "[bold]b[/]" in seen


def test_an_ascii_terminal_gets_no_traceback():
    env = {"PYTHONIOENCODING": "ascii", "LC_ALL": "C"}
    code, seen = terminal("softmax", 2, 1, "--labels", "früh,b", env=env)
    assert code == 0 and "Traceback" not in seen and "0.731059" in seen


def test_progress_is_only_on_standard_error_and_only_for_long_work(tmp_path):
    np.save(tmp_path / "x.npy", np.zeros((600_000, 10), dtype=np.float32))
    _, seen = terminal("softmax", tmp_path / "x.npy", "-o", tmp_path / "p.npy")
    assert "Computing" in seen and "Wrote" in seen
    np.save(tmp_path / "small.npy", np.zeros((6, 10), dtype=np.float32))
    _, seen = terminal("softmax", tmp_path / "small.npy", "-o", tmp_path / "p.npy")
    assert seen.startswith("Wrote")
    with open(tmp_path / "out.tsv", "wb") as out:
        _, seen = terminal("softmax", tmp_path / "x.npy", stdout=out)
    assert "Writing" in seen
    assert (tmp_path / "out.tsv").read_text() == ("\t".join(["0.1"] * 10) + "\n") * 600_000


@pytest.mark.parametrize("width", [40, 60, 80, 100])
def test_a_long_name_gives_way_to_the_numbers(width):
    labels = f"{'x' * 60},b,c"
    code, seen = terminal("softmax", 1, 2, 3, "--labels", labels, width=width)
    (line,) = [line for line in plain(seen).splitlines() if "xx" in line]
    assert code == 0 and len(line) <= width
    assert line.split()[0].endswith("…") and line.split()[1:5] == ["1", "0.090031", "9.0", "%"]


def test_one_column_that_is_hidden_is_one():
    _, seen = terminal("jacobian", 1, 2, 3, "--labels", f"{'x' * 60},b,c", width=40)
    assert "1 more column of 3;" in " ".join(plain(seen).split())

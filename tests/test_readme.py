"""The documents are true: every python and shell block of them runs and shows what it says.

A python block holds doctest examples (`>>>`). A shell block holds commands after `$ `, each
followed by what it prints on stdout; `...` stands for what differs from run to run. The blocks of
one document share their names and their directory, which holds a copy of `examples/`.
"""

import doctest
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

ROOT = Path(__file__).resolve().parent.parent
DOCUMENTS = ["README.md", "CONTRIBUTING.md", "docs/jax.md", "docs/torch.md"]

# Commands that a test cannot run: they build the package, start this very suite, change the shell
# that they are typed in, or write the sources.
# test_setup.py checks that the make targets among them exist.
EXEMPT = {
    "sudo apt install g++ make python3-dev python3-venv",
    "make demo",
    "make lab",
    "logitkit lab",
    "logitkit lab examples/data/digits.npz",
    "make test",
    "make lint",
    "make format",
    "make bench",
    'make test ARGS="-k softmax"',
    "LOGITKIT_ISA=generic make test",
    ". .venv/bin/activate",
    "python tools/fit_coefficients.py",
    "python -m nanobind.stubgen -q -m logitkit._core -o src/logitkit/_core.pyi",
    "python tools/draw_readme_picture.py",
    "python tools/train_digits.py",
    "python tools/export_lab_digit.py",
}


def blocks(document):
    """Return (language, first line number, text) of each fenced block of a document."""
    text = (ROOT / document).read_text(encoding="utf-8")
    fences = re.finditer(r"^```(\w*)\n(.*?)^```$", text, flags=re.MULTILINE | re.DOTALL)
    return [(m[1], text.count("\n", 0, m.start(2)), m[2]) for m in fences]


def commands(block):
    """Return (command, expected output) of each `$ ` line of a shell block."""
    parts = re.split(r"^\$ (.*)\n", block, flags=re.MULTILINE)
    assert not parts[0], f"a shell block starts with a command, not with {parts[0]!r}"
    return list(zip(parts[1::2], parts[2::2], strict=True))


@pytest.fixture
def workspace(tmp_path, monkeypatch):
    """Enter a directory with a copy of the examples; the command line is this environment's."""
    shutil.copytree(ROOT / "examples", tmp_path / "examples")
    monkeypatch.chdir(tmp_path)
    # Beside the interpreter as it was called: its symbolic link leads out of the environment.
    monkeypatch.setenv("PATH", str(Path(sys.executable).parent), prepend=os.pathsep)
    return tmp_path


def run_python(text, names, document, line):
    """Run a block's examples; fail with doctest's own report of each that differs."""
    test = doctest.DocTestParser().get_doctest(text, names, document, document, line)
    assert test.examples, f"{document}:{line}: a python block without an example checks nothing"
    report = []
    flags = doctest.ELLIPSIS | doctest.IGNORE_EXCEPTION_DETAIL
    runner = doctest.DocTestRunner(optionflags=flags)
    runner.run(test, out=report.append, clear_globs=False)
    names.update(test.globs)
    assert not runner.failures, "".join(report)


def run_shell(text, document, line):
    """Run a block's commands in a pipe; compare what each prints."""
    examples = commands(text)
    assert examples, f"{document}:{line}: a shell block without a command checks nothing"
    for command, expected in examples:
        if command in EXEMPT:
            assert not expected
            continue
        done = subprocess.run(
            command, shell=True, capture_output=True, encoding="utf-8", timeout=60, check=False
        )
        assert done.returncode == 0, f"{document}:{line}: $ {command}\n{done.stderr}"
        same = doctest.OutputChecker().check_output(expected, done.stdout, doctest.ELLIPSIS)
        assert same, f"{document}:{line}: $ {command}\nshown:\n{expected}\nprinted:\n{done.stdout}"


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_block_runs_and_shows_what_it_prints(document, workspace):
    names = {}
    for language, line, text in blocks(document):
        if language == "python":
            run_python(text, names, document, line)
        elif language == "shell":
            run_shell(text, document, line)
        else:
            assert language == "text", (
                f"{document}:{line}: a {language or 'plain'} block is not run"
            )


def test_the_readme_has_both_kinds_of_block():
    assert {"python", "shell"} <= {language for language, _, _ in blocks("README.md")}


def test_every_exempt_command_is_still_in_a_document():
    shown = {
        command
        for document in DOCUMENTS
        for language, _, text in blocks(document)
        if language == "shell"
        for command, _ in commands(text)
    }
    assert shown >= EXEMPT


@pytest.mark.parametrize("document", [*DOCUMENTS, "CHANGELOG.md"])
def test_every_linked_file_exists(document):
    text = (ROOT / document).read_text(encoding="utf-8")
    links = re.findall(r'\]\(([^)#]+)[^)]*\)|(?:src|srcset)="([^"]+)"', text)
    local = [a or b for a, b in links if "://" not in (a or b)]
    assert document in ("CHANGELOG.md", "docs/torch.md") or local
    home = (ROOT / document).parent
    assert [name for name in local if not (home / name).exists()] == []


@pytest.mark.parametrize("table", ["accuracy", "speed"])
def test_the_measured_tables_name_machine_and_date(table):
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    (content,) = re.findall(rf"<!-- {table}:begin -->\n(.*?)<!-- {table}:end -->", text, re.DOTALL)
    assert re.search(r"^\|(.*\|)+$", content, re.MULTILINE), "a table"
    assert "logitkit" in content
    assert re.search(r"Measured on 20\d\d-\d\d-\d\d, \w+", content), "date and processor"


def test_the_picture_is_what_its_command_draws(tmp_path):
    """The same drawing: size and numbers as text; bytes may differ between matplotlib versions."""
    script = ROOT / "tools" / "draw_readme_picture.py"
    subprocess.run([sys.executable, script, "-o", tmp_path], check=True, timeout=120)
    for name in "softmax-light.svg", "softmax-dark.svg":
        drawn = ElementTree.parse(tmp_path / name).getroot()
        committed = ElementTree.parse(ROOT / "docs" / "images" / name).getroot()
        assert drawn.get("viewBox") == committed.get("viewBox")
        assert len(list(drawn.iter())) == len(list(committed.iter()))

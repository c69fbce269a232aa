"""The set-up is whole: the Makefile, the CI entry and the version agree with what is documented."""

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import logitkit

ROOT = Path(__file__).resolve().parent.parent


def make(*arguments, **environment):
    """Run make in the repository, without the settings of a make that may be running us."""
    kept = {k: v for k, v in os.environ.items() if k not in {"MAKEFLAGS", "MAKELEVEL", "MFLAGS"}}
    return subprocess.run(
        ["make", *arguments],
        cwd=ROOT,
        env=kept | environment,
        capture_output=True,
        encoding="utf-8",
        timeout=60,
        check=False,
    )


def documented_targets():
    """Return every target that a document tells the reader to make."""
    texts = [(ROOT / name).read_text(encoding="utf-8") for name in ("README.md", "CONTRIBUTING.md")]
    return sorted(
        set(re.findall(r"(?:^\$ |`)(?:\w+=\w+ )*make (\w+)", "\n".join(texts), re.MULTILINE))
    )


def listed_targets():
    """Return the targets that `make` alone lists."""
    done = make()
    assert done.returncode == 0, done.stderr
    return [line.split()[1] for line in done.stdout.splitlines()]


def test_the_two_commands_are_documented():
    assert {"demo", "test"} <= set(documented_targets())


def test_documented_targets_are_listed():
    assert set(documented_targets()) <= set(listed_targets())


@pytest.mark.parametrize("target", listed_targets())
def test_listed_target_exists(target):
    done = make("--dry-run", "--always-make", target)
    assert done.returncode == 0, done.stderr


def test_ci_entry_can_be_executed_and_runs_the_documented_targets():
    entry = ROOT / ".ci" / "run"
    assert os.access(entry, os.X_OK)
    assert re.search(r"^exec make .*lint test$", entry.read_text(), re.MULTILINE)


def test_ci_entry_fails_when_a_part_fails(tmp_path):
    """A PYTHON that does not exist stops the set-up of a new environment, and CI with it."""
    done = subprocess.run(
        [ROOT / ".ci" / "run"],
        env=os.environ | {"MAKEFLAGS": f"PYTHON=no-such-python VENV={tmp_path / 'none'}"},
        capture_output=True,
        encoding="utf-8",
        timeout=60,
        check=False,
    )
    assert done.returncode != 0
    assert 'there is no "no-such-python" here' in done.stderr


# What the stand-in interpreter lacks, and the sentence that must say so.
LACKING = {
    "sys.version_info": "Python 3.11 or newer is needed",
    "ensurepip": "apt install python3-venv",
    "Python.h": "apt install python3-dev",
}


@pytest.mark.parametrize("lacking", LACKING)
def test_what_python_lacks_is_named_in_one_sentence(lacking, tmp_path):
    stand_in = tmp_path / "python"
    stand_in.write_text(
        f'#!/bin/sh\ncase "$*" in *{lacking}*) exit 1 ;; esac\nexec "{sys.executable}" "$@"\n'
    )
    stand_in.chmod(0o755)
    done = subprocess.run(
        [ROOT / "tools" / "check_machine.sh", stand_in],
        capture_output=True,
        encoding="utf-8",
        timeout=60,
        check=False,
    )
    assert done.returncode != 0
    assert len(done.stderr.splitlines()) == 1
    assert LACKING[lacking] in done.stderr


@pytest.mark.parametrize(
    ("compiler", "sentence"),
    [("no-such-compiler", "there is no C++ compiler (no-such-compiler)"), ("false", "C++20")],
)
def test_a_missing_or_old_compiler_is_named_in_one_sentence(compiler, sentence):
    done = subprocess.run(
        [ROOT / "tools" / "check_machine.sh", sys.executable],
        env=os.environ | {"CXX": compiler},
        capture_output=True,
        encoding="utf-8",
        timeout=60,
        check=False,
    )
    assert done.returncode != 0
    assert len(done.stderr.splitlines()) == 1
    assert sentence in done.stderr


def test_a_complete_machine_passes_without_a_word():
    done = subprocess.run(
        [ROOT / "tools" / "check_machine.sh", sys.executable],
        capture_output=True,
        encoding="utf-8",
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_version_is_the_same_everywhere():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["version"] == logitkit.__version__
    assert f"## [{logitkit.__version__}]" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")

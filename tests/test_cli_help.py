"""Help that starts with examples, examples that run, and a start that loads nothing heavy."""

import os
import subprocess
import sys
from importlib.metadata import version

import numpy as np
import pytest
from cli_process import environment, invoke, ok, pipe

import logitkit.cli.commands
from logitkit.cli.group import COMMANDS, EXAMPLES, app

ALL = {name: app.get_command(None, name) for name in COMMANDS}


def test_one_file_a_command():
    folder = logitkit.cli.commands.__path__[0]
    files = {name[:-3].replace("_", "-") for name in os.listdir(folder) if name.endswith(".py")}
    assert files - {"--init--"} == set(COMMANDS)
    assert [command.name for command in ALL.values()] == list(COMMANDS)


@pytest.mark.parametrize("args", [["--help"], ["-h"], *([name, "--help"] for name in COMMANDS)])
def test_help_starts_with_examples(args):
    result = invoke(*args)
    assert result.exit_code == 0 and result.stderr == ""
    assert result.stdout.startswith("Examples:\n  logitkit ")
    assert "Usage: logitkit " in result.stdout
    assert max(map(len, result.stdout.splitlines())) <= 100


# These serve until they are stopped: test_lab_command.py runs them.
SERVING = ("logitkit lab", "logitkit lab digits.npz --port 0 --no-open")


def examples():
    yield from EXAMPLES
    for command in ALL.values():
        assert len(command.examples) >= 2
        yield from (example for example in command.examples if example not in SERVING)


def test_what_serves_is_an_example():
    assert set(SERVING) < set(ALL["lab"].examples)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Return a directory with the files of the examples, and `logitkit` for its shell."""
    path = tmp_path_factory.mktemp("examples")
    logits = np.random.default_rng(3).normal(size=(20, 10)).astype(np.float32)
    np.save(path / "logits.npy", logits)
    np.savetxt(path / "logits.csv", logits, delimiter=",")
    labels = logits.argmax(axis=1)
    labels[:2] = logits[:2].argmin(axis=1)
    images = np.arange(20 * 64).reshape(20, 8, 8) % 17
    np.savez(path / "digits.npz", logits=logits, labels=labels, images=images)
    shim = path / "bin" / "logitkit"
    shim.parent.mkdir()
    shim.write_text(f'#!/bin/sh\nexec {sys.executable} -m logitkit "$@"\n')
    shim.chmod(0o755)
    return path


@pytest.mark.parametrize("example", list(examples()))
def test_every_example_runs(example, folder):
    digits = np.load(folder / "digits.npz")["labels"] if "demo" in example else ()
    if len(digits):  # the made-up file need not have a 5
        example += f" --digit {digits[-1]}"
    env = environment(PATH=f"{folder / 'bin'}{os.pathsep}{os.environ['PATH']}")
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", example],
        cwd=folder, env=env, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert (done.stdout == "") == (" -o " in example and "demo" not in example)


def test_version():
    assert ok("--version") == f"logitkit {version('logitkit')}\n"


def test_completion_lists_commands_and_options():
    def complete(line, word):
        env = {
            "_LOGITKIT_COMPLETE": "bash_complete",
            "COMP_WORDS": line,
            "COMP_CWORD": str(word),
        }
        code = "from logitkit.cli import main; main()"
        done = subprocess.run(
            [sys.executable, "-c", code], env=environment(**env), capture_output=True, text=True
        )
        return [entry.split(",")[1] for entry in done.stdout.split()]

    assert complete("logitkit so", 1) == ["softmax"]
    assert "--temperature" in complete("logitkit softmax 2 -1 --te", 4)
    assert "--json" in complete("logitkit softmax -T 2 --js", 4)


HEAVY = ("numpy", "rich", "matplotlib", "scipy", "torch", "jax")


@pytest.mark.parametrize(
    "args", [["--help"], ["softmax", "--help"], ["bench", "--help"], ["--version"], ["softmaxx"]]
)
def test_help_loads_nothing_heavy(args):
    code = (
        "import sys\nfrom logitkit.cli import app\n"
        f"try: app({args!r})\nexcept SystemExit: pass\n"
        f"print([m for m in {HEAVY!r} if m in sys.modules], file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=environment(), timeout=60
    )
    assert done.stderr.splitlines()[-1] == "[]"


def test_a_computation_in_a_pipe_does_not_load_rich():
    code = (
        "import sys\nfrom logitkit.cli import app\n"
        "try: app(['softmax', '1', '2'])\nexcept SystemExit: pass\n"
        "print('rich' in sys.modules, file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=environment(), timeout=60
    )
    assert done.stderr == "False\n" and done.stdout.count("\t") == 1


def test_python_m_is_the_command():
    done = pipe("softmax", "0", "0")
    assert (done.returncode, done.stdout, done.stderr) == (0, "0.5\t0.5\n", "")

"""The console script: what keeps the package from loading is one sentence too."""

import subprocess
import sys
from pathlib import Path

import pytest
from cli_process import environment

SCRIPT = Path(sys.executable).parent / "logitkit"


def run(command, **settings):
    return subprocess.run(
        command, capture_output=True, text=True, timeout=60, env=environment(**settings)
    )


def test_the_script_is_the_command_line():
    done = run([SCRIPT, "softmax", "0", "0"])
    assert (done.returncode, done.stdout, done.stderr) == (0, "0.5\t0.5\n", "")


@pytest.mark.parametrize(
    ("name", "value", "accepted"),
    [("LOGITKIT_ISA", "mmx", "generic"), ("LOGITKIT_NUM_THREADS", "many", "a whole number")],
)
def test_a_setting_that_the_core_refuses_is_one_sentence(name, value, accepted):
    done = run([SCRIPT, "softmax", "1", "2"], **{name: value})
    assert (done.returncode, done.stdout) == (2, "")
    (sentence,) = done.stderr.splitlines()
    assert sentence.startswith(f"Error: {name}") and value in sentence and accepted in sentence


@pytest.mark.parametrize("package", ["click", "numpy"])
def test_a_package_that_is_missing_is_one_sentence_with_the_pip_command(package):
    code = (
        f"import sys; sys.modules[{package!r}] = None\n"
        "sys.argv = ['logitkit', 'softmax', '1', '2']\n"
        "from logitkit_command import main; main()"
    )
    done = run([sys.executable, "-c", code])
    assert (done.returncode, done.stdout) == (4, "")
    (sentence,) = done.stderr.splitlines()
    assert sentence.startswith("Error: ") and f"pip install {package}" in sentence

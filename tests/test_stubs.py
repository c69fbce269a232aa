"""The stubs of the compiled core say what it offers."""

import ast
import subprocess
import sys
from pathlib import Path

STUBS = Path(__file__).resolve().parent.parent / "src" / "logitkit" / "_core.pyi"
COMMAND = "python -m nanobind.stubgen -q -m logitkit._core -o src/logitkit/_core.pyi"


def meaning(text):
    """Return what the stubs say, whatever their layout."""
    return ast.dump(ast.parse(text), indent=1)


def test_stubs_are_those_that_the_core_generates(tmp_path):
    fresh = tmp_path / "_core.pyi"
    command = [sys.executable, "-m", "nanobind.stubgen", "-q", "-m", "logitkit._core", "-o", fresh]
    subprocess.run(command, check=True, timeout=60)
    written, generated = (path.read_text(encoding="utf-8") for path in (STUBS, fresh))
    assert "def apply(" in generated
    assert meaning(written) == meaning(generated), (
        f"src/logitkit/_core.pyi is not what the core offers; run: {COMMAND} && make format"
    )

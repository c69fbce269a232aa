"""The example of a training run: its two curves are one, and it says so."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLE = Path(__file__).resolve().parent.parent / "examples" / "training.py"


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    picture = tmp_path_factory.mktemp("training") / "curves.svg"
    command = [sys.executable, EXAMPLE, "--epochs", "3", "--plot", picture]
    done = subprocess.run(command, capture_output=True, encoding="utf-8", timeout=240, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout, picture


def test_both_losses_train_the_same_network(trained):
    said, _ = trained
    apart = re.search(r"difference of the two curves: (\S+)", said)
    assert float(apart[1]) < 1e-4  # rounding, which training magnifies
    rows = {line.split()[0]: line.split() for line in said.splitlines()[1:3]}
    assert set(rows) == {"logitkit", "PyTorch"}
    for first, last, accuracy in (row[1:4] for row in rows.values()):
        assert float(last) < float(first) / 2
        assert float(accuracy.rstrip("%")) > 85
    assert rows["logitkit"][3] == rows["PyTorch"][3]


def test_the_curves_are_drawn(trained):
    said, picture = trained
    assert str(picture) in said
    assert "Training loss" in picture.read_text(encoding="utf-8") or picture.stat().st_size > 5000

"""docs/lab.md is true: its blocks run against a server, and show what is answered."""

import re

from lab_client import server
from test_readme import ROOT, blocks, run_python, run_shell, workspace  # noqa: F401

import logitkit.lab.schemas as schemas
from logitkit.lab.app import COMPUTE_BYTES
from logitkit.lab.datasets.bins import FEW
from logitkit.lab.datasets.listed import MOST_LISTED
from logitkit.lab.datasets.routes import DATASET_BYTES, DEFAULT_BINS
from logitkit.lab.datasets.store import MOST_DATASETS
from logitkit.lab.datasets.summary import MOST_BINS
from logitkit.lab.operations import OPERATIONS

DOCUMENT = "docs/lab.md"
TEXT = (ROOT / DOCUMENT).read_text(encoding="utf-8")

# They install, and serve until they are stopped; test_lab_command.py does that.
FIRST = '$ pip install "logitkit[lab]"\n$ logitkit lab\n'


def test_every_block_runs_and_shows_what_is_answered(workspace):  # noqa: F811
    names, ran = {}, []
    with server() as (_, url):
        for language, line, text in blocks(DOCUMENT):
            if text == FIRST:
                continue
            run = {"python": lambda *of: run_python(of[0], names, *of[1:]), "shell": run_shell}
            run[language](text.replace("http://127.0.0.1:8765", url.rstrip("/")), DOCUMENT, line)
            ran.append(language)
    assert ran.count("python") == 4 and ran.count("shell") == 1


def test_every_operation_has_its_row():
    rows = re.findall(r"^\| `(\w+)` \|(.*)\|(.*)\|$", TEXT, re.MULTILINE)
    told = {name: set(re.findall(r"`(\w+)`", asked)) for name, asked, _ in rows}
    for name, model in zip(OPERATIONS, MODELS, strict=True):
        assert set(model.model_fields) - {"op", "logits", "dtype"} <= told[name]


MODELS = [
    schemas.Softmax,
    schemas.LogSoftmax,
    schemas.Steps,
    schemas.TemperatureSweep,
    schemas.Stability,
    schemas.Jacobian,
    schemas.Nudge,
    schemas.Activations,
    schemas.CrossEntropy,
]


def test_the_limits_are_those_of_the_code():
    text = " ".join(TEXT.split())
    for limit, words in [
        (schemas.MOST_CLASSES, "100 000 classes"),
        (schemas.MOST_JACOBIAN, "(512 for"),
        (schemas.MOST_OPERATIONS, "64 operations"),
        (schemas.MOST_TEMPERATURES, "10 000 temperatures"),
        (schemas.MOST_NUMBERS, "4 000 000 numbers"),
        (COMPUTE_BYTES >> 20, "32 MiB"),
        (DATASET_BYTES >> 20, "64 MiB"),
        (MOST_BINS, "1 to 100"),
        (DEFAULT_BINS, "else 15"),
        (FEW, "30 rows"),
        (MOST_DATASETS, "newest 32"),
        (MOST_LISTED, "the first 100"),
    ]:
        assert words in text and int(re.sub(r"\D", "", words.split("to")[-1])) == limit

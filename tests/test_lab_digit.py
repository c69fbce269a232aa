"""The lab's example of a handwritten digit is a row of the shipped logits."""

import json

import numpy as np

import logitkit as lk
from tools.export_lab_digit import ROOT, ROW, SOURCE, TARGET, example


def test_the_file_is_what_its_tool_writes():
    assert TARGET.read_text(encoding="utf-8") == json.dumps(example(), indent=2) + "\n"


def test_the_numbers_are_the_bits_of_the_row():
    told = json.loads(TARGET.read_text(encoding="utf-8"))
    with np.load(SOURCE) as data:
        assert np.float32(told["logits"]).tobytes() == data["logits"][ROW].tobytes()
        assert told["label"] == data["labels"][ROW] == 5
    assert told["source"] == f"row {ROW} of {SOURCE.relative_to(ROOT)}"
    # A row over which the network is in doubt: that is what it is shown for.
    assert np.argmax(told["logits"]) == 5 and lk.softmax(told["logits"])[5] < 0.8

"""The peak of memory is seen where there is one, kept, and shown; the large ones are in large/."""

import re
from pathlib import Path

import numpy as np
import pytest

from benchmarks import __main__ as command
from benchmarks import memory, readme, results

ROOT = Path(__file__).resolve().parent.parent
SMALL = 2**26
linux = pytest.mark.skipif(memory.lacking() != "", reason=memory.lacking() or "-")


@linux
def test_a_call_in_place_takes_little_and_a_copy_is_seen():
    little = memory.measure(memory.Case("softmax"), SMALL)
    assert set(little) == set(results.COLUMNS["memory"])
    assert little["arrays"] == SMALL
    assert 0 <= little["of_call"] < 4 * memory.MB
    assert little["of_call"] < little["beside"] < 64 * memory.MB
    # Each of two rows, short enough for scratch, is copied: half of the array.
    copied = memory.measure(memory.Case("softmax", "axis 0, two"), 2**21)
    assert copied["of_call"] >= 2**20 > memory.measure(memory.Case("softmax"), 2**21)["of_call"]


@linux
@pytest.mark.parametrize(
    "case",
    [
        *(memory.Case("softmax", "axis 0, two", dtype) for dtype in ("float64", "float16")),
        *(memory.Case(op, "axis 0, two", mask="scores") for op in ("softmax", "log_softmax")),
        *(
            memory.Case(op, "axis 0, two", result="new")
            for op in ("logsumexp", "entropy", "log_softmax_vjp", "kl_divergence", "top_k")
        ),
        *(
            memory.Case("log_softmax", "one row", dtype, "new")
            for dtype in (">f4", "int64", "bool")
        ),
    ],
    ids=lambda case: case.name,
)
def test_no_long_row_is_copied(case):
    assert memory.measure(case, SMALL)["of_call"] < SMALL / 16


@linux
def test_a_new_result_counts_as_an_array():
    record = memory.measure(memory.Case("softmax", result="new"), SMALL)
    assert record["arrays"] == 2 * SMALL
    assert 0 <= record["of_call"] < 4 * memory.MB


@pytest.mark.parametrize("case", memory.CASES, ids=lambda case: case.name)
def test_every_case_has_the_arrays_that_it_names(case, monkeypatch):
    """Without a process: the call itself, small, in this one."""
    monkeypatch.setattr(memory, "resident", lambda name: 0)
    record = memory.call(case, 2**16)
    operands = 1 + record["op"].endswith("_vjp")
    mask = {"": 0, "scores": 2**14, "row": 2**10}[record["mask"]]
    wide = 8 if record["dtype"] == "int64" else 4
    one_value = record["op"] == "logsumexp"
    result = 0 if record["result"] == "in place" else wide if one_value else 2**16
    assert record["arrays"] == operands * 2**16 + mask + result
    assert memory.Case(*case.name.split("|")) == case


def test_pages_are_written_and_a_mask_leaves_rows_something():
    mask = memory.filled((3, 50000), np.dtype(bool))
    assert 0.8 < mask.mean() < 0.9
    scores = memory.filled((3, 50000), np.dtype(np.float32))
    assert np.isfinite(scores).all()
    assert np.count_nonzero(scores) > 0.99 * scores.size


def test_the_peak_of_another_system_is_told_missing(monkeypatch, capsys):
    monkeypatch.setattr(memory, "lacking", lambda: "no peak here")
    assert command.main(["memory"]) == 1
    assert "no peak here" in capsys.readouterr().err


@linux
def test_the_command_prints_and_keeps(tmp_path, capsys, monkeypatch):
    case = memory.Case("softmax", mask="row")
    monkeypatch.setattr(memory.run, "__defaults__", ([case], SMALL))
    file = tmp_path / "memory.csv"
    assert command.main(["memory", f"--bytes={SMALL}", f"--csv={file}"]) == 0
    (record,) = results.read(file)
    assert record["arrays"] == SMALL + 1024
    printed = capsys.readouterr().out
    assert "softmax, float32, last axis, one mask row" in printed
    assert f"{record['beside'] / memory.MB:.1f}" in printed


def test_the_page_is_written_from_the_newest_peaks():
    path = results.newest("memory")
    assert path is not None
    records = results.read(path)
    page = (ROOT / "docs" / "performance.md").read_text(encoding="utf-8")
    found = re.search("<!-- memory:begin -->\n(.*?)\n<!-- memory:end -->", page, re.DOTALL)
    assert found is not None
    assert found[1] == f"{memory.page(records)}\n\n{readme.measured(records, path)}"
    kept = {(r["op"], r["rows"], r["dtype"], r["result"], r["mask"]): r for r in records}
    for case in memory.CASES:
        assert kept[tuple(case.name.split("|"))]["beside"] < 64 * memory.MB

"""The benchmark of draws: what it measures, and that wrong results are refused."""

import sys

import numpy as np
import pytest

import logitkit as lk
from benchmarks import __main__ as command
from benchmarks import results, sampling
from logitkit.bench.timing import Effort

SHORT = Effort(seconds=0.0, least=1, most=1, turn=0.0)


def test_every_way_is_measured_and_kept(monkeypatch, capsys, tmp_path):
    file = tmp_path / "sampling.csv"
    monkeypatch.setattr(
        sampling, "in_process", lambda *shape: list(sampling.timed(*shape, effort=SHORT))
    )
    line = f"sampling --classes 300 --rows 1,3 --threads 1 --csv {file}"
    assert command.main(line.split()) == 0
    records = results.read(file)
    assert set(records[0]) == set(results.COLUMNS["sampling"])
    assert len(records) == 2 * len(sampling.FILTERS) * 3
    assert {r["provider"] for r in records} == {"logitkit", "logitkit, softmax", "torch"}
    assert {r["filters"] for r in records} >= {"none", "top_k=50, top_p=0.9, min_p=0.05"}
    assert all(r["median"] > 0 for r in records)
    printed = capsys.readouterr().out
    assert "3x300" in printed and "top_p=0.9" in printed


def test_a_process_of_its_own_tells_the_times():
    found = sampling.in_process(2, 64, 1)
    assert [r["shape"] for r in found] == ["2x64"] * 15
    assert all(r["p20"] <= r["median"] <= r["p80"] for r in found)


@pytest.mark.parametrize("filters", sampling.FILTERS[1:], ids=sampling.name_of)
def test_other_classes_are_refused(monkeypatch, filters):
    x = sampling.logits(3, 1000)
    sampling.check(x, filters)
    real = lk.filter_logits

    def without_the_largest(x, **options):
        left = real(x, **options)
        left[np.arange(len(x)), x.argmax(-1)] = -np.inf
        return left

    monkeypatch.setattr(lk, "filter_logits", without_the_largest)
    monkeypatch.setattr(lk, "sample", lambda x, **_: without_the_largest(x, **filters).argmax(-1))
    with pytest.raises(ValueError, match="keep other classes"):
        sampling.check(x, filters)


def test_a_draw_that_is_not_kept_is_refused(monkeypatch):
    x = sampling.logits(3, 1000)
    monkeypatch.setattr(lk, "sample", lambda x, **_: x.argmin(-1))
    with pytest.raises(ValueError, match="logitkit drew what is not kept"):
        sampling.check(x, {"top_k": 50})


def test_a_process_that_fails_is_told(monkeypatch):
    monkeypatch.setattr(sys, "executable", "false")
    with pytest.raises(RuntimeError, match="draws were not measured"):
        sampling.in_process(1, 8, 1)

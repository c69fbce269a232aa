"""The benchmark of linear_cross_entropy: what it measures, and that a wrong result is refused."""

import sys

import pytest

from benchmarks import __main__ as command
from benchmarks import linear, memory, results

pytestmark = pytest.mark.skipif(memory.lacking() != "", reason=memory.lacking() or "-")
SHAPE = (70, 5, 40)


def test_every_contestant_is_measured_and_kept(monkeypatch, capsys, tmp_path):
    monkeypatch.setattr(linear, "SHAPE", SHAPE)
    file = tmp_path / "linear.csv"
    called = []

    def one(name, shape, threads, *, check):
        called.append((name, threads, check))
        return {"time": 10.0 * len(called), "beside": 5 * memory.MB, "error": 1e-7}

    monkeypatch.setattr(linear, "measure", one)
    line = f"linear --shape 70x5x40 --threads 1,2 --rounds 3 --csv {file}"
    assert command.main(line.split()) == 0
    assert [called.count((name, t, True)) for name in linear.CONTESTANTS for t in (1, 2)] == [1] * 6
    assert len(called) == 18
    records = results.read(file)
    assert set(records[0]) == set(results.COLUMNS["linear"])
    assert [r["threads"] for r in records] == [1, 1, 1, 2, 2, 2]
    assert records[0]["median"] == 40.0 and records[0]["beside"] == 5 * memory.MB
    assert "70x5x40" in capsys.readouterr().out


@pytest.mark.parametrize("name", linear.CONTESTANTS)
def test_a_process_tells_time_memory_and_error(name):
    found = linear.measure(name, SHAPE, 1, check=True)
    assert found["time"] > 0
    assert found["error"] < 1e-5
    logits = linear.measure(name, (512, 8, 2**15), 1, check=False)
    assert logits["error"] is None
    assert (logits["beside"] > 64 * 2**20) == (name == "torch, logits")


def test_errors_are_found():
    h, w, targets = linear.operands(*SHAPE)
    loss, grad_h, grad_w = linear._logitkit(h, w, targets)()
    assert linear.errors((loss, grad_h, grad_w), h, w, targets) < 1e-5
    assert linear.errors((loss, grad_h * 1.5, grad_w), h, w, targets) > 0.4
    assert linear.errors((loss, grad_h, grad_w * 1.5), h, w, targets) > 0.4
    with pytest.raises(ValueError, match="the loss is"):
        linear.errors((loss * 1.01, grad_h, grad_w), h, w, targets)


def test_a_process_that_fails_is_told(monkeypatch):
    monkeypatch.setattr(sys, "executable", "false")
    with pytest.raises(RuntimeError, match="logitkit was not measured"):
        linear.measure("logitkit", SHAPE, 1, check=False)

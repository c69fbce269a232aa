"""The speed benchmark measures what it says, and notices what is wrong.

Times are never asserted. The peers are NumPy and SciPy, which the tests have; the others only count
as missing here.
"""

import hashlib
import itertools
import json
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

import logitkit
from benchmarks import __main__, grid, providers, results, speed, timing, worker
from benchmarks.operations import OPERATIONS, Disagreement

ROOT = Path(__file__).resolve().parent.parent

SHORT = timing.Effort(seconds=0.0, least=2, most=2, turn=1e-5)


@pytest.fixture
def missing_torch(monkeypatch):
    """A machine without PyTorch."""
    monkeypatch.setitem(providers.MODULES, "torch", ("no_such_module",))


def test_speed_measures_every_cell(tmp_path, capsys, missing_torch):
    file = tmp_path / "speed.csv"
    done = __main__.main(
        "speed --quick --threads 1,2 --ops softmax,logsumexp --shapes 10,8x4@0 "
        f"--peers numpy,scipy,torch --csv {file}".split()
    )
    assert done == 0
    assert file.read_text().splitlines()[0].split(",") == list(results.COLUMNS["speed"])
    records = results.read(file)
    cells = {(r["op"], r["shape"], r["axis"], r["threads"]) for r in records}
    shapes = [("10", -1), ("8x4", 0)]
    assert cells == {(op, *s, n) for op in ("softmax", "logsumexp") for s in shapes for n in (1, 2)}
    assert {r["provider"] for r in records} == {
        *("copy", "numpy", "scipy"),
        *("logitkit", "logitkit out=", "logitkit exact"),
    }
    assert all(0 < r["p20"] <= r["median"] <= r["p80"] for r in records)
    assert all(r["versions"] and r["cpu"] for r in records)
    out = capsys.readouterr().out
    assert out.count("not installed") == len(cells)
    assert "softmax, float32, N(0, 4), 2 threads: microseconds, median" in out


def disagreeing(op, operands, axis):
    x = operands[0]
    wrong = np.full_like(x, 1 / x.shape[axis])
    return providers.Bound(lambda: wrong, np.asarray)


def test_a_disagreeing_provider_is_refused():
    offer = providers.Provider("flat", "numpy", disagreeing)
    with pytest.raises(Disagreement, match=r"^flat disagrees on softmax of \(8, 4\): 0\.25 at \("):
        worker.time_cell(grid.Cell("softmax", (8, 4), -1), [offer], SHORT)


def test_every_library_that_is_here_agrees_on_every_operation():
    """In another process: some of them start threads, and leave them behind."""
    here, _ = providers.installed(providers.PEERS)
    cells = grid.cells(list(OPERATIONS), ["5", "8x4", "8x4@0"])
    wrong = []
    records = list(speed.run(cells, [1], ["copy", *here, "logitkit"], SHORT, wrong))
    assert wrong == []
    timed = {(r["op"], r["shape"], r["axis"], r["provider"]) for r in records}
    products = {"softmax_vjp", "softmax_jvp", "log_softmax_vjp"}
    for cell in cells:
        ways = {name for *key, name in timed if key == [cell.op, cell.size, cell.axis]}
        lacking = {"scipy"} if cell.op in products else set()
        assert ways >= {"copy", "logitkit", *here} - lacking, cell
        assert not ways & lacking


@pytest.mark.parametrize("library", ["numpy", "scipy", "logitkit"])
def test_a_library_without_an_operation_is_no_peer_in_it(library):
    for offer in providers.load([library], logitkit.get_num_threads()):
        for op, operation in OPERATIONS.items():
            operands = operation.make(np.ones((8, 4), np.float32), -1, np.random.default_rng(8))
            bound = offer.bind(op, operands, -1)
            if bound is not None:
                assert bound.fetch(bound.call()).shape == operation.shape(operands, -1)
            elif library == "scipy":
                assert op in ("softmax_vjp", "softmax_jvp", "log_softmax_vjp")
            else:
                assert offer.name in ("logitkit out=", "logitkit exact")


@pytest.mark.parametrize("op", OPERATIONS)
def test_a_wrong_result_is_refused_in_every_operation(op):
    def spoilt(op, operands, axis):
        result = 1.1 * OPERATIONS[op].right_in(np.float64, operands, axis).value
        return providers.Bound(lambda: result, np.asarray)

    offer = providers.Provider("spoilt", "numpy", spoilt)
    with pytest.raises(Disagreement, match=f"^spoilt disagrees on {op} of "):
        worker.time_cell(grid.Cell(op, (8, 4), -1), [offer], SHORT)


def test_a_wrong_shape_is_refused():
    offer = providers.Provider("flat", "numpy", disagreeing)
    with pytest.raises(Disagreement, match=r"its shape is \(8, 4\), not \(8,\)"):
        worker.time_cell(grid.Cell("logsumexp", (8, 4), -1), [offer], SHORT)


def test_a_floor_is_not_asked_for_the_result():
    offer = providers.Provider("flat", "numpy", disagreeing, floor=True)
    assert set(worker.time_cell(grid.Cell("softmax", (8, 4), -1), [offer], SHORT)) == {"flat"}


def test_every_disagreeing_provider_is_named():
    offers = [providers.Provider(name, "numpy", disagreeing) for name in ("one", "two")]
    with pytest.raises(Disagreement, match=r"^one disagrees .*; two disagrees "):
        worker.time_cell(grid.Cell("softmax", (8, 4), -1), offers, SHORT)


def test_a_disagreement_fails_the_run_and_leaves_the_other_cells(tmp_path, monkeypatch, capsys):
    def records(settings):
        yield {"disagreement": "flat disagrees on softmax"}
        yield {
            **dict.fromkeys(results.COLUMNS["speed"], 1),
            **{"op": "softmax", "shape": "8", "axis": -1, "provider": "numpy"},
        }

    monkeypatch.setattr(speed, "_worker", records)
    file = tmp_path / "speed.csv"
    assert __main__.main(f"speed --threads 1 --peers numpy --csv {file}".split()) == 1
    assert "flat disagrees on softmax (1 threads)" in capsys.readouterr().err
    assert [r["shape"] for r in results.read(file)] == ["8"]


def test_a_worker_reports_a_disagreement():
    settings = {
        "threads": 1,
        "libraries": ["numpy"],
        "cells": [["softmax", [8, 4], -1], ["logsumexp", [8, 4], -1]],
        "effort": vars(SHORT),
    }
    spoilt = (
        "from benchmarks import worker; from benchmarks.providers import numpy; "
        "numpy.FUNCTIONS['softmax'] = lambda x, axis: x; worker.main()"
    )
    done = subprocess.run(
        [sys.executable, "-c", spoilt, json.dumps(settings)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    first, second = map(json.loads, done.stdout.splitlines())
    assert first["disagreement"].startswith("numpy disagrees on softmax of (8, 4)")
    assert second["op"] == "logsumexp"


def test_a_worker_that_ends_early_is_an_error():
    cells = [grid.Cell("softmax", (8,), -1)]
    with pytest.raises(RuntimeError, match="the worker at 1 threads ended with 1"):
        list(speed.run(cells, [1], ["no_such_library"], SHORT, []))


def test_every_provider_has_turns_in_every_place():
    turns = []
    calls = {name: [lambda name=name: turns.append(name)] for name in "abc"}
    effort = timing.Effort(seconds=0.0, least=3, most=3, turn=0.0)
    times = timing.measure(calls, effort)
    rounds = ["".join(turns[-9:][i : i + 3]) for i in (0, 3, 6)]
    assert rounds == ["abc", "bca", "cab"]
    assert all(time.p20 <= time.median <= time.p80 for time in times.values())


def test_inputs_are_used_in_turn():
    used = []
    effort = timing.Effort(seconds=0.0, least=5, most=5, turn=0.0)
    timing.measure({"a": [lambda: used.append(0), lambda: used.append(1)]}, effort)
    assert all(first != second for first, second in itertools.pairwise(used))


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="needs Linux's list of threads")
def test_a_turn_waits_for_threads_that_still_run():
    thread = threading.Thread(target=hashlib.sha256, args=(bytes(1 << 27),))
    thread.start()
    timing.settle(limit=60)
    alive = thread.is_alive() and timing._others_run()
    thread.join()
    assert not alive


def test_large_cases_come_from_memory():
    cache = max(logitkit.cpu_info()["caches"].values()) or 32 << 20
    rows = cache // 4000
    large = grid.inputs(grid.Cell("softmax", (rows, 1000), -1))
    assert len(large) * large[0][0].nbytes > cache
    assert len({x[0, 0] for (x,) in large}) == len(large)
    assert len(grid.inputs(grid.Cell("softmax", (128, 10), -1))) == 1
    pairs = grid.inputs(grid.Cell("kl_divergence", (rows, 1000), -1))
    assert sum(each.nbytes for pair in pairs for each in pair) > cache


@pytest.mark.parametrize("text", ["", "x", "10x", "0", "-1", "10@1", "10@", "3 x 4"])
def test_a_shape_that_is_none_is_refused(text, capsys):
    with pytest.raises(ValueError, match=r"shape is .*; accepted are"):
        grid.parse_shape(text)
    assert __main__.main(["speed", "--shapes", f"2x2,{text}", "--peers", "numpy"]) == 1
    assert capsys.readouterr().err.splitlines()[-1].startswith(f"benchmarks: shape is {text!r}")


@pytest.mark.parametrize("option", ["--ops softmin", "--peers nump"])
def test_an_unknown_name_is_refused(option, capsys):
    assert __main__.main(["speed", *option.split()]) == 1
    assert "accepted are" in capsys.readouterr().err

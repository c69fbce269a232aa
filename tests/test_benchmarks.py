"""The benchmarks measure what they say, notice what is wrong, and write it where it belongs.

Times are never asserted. The peers are NumPy and SciPy, which the tests have; the others only count
as missing here.
"""

import hashlib
import itertools
import json
import shutil
import subprocess
import sys
import threading
from pathlib import Path
from types import SimpleNamespace

import mpmath
import numpy as np
import pytest

import logitkit

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))  # the benchmarks are run from the repository, not installed

from benchmarks import (  # noqa: E402
    __main__,
    accuracy,
    exp_sweep,
    grid,
    inputs,
    providers,
    readme,
    results,
    speed,
    summary,
    timing,
    ulp,
    worker,
)
from benchmarks.operations import Disagreement  # noqa: E402

SHORT = timing.Effort(seconds=0.0, least=2, most=2, turn=1e-5)


@pytest.fixture
def missing_torch(monkeypatch):
    """A machine without PyTorch."""
    monkeypatch.setitem(providers.MODULES, "torch", ("no_such_module",))


# What an error in ULP is


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("value", [1.0, 1.5, 0.75, 1e-30, 3e-39, -0.1])
@pytest.mark.parametrize("steps", [0, 1, 2, 5])
def test_a_result_some_steps_away_is_as_many_ulp_wrong(dtype, value, steps):
    right = np.array([value], dtype)
    result = right
    for _ in range(steps):
        result = np.nextafter(result, np.array(np.inf if value > 0 else -np.inf, dtype))
    assert ulp.worst(result, right.astype(np.longdouble)) == ulp.Worst(steps, (0,))


def test_a_result_that_is_no_number_is_infinitely_wrong():
    assert ulp.worst(np.array([1.0, np.nan]), np.ones(2, np.longdouble)) == ulp.Worst(np.inf, (1,))


@pytest.mark.parametrize(
    "row",
    [[1.0, 2.0, 2.0], [0.0, -40.0], [-0.516300583703, -0.908723067266], [3000.5, 2990]],
)
def test_references_have_digits_beyond_float64(row):
    found = ulp.references(np.array([row]))
    with mpmath.workdps(40):
        lse = mpmath.log(mpmath.fsum(map(mpmath.exp, row)))
        logs = [mpmath.mpf(v) - lse for v in row]
        right = {"logsumexp": [lse], "log_softmax": logs, "softmax": [mpmath.exp(v) for v in logs]}
        for op, values in right.items():
            for mine, value in zip(found[op].ravel(), values, strict=True):
                digits = mpmath.mpf(float(mine)) + mpmath.mpf(float(mine - float(mine)))
                assert abs(digits - value) < 2**-60 * abs(value), op


# Accuracy


def test_accuracy_measures_every_cell():
    records = list(accuracy.run(["numpy", "scipy"], rows=2))
    assert {tuple(r) for r in records} == {results.COLUMNS["accuracy"]}
    assert {r["input"] for r in records} == set(inputs.INPUTS)
    assert {r["provider"] for r in records} == {"numpy", "scipy", "logitkit", "logitkit exact"}
    isas = {r["isa"] for r in records if r["provider"] == "logitkit"}
    assert isas == set(logitkit.cpu_info()["available"])
    assert all(r["max_ulp"] >= 0 for r in records)
    # The plain formula loses a log-probability near 0, and that is seen.
    lost = accuracy.headline(records)[
        "one score 30 above the rest, K=1000", "log_softmax", "float32", "numpy"
    ]
    assert lost > 1e6


def test_each_instruction_set_is_in_use_when_it_is_measured(monkeypatch):
    used = []

    def bind(op, x, axis):
        used.append(logitkit.cpu_info()["isa"])

    offer = providers.Provider("logitkit", "logitkit", bind)
    monkeypatch.setattr(providers, "load", lambda libraries, threads: [offer])
    assert list(accuracy.run([], rows=1)) == []
    assert len(used) % len(logitkit.cpu_info()["available"]) == 0
    assert list(dict.fromkeys(used)) == logitkit.cpu_info()["available"]


def test_the_instruction_set_is_given_back(monkeypatch):
    chosen = ["best"]
    core = SimpleNamespace(isa=lambda: chosen[-1], select_isa=chosen.append)
    monkeypatch.setattr(accuracy, "_core", core)
    with pytest.raises(ZeroDivisionError), accuracy.instruction_set("other"):
        assert chosen[-1] == "other"
        raise ZeroDivisionError
    assert chosen == ["best", "other", "best"]


def test_accuracy_shows_a_missing_library(capsys, missing_torch, monkeypatch):
    monkeypatch.setattr(inputs, "INPUTS", {inputs.LONG_ROWS: inputs.INPUTS[inputs.LONG_ROWS]})
    assert __main__.main(["accuracy", "--peers", "scipy,torch"]) == 0
    lines = capsys.readouterr().out.splitlines()
    headers = [line.split() for line in lines if line.startswith("input")]
    assert [header[-1] for header in headers] == ["torch"] * len(accuracy.DTYPES)
    assert any(line.startswith(inputs.LONG_ROWS) and "not installed" in line for line in lines)


def test_different_errors_of_instruction_sets_are_told():
    record = {"input": "i", "op": "o", "dtype": "d", "provider": "logitkit"}
    a, b = {**record, "isa": "a", "max_ulp": 1.0}, {**record, "isa": "b", "max_ulp": 1.0}
    assert accuracy.differences([a, b]) == []
    assert accuracy.differences([a, {**b, "max_ulp": 2.0}]) == ["i, o, d, logitkit: a 1.0, b 2.0"]


# The sweep


def test_fast_units_are_the_units():
    values = np.concatenate([2.0 ** np.arange(-160, 3), -np.geomspace(1e-46, 1, 99), [0.0]])
    assert (exp_sweep.float32_units(values) == ulp.unit(values, "float32")).all()


@pytest.mark.parametrize("chunk", [100, exp_sweep.CHUNK])
def test_the_sweep_goes_from_zero_to_the_end(monkeypatch, chunk):
    monkeypatch.setattr(exp_sweep, "CHUNK", chunk)
    values = np.concatenate(list(exp_sweep.chunks(99991)))
    assert (values[0], values[-1] > -104, values[-1] < -103) == (0, True, True)
    assert (np.diff(values) < 0).all()


def test_the_sweep_finds_a_wrong_result(monkeypatch):
    def off(rows, *, precision):
        right = logitkit.softmax(rows, precision=precision)
        right[np.isclose(rows[:, 0], -5, rtol=0.01), 0] *= 1 + 2.0**-20
        return right

    right = exp_sweep.run(99991)
    assert {tuple(r) for r in right} == {results.COLUMNS["exp-sweep"]}
    monkeypatch.setitem(exp_sweep.FUNCTIONS, "softmax", off)
    for before, after in zip(right, exp_sweep.run(99991), strict=True):
        if after["op"] == "softmax":
            assert after["max_ulp"] > before["max_ulp"] + 4
            assert -5.05 < after["score"] < -4.95
        else:
            assert after == before


# Speed


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


def disagreeing(op, x, axis):
    wrong = np.full_like(x, 1 / x.shape[axis])
    return providers.Bound(lambda: wrong, np.asarray)


def test_a_disagreeing_provider_is_refused():
    offer = providers.Provider("flat", "numpy", disagreeing)
    with pytest.raises(Disagreement, match=r"^flat disagrees on softmax of \(8, 4\): 0\.25 at \("):
        worker.time_cell(grid.Cell("softmax", (8, 4), -1), [offer], SHORT)


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
    assert len(large) * large[0].nbytes > cache
    assert len({x[0, 0] for x in large}) == len(large)
    assert len(grid.inputs(grid.Cell("softmax", (128, 10), -1))) == 1


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


# The documents


def measured(directory, slow=1.0):
    """Write small results of all kinds; `slow` is our time where the peers take 2."""
    cells = [(op, s, n) for op in ("softmax", "logsumexp") for s in ("10", "8x4") for n in (1, 2)]
    times = {"copy": 0.1, "numpy": 4.0, "scipy": 2.0, "logitkit": 9.0, "logitkit out=": slow}
    common = {"versions": "library 1.0", "cpu": "Processor, 2 CPUs, isa"}
    speeds = [
        {
            **dict(
                zip(results.COLUMNS["speed"], (op, shape, -1, "float32", n, name), strict=False)
            ),
            **dict.fromkeys(("median", "p20", "p80"), time),
            **common,
        }
        for op, shape, n in cells
        for name, time in times.items()
    ]
    results.write(directory / "speed-2001-02-03.csv", "speed", speeds)
    sweep = results.COLUMNS["exp-sweep"]
    values = ("softmax", "float32", "logitkit", "isa", 1.25, -5.0, 0.5, 99)
    record = {**dict(zip(sweep, values, strict=False)), **common}
    results.write(directory / "exp-sweep-2001-02-03.csv", "exp-sweep", [record])
    errors = accuracy.run(["numpy"], rows=1)
    results.write(directory / "accuracy-2001-02-03.csv", "accuracy", errors)


@pytest.fixture
def copy(tmp_path):
    """A copy of the documents with their measured parts."""
    (tmp_path / "docs").mkdir()
    for name in ("README.md", "docs/accuracy.md"):
        shutil.copy(ROOT / name, tmp_path / name)
    return tmp_path


def test_documents_get_tables_between_their_markers(copy):
    measured(copy / "results")
    before = (copy / "README.md").read_text()
    written = readme.update(copy, copy / "results")
    assert {path.relative_to(copy).as_posix() for path in written} == {
        *("README.md", "docs/accuracy.md"),
        *("docs/images/speed-light.svg", "docs/images/speed-dark.svg"),
    }
    assert all(path.stat().st_size for path in written)
    after = (copy / "README.md").read_text()
    assert "| (8, 4) | 0.1 | 4 | 2 | 9 | 1 |" in after
    assert "| (8, 4) | 2.00 | 2.00 | 2.00 | 2.00 |" in after
    assert "logitkit is the fastest in all 8 cells." in after
    assert "Measured on 2001-02-03, Processor" in after
    assert "| softmax | logitkit | isa | 1.25 | -5 |" in (copy / "docs/accuracy.md").read_text()
    # Outside the markers nothing changes, and a second time nothing at all.
    for name in ("accuracy", "speed"):
        before, after = (readme.replace(text, name, "") for text in (before, after))
    assert before == after
    texts = [path.read_bytes() for path in written]
    readme.update(copy, copy / "results")
    assert [path.read_bytes() for path in written] == texts


def test_losses_are_shown(copy):
    measured(copy / "results", slow=8.0)
    readme.update(copy, copy / "results")
    text = (copy / "README.md").read_text()
    assert "logitkit is slower than the best of them in 8 of 8 cells." in text
    assert "| (8, 4) | 0.25 | 0.25 | 0.25 | 0.25 |" in text


def test_a_cell_that_was_not_timed_is_named(copy):
    measured(copy / "results")
    file = copy / "results/speed-2001-02-03.csv"
    lines = file.read_text().splitlines()
    kept = [line for line in lines if not line.startswith("softmax,10,-1,float32,2")]
    file.write_text("\n".join(kept) + "\n")
    readme.update(copy, copy / "results")
    text = (copy / "README.md").read_text()
    assert "Not timed, for the libraries' results disagree: softmax (10,) at 2 threads." in text
    assert "| (10,) | 2.00 | - | 2.00 | 2.00 |" in text


def test_a_copy_is_not_a_peer():
    line = summary.Line("softmax", "10", -1, 1, {"copy": 1.0, "numpy": 3.0, "logitkit": 2.0})
    assert (line.best_peer, line.best_ratio) == ("numpy", 1.5)


@pytest.mark.parametrize("text", ["", "<!-- speed:end --> <!-- speed:begin -->"])
def test_a_document_without_markers_is_refused(copy, text):
    measured(copy / "results")
    (copy / "README.md").write_text(f"<!-- accuracy:begin --><!-- accuracy:end -->{text}")
    with pytest.raises(ValueError, match="speed:begin"):
        readme.update(copy, copy / "results")
    assert text in (copy / "README.md").read_text()


def test_without_results_the_command_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="`python -m benchmarks speed` makes them"):
        readme.update(tmp_path, tmp_path)


def test_the_newest_results_are_taken(tmp_path):
    for day in ("2001-02-03", "2001-11-01", "2000-12-31"):
        results.write(tmp_path / f"speed-{day}.csv", "speed", [])
    assert results.newest("speed", tmp_path).name == "speed-2001-11-01.csv"


def test_results_survive_a_write_that_fails(tmp_path):
    file = tmp_path / "speed.csv"
    results.write(file, "speed", [])
    before = file.read_text()
    with pytest.raises(ValueError, match="fields not in fieldnames"):
        results.write(file, "speed", [{"unknown": 1}])
    assert file.read_text() == before

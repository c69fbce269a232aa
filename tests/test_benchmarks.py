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

import numpy as np
import pytest

import logitkit

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))  # the benchmarks are run from the repository, not installed

from benchmarks import (  # noqa: E402
    __main__,
    accuracy,
    grid,
    providers,
    readme,
    results,
    speed,
    summary,
    timing,
    worker,
)
from benchmarks.operations import Disagreement  # noqa: E402

SHORT = timing.Effort(seconds=0.0, least=2, most=2, turn=1e-5)


@pytest.fixture
def missing_torch(monkeypatch):
    """A machine without PyTorch."""
    monkeypatch.setitem(providers.MODULES, "torch", ("no_such_module",))


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


def test_a_part_without_results_stays(copy):
    measured(copy / "results")
    (copy / "results/speed-2001-02-03.csv").unlink()
    before = (copy / "README.md").read_text()
    written = readme.update(copy, copy / "results")
    assert [path.name for path in written] == ["README.md", "accuracy.md"]
    assert (
        before.partition("## Speed")[2] == (copy / "README.md").read_text().partition("## Speed")[2]
    )
    after = (copy / "README.md").read_text()
    assert after != before
    assert after.partition("## Speed")[2] == before.partition("## Speed")[2]


def test_without_results_the_command_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="`python -m benchmarks` makes them"):
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

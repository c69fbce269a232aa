"""The engine of the benchmark measures what it says, and notices what is wrong.

Times are never asserted. The peers are NumPy and SciPy, which the tests have, and whatever else is
here.
"""

import hashlib
import itertools
import json
import signal
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

import logitkit
from logitkit.bench import cells, operations, providers, run, timing, worker
from logitkit.bench.cells import Cell
from logitkit.bench.operations import OPERATIONS, TOLERANCES, Accepted, Disagreement

SHORT = timing.Effort(seconds=0.0, least=2, most=2, turn=1e-5)


def disagreeing(op, operands, axis):
    x = operands[0]
    wrong = np.full_like(x, 1 / x.shape[axis])
    return providers.Bound(lambda: wrong, np.asarray)


def test_a_disagreeing_provider_is_refused():
    offer = providers.Provider("flat", "numpy", disagreeing)
    with pytest.raises(Disagreement, match=r"^flat disagrees on softmax of \(8, 4\): 0\.25 at \("):
        worker.time_cell(Cell("softmax", (8, 4), -1), [offer], SHORT)


@pytest.mark.parametrize("dtype", cells.DTYPES)
def test_every_library_that_is_here_agrees_on_every_operation(dtype):
    """In another process: some of them start threads, and leave them behind."""
    here, _ = providers.installed(providers.PEERS)
    shapes = [((5,), -1), ((8, 4), -1), ((2, 3, 4), 1)]
    asked = [Cell(op, *shape, dtype) for shape in shapes for op in OPERATIONS]
    wrong = []
    records = list(run.run(asked, [1], ["copy", *here, "logitkit"], SHORT, wrong))
    assert wrong == []
    assert {r["dtype"] for r in records} == {dtype}
    timed = {(r["op"], r["shape"], r["axis"], r["provider"]) for r in records}
    products = {"softmax_vjp", "softmax_jvp", "log_softmax_vjp"}
    for cell in asked:
        ways = {name for *key, name in timed if key == [cell.op, cell.size, cell.axis]}
        lacking = {"scipy"} if cell.op in products else set()
        lacking |= {"onnxruntime"} if cell.op == "cross_entropy_grad" else set()
        if dtype == "bfloat16":
            lacking = {"numpy", "scipy", "onnxruntime"}
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


@pytest.mark.parametrize("dtype", cells.DTYPES)
@pytest.mark.parametrize("op", OPERATIONS)
def test_a_wrong_result_is_refused_in_every_operation(op, dtype):
    factor = 1 + 5 * TOLERANCES[dtype].relative

    def spoilt(op, operands, axis):
        right = OPERATIONS[op].right_in(np.float64, operands, axis).value
        result = (factor * right + factor - 1).astype(operands[0].dtype)
        return providers.Bound(lambda: result, np.asarray)

    offer = providers.Provider("spoilt", "numpy", spoilt)
    with pytest.raises(Disagreement, match=f"^spoilt disagrees on {op} of "):
        worker.time_cell(Cell(op, (8, 4), -1, dtype), [offer], SHORT)


def test_a_result_of_another_dtype_is_refused():
    def wide(op, operands, axis):
        result = OPERATIONS[op].right_in(np.float64, operands, axis).value
        return providers.Bound(lambda: result, np.asarray)

    offer = providers.Provider("wide", "numpy", wide)
    with pytest.raises(Disagreement, match="its dtype is float64, not float32"):
        worker.time_cell(Cell("softmax", (8, 4), -1), [offer], SHORT)


@pytest.mark.parametrize("axis", [0, 1, 2])
@pytest.mark.parametrize("op", OPERATIONS)
def test_right_results_by_parts_are_those_of_the_whole(op, axis, monkeypatch):
    x = np.random.default_rng(3).normal(size=(3, 4, 5)).astype(np.float32)
    operands = OPERATIONS[op].make(x, axis, np.random.default_rng(4))
    whole = Accepted.of(op, operands, axis)
    monkeypatch.setattr(operations, "LARGE", 7)
    parts = Accepted.of(op, operands, axis)
    assert np.array_equal(parts.low, whole.low) and np.array_equal(parts.high, whole.high)
    right = OPERATIONS[op].right_in(np.float64, operands, axis).value
    assert (whole.low < right).all() and (right < whole.high).all()
    again = OPERATIONS[op].make(x, axis, np.random.default_rng(4))
    assert all(np.array_equal(a, b) for a, b in zip(again, operands, strict=True))


def test_a_wrong_shape_is_refused():
    offer = providers.Provider("flat", "numpy", disagreeing)
    with pytest.raises(Disagreement, match=r"its shape is \(8, 4\), not \(8,\)"):
        worker.time_cell(Cell("logsumexp", (8, 4), -1), [offer], SHORT)


def test_a_floor_is_not_asked_for_the_result():
    offer = providers.Provider("flat", "numpy", disagreeing, floor=True)
    assert set(worker.time_cell(Cell("softmax", (8, 4), -1), [offer], SHORT)) == {"flat"}


def test_every_disagreeing_provider_is_named():
    offers = [providers.Provider(name, "numpy", disagreeing) for name in ("one", "two")]
    with pytest.raises(Disagreement, match=r"^one disagrees .*; two disagrees "):
        worker.time_cell(Cell("softmax", (8, 4), -1), offers, SHORT)


def test_a_worker_reports_a_disagreement():
    settings = {
        "threads": 1,
        "libraries": ["numpy"],
        "cells": [[op, [8, 4], -1, "float32"] for op in ("softmax", "logsumexp")],
        "effort": vars(SHORT),
    }
    spoilt = (
        "from logitkit.bench import worker; from logitkit.bench.providers import numpy; "
        "numpy.FUNCTIONS['softmax'] = lambda x, axis: x; worker.main()"
    )
    done = subprocess.run(
        [sys.executable, "-c", spoilt, json.dumps(settings)],
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
    with pytest.raises(RuntimeError, match="the worker at 1 threads ended with 1"):
        list(run.run([Cell("softmax", (8,), -1)], [1], ["no_such_library"], SHORT, []))


def test_a_cell_that_is_too_large_is_told():
    huge = [Cell("softmax", (1 << 20, 1 << 30), -1)]
    with pytest.raises(MemoryError, match=r"^softmax of 1048576x1073741824, float32: "):
        list(run.run(huge, [1], ["numpy"], SHORT, []))


def test_a_caller_that_stops_ends_the_worker(monkeypatch):
    started = []

    class Watched(subprocess.Popen):
        def __init__(self, *args, **options):
            super().__init__(*args, **options)
            started.append(self)

    monkeypatch.setattr(run.subprocess, "Popen", Watched)
    settings = {
        "threads": 1,
        "libraries": ["numpy"],
        "cells": [["softmax", [8], -1, "float32"], ["softmax", [1 << 26], -1, "float32"]],
        "effort": vars(SHORT),
    }
    records = run.records_of(settings)
    assert next(records)["shape"] == "8"
    records.close()
    assert started[0].returncode == -signal.SIGKILL


def test_a_call_of_many_passes_counts_as_one():
    def bind(op, operands, axis):
        return providers.Bound(lambda: operands[0].sum(), np.asarray, passes=10**6)

    offer = providers.Provider("many", "numpy", bind, floor=True)
    time = worker.time_cell(Cell("softmax", (8,), -1), [offer], SHORT)["many"]
    assert 0 < time.p20 <= time.median <= time.p80 < 1


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


def test_rounds_of_slow_cells_are_few():
    turns = []
    slow = timing.Effort(seconds=0.0, least=9, most=9, turn=0.0, limit=0.0)
    timing.measure({"a": [lambda: turns.append("a")]}, slow)
    warm = len(turns)
    turns.clear()
    timing.measure({"a": [lambda: turns.append("a")]}, timing.Effort(0.0, 9, 9, 0.0))
    assert len(turns) - warm == 6  # three in the place of nine


def test_large_cases_come_from_memory():
    cache = max(logitkit.cpu_info()["caches"].values()) or 32 << 20
    rows = cache // 4000
    inputs = cells.Inputs()
    large = list(inputs.of(Cell("softmax", (rows, 1000), -1)))
    assert len(large) * large[0][0].nbytes > cache
    assert len({x[0, 0] for (x,) in large}) == len(large)
    pairs = list(inputs.of(Cell("kl_divergence", (rows, 1000), -1)))
    assert sum(each.nbytes for pair in pairs for each in pair) > cache
    # One shape's operations share the scores, another's are their own.
    assert pairs[0][0] is large[0][0]
    assert len(list(inputs.of(Cell("softmax", (128, 10), -1)))) == 1
    # One that is far larger than the caches is enough.
    (only,) = inputs.of(Cell("softmax", (2 * rows + 2, 1000), -1))
    assert only[0].nbytes + only[0].nbytes >= 4 * cache


@pytest.mark.parametrize("dtype", cells.DTYPES)
def test_scores_are_from_the_distribution_that_is_said(dtype):
    (operands,) = cells.Inputs().of(Cell("softmax", (1000, 10), -1, dtype))
    scores = operands[0].astype(float)
    assert operands[0].dtype == dtype
    assert abs(scores.mean()) < 0.2 and 3.9 < scores.std() < 4.1


def test_an_unknown_dtype_is_refused():
    with pytest.raises(ValueError, match="dtype is 'int8'; accepted are float32, float64"):
        cells.dtype_named("int8")


def test_a_dtype_that_numpy_lacks_names_what_brings_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "ml_dtypes", None)
    with pytest.raises(ImportError, match="pip install ml_dtypes"):
        cells.dtype_named("bfloat16")

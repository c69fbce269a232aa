"""The accuracy benchmark and the sweep: an error in ULP is one, and a wrong result is found."""

from types import SimpleNamespace

import mpmath
import numpy as np
import pytest

import logitkit
from benchmarks import (
    __main__,
    accuracy,
    emulated,
    exp_sweep,
    inputs,
    providers,
    results,
    ulp,
)


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
    halves = [r for r in records if r["dtype"] in accuracy.HALVES]
    assert {r["dtype"] for r in halves} == set(accuracy.HALVES)
    assert {r["provider"] for r in halves} == set(accuracy.OURS)
    assert 0.49 < max(r["max_ulp"] for r in halves) < 0.51
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
    monkeypatch.setattr(emulated, "lacking", lambda: "not today")
    assert __main__.main(["accuracy", "--peers", "scipy,torch"]) == 0
    told = capsys.readouterr()
    assert "neon" in logitkit.cpu_info()["available"] or "neon (not today)" in told.err
    lines = told.out.splitlines()
    headers = [line.split() for line in lines if line.startswith("input")]
    # The last columns: the halves are ours alone.
    assert [header[-1] for header in headers] == ["torch", "torch", "exact", "exact"]
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

"""The accuracy benchmark and the sweep: an error in ULP is one, and a wrong result is found."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

import logitkit
from benchmarks import (
    __main__,
    accuracy,
    accuracy_tables,
    emulated,
    exp_sweep,
    goals,
    inputs,
    results,
    tables,
    ulp,
)
from logitkit.bench import providers
from logitkit.bench.operations import OPERATIONS, Disagreement
from logitkit.bench.providers.logitkit import new_and_out
from logitkit.bench.right import Right

RANDOM = np.random.default_rng(7)


@pytest.fixture
def missing_torch(monkeypatch):
    """A machine without PyTorch."""
    monkeypatch.setitem(providers.NEEDS, "torch", ("no_such_module",))


# What an error in ULP is


def itself(value):
    return Right(value.astype(np.longdouble), np.abs(value.astype(np.longdouble)))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("value", [1.0, 1.5, 0.75, 1e-30, 3e-39, -0.1])
@pytest.mark.parametrize("steps", [0, 1, 2, 5])
def test_a_result_some_steps_away_is_as_many_ulp_wrong(dtype, value, steps):
    right = np.array([value], dtype)
    result = right
    for _ in range(steps):
        result = np.nextafter(result, np.array(np.inf if value > 0 else -np.inf, dtype))
    assert ulp.worst(result, itself(right)) == ulp.Worst(steps, (0,))


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_a_result_that_is_no_finite_number_is_infinitely_wrong(value):
    assert ulp.worst(np.array([1.0, value]), itself(np.ones(2))) == ulp.Worst(np.inf, (1,))
    assert tables.ulp(np.inf) == "inf"


def test_an_error_counts_in_units_of_the_size():
    right = Right(np.array([1.0, 0.0], np.longdouble), np.array([8.0, 2.0], np.longdouble))
    result = np.array([1.0, 2.0**-20], np.float32)
    assert ulp.worst(result, right) == ulp.Worst(4, (1,))


def test_a_result_of_another_shape_is_refused():
    with pytest.raises(ValueError, match=r"has the shape \(1,\), not \(2,\)"):
        ulp.worst(np.ones(1), itself(np.ones(2)))


# Accuracy


def test_accuracy_measures_every_cell():
    records = list(accuracy.run(["numpy", "scipy"], rows=2))
    assert {tuple(r) for r in records} == {results.COLUMNS["accuracy"]}
    assert {r["input"] for r in records} == set(inputs.INPUTS)
    assert {r["op"] for r in records} == set(OPERATIONS)
    assert {op for group in accuracy_tables.GROUPS for op in group} == set(OPERATIONS)
    assert {r["provider"] for r in records} == {"numpy", "scipy", "logitkit", "logitkit exact"}
    isas = {r["isa"] for r in records if r["provider"] == "logitkit"}
    assert isas == set(logitkit.cpu_info()["available"])
    ours = {(r["input"], r["op"], r["dtype"], r["isa"]) for r in records if r["isa"]}
    assert len(ours) == len(inputs.INPUTS) * len(OPERATIONS) * len(accuracy.DTYPES) * len(isas)
    assert all(r["max_ulp"] >= 0 for r in records)
    halves = [r for r in records if r["dtype"] in accuracy.HALVES]
    assert {r["dtype"] for r in halves} == set(accuracy.HALVES)
    assert {r["provider"] for r in halves} == set(accuracy.OURS)
    assert 0.49 < max(r["max_ulp"] for r in halves) < 0.51
    # The plain formula loses a log-probability near 0, and that is seen.
    lost = accuracy_tables.headline(records)[
        "one score 30 above the rest, K=1000", "log_softmax", "float32", "numpy"
    ]
    assert lost > 1e6


@pytest.mark.parametrize("op", OPERATIONS)
def test_accuracy_finds_a_wrong_result(op, monkeypatch):
    def ours(*operands):
        bound = new_and_out("logitkit", logitkit)[0].bind(op, operands, -1)
        return bound.fetch(bound.call())

    def off(*operands):
        result = ours(*operands)
        result.flat[result.size // 2] *= 1.5
        return result

    def measured(compute):
        def bind(op, operands, axis):
            return providers.Bound(lambda: compute(*operands), np.asarray)

        offers = [providers.Provider("ours", "numpy", bind)]
        monkeypatch.setattr(providers, "load", lambda libraries, threads: offers)
        return list(accuracy.run([], rows=3, ops=[op]))

    few = {name: inputs.INPUTS[name] for name in ("N(0, 4), K=2", "N(0, 4), K=10")}
    monkeypatch.setattr(inputs, "INPUTS", few)
    right = measured(ours)
    assert all(r["max_ulp"] < 4 for r in right)
    assert all(r["max_ulp"] > 1e3 for r in measured(off))


@pytest.mark.parametrize("op", OPERATIONS)
def test_another_operation_is_refused_on_ordinary_scores(op, monkeypatch):
    def bind(op, operands, axis):
        result = OPERATIONS[op].right_in(np.float64, operands, axis).value
        wrong = (1.1 * result).astype(operands[0].dtype)
        return providers.Bound(lambda: wrong, np.asarray)

    offers = [providers.Provider("off", "numpy", bind)]
    monkeypatch.setattr(providers, "load", lambda libraries, threads: offers)
    with pytest.raises(Disagreement, match=f"^off disagrees on {op} of "):
        list(accuracy.run([], rows=2, ops=[op]))


def test_a_function_is_shown_by_the_worst_of_its_inputs():
    record = {"op": "entropy", "dtype": "float32", "isa": "", "sum_error": None}
    records = [
        {**record, "input": name, "provider": provider, "max_ulp": value}
        for name, provider, value in (
            *(("a", "numpy", 7.0), ("b", "numpy", np.inf), ("a", "scipy", 0.25)),
            *(("a", "logitkit", 0.5), ("b", "logitkit", 2.0)),
        )
    ]
    records.append({**records[2], "op": "softmax", "provider": "logitkit exact"})
    header, rows = accuracy_tables.by_function(records, "float32", ["entropy", "softmax_vjp"])
    assert header == ["function", "numpy", "scipy", "logitkit", "where logitkit is worst"]
    assert rows == [["entropy", "inf", "0.250", "2", "b"], ["softmax_vjp", "-", "-", "-", "-"]]
    header, rows = accuracy_tables.cells(records, "float32", ["entropy", "kl_divergence"])
    assert rows == [["a", "7 / -", "0.250 / -", "0.500 / -"], ["b", "inf / -", "- / -", "2 / -"]]


def test_each_instruction_set_is_in_use_when_it_is_measured(monkeypatch):
    used = []

    def bind(op, operands, axis):
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
    assert (
        __main__.main(["accuracy", "--peers", "scipy,torch", "--ops", "softmax,softmax_vjp"]) == 0
    )
    told = capsys.readouterr()
    assert "neon" in logitkit.cpu_info()["available"] or "neon (not today)" in told.err
    lines = told.out.splitlines()
    headers = [line.split() for line in lines if line.startswith("input")]
    # The last columns: the halves are ours alone.
    assert [header[-1] for header in headers] == [*4 * ["torch"], *2 * ["exact", "logitkit"]]
    assert any(line.startswith(inputs.LONG_ROWS) and "not installed" in line for line in lines)


def test_different_errors_of_instruction_sets_are_told():
    record = {"input": "i", "op": "o", "dtype": "d", "provider": "logitkit"}
    a, b = {**record, "isa": "a", "max_ulp": 1.0}, {**record, "isa": "b", "max_ulp": 1.0}
    assert accuracy_tables.differences([a, b]) == []
    assert accuracy_tables.differences([a, {**b, "max_ulp": 2.0}]) == [
        "i, o, d, logitkit: a 1.0, b 2.0"
    ]


@pytest.mark.parametrize("off", [0.0, 1e-6])
def test_a_goal_is_met_when_every_instruction_set_meets_it(off):
    record = {"input": "i", "dtype": "float32", "provider": "logitkit"}
    goal = goals.ulp("log_softmax", "float32")
    records = [
        {**record, "op": "log_softmax", "isa": "a", "max_ulp": 0.5},
        {**record, "op": "log_softmax", "isa": "b", "max_ulp": goal + off},
        {**record, "op": "softmax", "isa": "a", "max_ulp": 0.5, "provider": "logitkit exact"},
        {**record, "op": "softmax", "isa": "", "max_ulp": 1e6, "provider": "numpy"},
    ]
    header, rows = accuracy_tables.goal_cells(records)
    assert header == ["dtype", "operation", "precision", "goal", "a", "b", "met"]
    assert rows == [
        ["float32", "log_softmax", "default", "1", "0.500", "1", "no" if off else "yes"],
        ["float32", "softmax", "exact", "0.51", "0.500", "-", "yes"],
    ]
    said = accuracy_tables.goals_sentence(records)
    met, missed = ("1", "; not: float32 log_softmax") if off else ("2", "")
    assert said == f"{met} of 2 goals are met on these inputs{missed}."


def test_a_goal_that_is_given_up_is_shown_as_missed_with_its_reason():
    lost = {"input": "i", "dtype": "float64", "op": "logsumexp", "isa": "a", "max_ulp": 645.0}
    records = [{**lost, "provider": "logitkit"}]
    assert accuracy_tables.goal_cells(records)[1][0][-1] == "no"
    why = goals.DEPARTURES["logsumexp", "float64"]
    assert f"not: float64 logsumexp ({why})." in accuracy_tables.goals_sentence(records)
    for path in goals.DEPARTURES.values():
        assert (Path(__file__).parent.parent / path).is_file()


def test_every_operation_has_a_goal_and_it_is_printed(monkeypatch):
    monkeypatch.setattr(inputs, "INPUTS", {"N(0, 4), K=2": inputs.INPUTS["N(0, 4), K=2"]})
    assert set(OPERATIONS) <= set(goals.GOALS)
    records = list(accuracy.run([], rows=3))
    lines = [line.split()[:4] for line in accuracy_tables.text(records, []).splitlines()]
    for op in OPERATIONS:
        for dtype in accuracy.DTYPES:
            assert [dtype, op, "default", f"{goals.ulp(op, dtype):g}"] in lines


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
        right[np.isclose(rows, -5, rtol=0.01)] *= 1 + 2.0**-20
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


@pytest.mark.parametrize("length", sorted({length for _, length in exp_sweep.WAYS}))
@pytest.mark.parametrize("count", [7, 8, 20])
def test_every_number_of_the_sweep_is_in_a_row(length, count):
    numbers = np.linspace(-3, -1, count, dtype=np.float32)
    rows = exp_sweep.rows_of(numbers, length)
    assert rows.shape[-1] == length and not rows[:, -1].any()
    found = rows[:, :-1].ravel()
    assert (found[:count] == numbers).all() and (found[count:] == numbers[-1]).all()
    for op, expected in exp_sweep.expectations(rows).items():
        right = OPERATIONS[op].right_in(np.longdouble, (rows,), -1).value
        np.testing.assert_allclose(expected, right.astype(float), rtol=1e-15)


@pytest.mark.parametrize("different", [0, 3])
def test_other_bits_end_the_command_with_an_error(monkeypatch, capsys, different):
    record = dict.fromkeys(results.COLUMNS["exp-sweep"], 0) | {"op": "softmax", "isa": "neon"}
    record |= {"provider": "logitkit", "different": different}
    monkeypatch.setattr(exp_sweep, "run", lambda stride, emulation: [record])
    monkeypatch.setattr(emulated, "lacking", lambda: "not today")
    assert __main__.main(["exp-sweep"]) == bool(different)
    told = capsys.readouterr()
    assert "softmax" in told.out
    assert ("softmax of logitkit, neon: 3 results have other bits" in told.err) == bool(different)

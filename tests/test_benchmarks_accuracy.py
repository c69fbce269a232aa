"""The accuracy benchmark and the sweep: an error in ULP is one, and a wrong result is found."""

from types import SimpleNamespace

import mpmath
import numpy as np
import oracles
import pytest

import logitkit
from benchmarks import (
    __main__,
    accuracy,
    accuracy_tables,
    emulated,
    exp_sweep,
    inputs,
    results,
    tables,
    ulp,
)
from logitkit.bench import providers, right
from logitkit.bench.operations import OPERATIONS, Disagreement
from logitkit.bench.providers.logitkit import OPTIONS
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


# The right results

# Ordinary; a maximum twice; far apart; logsumexp near 0; far from 0.
ROWS = [[1.0, 2.0, 0.3], [1.0, 2.0, 2.0], [0.0, -40.0], [-0.516300583703, -0.908723067266]]
ROWS += [[3000.5, 2990]]


def in_mpmath(op, first, second):
    """Return what an operation gives for one row, and the size of its largest terms."""
    numbers, others = ([mpmath.mpf(float(v)) for v in row] for row in (first, second))
    mean = total = None
    if op.endswith("_vjp") or op == "softmax_jvp":
        g = others
    if op in ("softmax_vjp", "softmax_jvp"):
        total = mpmath.fdot(numbers, g)
        terms = [p * max(abs(a), abs(total)) for p, a in zip(numbers, g, strict=True)]
        return [p * (a - total) for p, a in zip(numbers, g, strict=True)], terms
    if op == "log_softmax_vjp":
        shares = [mpmath.exp(v) * mpmath.fsum(g) for v in numbers]
        pairs = list(zip(g, shares, strict=True))
        return [a - b for a, b in pairs], [max(abs(a), abs(b)) for a, b in pairs]

    def logs(row):
        lse = mpmath.log(mpmath.fsum(map(mpmath.exp, row)))
        return lse, [v - lse for v in row]

    lse, log_p = logs(numbers)
    p = [mpmath.exp(v) for v in log_p]
    entropy = -mpmath.fdot(p, log_p)
    if op == "entropy_vjp":
        m = max(numbers)
        mean = mpmath.fdot(p, [m - v for v in numbers])
        values = [-g[0] * a * (v + entropy) for a, v in zip(p, log_p, strict=True)]
        terms = [abs(g[0]) * a * max(m - v, mean) for a, v in zip(p, numbers, strict=True)]
        return values, terms
    if op == "kl_divergence":
        terms = [a * (v - w) for a, v, w in zip(p, log_p, logs(others)[1], strict=True)]
        return [mpmath.fsum(terms)], [max(map(abs, terms))]
    values = {
        "softmax": p,
        "log_softmax": log_p,
        "logsumexp": [lse],
        "entropy": [entropy],
        "gather_logprobs": [log_p[int(second[0])]] if op == "gather_logprobs" else None,
        "logsumexp_vjp": [others[0] * a for a in p],
    }[op]
    return values, [0] * len(values)


def off_by(op, operands, digits=60):
    """Return how far the right results are from mpmath's, at most, in ULP of float64."""
    found, worst = ulp.reference(op, operands), 0.0
    assert found.value.dtype == found.size.dtype == np.longdouble
    assert found.value.shape == OPERATIONS[op].shape(operands, -1)
    units = ulp.unit(found.size, "float64")
    with mpmath.workdps(digits):
        for i in range(len(operands[0])):
            right, terms = in_mpmath(op, operands[0][i], operands[-1][i])
            assert found.value[i].size == len(right)
            sizes = [float(max(abs(a), b)) for a, b in zip(right, terms, strict=True)]
            np.testing.assert_allclose(found.size[i].ravel().astype(float), sizes, rtol=1e-9)
            for value, unit, number in zip(
                found.value[i].ravel(), units[i].ravel(), right, strict=True
            ):
                mantissa, exponent = np.frexp(value)
                head = float(mantissa)
                whole = mpmath.mpf(head) + mpmath.mpf(float(mantissa - head))
                off = abs(mpmath.ldexp(whole, int(exponent)) - number)
                worst = max(worst, float(off / mpmath.mpf(float(unit))))
    return worst


@pytest.mark.parametrize("row", ROWS)
@pytest.mark.parametrize("op", OPERATIONS)
def test_right_results_have_digits_beyond_float64(op, row):
    scores = np.array([row, row[::-1]])  # every second row has other operands
    operands = OPERATIONS[op].make(scores, -1, np.random.default_rng(5))
    assert off_by(op, operands) < 0.02


@pytest.mark.parametrize("name", [name for name in inputs.INPUTS if name != inputs.LONG_ROWS])
@pytest.mark.parametrize("op", OPERATIONS)
def test_right_results_are_as_right_as_the_page_says(op, name):
    operands = OPERATIONS[op].make(inputs.make(name, "float64", 2), -1, np.random.default_rng(5))
    digits = 700 if name.startswith("tiny") else 60
    assert off_by(op, operands, digits) < (0.1 if op == "kl_divergence" else 0.05)


@pytest.mark.parametrize("name", [name for name in inputs.INPUTS if name != inputs.LONG_ROWS])
def test_the_tests_of_the_library_have_the_same_right_results(name):
    """Two oracles that were written apart agree."""
    x = inputs.make(name, "float64", rows=6)
    made = {
        op: operation.make(x, -1, np.random.default_rng(5)) for op, operation in OPERATIONS.items()
    }
    exact = oracles.Exact(x)
    share, slope, slope_terms = oracles.exact_reduction_vjps(x, made["entropy_vjp"][1][:, 0], 1.0)
    theirs = {
        **{op: (getattr(exact, op), None) for op in ("softmax", "log_softmax", "entropy")},
        "kl_divergence": oracles.exact_divergence(*made["kl_divergence"], 1.0),
        "softmax_vjp": oracles.exact_vjp(*made["softmax_vjp"], 1.0),
        "log_softmax_vjp": oracles.exact_log_vjp(*made["log_softmax_vjp"], 1.0),
        "logsumexp_vjp": (share, None),
        "entropy_vjp": (slope, slope_terms),
    }
    for op, (value, terms) in theirs.items():
        found = ulp.reference(op, made[op])
        assert (np.abs(found.value - value) <= 2.0**-57 * found.size).all(), op
        if terms is not None:
            sizes = np.maximum(terms, np.abs(value)).astype(float)
            assert sizes == pytest.approx(found.size.astype(float), rel=1e-12), op


def test_sums_that_cancel_keep_their_digits():
    p, g = np.array([[0.5, 0.25, 0.25]]), np.array([[1.0, 2.0**-70 - 1, -1.0]])
    assert right.softmax_vjp(p.astype("g"), g.astype("g"), -1).value[0, 1] == -0.25
    g = np.array([[1e20, 3.0, -1e20]])
    log_p = np.full((1, 3), -np.inf)
    log_p[0, 1] = 0
    assert right.log_softmax_vjp(log_p.astype("g"), g.astype("g"), -1).value[0, 1] == 0


@pytest.mark.parametrize("op", OPERATIONS)
@pytest.mark.parametrize("axis", [0, 1, -1])
def test_right_results_lie_along_any_axis(op, axis):
    operands = OPERATIONS[op].make(np.random.default_rng(6).normal(size=(3, 4)), axis, RANDOM)
    found = OPERATIONS[op].right_in(np.float64, operands, axis)
    assert found.value.shape == OPERATIONS[op].shape(operands, axis)
    rows = [np.moveaxis(each, axis, -1) for each in operands]
    along_the_last = OPERATIONS[op].right_in(np.float64, rows, -1).value
    if OPERATIONS[op].gives != "value":
        along_the_last = np.moveaxis(along_the_last, -1, axis)
    np.testing.assert_allclose(found.value, along_the_last, rtol=1e-13)


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
    def off(*operands):
        result = getattr(logitkit, op)(*operands, **OPTIONS.get(op, {}))
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
    right = measured(lambda *operands: getattr(logitkit, op)(*operands, **OPTIONS.get(op, {})))
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

"""Each command against the library's own functions."""

import json
import math

import ml_dtypes
import numpy as np
import pytest
from cli_process import invoke, loads, ok

import logitkit

X = [2.0, 1.0, 0.1]
TOKENS = ["2", "1", "0.1"]


def text(output: str) -> tuple[list[str], list[list[str]]]:
    """Split tab-separated output into header and lines."""
    head, *lines = (line.split("\t") for line in output.splitlines())
    return head, lines


def floats(rows):
    return [[float(cell) for cell in row] for row in rows]


@pytest.mark.parametrize("temperature", ["1", "0.5", "0", "inf", "1e-300"])
@pytest.mark.parametrize("function", ["softmax", "log_softmax"])
def test_softmax_and_log_softmax(function, temperature):
    got = ok(function.replace("_", "-"), *TOKENS, "-T", temperature)
    expected = getattr(logitkit, function)(X, temperature=float(temperature))
    assert [float(cell) for cell in got.split("\t")] == expected.tolist()


def test_explain_is_the_explanation():
    args = ["1.5", "2.2", "-0.3", "0.8", "--labels", "apple,orange,banana,avocado"]
    expected = logitkit.explain([1.5, 2.2, -0.3, 0.8], labels=args[-1].split(","))
    document = loads(ok("explain", *args, "--json"))
    assert document == expected.to_dict()
    assert "most likely orange (55 %), then apple (27 %)" in document["sentence"]
    head, lines = text(ok("explain", *args))
    assert head[:3] == ["class", "rank", "logit"]
    for line, step in zip(lines, expected.steps, strict=True):
        row = dict(zip(head, line, strict=True))
        assert row.pop("class") == step.label and row.pop("rank") == str(step.rank)
        assert {name: float(cell) for name, cell in row.items()} == {
            name: getattr(step, name) for name in row
        }


def test_explain_in_a_narrow_type_and_at_the_limits():
    document = loads(ok("explain", "1000", "1001", "--dtype", "float32", "--json"))
    assert document["dtype"] == "float32" and "88.72" in document["naive"]["failures"][0]["message"]
    result = invoke("explain", "70000", "1", "--dtype", "float16")
    assert result.stderr.startswith("Note: 70000 does not fit in float16")
    head, lines = text(ok("explain", "2", "1", "-T", "0"))
    assert math.isnan(float(lines[0][head.index("scaled")]))
    assert [float(line[head.index("probability")]) for line in lines] == [1, 0]


def test_temperature_sweeps():
    head, lines = text(
        ok("temperature", *TOKENS, "--sweep", "0,0.1:10:25,inf", "--labels", "a,b,c")
    )
    assert head == ["temperature", "entropy", "a", "b", "c"]
    sweep = [0.0, *np.geomspace(0.1, 10, 25), math.inf]
    assert len(lines) == 27
    for t, row in zip(sweep, floats(lines), strict=True):
        assert row[:2] == [t, logitkit.entropy(X, temperature=t)]
        assert row[2:] == logitkit.softmax(X, temperature=t).tolist()
    assert [line[0] for line in lines[:2]] == ["0.0", "0.1"] and lines[-2][0] == "10.0"
    assert floats(lines)[0] == [0, 0, 1, 0, 0] and floats(lines)[-1][1] == math.log(3)


def test_temperature_in_json_has_the_limits():
    got = loads(ok("temperature", *TOKENS, "--sweep", "0,1,inf", "--json"))
    assert got["temperatures"] == [0, 1, "Infinity"] and got["logits"] == X
    assert got["probabilities"][1] == logitkit.softmax(X).tolist()


@pytest.mark.parametrize("temperature", [1.0, 0.5])
def test_jacobian(temperature):
    p = logitkit.softmax(X, temperature=temperature)
    expected = logitkit.softmax_jacobian(p, temperature=temperature).tolist()
    args = ["jacobian", *TOKENS, "-T", temperature]
    assert floats(line.split("\t") for line in ok(*args).splitlines()) == expected
    assert loads(ok(*args, "--json"))["jacobian"] == expected
    head, lines = text(ok(*args, "--labels", "a,b,c"))
    assert head == ["class", "a", "b", "c"]
    assert [line[0] for line in lines] == ["a", "b", "c"]
    assert floats(line[1:] for line in lines) == expected


def test_compare():
    names = ["softmax", "log_softmax", "sigmoid", "tanh", "relu", "leaky_relu", "silu"]
    x = [2.0, -1.0, 0.5]
    head, lines = text(ok("compare", "2", "-1", "0.5"))
    assert head == ["class", "logit", *names]
    assert [line[0] for line in lines] == ["0", "1", "2", "sum"]
    columns = np.array(floats(line[1:] for line in lines)).T
    assert columns[0].tolist() == [*x, 1.5]
    for name, column in zip(names, columns[1:], strict=True):
        expected = getattr(logitkit, name)(x)
        assert column.tolist() == [*expected, expected.sum()]
    assert loads(ok("compare", "2", "-1", "0.5", "--json"))["sums_to_1"] == ["softmax"]


def test_compare_survives_what_is_not_finite():
    _, lines = text(ok("compare", "inf", "-inf", "nan"))
    assert lines[-1][0] == "sum" and "nan" in lines[-1]


def test_loss_is_the_loss_of_a_class_and_its_gradient():
    scores, names = [2.0, 1.0, 0.1], ["--labels", "apple,banana,cherry"]
    for target, options, smoothing in (
        ("1", [], 0),
        ("banana", names, 0),
        ("banana", [*names, "--label-smoothing", "0.1"], 0.1),
    ):
        args = ["loss", *map(str, scores), "--target", target, *options]
        told = loads(ok(*args, "--json"))
        loss, gradient = logitkit.cross_entropy_with_grad(scores, 1, label_smoothing=smoothing)
        assert (told["target"], told["loss"], told["gradient"]) == (1, loss, gradient.tolist())
        head, lines = text(ok(*args))
        assert head[1:] == ["logit", "probability", "log_probability", "target", "loss", "gradient"]
        assert float(lines[-1][5]) == loss and lines[-1][0] == "sum"
        assert [float(line[6]) for line in lines[:-1]] == gradient.tolist()
        assert math.isclose(sum(float(line[5]) for line in lines[:-1]), loss, rel_tol=1e-14)


def test_loss_keeps_what_the_naive_way_loses():
    told = loads(ok("loss", "0", "-800", "--target", "1", "--json"))
    assert told["loss"] == 800 and told["naive"]["loss"] == "Infinity"
    assert "log(0)" in told["naive"]["failure"]
    told = loads(ok("loss", "1", "-inf", "--target=1", "--dtype", "float16", "--json"))
    assert told["loss"] == "Infinity" and told["gradient"] == [1, 0]


@pytest.mark.parametrize("target", ["3", "-1", "1.5", "d", ""])
def test_loss_refuses_what_is_no_class(target):
    result = invoke("loss", "1", "2", "3", f"--target={target}", "--labels", "a,b,c")
    assert result.exit_code == 2
    assert f"{target!r} is no class; accepted are 0 to 2 and the names" in result.stderr


def test_stability_shows_where_the_naive_way_fails():
    trials = loads(ok("stability", "1000", "1001", "1002", "--json"))["trials"]
    assert [t["dtype"] for t in trials] == ["float16", "float32", "float64"]
    for t, limit in zip(trials, ("11.09", "88.72", "709.78"), strict=True):
        assert t["naive"] == ["NaN"] * 3 and t["failing_step"] == "exp"
        assert limit in t["failure"] and t["dtype"] in t["failure"]
        x = np.array([1000, 1001, 1002], dtype=t["dtype"])
        library = np.array(t["library"], dtype=t["dtype"])
        np.testing.assert_array_equal(library, logitkit.softmax(x))
        np.testing.assert_allclose(t["shifted"], t["library"], rtol=4 * np.finfo(x.dtype).eps)


def test_stability_tells_the_steps_apart():
    def step(*args):
        (trial,) = loads(ok("stability", *args, "--json"))["trials"]
        return trial["failing_step"]

    assert step("12", "0", "--dtype", "float16") == "exp"
    assert step("11", "11", "--dtype", "float16") == "sum"  # exp(11) = 59874 is still finite
    assert step("-800", "-801", "--dtype", "float64") == "exp"
    assert step("70000", "1", "--dtype", "float16") == "cast"
    assert step("2", "1", "--dtype", "float16") is None


def test_stability_of_bfloat16_is_asked_for():
    (trial,) = loads(ok("stability", "90", "0", "--dtype", "bfloat16", "--json"))["trials"]
    assert trial["failing_step"] == "exp" and trial["library"][0] == 1
    (trial,) = loads(ok("stability", "1", "2", "--dtype", "bfloat16", "--json"))["trials"]
    x = np.array([1, 2], ml_dtypes.bfloat16)
    assert trial["library"] == logitkit.softmax(x).astype(float).tolist()


def test_stability_as_text():
    head, lines = text(ok("stability", "1000", "0", "--dtype", "float32", "--labels", "a,b"))
    assert head == ["dtype", "class", "naive_failure", "logit", "naive", "shifted", "library"]
    assert [line[:2] for line in lines] == [["float32", "a"], ["float32", "b"]]
    assert floats(line[5:] for line in lines) == [[1, 1], [0, 0]]
    assert "exp(1000) = inf" in lines[0][2]


NARROW = {"float16": np.float16, "bfloat16": ml_dtypes.bfloat16, "float32": np.float32}


@pytest.mark.parametrize("dtype", NARROW)
def test_a_row_is_computed_in_the_type_that_is_asked_for(dtype):
    x = np.array(X).astype(NARROW[dtype])
    p = logitkit.softmax(x)
    lines = ok("jacobian", *TOKENS, "--dtype", dtype).splitlines()
    same(floats(line.split("\t") for line in lines), logitkit.softmax_jacobian(p), dtype)
    _, lines = text(ok("temperature", *TOKENS, "--dtype", dtype, "--sweep", "1"))
    same(floats(lines)[0], [1, logitkit.entropy(x), *p], dtype)
    _, lines = text(ok("compare", *TOKENS, "--dtype", dtype))
    expected = np.column_stack([x, p, logitkit.log_softmax(x), logitkit.sigmoid(x)])
    same([row[:4] for row in floats(line[1:] for line in lines)][:-1], expected, dtype)
    _, lines = text(ok("explain", *TOKENS, "--dtype", dtype))
    same([float(line[6]) for line in lines], p, dtype)
    _, lines = text(ok("loss", *TOKENS, "--dtype", dtype, "--target", "1"))
    loss, gradient = logitkit.cross_entropy_with_grad(x, 1)
    same([float(line[6]) for line in lines[:-1]], gradient, dtype)
    assert NARROW[dtype](float(lines[-1][5])) == loss
    told = loads(ok("jacobian", *TOKENS, "--dtype", dtype, "--json"))
    same(told["probabilities"], p, dtype)


def same(printed, expected, dtype):
    """Check numbers that are printed whole, or with the fewest digits of their dtype.

    bfloat16 has no such digits: NumPy lacks it, and files hold it as float64.
    """
    expected = np.array(expected).astype(np.float64)
    for one, value in zip(np.ravel(printed), expected.ravel(), strict=True):
        assert one == value or (dtype != "bfloat16" and one == float(str(NARROW[dtype](value))))


def test_bfloat16_is_written_as_float64(tmp_path):
    path = tmp_path / "jacobian.npy"
    assert invoke("jacobian", *TOKENS, "--dtype", "bfloat16", "-o", path).exit_code == 0
    p = logitkit.softmax(np.array(X, ml_dtypes.bfloat16))
    expected = logitkit.softmax_jacobian(p).astype(np.float64)
    np.testing.assert_array_equal(np.load(path), expected, strict=True)


@pytest.mark.parametrize("command", ["jacobian", "temperature", "compare"])
def test_a_score_that_does_not_fit_is_noted(command):
    result = invoke(command, "70000", "1", "--dtype", "float16")
    assert result.exit_code == 0
    assert result.stderr.startswith("Note: 70000 does not fit in float16")


def test_info():
    facts = loads(ok("info", "--json"))
    assert facts == json.loads(json.dumps(logitkit.show_config(mode="dicts")))
    assert facts["versions"]["logitkit"] == logitkit.__version__
    lines = dict(line.split("\t") for line in ok("info").splitlines())
    assert lines["versions.logitkit"] == logitkit.__version__
    assert lines["cpu.available"] == ", ".join(logitkit.cpu_info()["available"])

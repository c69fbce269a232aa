"""Every operation of the laboratory: exact numbers, all of them the library's."""

import json
import math
from fractions import Fraction

import ml_dtypes
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lab_client import ask, get, results, wire

import logitkit as lk
from logitkit.explanation.trials import trial
from logitkit.lab.app import create_app
from logitkit.lab.numbers import DTYPES, as_dtype, dumps

FRUIT = [1.5, 2.2, -0.3, 0.8]
ROWS = [
    FRUIT,
    [1000, 1001, 1002],
    [0.1],
    [0, "-Infinity", 3],
    ["-Infinity", "-Infinity"],
    [1, "NaN"],
    [1, "Infinity"],
    [1e308, -1e308, 7e4],
]


def array(values, dtype):
    with np.errstate(over="ignore"):
        return np.array([float(v) for v in values]).astype(as_dtype(dtype))


@pytest.mark.parametrize("logits", ROWS, ids=str)
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("temperature", [1, 0, 0.5, "Infinity"])
def test_probabilities_are_the_bits_of_the_library(logits, dtype, temperature):
    t = float(temperature)
    x = array(logits, dtype)
    common = {"logits": logits, "dtype": dtype, "temperature": temperature}
    p, log_p, steps = results(
        {"op": "softmax", **common}, {"op": "log_softmax", **common}, {"op": "steps", **common}
    )
    assert p["logits"] == log_p["logits"] == wire(x)
    assert p["probabilities"] == wire(lk.softmax(x, temperature=t))
    assert p["entropy"] == wire(lk.entropy(x, temperature=t))
    assert p["perplexity"] == wire(math.exp(lk.entropy(x, temperature=t)))
    assert log_p["log_probabilities"] == wire(lk.log_softmax(x, temperature=t))
    assert log_p["logsumexp"] == wire(lk.logsumexp(x, temperature=t))
    assert {p["dtype"], log_p["dtype"], steps["dtype"]} == {dtype}
    worked = lk.explain(x, temperature=t).to_dict()
    told = {key: value for key, value in steps.items() if key not in ("op", "microseconds")}
    assert told == json.loads(dumps(worked))


@given(st.floats(width=32), st.sampled_from(["float16", "bfloat16", "float32", "float64"]))
def test_a_number_comes_back_as_the_same_bits(value, dtype):
    with np.errstate(over="ignore"):
        sent = np.array([value]).astype(as_dtype(dtype))
    (text,) = json.loads(dumps(sent.astype(np.float64).tolist()))
    back = np.array([float(text)]).astype(as_dtype(dtype))
    assert back.tobytes() == sent.tobytes() or (np.isnan(value) and np.isnan(back[0]))


@pytest.mark.parametrize(
    ("dtype", "eps"), [*zip(DTYPES, (2**-10, 2**-7, 2**-23, 2**-52), strict=True)]
)
def test_the_distance_of_the_sum_from_1_is_exact_in_ulp(dtype, eps):
    (told,) = results({"op": "softmax", "logits": [0.1 * i for i in range(50)], "dtype": dtype})
    exact = sum(map(Fraction, told["probabilities"])) - 1
    assert told["sum_ulps"] == float(exact / Fraction(eps)) != 0


def test_a_sweep_has_a_row_for_each_temperature():
    temperatures = [0, 0.3, 1, 1e300, "Infinity"]
    (sweep,) = results(
        {
            "op": "temperature_sweep",
            "logits": FRUIT,
            "temperatures": temperatures,
            "dtype": "float32",
        }
    )
    for t, p, h in zip(temperatures, sweep["probabilities"], sweep["entropy"], strict=True):
        assert p == wire(lk.softmax(np.float32(FRUIT), temperature=float(t)))
        assert h == wire(lk.entropy(np.float32(FRUIT), temperature=float(t)))
    assert sweep["perplexity"] == [math.exp(h) for h in sweep["entropy"]]
    assert sweep["temperatures"] == [0, 0.3, 1, 1e300, "Infinity"]


@pytest.mark.parametrize("logits", [[1000, 1001, 1002], [11, 11], [7e4, 1], [-1000, -1001], FRUIT])
def test_stability_shows_three_ways_and_names_the_failing_step(logits):
    (told,) = results({"op": "stability", "logits": logits})
    assert [t["dtype"] for t in told["trials"]] == list(DTYPES)
    for t in told["trials"]:
        expected = trial(
            np.array(logits, float), as_dtype(t["dtype"]), [f"class {i}" for i in range(3)], 1.0
        )
        for way in ("logits", "naive", "shifted"):
            assert t[way] == wire(getattr(expected, way))
        assert t["library"] == wire(lk.softmax(expected.logits))
        assert (t["failing_step"], t["failure"]) == (expected.failing_step, expected.failure)
    failing = [t["failing_step"] for t in told["trials"]]
    expected = {
        1000: ["exp", "exp", "exp", "exp"],
        11: ["sum", None, None, None],
        7e4: ["cast", "exp", "exp", "exp"],
        -1000: ["exp", "exp", "exp", "exp"],
        1.5: [None, None, None, None],
    }
    assert failing == expected[logits[0]]


@pytest.mark.parametrize("dtype", DTYPES)
def test_the_jacobian_and_what_it_predicts(dtype):
    x = array(FRUIT, dtype)
    p = lk.softmax(x, temperature=0.5)
    change = [0.25, 0, -1, 0]
    asked = {"op": "jacobian", "logits": FRUIT, "dtype": dtype, "temperature": 0.5}
    plain, told = results(asked, {**asked, "change": change})
    assert plain["predicted_change"] is None
    matrix = lk.softmax_jacobian(p, temperature=0.5)
    assert plain["jacobian"] == told["jacobian"] == wire(matrix)
    assert plain["row_sums"] == wire(matrix.astype(float).sum(axis=1))
    expected = lk.softmax_jvp(p, array(change, dtype), temperature=0.5)
    assert told["predicted_change"] == wire(expected)


@pytest.mark.parametrize("dtype", DTYPES)
def test_a_nudge_has_the_predicted_and_the_true_change(dtype):
    x, moved = array(FRUIT, dtype), array([1.5, 2.2, -0.3 + 0.5, 0.8], dtype)
    (told,) = results({"op": "nudge", "logits": FRUIT, "dtype": dtype, "index": 2, "delta": 0.5})
    p, after = lk.softmax(x), lk.softmax(moved)
    assert (told["logits"], told["nudged_logits"]) == (wire(x), wire(moved))
    assert (told["probabilities"], told["nudged_probabilities"]) == (wire(p), wire(after))
    assert told["true_change"] == wire(after.astype(float) - p.astype(float))
    direction = array([0, 0, 0.5, 0], dtype)
    assert told["predicted_change"] == wire(lk.softmax_jvp(p, direction))


@pytest.mark.parametrize("dtype", DTYPES)
def test_activations_and_which_of_them_sum_to_one(dtype):
    x = array(FRUIT, dtype)
    (told,) = results({"op": "activations", "logits": FRUIT, "dtype": dtype})
    names = ["softmax", "log_softmax", "sigmoid", "tanh", "relu", "leaky_relu", "silu"]
    assert list(told["functions"]) == names
    for name in names:
        values = np.asarray(getattr(lk, name)(x))
        assert told["functions"][name]["values"] == wire(values)
        assert told["functions"][name]["sum"] == wire(values.astype(float).sum())
        assert told["functions"][name]["sums_to_one"] == (name == "softmax")


@pytest.mark.parametrize("smoothing", [0, 0.1, 1])
@pytest.mark.parametrize("dtype", DTYPES)
def test_cross_entropy_is_the_loss_and_its_gradient_is_p_minus_y(dtype, smoothing):
    x = array(FRUIT, dtype)
    asked = {"op": "cross_entropy", "logits": FRUIT, "dtype": dtype, "target": 2}
    (told,) = results({**asked, "label_smoothing": smoothing})
    p, log_p = lk.softmax(x), lk.log_softmax(x)
    assert (told["probabilities"], told["log_probabilities"]) == (wire(p), wire(log_p))
    y = (1 - smoothing) * (np.arange(4) == 2) + smoothing / 4
    np.testing.assert_allclose(told["target_distribution"], y, rtol=1e-15)
    loss, gradient = lk.cross_entropy_with_grad(x, 2, label_smoothing=smoothing)
    assert (told["loss"], told["gradient"]) == (wire(loss), wire(gradient))
    np.testing.assert_allclose(told["gradient"], p.astype(float) - y, atol=0.01)


def test_where_the_naive_loss_is_infinite_the_library_is_not():
    asked = {"op": "cross_entropy", "logits": [0, -2000], "dtype": "float32", "target": 1}
    (told,) = results(asked)
    assert told["loss"] == 2000
    assert told["naive"]["loss"] == "Infinity" and told["naive"]["probability"] == 0
    assert "log(0) = -inf" in told["naive"]["failure"]


def test_every_number_comes_from_the_kernel(monkeypatch):
    """A marked kernel is seen in every answer, so nothing is computed beside it."""

    def marked(name):
        real = getattr(lk, name)

        def call(*arguments, **options):
            result = np.asarray(real(*arguments, **options))
            return np.full_like(result, 0.123)

        return call

    kernels = ["softmax", "log_softmax", "logsumexp", "entropy", "softmax_jacobian", "softmax_jvp"]
    kernels += ["sigmoid", "tanh", "relu", "leaky_relu", "silu"]
    for name in kernels:
        monkeypatch.setattr(lk, name, marked(name))
    monkeypatch.setattr(
        lk, "cross_entropy_with_grad", lambda x, y, **options: (0.123, np.full(4, 0.123))
    )
    x = {"logits": FRUIT}
    told = results(
        {"op": "softmax", **x},
        {"op": "log_softmax", **x},
        {"op": "steps", **x},
        {"op": "temperature_sweep", "temperatures": [1, 2], **x},
        {"op": "stability", **x, "dtypes": ["float64"]},
        {"op": "jacobian", "change": [1, 0, 0, 0], **x},
        {"op": "nudge", "index": 0, "delta": 1, **x},
        {"op": "activations", **x},
        {"op": "cross_entropy", "target": 0, **x},
    )
    softmax, log_softmax, steps, sweep, stability, jacobian, nudge, activations, loss = told
    mark = [0.123] * 4
    assert softmax["probabilities"] == mark and softmax["entropy"] == 0.123
    assert log_softmax["log_probabilities"] == mark and log_softmax["logsumexp"] == 0.123
    assert [step["probability"] for step in steps["steps"]] == mark
    assert [step["log_probability"] for step in steps["steps"]] == mark
    assert sweep["probabilities"] == [mark] * 2 and sweep["entropy"] == [0.123] * 2
    assert stability["trials"][0]["library"] == mark
    assert stability["trials"][0]["naive"] != mark and stability["trials"][0]["shifted"] != mark
    assert jacobian["jacobian"] == [mark] * 4 and jacobian["predicted_change"] == mark
    assert nudge["probabilities"] == nudge["nudged_probabilities"] == mark
    assert nudge["predicted_change"] == mark and nudge["true_change"] == [0] * 4
    assert all(one["values"] == mark for one in activations["functions"].values())
    assert loss["probabilities"] == loss["log_probabilities"] == loss["gradient"] == mark
    assert loss["loss"] == 0.123


def test_an_answer_tells_the_kernel_and_what_it_took():
    app = create_app()
    asked = [{"op": "softmax", "logits": FRUIT}, {"op": "stability", "logits": FRUIT}]
    status, answer = ask(app, "/api/v1/compute", {"operations": asked})
    assert status == 200 and [one["op"] for one in answer["results"]] == ["softmax", "stability"]
    assert answer["kernel"] == {
        "isa": lk.cpu_info()["isa"],
        "version": lk.__version__,
        "threads": lk.get_num_threads(),
    }
    parts = [one["microseconds"] for one in answer["results"]]
    assert min(parts) > 0 and answer["microseconds"] == pytest.approx(sum(parts))
    status, told = get(app, "/api/v1/info")
    assert status == 200 and told["kernel"] == answer["kernel"] and told["dtypes"] == list(DTYPES)


def test_a_hundred_thousand_classes():
    logits = np.random.default_rng(5).normal(size=100_000).astype(np.float32)
    told = results(*({"op": op, "logits": wire(logits), "dtype": "float32"} for op in OPS))
    assert told[0]["probabilities"] == wire(lk.softmax(logits))
    assert len(told[1]["steps"]) == 100_000


OPS = ("softmax", "steps")


@settings(max_examples=50)
@given(st.lists(st.floats(), min_size=1, max_size=12), st.sampled_from(DTYPES))
def test_no_score_breaks_an_operation(values, dtype):
    x = {"logits": wire(values)}
    told = results(
        {"op": "steps", "dtype": dtype, **x},
        {"op": "stability", **x},
        {"op": "jacobian", "dtype": dtype, "change": wire(values), **x},
        {"op": "nudge", "dtype": dtype, "index": 0, "delta": wire(values[-1]), **x},
        {"op": "activations", "dtype": dtype, **x},
        {"op": "cross_entropy", "dtype": dtype, "target": len(values) - 1, **x},
    )
    assert len(told) == 6


def test_bfloat16_is_known_by_its_own_dtype():
    assert as_dtype("bfloat16") == np.dtype(ml_dtypes.bfloat16)

"""A file of scores and labels comes in; counts by bins of confidence, or a sentence, go out."""

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lab_client import ask, get
from lab_files import FILES, LABELS, LOGITS, RNG, URL, npz, text, upload

import logitkit as lk
from logitkit.lab.app import create_app
from logitkit.lab.datasets import summary
from logitkit.lab.datasets.bins import wilson
from logitkit.lab.datasets.listed import MOST_LISTED, ROW
from logitkit.lab.datasets.reading import Dataset
from logitkit.lab.datasets.routes import DATASET_BYTES
from logitkit.lab.datasets.store import MOST_DATASETS

DIGITS = Path(__file__).parent.parent / "examples" / "data" / "digits.npz"


@pytest.fixture(scope="module")
def app():
    return create_app()


def expected(confidence, right, bins):
    """Return (count, right, mean confidence) of each bin, straight from the rows."""
    found = []
    for i in range(bins):
        last = i == bins - 1
        here = (confidence >= i / bins) & ((confidence < (i + 1) / bins) | last)
        found.append((int(here.sum()), int(right[here].sum()), confidence[here].sum()))
    return found


def check(told, confidence, right):
    bins = told["bins"]
    for one, (count, hits, total) in zip(bins, expected(confidence, right, len(bins)), strict=True):
        assert (one["count"], one["right"], one["enough"]) == (count, hits, count >= 30)
        if count:
            assert one["accuracy"] == hits / count
            assert one["interval"] == list(wilson(hits, count))
            assert one["mean_confidence"] == pytest.approx(total / count, rel=1e-12)
        else:
            assert one["accuracy"] is one["interval"] is one["mean_confidence"] is None
    assert told["accuracy"] == right.mean()
    assert told["mean_confidence"] == pytest.approx(confidence.mean(), rel=1e-12)
    assert told["rows"] == len(right)


@pytest.mark.parametrize("name", FILES)
def test_every_format_gives_the_same_summary(app, name):
    status, told = upload(app, name, FILES[name], "&bins=8")
    assert status == 201, told
    p = lk.softmax(LOGITS)
    check(told, p.max(axis=1), p.argmax(axis=1) == LABELS)
    assert (told["kind"], told["classes"], told["name"]) == ("logits", 4, name)
    guessed = told["labels_from"] == "the last column"
    assert guessed == (name in ("a.npy", "b.csv"))
    assert any("the last column" in note for note in told["notes"]) == guessed
    assert told["class_names"] == (["w", "x", "y z", "v"] if name in ("a.csv", "a.tsv") else None)
    assert told["kernel"]["isa"] == lk.cpu_info()["isa"] and told["microseconds"] > 0


@pytest.mark.parametrize("bins", [1, 2, 7, 15, 100])
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_any_number_of_bins_is_exact_though_few_rows_are_kept(app, bins, dtype):
    status, told = upload(app, "a.npz", npz(logits=LOGITS.astype(dtype), labels=LABELS))
    assert status == 201 and told["dtype"] == np.dtype(dtype).name and len(told["bins"]) == 15
    status, again = get(app, f"{URL}/{told['id']}?bins={bins}")
    assert status == 200 and len(again["bins"]) == bins
    p = lk.softmax(LOGITS.astype(dtype))
    check(again, p.max(axis=1).astype(float), p.argmax(axis=1) == LABELS)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.sampled_from([i / 60 for i in range(30, 61)]), min_size=1), st.integers(1, 100))
def test_a_confidence_on_an_edge_is_in_the_bin_above(confidences, bins):
    p = np.column_stack([confidences, 1 - np.array(confidences)])
    data = npz(probabilities=p, labels=np.zeros(len(p), int))
    status, told = upload(create_app(), "p.npz", data, f"&bins={bins}")
    assert status == 201
    check(told, p.max(axis=1), p[:, 0] >= p[:, 1])


def test_a_confidence_of_exactly_one_is_in_the_last_bin(app):
    logits = np.array([[200.0, 0], [0, 300], [0, 0]])
    status, told = upload(app, "a.npz", npz(logits=logits, labels=[0, 0, 0]), "&bins=4")
    assert status == 201
    assert [one["count"] for one in told["bins"]] == [0, 0, 1, 2]
    assert told["bins"][3]["accuracy"] == 0.5 and told["bins"][0]["accuracy"] is None


def test_probabilities_are_known_by_their_values(app):
    p = lk.softmax(LOGITS.astype(np.float32))
    data = npz(logits=p, labels=LABELS)
    status, told = upload(app, "p.npz", data, "&bins=5")
    assert status == 201 and told["kind"] == "probabilities"
    assert "look like probabilities" in told["notes"][0] and told["microseconds"] == 0
    check(told, p.max(axis=1).astype(float), p.argmax(axis=1) == LABELS)
    status, told = upload(app, "p.npz", data, "&bins=5&kind=logits")
    assert told["kind"] == "logits" and not any("look like" in note for note in told["notes"])
    check(told, lk.softmax(p).max(axis=1).astype(float), p.argmax(axis=1) == LABELS)
    status, told = upload(app, "a.npz", FILES["a.npz"], "&kind=probabilities")
    assert status == 422 and "no probabilities" in told["detail"]


@pytest.mark.parametrize("bins", [1, 2, 15, 100])
@pytest.mark.parametrize("block", [4, 256, 1 << 18], ids=["one row", "64 rows", "all rows"])
def test_the_rows_of_a_bin_are_its_first_in_the_file(app, monkeypatch, block, bins):
    monkeypatch.setattr(summary, "BLOCK", block)
    number = upload(app, "a.npz", FILES["a.npz"])[1]["id"]
    p = lk.softmax(LOGITS)
    sure, predicted = p.max(axis=1), p.argmax(axis=1)
    for i in range(bins):
        status, told = get(app, f"{URL}/{number}/bins/{i}?bins={bins}")
        rows = np.flatnonzero((sure >= i / bins) & ((sure < (i + 1) / bins) | (i == bins - 1)))
        assert status == 200 and told["count"] == len(rows)
        assert (told["id"], told["bin"]) == (number, i)
        assert (told["lower"], told["upper"]) == (i / bins, (i + 1) / bins)
        assert told["rows"] == [
            {
                "row": row,
                "predicted": predicted[row],
                "label": LABELS[row],
                "right": predicted[row] == LABELS[row],
                "confidence": sure[row],
            }
            for row in rows[:MOST_LISTED]
        ]
    assert bins > 2 or len(rows) > MOST_LISTED  # some bin has more rows than are listed


def test_what_is_kept_does_not_grow_with_the_rows():
    logits = RNG.normal(scale=2, size=(400_000, 2))
    data = Dataset("a", logits, np.zeros(len(logits), int), None, "logits", "labels")
    kept = summary.summarize(data)
    listed = np.bincount(kept.first["interval"], minlength=len(kept.counts))
    np.testing.assert_array_equal(listed, np.minimum(kept.counts, MOST_LISTED))
    assert kept.counts.max() > 2 * MOST_LISTED
    assert len(kept.counts) * MOST_LISTED * ROW.itemsize < 8 << 20  # the most that a file keeps


@pytest.mark.parametrize(
    ("path", "status", "text"),
    [("9999/bins/0", 404, "there is no dataset 9999"),
     ("{}/bins/2?bins=2", 404, "there is no bin 2: of 2 the last is 1"),
     ("{}/bins/100", 400, "index"), ("{}/bins/-1", 400, "index")],
)  # fmt: skip
def test_a_bin_that_is_not_there_is_told(app, path, status, text):
    number = upload(app, "a.npz", FILES["a.npz"])[1]["id"]
    found, answer = get(app, f"{URL}/{path.format(number)}")
    assert found == status and text in json.dumps(answer)


def test_few_rows_in_a_bin_are_told(app):
    status, told = get(app, f"{URL}/{upload(app, 'a.npz', FILES['a.npz'])[1]['id']}?bins=100")
    few = sum(0 < one["count"] < 30 for one in told["bins"])
    assert status == 200 and f"{few} bins have fewer than 30 rows" in told["notes"][-1]


def test_the_confidence_is_that_of_the_kernel(app, monkeypatch):
    monkeypatch.setattr(lk, "softmax", lambda x: np.full(x.shape, 0.625))
    status, told = upload(app, "a.npz", FILES["a.npz"], "&bins=4")
    assert status == 201 and [one["count"] for one in told["bins"]] == [0, 0, 500, 0]


def test_a_column_of_another_name_may_hold_the_labels(app):
    data = text(",", ["w", "x", "y z", "v", "truth"])
    assert upload(app, "a.csv", data)[0] == 422
    status, told = upload(app, "a.csv", data, "&label_column=truth")
    assert status == 201 and told["labels_from"] == "column truth"
    status, told = upload(app, "a.csv", data, "&label_column=lies")
    assert status == 422 and "no column named 'lies': it has w, x" in told["detail"]
    status, told = upload(app, "a.npz", npz(logits=LOGITS, truth=LABELS), "&label_column=truth")
    assert status == 201 and told["labels_from"] == "truth"


def test_fifty_megabytes_are_accepted_and_more_than_the_limit_are_not(app):
    logits = RNG.normal(size=(1_250_000, 10)).astype(np.float32)
    labels = logits.argmax(axis=1).astype(np.uint8)
    data = npz(logits=logits, labels=labels)
    assert 50e6 < len(data) < DATASET_BYTES
    status, told = upload(app, "large.npz", data)
    assert status == 201 and (told["rows"], told["accuracy"]) == (1_250_000, 1)
    status, answer = upload(app, "large.npz", data + bytes(DATASET_BYTES + 1 - len(data)))
    assert status == 413 and str(DATASET_BYTES) in answer["detail"]


def test_the_newest_are_kept():
    app = create_app()
    data = npz(logits=[[0.0, 1]], labels=[1])
    for i in range(MOST_DATASETS + 3):
        assert upload(app, f"{i}.npz", data)[1]["id"] == i + 1
    kept = get(app, URL)[1]["datasets"]
    assert [one["id"] for one in kept] == list(range(4, MOST_DATASETS + 4))
    assert kept[0] == {"id": 4, "name": "3.npz", "rows": 1, "classes": 2}
    status, answer = get(app, f"{URL}/3")
    assert status == 404 and answer["detail"] == "there is no dataset 3, or no longer"


@pytest.mark.parametrize(
    ("query", "parameter"),
    [("", "name"), ("?name=a.csv&bins=0", "bins"), ("?name=a.csv&bins=101", "bins"),
     ("?name=a.csv&kind=odds", "kind"), ("?name=", "name"), ("?name=a.csv&bins=many", "bins")],
)  # fmt: skip
def test_a_wrong_parameter_is_named(app, query, parameter):
    status, answer = ask(app, URL + query, FILES["b.csv"])
    assert status == 400 and answer["errors"][0]["parameter"] == parameter


@pytest.mark.parametrize("count", [1, 7, 1000])
def test_wilson_is_the_solution_of_its_equation(count):
    """Both ends are z standard errors, taken at that end, away from the proportion."""
    z = 1.959963984540054
    for right in {0, 1, count // 2, count - 1, count}:
        p = right / count
        low, high = wilson(right, count)
        assert 0 <= low <= p <= high <= 1
        for end in (low, high):
            assert (p - end) ** 2 == pytest.approx(z * z * end * (1 - end) / count, abs=1e-12)

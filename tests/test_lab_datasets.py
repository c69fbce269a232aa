"""A file of scores and labels comes in; counts by bins of confidence, or a sentence, go out."""

import io
import json
import pickle
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lab_client import ask, get

import logitkit as lk
from logitkit.lab.app import create_app
from logitkit.lab.datasets.bins import wilson
from logitkit.lab.datasets.routes import DATASET_BYTES
from logitkit.lab.datasets.store import MOST_DATASETS

DIGITS = Path(__file__).parent.parent / "examples" / "data" / "digits.npz"
URL = "/api/v1/datasets"

RNG = np.random.default_rng(11)
LOGITS = RNG.normal(scale=3, size=(500, 4)).round(3)
LABELS = np.where(RNG.random(500) < 0.7, LOGITS.argmax(axis=1), RNG.integers(0, 4, 500))


def npz(**arrays):
    file = io.BytesIO()
    np.savez(file, **arrays)
    return file.getvalue()


def npy(array):
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


def text(separator, header=None, table=None):
    table = np.column_stack([LOGITS, LABELS]) if table is None else table
    lines = [] if header is None else [separator.join(header)]
    lines += [separator.join(map(repr, row)) for row in table.tolist()]
    return "\n".join(lines).encode()


def rows(**names):
    scores, label = names.get("scores", "logits"), names.get("label", "label")
    return [{scores: z, label: y} for z, y in zip(LOGITS.tolist(), LABELS.tolist(), strict=True)]


FILES = {
    "a.npz": npz(logits=LOGITS, labels=LABELS, other=np.zeros(3)),
    "b.NPZ": npz(scores=LOGITS, y=LABELS.astype(np.uint8)),
    "a.npy": npy(np.column_stack([LOGITS, LABELS])),
    "a.csv": text(",", ["w", "x", "label", "y z", "v"], np.insert(LOGITS, 2, LABELS, axis=1)),
    "b.csv": text(","),
    "a.tsv": text("\t", ["w", "x", "y z", "v", "Target"]),
    "a.json": json.dumps({"logits": LOGITS.tolist(), "labels": LABELS.tolist()}).encode(),
    "b.json": json.dumps(rows(label="y_true")).encode(),
    "a.jsonl": "\n".join(map(json.dumps, rows())).encode(),
}


@pytest.fixture(scope="module")
def app():
    return create_app()


def upload(app, name, data, query=""):
    return ask(app, f"{URL}?name={name}{query}", data, **{"content-type": "application/x-any"})


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
def test_any_number_of_bins_is_exact_though_no_row_is_kept(app, bins, dtype):
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


def test_few_rows_in_a_bin_are_told(app):
    status, told = get(app, f"{URL}/{upload(app, 'a.npz', FILES['a.npz'])[1]['id']}?bins=100")
    few = sum(0 < one["count"] < 30 for one in told["bins"])
    assert status == 200 and f"{few} bins have fewer than 30 rows" in told["notes"][-1]


def test_the_confidence_is_that_of_the_kernel(app, monkeypatch):
    monkeypatch.setattr(lk, "softmax", lambda x: np.full(x.shape, 0.625))
    status, told = upload(app, "a.npz", FILES["a.npz"], "&bins=4")
    assert status == 201 and [one["count"] for one in told["bins"]] == [0, 0, 500, 0]


BAD = {
    "rows": ("a.npz", npz(logits=np.zeros((1000, 10)), labels=np.zeros(999)),
             "found (1000, 10) and 999 labels; accepted is one a row"),
    "labels of two axes": ("a.npz", npz(logits=np.zeros((4, 2)), labels=np.zeros((4, 1))),
                           "found (4, 2) and shape (4, 1) labels"),
    "one class": ("a.npz", npz(logits=np.zeros((4, 1)), labels=np.zeros(4)), "(4, 1)"),
    "flat": ("a.npz", npz(logits=np.zeros(4), labels=np.zeros(4)), "(4,)"),
    "out of range": ("a.npz", npz(logits=np.zeros((4, 2)), labels=[0, 2, -1, 1]),
                     "row 1 has 2, row 2 has -1; accepted are the classes 0 to 1"),
    "half a class": ("a.npz", npz(logits=np.zeros((2, 2)), labels=[0, 0.5]), "row 1 has 0.5"),
    "NaN": ("a.npz", npz(logits=np.array([[0, 1], [2, np.nan]]), labels=[0, 1]),
            "row 1 has no softmax, it holds nan at column 1"),
    "only -inf": ("a.npz", npz(logits=np.full((2, 2), -np.inf), labels=[0, 1]), "only -inf"),
    "no labels": ("a.npz", npz(logits=LOGITS), "no array named 'labels'"),
    "no logits": ("a.npz", npz(z=LOGITS, labels=LABELS), "it holds z, labels"),
    "complex": ("a.npz", npz(logits=np.zeros((2, 2), complex), labels=[0, 1]), "complex numbers"),
    "text": ("a.npz", npz(logits=np.array([["a", "b"]]), labels=[0]), "text"),
    "no rows": ("a.npz", npz(logits=np.zeros((0, 2)), labels=[]), "no numbers"),
    "pickle in npz": ("a.npz", npz(logits=np.array([[{}, 1]], dtype=object), labels=[0]),
                      "Python objects, which are refused"),
    "pickle in npy": ("a.npy", npy(np.array([{}], dtype=object)), "Python objects"),
    "a bare pickle": ("a.npy", pickle.dumps([1]), "does not begin as one"),
    "npy without labels": ("a.npy", npy(LOGITS), "end each row with its class"),
    "npy of one row": ("a.npy", npy(LOGITS[0]), "found shape (4,)"),
    "empty npz": ("a.npz", b"", "not an .npz archive"),
    "empty npy": ("a.npy", b"", "a.npy is empty"),
    "empty csv": ("a.csv", b"", "a.csv is empty"),
    "empty json": ("a.json", b"", "is not JSON"),
    "empty jsonl": ("a.jsonl", b"\n\n", "holds no rows"),
    "cut npz": ("a.npz", FILES["a.npz"][:-100], "damaged"),
    "cut npy": ("a.npy", FILES["a.npy"][:-8], "truncated or corrupt"),
    "a word": ("a.csv", b"1,2,0\n3,four,1", "a.csv, line 2, column 2: 'four' is not a number"),
    "ragged": ("a.csv", b"1,2,0\n3,1", "a.csv, line 2: 2 columns, where line 1 has 3"),
    "no label column": ("a.csv", b"a,b,c\n1,2,0",
                        "no column named label or labels: it has a, b, c"),
    "not UTF-8": ("a.csv", b"\xff\xfe,\x00", "not UTF-8"),
    "JSON number": ("a.json", b"3", "neither an object nor a list"),
    "JSON words": ("a.json", b'{"logits": [["a", 1]], "labels": [0]}',
                   "row 0: logits is not a list of numbers"),
    "JSON without labels": ("a.json", b'{"logits": [[0, 1]]}', "no label or labels"),
    "JSON rows": ("a.json", b'[{"logits": [0, 1], "label": 0}, 5]', "row 1: not an object"),
    "JSON depth": ("a.json", b"[" * 100_000, "is not JSON: recursion limit"),
    "JSON too large": ("a.json", b'{"logits": [[1e999, 0], [1%s, 0]], "labels": [0, 0]}'
                       % (b"0" * 400), "row 1: logits is not a list of numbers"),
    "a line": ("a.jsonl", b'{"logits": [0, 1], "label": 0}\n{"logits"', "line 2 is not JSON"),
    "ragged lines": ("a.jsonl", b'{"logits": [0, 1], "label": 0}\n{"logits": [0], "label": 0}',
                     "line 2: 1 scores, where line 1 has 2"),
    "another end": ("a.parquet", b"PAR1", "accepted are files that end in .npz, .npy, .csv"),
    "no end": ("logits", b"1,2,0", "accepted are files that end in"),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD)
def test_a_bad_file_is_told_in_one_sentence(app, case):
    name, data, sentence = BAD[case]
    before = get(app, URL)
    status, answer = upload(app, name, data)
    assert status == 422, answer
    assert sentence in answer["detail"]
    assert "/" not in answer["detail"].replace("1/", "")  # no path of this machine
    assert get(app, URL) == before


def test_a_column_of_another_name_may_hold_the_labels(app):
    data = text(",", ["w", "x", "y z", "v", "truth"])
    assert upload(app, "a.csv", data)[0] == 422
    status, told = upload(app, "a.csv", data, "&label_column=truth")
    assert status == 201 and told["labels_from"] == "column truth"
    status, told = upload(app, "a.csv", data, "&label_column=lies")
    assert status == 422 and "no column named 'lies': it has w, x" in told["detail"]
    status, told = upload(app, "a.npz", npz(logits=LOGITS, truth=LABELS), "&label_column=truth")
    assert status == 201 and told["labels_from"] == "truth"


@pytest.mark.parametrize(
    "name", ["../../etc/passwd.npz", "/etc/a.npz", "C:\\temp\\a.npz", "%2e%2e%2fa.npz"]
)
def test_a_name_that_looks_like_a_path_is_only_a_name(app, name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    status, told = upload(app, name, FILES["a.npz"])
    assert status == 201 and told["name"] in ("passwd.npz", "a.npz")
    assert list(tmp_path.iterdir()) == []


def test_an_archive_that_unpacks_to_too_much_is_not_unpacked(app):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in ("logits.npy", "labels.npy"):
            with archive.open(name, "w", force_zip64=True) as member:
                for _ in range(600):
                    member.write(bytes(1 << 20))
    assert len(file.getvalue()) < 2 << 20
    status, answer = upload(app, "a.npz", file.getvalue())
    assert (
        status == 422 and "unpacks to 1258291200 bytes; accepted are 1073741824" in answer["detail"]
    )


def test_a_shape_that_no_memory_holds_is_told(app):
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        header, {"descr": "<f8", "fortran_order": False, "shape": (1 << 50, 10)}
    )
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("logits.npy", header.getvalue() + bytes(80))
        archive.writestr("labels.npy", npy(np.zeros(1)))
    status, answer = upload(app, "a.npz", file.getvalue())
    assert status == 422, answer


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(sorted(FILES)), st.data())
def test_no_damaged_file_stops_the_server(name, data):
    app = create_app()
    content = bytearray(FILES[name])
    for _ in range(data.draw(st.integers(1, 8))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(0, len(content)))
    status, answer = upload(app, name, bytes(content[: cut if cut > 20 else None]))
    assert status in (201, 422), answer


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

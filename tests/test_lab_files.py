"""Bad files, of every kind: each is told in one sentence, and the server stays up."""

import io
import pickle
import zipfile

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lab_client import get
from lab_files import FILES, LABELS, LOGITS, URL, npy, npz, upload

from logitkit.lab.app import create_app


@pytest.fixture(scope="module")
def app():
    return create_app()


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
        # Half of them in the header, which is parsed.
        place = data.draw(st.integers(0, len(content) - 1) | st.integers(0, 127))
        content[place % len(content)] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(0, len(content)))
    status, answer = upload(app, name, bytes(content[: cut if cut > 20 else None]))
    assert status in (201, 422), answer

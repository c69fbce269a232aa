"""The panel on the user's own file: what it shows, and what it says of files that it cannot use."""

import io
import json
import math
import zipfile

import numpy as np
import pytest
from lab_client import server

import logitkit as lk
from logitkit.lab.datasets.bins import wilson
from page.lab import column

ROWS, CLASSES = 500, 4
FRUIT = np.float32([1.5, 2.2, -0.3, 0.8])


def example(seed=0, rows=ROWS):
    """Return scores that are too sure of themselves, and labels."""
    rng = np.random.default_rng(seed)
    scores = (rng.standard_normal((rows, CLASSES)) * 2).astype(np.float32)
    labels = np.array([rng.choice(CLASSES, p=lk.softmax(row * 0.5)) for row in scores])
    # Two rows are as sure as float32 can be: their confidence is exactly 1.
    scores[:2, 0] = 200
    return scores, labels


def npz(**arrays):
    file = io.BytesIO()
    np.savez(file, **arrays)
    return file.getvalue()


def npy(array, **options):
    file = io.BytesIO()
    np.save(file, array, **options)
    return file.getvalue()


def as_csv(scores, labels):
    head = ",".join([*(f"c{i}" for i in range(CLASSES)), "label"])
    rows = [
        ",".join([*map(repr, row), str(label)])
        for row, label in zip(scores.tolist(), labels, strict=True)
    ]
    return "\n".join([head, *rows]).encode()


def as_jsonl(scores, labels):
    rows = zip(scores.tolist(), labels.tolist(), strict=True)
    return "\n".join(json.dumps({"logits": z, "label": y}) for z, y in rows).encode()


WRITERS = {
    "test.npz": lambda scores, labels: npz(logits=scores, labels=labels),
    "test.csv": as_csv,
    "test.jsonl": as_jsonl,
}


def give(lab, name, data):
    """Hand a file to the panel; return what the drop zone says when it has been read."""
    panel = lab.panel("confidence")
    panel.locator("input[type=file]").set_input_files(
        {"name": name, "mimeType": "application/octet-stream", "buffer": data}
    )
    panel.locator(".drop.is-done, .drop.is-failed").wait_for()
    lab.settle()
    return panel.locator(".drop-state").text_content()


@pytest.mark.parametrize("name", WRITERS)
def test_the_bins_are_those_of_python(lab, name):
    scores, labels = example()
    told = give(lab, name, WRITERS[name](scores, labels))
    assert told == f"{name}: {ROWS} rows of {CLASSES} classes"
    kernel = scores if name.endswith("npz") else scores.astype(np.float64)
    p = lk.softmax(kernel)
    sure, hit = p.max(axis=1).astype(np.float64), p.argmax(axis=1) == labels
    place = np.minimum((sure * 15).astype(int), 14)
    (table,) = lab.tables("confidence")
    counts = np.bincount(place, minlength=15)
    right = np.bincount(place[hit], minlength=15)
    assert column(table, 0) == [i / 15 for i in range(15)]
    assert column(table, 1) == [(i + 1) / 15 for i in range(15)]
    assert column(table, 2) == counts.tolist()
    assert column(table, 3) == right.tolist()
    for i in range(15):
        accuracy, low, high, mean = (column(table, c)[i] for c in (4, 5, 6, 7))
        if counts[i]:
            assert accuracy == right[i] / counts[i]
            assert (low, high) == wilson(int(right[i]), int(counts[i]))
            assert mean == pytest.approx(math.fsum(sure[place == i]) / counts[i], rel=1e-14)
        else:
            assert (accuracy, low, high, mean) == (None, None, None, None)
    told = lab.readouts("confidence")
    assert float(told["Accuracy"][1]) == hit.mean()
    assert float(told["Mean confidence"][1]) == pytest.approx(math.fsum(sure) / ROWS, rel=1e-14)
    assert told["Rows"][1] == str(ROWS)


def test_an_empty_bin_is_drawn_empty_and_a_confidence_of_1_is_in_the_last(lab):
    scores, labels = np.float32([[200, 0]] * 40 + [[0, 0]] * 5), np.array([0] * 45)
    give(lab, "sure.npz", npz(logits=scores, labels=labels))
    bins = lab.page.locator("#panel-confidence lk-reliability [data-mark]")
    (table,) = lab.tables("confidence")
    assert column(table, 2) == [0] * 7 + [5] + [0] * 6 + [40]
    hidden = bins.locator(".point-dot").evaluate_all(
        "all => all.map(dot => dot.getAttribute('visibility') === 'hidden')"
    )
    heights = bins.locator(".count").evaluate_all("all => all.map(bar => bar.getBBox().height)")
    assert hidden == [count == 0 for count in column(table, 2)]
    assert [height == 0 for height in heights] == hidden
    assert bins.nth(0).get_attribute("aria-label") == "confidence 0 to 0.0667: no rows"
    assert "40 of 40 rows right" in bins.nth(14).get_attribute("aria-label")
    assert "fewer than 30 rows are too few to judge" in bins.nth(7).get_attribute("aria-label")


def test_more_bins_are_asked_of_the_server(lab):
    scores, labels = example()
    give(lab, "test.npz", npz(logits=scores, labels=labels))
    panel = lab.page.locator("#panel-confidence")
    with lab.page.expect_response("**/datasets/*?bins=40"):
        panel.get_by_label("Bins, exact").fill("40")
    panel.locator("lk-reliability [data-mark]").nth(39).wait_for(state="attached")
    (table,) = lab.tables("confidence")
    assert len(table["rows"]) == 40 and sum(column(table, 2)) == ROWS


def test_arrow_keys_read_the_bins_one_after_another(lab):
    give(lab, "test.npz", npz(**dict(zip(("logits", "labels"), example(), strict=True))))
    panel = lab.page.locator("#panel-confidence")
    panel.locator("[data-mark][tabindex='0']").focus()
    lab.page.keyboard.press("End")
    assert panel.locator(".bin-says").text_content().startswith("confidence 0.933 to 1")
    lab.page.keyboard.press("ArrowLeft")
    assert panel.locator(".bin-says").text_content().startswith("confidence 0.867 to 0.933")


def test_probabilities_are_noticed_and_the_user_decides(lab):
    scores, labels = example()
    p = lk.softmax(scores)
    give(lab, "p.npz", npz(probabilities=p, labels=labels))
    panel = lab.page.locator("#panel-confidence")
    asked = panel.get_by_text("The scores look like probabilities, and were taken as such.")
    asked.wait_for()
    with lab.page.expect_response("**/datasets?*kind=logits"):
        panel.get_by_role("button", name="They are logits").click()
    asked.wait_for(state="hidden")
    mean = float(lab.readouts("confidence")["Mean confidence"][1])
    assert mean == pytest.approx(lk.softmax(p).max(axis=1).astype(float).mean(), rel=1e-12)


SCORES, LABELS = example(rows=20)
# A program in a pickle: loading it would write the file that its second line names.
PICKLED = npy(np.array([{"a": 1}, None], dtype=object), allow_pickle=True)

BAD = {
    "no labels": ("a.npz", npz(logits=SCORES), "has no array named 'labels'"),
    "no scores": ("a.npz", npz(labels=LABELS), "has no array named logits"),
    "too few labels": ("a.npz", npz(logits=SCORES, labels=LABELS[:-1]), "and 19 labels"),
    "label out of range": (
        "a.npz",
        npz(logits=SCORES, labels=np.full(20, 7)),
        "labels out of range, row 0 has 7",
    ),
    "three dimensions": (
        "a.npz",
        npz(logits=np.zeros((2, 3, 4)), labels=LABELS[:2]),
        "shape (2, 3, 4); accepted is (rows, classes)",
    ),
    "not a number": (
        "a.npz",
        npz(logits=np.float32([[0, 1], [np.nan, 2]]), labels=np.array([0, 1])),
        "row 1 has no softmax, it holds nan at column 0",
    ),
    "pickle": ("a.npy", PICKLED, "a.npy"),
    "pickle in an archive": ("a.npz", npz(logits=np.array([None]), labels=LABELS), "a.npz"),
    "truncated": ("a.npz", npz(logits=SCORES, labels=LABELS)[:-40], "is not an .npz archive"),
    "no archive": ("a.npz", b"hello", "is not an .npz archive, or it is damaged"),
    "no array": ("a.npy", b"hello", "a.npy"),
    "words": ("a.csv", b"a,b,label\n1,two,0\n", "two"),
    "rows of two lengths": ("a.csv", b"a,b,label\n1,2,0\n1,2\n", "a.csv"),
    "no JSON": ("a.json", b"{", "a.json is not JSON"),
    "bad line": ("a.jsonl", b'{"logits":[1,2],"label":0}\n{"logits":[1,2]}\n', "line 2"),
    "empty": ("a.csv", b"", "a.csv"),
    "another format": ("a.exe", b"MZ", "accepted are files that end in .npz"),
}


@pytest.mark.parametrize(("name", "data", "text"), BAD.values(), ids=BAD)
def test_a_bad_file_is_explained_and_the_one_before_stays(lab, name, data, text):
    lab.expect("status of 422")
    give(lab, "good.npz", npz(logits=SCORES, labels=LABELS))
    before = lab.tables("confidence")
    told = fail(lab, name, data)
    assert text in told
    assert "Traceback" not in told and "/tmp" not in told
    assert lab.tables("confidence") == before
    assert lab.page.request.get(f"{lab.url}api/v1/info").ok


def fail(lab, name, data):
    """Hand over a file that must be refused; return what is said of it."""
    with lab.page.expect_response("**/datasets?*"):
        lab.page.locator("#panel-confidence input[type=file]").set_input_files(
            {"name": name, "mimeType": "application/octet-stream", "buffer": data}
        )
    said = lab.page.locator("#panel-confidence .drop.is-failed .drop-state")
    said.wait_for()
    return said.text_content()


def test_a_pickle_is_not_loaded(lab, tmp_path):
    lab.expect("status of 422")
    mark = tmp_path / "ran"

    class Program:
        def __reduce__(self):
            return (open, (str(mark), "w"))

    file = io.BytesIO()
    np.save(file, np.array([Program()], dtype=object), allow_pickle=True)
    with zipfile.ZipFile(packed := io.BytesIO(), "w") as archive:
        archive.writestr("logits.npy", file.getvalue())
        archive.writestr("labels.npy", npy(np.array([0])))
    for name, data in (("a.npy", file.getvalue()), ("a.npz", packed.getvalue())):
        assert name in fail(lab, name, data)
    assert not mark.exists()


def test_a_file_of_50_megabytes_leaves_the_page_responsive(lab, tmp_path):
    rows = 1_300_000
    scores = np.zeros((rows, 10), dtype=np.float32)
    scores[:, 3] = 4
    path = tmp_path / "large.npz"
    np.savez(path, logits=scores, labels=np.full(rows, 3, dtype=np.int8))
    assert 50e6 < path.stat().st_size < 64 << 20
    lab.page.locator("#panel-confidence input[type=file]").set_input_files(path)
    lab.page.locator("#panel-confidence .drop.is-busy").wait_for(state="attached")
    lab.page.locator("lk-rail lk-temperature .field").fill("0.5")
    lab.settle()
    # The new numbers are there before the file is.
    assert column(lab.tables("probabilities")[0], 2)[1] == lk.softmax(FRUIT, temperature=0.5)[1]
    assert lab.page.locator("#panel-confidence .drop.is-busy").count() == 1
    lab.page.locator("#panel-confidence .drop.is-done").wait_for(state="attached", timeout=60_000)
    assert lab.readouts("confidence")["Rows"][1] == str(rows)


def test_a_file_over_the_limit_is_refused_by_its_size(lab, tmp_path):
    lab.expect("status of 413")
    path = tmp_path / "huge.npz"
    with path.open("wb") as file:
        file.truncate((64 << 20) + 1)
    lab.page.locator("#panel-confidence input[type=file]").set_input_files(path)
    said = lab.page.locator("#panel-confidence .drop.is-failed .drop-state")
    said.wait_for(state="attached", timeout=60_000)
    assert "too large: accepted are 67108864 bytes" in said.text_content()


def test_a_file_of_the_command_line_is_open_already(open_lab, tmp_path):
    path = tmp_path / "mine.npz"
    path.write_bytes(npz(logits=SCORES, labels=LABELS))
    with server(path) as (_, url):
        assert url.endswith("#v=1&p=confidence")
        lab = open_lab("v=1&p=confidence", at=url.partition("#")[0])
        lab.page.locator("#panel-confidence .drop.is-done").wait_for()
        assert "mine.npz: 20 rows of 4 classes" in lab.page.locator(".drop-state").text_content()
        assert sum(column(lab.tables("confidence")[0], 2)) == 20

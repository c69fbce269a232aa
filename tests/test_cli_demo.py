"""The main job: an explained digit, and a file of probabilities."""

import numpy as np
import pytest
from cli_process import invoke, loads, ok, plain, terminal

import logitkit

RNG = np.random.default_rng(11)
LOGITS = RNG.normal(size=(30, 10)).astype(np.float32)
LABELS = LOGITS.argmax(axis=1)
IMAGES = RNG.integers(0, 17, size=(30, 8, 8)).astype(np.uint8)
LABELS[3], LABELS[17] = 5, 5
LOGITS[17, 5] = 9  # row 3 is a 5 that is taken for another digit, 17 the first that is right
LOGITS[3, 5] = -9
LABELS[np.flatnonzero(LABELS[:17] == 5)] = 4


@pytest.fixture
def digits(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    LABELS[3] = 5
    np.savez("digits.npz", logits=LOGITS, labels=LABELS, images=IMAGES)
    return "digits.npz"


def test_the_report_is_true(digits):
    got = loads(ok("demo", digits, "--json", "-o", "p.npz"))
    p = logitkit.softmax(LOGITS)
    assert got["row"] == 17 and got["rows"] == 30 and got["classes"] == 10
    assert got["accuracy"] == np.mean(LOGITS.argmax(axis=1) == LABELS)
    assert got["mean_confidence"] == pytest.approx(p.max(axis=1).mean(), rel=1e-6)
    assert got["seconds"] > 0 and got["output"] == "p.npz"
    labels = [str(k) for k in range(10)]
    assert got["explanation"] == logitkit.explain(LOGITS[17], labels=labels).to_dict()
    with np.load("p.npz") as archive:
        np.testing.assert_array_equal(archive["probabilities"], p)


def test_it_reads_well_in_a_pipe_and_on_a_terminal(digits):
    result = invoke("demo", digits, "-o", "p.csv")
    assert (
        result.exit_code == 0 and "Wrote p.csv: probabilities, float32 (30, 10)." in result.stderr
    )
    code, seen = terminal("demo", digits)
    for text in (result.stdout, plain(seen)):
        assert "Row 17 of digits.npz, a handwritten 5:" in text
        assert "30 rows of 10 logits to probabilities in " in text
        assert f"accuracy {np.mean(LOGITS.argmax(axis=1) == LABELS):.2%}, mean confidence" in text
        assert "most likely 5" in text
    assert code == 0


def test_the_picture_is_the_image(digits):
    result = invoke("demo", digits)
    lines = result.stdout.splitlines()[2:10]
    shades = {" ": 0, "░": 1, "▒": 2, "▓": 3, "█": 4}
    drawn = [[shades[c] for c in line[2:].ljust(16)] for line in lines]
    assert [row[::2] for row in drawn] == [row[1::2] for row in drawn]
    image = IMAGES[17].astype(float)
    expected = (image * 4 / image.max()).round()
    np.testing.assert_array_equal([row[::2] for row in drawn], expected)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"labels": None}, "digits.npz has no array named 'labels': it holds logits, images"),
        ({"images": None}, "digits.npz has no array named 'images': it holds logits, labels"),
        ({"labels": LABELS[:5]}, "needs logits of shape (N, K) and labels of shape (N,)"),
        ({"images": IMAGES[:5]}, "needs images of shape (30, H, W), it has (5, 8, 8)"),
        ({"labels": LABELS * 0 - 1}, "has no row of class 5 that is classified right"),
    ],
)
def test_what_is_missing_is_said(digits, changes, message):
    arrays = {"logits": LOGITS, "labels": LABELS, "images": IMAGES, **changes}
    np.savez("digits.npz", **{k: v for k, v in arrays.items() if v is not None})
    result = invoke("demo", digits, "-o", "p.npz")
    assert result.exit_code == 3 and message in result.stderr and result.stdout == ""


def test_images_that_are_no_numbers_are_refused(tmp_path):
    n = 6
    path, out = tmp_path / "odd.npz", tmp_path / "out.npz"
    np.savez(path, logits=np.eye(n), labels=np.arange(n), images=np.full((n, 2, 2), np.nan))
    result = invoke("demo", path, "-o", out)
    assert result.exit_code == 3 and "needs images of finite numbers" in result.stderr
    assert not out.exists()

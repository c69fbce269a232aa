"""The shipped logits of handwritten digits: what the file holds, and how it is made again."""

import runpy
import sys
from pathlib import Path

import numpy as np
import pytest
from sklearn.datasets import load_digits

import logitkit

ROOT = Path(__file__).resolve().parent.parent
SHIPPED = ROOT / "examples" / "data" / "digits.npz"


@pytest.fixture(scope="module")
def shipped():
    """Return the arrays of the shipped file."""
    with np.load(SHIPPED, allow_pickle=False) as file:
        return dict(file)


@pytest.fixture(scope="module")
def regenerated(tmp_path_factory):
    """Run the generator once; return the arrays that it wrote and the figures that it printed."""
    output = tmp_path_factory.mktemp("digits") / "digits.npz"
    printed = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["train_digits.py", "-o", str(output)])
        patch.setattr("builtins.print", printed.append)
        runpy.run_path(str(ROOT / "tools" / "train_digits.py"), run_name="__main__")
    figures = dict(line.rsplit(": ", 1) for line in printed)
    with np.load(output, allow_pickle=False) as file:
        return dict(file), figures


def test_shapes_and_dtypes(shipped):
    assert {name: (a.dtype.str.lstrip("<|"), a.shape) for name, a in shipped.items()} == {
        "logits": ("f4", (599, 10)),
        "labels": ("i8", (599,)),
        "images": ("u1", (599, 8, 8)),
    }


def test_the_file_is_small():
    assert SHIPPED.stat().st_size < 150_000


def test_logits_are_real_scores(shipped):
    logits = shipped["logits"]
    assert np.isfinite(logits).all()
    # Neither probabilities nor log-probabilities: both signs, and rows that sum to anything.
    assert logits.min() < -10 and logits.max() > 10
    assert np.ptp(logits.sum(axis=1)) > 1


def test_images_are_scans(shipped):
    images = shipped["images"]
    assert images.min() == 0 and images.max() == 16
    known = {image.tobytes() for image in load_digits().images.astype(np.uint8)}
    assert all(image.tobytes() in known for image in images)


def test_every_class_is_present_about_equally(shipped):
    counts = np.bincount(shipped["labels"], minlength=10)
    assert len(counts) == 10
    assert counts.min() >= 55 and counts.max() <= 65


def test_accuracy_is_the_printed_one(shipped, regenerated):
    accuracy = np.mean(np.argmax(shipped["logits"], axis=1) == shipped["labels"])
    assert accuracy > 0.95
    assert f"{accuracy:.6g}" == regenerated[1]["accuracy"]


def test_a_five_is_recognised(shipped):
    predicted = np.argmax(shipped["logits"], axis=1)
    assert np.any((predicted == 5) & (shipped["labels"] == 5))


def test_confidence_is_the_printed_one(shipped, regenerated):
    confidence = logitkit.softmax(shipped["logits"]).max(axis=1).mean(dtype=np.float64)
    assert confidence == pytest.approx(float(regenerated[1]["mean confidence"]), abs=2e-6)


def test_the_generator_reproduces_the_file(shipped, regenerated):
    arrays = regenerated[0]
    assert arrays.keys() == shipped.keys()
    np.testing.assert_array_equal(arrays["labels"], shipped["labels"])
    np.testing.assert_array_equal(arrays["images"], shipped["images"])
    # BLAS kernels of different machines round the float64 training differently, which moves a
    # logit by about 1e-13 (seen between OpenBLAS's Katmai, Haswell and SkylakeX): at most one
    # rounding of the float32 that is stored, and next to zero that 1e-13 itself.
    np.testing.assert_allclose(arrays["logits"], shipped["logits"], rtol=2**-23, atol=1e-11)

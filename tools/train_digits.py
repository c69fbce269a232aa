"""Train a small network on real handwritten digits and write its logits on the part it never saw.

The scans are the 1797 handwritten digits of 8x8 pixels, values 0 to 16, that come with scikit-learn
(E. Alpaydin and C. Kaynak, Optical Recognition of Handwritten Digits, UCI, 1998). A perceptron with
one hidden layer learns two thirds of them; the logits of the other third, before any softmax, go
to `examples/data/digits.npz`:

    logits   float32 (599, 10)    scores of the ten classes
    labels   int64   (599,)       the digit that was written
    images   uint8   (599, 8, 8)  the scan

Everything is seeded. On one machine a second run writes the same bytes. Between machines the
matrix products of the training may round differently; by design the training does not
magnify this (plain gradient descent, few epochs: 1e-15 in the input moves no logit by 1e-12), so
that images and labels are equal and logits differ by one float32 rounding at most.

Run it with `python tools/train_digits.py`; it prints what the tests compare with.
"""

import argparse
from pathlib import Path

import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier

import logitkit

OUTPUT = Path(__file__).resolve().parent.parent / "examples" / "data" / "digits.npz"
SEED = 0
EPOCHS = 50
HIDDEN = 64
LEARNING_RATE = 0.1
BATCH = 32


def split():
    """Return training pixels and labels, then held-out images and labels, a third of each class."""
    digits = load_digits()
    images = digits.images.astype(np.uint8)
    labels = digits.target.astype(np.int64)
    seen, unseen = train_test_split(
        np.arange(len(labels)), test_size=1 / 3, stratify=labels, random_state=SEED
    )
    return pixels(images[seen]), labels[seen], images[unseen], labels[unseen]


def pixels(images):
    """Flatten images (N, 8, 8) of 0..16 to float64 rows (N, 64) of 0..1."""
    return images.reshape(len(images), -1) / 16.0


def train(x, y):
    """Fit the network on rows x (N, 64) and classes y (N,), a fixed number of epochs."""
    network = MLPClassifier(
        (HIDDEN,),
        solver="sgd",
        learning_rate_init=LEARNING_RATE,
        batch_size=BATCH,
        random_state=SEED,
    )
    classes = np.unique(y)
    # partial_fit is one epoch; fit would stop by a rule of its own, and warn where it did not.
    for _ in range(EPOCHS):
        network.partial_fit(x, y, classes=classes)
    return network


def logits_of(network, x):
    """Return the scores (N, 10) that the output layer hands to its softmax, in float64."""
    hidden = logitkit.relu(x @ network.coefs_[0] + network.intercepts_[0])
    return hidden @ network.coefs_[1] + network.intercepts_[1]


def make():
    """Return the arrays of the file by name, after checking the logits against the network."""
    x, y, images, labels = split()
    network = train(x, y)
    logits = logits_of(network, pixels(images))
    np.testing.assert_allclose(
        logitkit.softmax(logits),
        network.predict_proba(pixels(images)),
        rtol=1e-12,
        err_msg="the logits are not those behind the network's own probabilities",
    )
    return {"logits": logits.astype(np.float32), "labels": labels, "images": images}


def summary(logits, labels):
    """Return rows, accuracy, mean confidence and mean negative log-likelihood (nats)."""
    log_p = logitkit.log_softmax(logits.astype(np.float64))
    return {
        "rows": len(labels),
        "accuracy": float(np.mean(np.argmax(logits, axis=-1) == labels)),
        "mean confidence": float(np.mean(np.exp(log_p.max(axis=-1)))),
        "negative log-likelihood": float(-np.mean(log_p[np.arange(len(labels)), labels])),
    }


def main():
    """Train, write the file and print its summary."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("-o", "--output", type=Path, default=OUTPUT, help=f"default: {OUTPUT}")
    output = parser.parse_args().output
    arrays = make()
    np.savez_compressed(output, **arrays)
    for name, value in summary(arrays["logits"], arrays["labels"]).items():
        print(f"{name}: {value:.6g}")
    print(f"{output}: {output.stat().st_size} bytes")


if __name__ == "__main__":
    main()

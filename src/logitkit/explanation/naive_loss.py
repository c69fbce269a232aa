"""The naive cross-entropy, ``-log(softmax(x)[target])`` as it is written, and where it breaks."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from logitkit.explanation.naive import Scores, naive_way

__all__ = ["NaiveLoss", "naive_loss", "smoothed"]


@dataclass(frozen=True)
class NaiveLoss:
    """The probability of the target, its negative logarithm, and the step that failed."""

    probability: float
    loss: float
    failure: str | None


def naive_loss(x: Scores, target: int) -> NaiveLoss:
    """Compute the loss of one row in plain NumPy, in the dtype of the scores.

    >>> naive_loss(np.array([0.0, -800.0]), 1)
    NaiveLoss(probability=0.0, loss=inf, failure='log: log(0) = -inf: the probability became 0')
    """
    names = tuple(map(str, range(len(x))))
    way = naive_way(x, names, 1.0)
    p = x.dtype.type(way.quotients[target])
    with np.errstate(all="ignore"):
        loss = float(-np.log(p))
    failures = [f"{failure.step}: {failure.message}" for failure in way.failures]
    if p == 0 and x[target] != -np.inf:
        failures.append("log: log(0) = -inf: the probability became 0")
    return NaiveLoss(float(p), loss, "; ".join(failures) or None)


def smoothed(target: int, classes: int, label_smoothing: float) -> NDArray[np.float64]:
    """Return what each class of a row counts for in its cross-entropy.

    >>> smoothed(1, 2, 0.1)
    array([0.05, 0.95])
    """
    wanted = np.full(classes, label_smoothing / classes)
    wanted[target] += 1 - label_smoothing
    return wanted

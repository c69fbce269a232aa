"""The naive cross-entropy, ``-log(softmax(x)[target])`` as it is written, and where it breaks."""

from dataclasses import dataclass

import numpy as np

from logitkit.explanation.naive import Scores, naive_way

__all__ = ["NaiveLoss", "naive_loss"]


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

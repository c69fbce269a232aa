"""Cross-entropy with a class as its target, its gradient, and the naive loss beside it."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from logitkit.explanation.naive_loss import naive_loss
from logitkit.lab.operations.clock import Clock
from logitkit.lab.operations.probabilities import column, scores
from logitkit.lab.schemas import CrossEntropy

__all__ = ["cross_entropy"]


def cross_entropy(operation: CrossEntropy, clock: Clock) -> dict[str, Any]:
    """Compute the loss in nats and its gradient in the scores."""
    x, target = scores(operation), operation.target
    if target >= len(x):
        text = f"{target} is no class; accepted are 0 to {len(x) - 1}"
        raise clock.refuse("target", text)
    smoothing = operation.label_smoothing
    wanted = np.full(len(x), smoothing / len(x))
    wanted[target] += 1 - smoothing
    loss, gradient = loss_and_gradient(x, wanted, clock)
    return {
        "dtype": operation.dtype,
        "logits": column(x),
        "probabilities": column(clock.call("softmax", x)),
        "log_probabilities": column(clock.call("log_softmax", x)),
        "target_distribution": column(wanted),
        "loss": loss,
        "gradient": gradient,
        "naive": vars(naive_loss(x, target)),
    }


def loss_and_gradient(
    x: NDArray[Any], wanted: NDArray[np.float64], clock: Clock
) -> tuple[float, list[float]]:
    """Return -sum(wanted log softmax(x)), and softmax(x) - wanted."""
    log_p = clock.call("log_softmax", x).astype(np.float64)
    p = clock.call("softmax", x).astype(np.float64)
    asked = wanted > 0  # 0 log 0 is 0
    return float(-(wanted[asked] * log_p[asked]).sum()), column(p - wanted)

"""Cross-entropy with a class as its target, its gradient, and the naive loss beside it."""

from __future__ import annotations

from typing import Any

from logitkit.explanation.naive_loss import naive_loss, smoothed
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
    loss, gradient = clock.call("cross_entropy_with_grad", x, target, label_smoothing=smoothing)
    return {
        "dtype": operation.dtype,
        "logits": column(x),
        "probabilities": column(clock.call("softmax", x)),
        "log_probabilities": column(clock.call("log_softmax", x)),
        "target_distribution": column(smoothed(target, len(x), smoothing)),
        "loss": column(loss),
        "gradient": column(gradient),
        "naive": vars(naive_loss(x, target)),
    }

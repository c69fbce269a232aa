"""The derivative of softmax: the whole matrix, and one score moved."""

from __future__ import annotations

from typing import Any

import numpy as np

from logitkit.explanation.comparison import total
from logitkit.lab.numbers import to_array, to_float
from logitkit.lab.operations.clock import Clock
from logitkit.lab.operations.probabilities import column, scores
from logitkit.lab.schemas import Jacobian, Nudge

__all__ = ["jacobian", "nudge"]


def jacobian(operation: Jacobian, clock: Clock) -> dict[str, Any]:
    """Compute the matrix, and the change that it predicts where one is asked for."""
    x, t = scores(operation), to_float(operation.temperature)
    p = clock.call("softmax", x, temperature=t)
    predicted = None
    if operation.change is not None:
        if len(operation.change) != len(x):
            text = f"found {len(operation.change)} changes and {len(x)} logits"
            raise clock.refuse("change", text)
        with np.errstate(over="ignore"):
            change = to_array(operation.change).astype(x.dtype)
        predicted = column(clock.call("softmax_jvp", p, change, temperature=t))
    matrix = np.asarray(clock.call("softmax_jacobian", p, temperature=t))
    return {
        "dtype": operation.dtype,
        "logits": column(x),
        "probabilities": column(p),
        "jacobian": column(matrix),
        "row_sums": [total(row) for row in matrix],
        "predicted_change": predicted,
    }


def nudge(operation: Nudge, clock: Clock) -> dict[str, Any]:
    """Move one score: what the derivative predicts, and what softmax gives."""
    x, t = scores(operation), to_float(operation.temperature)
    if operation.index >= len(x):
        text = f"{operation.index} is no class; accepted are 0 to {len(x) - 1}"
        raise clock.refuse("index", text)
    moved = to_array(operation.logits)
    move = np.zeros_like(moved)
    with np.errstate(over="ignore", invalid="ignore"):
        move[operation.index] = to_float(operation.delta)
        moved = (moved + move).astype(x.dtype)
        move = move.astype(x.dtype)
    p = clock.call("softmax", x, temperature=t)
    after = clock.call("softmax", moved, temperature=t)
    return {
        "dtype": operation.dtype,
        "logits": column(x),
        "nudged_logits": column(moved),
        "probabilities": column(p),
        "nudged_probabilities": column(after),
        "predicted_change": column(clock.call("softmax_jvp", p, move, temperature=t)),
        "true_change": column(after.astype(np.float64) - p.astype(np.float64)),
    }

"""softmax beside the functions that it is compared with."""

from __future__ import annotations

from typing import Any

import numpy as np

from logitkit.explanation.comparison import FUNCTIONS, is_one, total
from logitkit.lab.operations.clock import Clock
from logitkit.lab.operations.probabilities import column, scores
from logitkit.lab.schemas import Activations

__all__ = ["activations"]


def activations(operation: Activations, clock: Clock) -> dict[str, Any]:
    """Apply every function to the same scores, and sum its values."""
    x = scores(operation)
    functions = {}
    for name in FUNCTIONS:
        values = np.asarray(clock.call(name, x))
        whole = total(values)
        functions[name] = {
            "values": column(values),
            "sum": whole,
            "sums_to_one": is_one(whole, values.dtype),
        }
    return {"dtype": operation.dtype, "logits": column(x), "functions": functions}

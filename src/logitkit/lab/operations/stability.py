"""The naive, the shifted and the library's softmax, in each dtype."""

from __future__ import annotations

from typing import Any

from logitkit.explanation.naive import exp_range
from logitkit.explanation.trials import trial
from logitkit.lab.numbers import as_dtype, to_array, to_float
from logitkit.lab.operations.clock import Clock
from logitkit.lab.operations.probabilities import column
from logitkit.lab.schemas import Stability

__all__ = ["stability"]


def stability(operation: Stability, clock: Clock) -> dict[str, Any]:
    """Compute all three ways; only the last is timed, for it alone is the library's."""
    if operation.labels is not None and len(operation.labels) != len(operation.logits):
        raise clock.labels(operation)
    x, t = to_array(operation.logits), to_float(operation.temperature)
    names = operation.labels or [f"class {i}" for i in range(len(x))]
    trials = []
    for name in operation.dtypes:
        tried = trial(x, as_dtype(name), names, t)
        trials.append(
            {
                "dtype": name,
                "logits": column(tried.logits),
                "naive": column(tried.naive),
                "shifted": column(tried.shifted),
                "library": column(clock.call("softmax", tried.logits, temperature=t)),
                "exp_range": exp_range(name),
                "failing_step": tried.failing_step,
                "failure": tried.failure,
                "failures": [vars(failure) for failure in tried.failures],
            }
        )
    return {"trials": trials}

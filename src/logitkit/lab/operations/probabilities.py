"""softmax and log_softmax."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from logitkit.lab.numbers import as_dtype, to_array, to_float
from logitkit.lab.operations.clock import Clock
from logitkit.lab.schemas import LogSoftmax, Softmax

__all__ = ["column", "log_softmax", "scores", "softmax"]


def scores(operation: Any) -> NDArray[Any]:
    """Return the logits of an operation in its dtype; what is too large for it becomes inf."""
    with np.errstate(over="ignore"):
        return to_array(operation.logits).astype(as_dtype(operation.dtype))


def column(values: Any) -> Any:
    """Return numbers of any of the dtypes as they are, for JSON."""
    return np.asarray(values).astype(np.float64).tolist()


def softmax(operation: Softmax, clock: Clock) -> dict[str, Any]:
    """Compute the probabilities and their entropy."""
    x, t = scores(operation), to_float(operation.temperature)
    p = column(clock.call("softmax", x, temperature=t))
    return {
        "dtype": operation.dtype,
        "logits": column(x),
        "probabilities": p,
        "sum": math.fsum(p),
        "entropy": column(clock.call("entropy", x, temperature=t)),
    }


def log_softmax(operation: LogSoftmax, clock: Clock) -> dict[str, Any]:
    """Compute the logarithms of the probabilities, and of the sum of the exponentials."""
    x, t = scores(operation), to_float(operation.temperature)
    return {
        "dtype": operation.dtype,
        "logits": column(x),
        "log_probabilities": column(clock.call("log_softmax", x, temperature=t)),
        "logsumexp": column(clock.call("logsumexp", x, temperature=t)),
    }

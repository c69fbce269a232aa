"""Probabilities: softmax, log_softmax, the worked steps, and a sweep of temperatures."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from logitkit.explanation import Way
from logitkit.explanation.limits import limits
from logitkit.lab.numbers import as_dtype, to_array, to_float
from logitkit.lab.operations.clock import Clock
from logitkit.lab.schemas import LogSoftmax, Softmax, Steps, TemperatureSweep

__all__ = ["column", "log_softmax", "scores", "softmax", "steps", "temperature_sweep"]


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
    nats = column(clock.call("entropy", x, temperature=t))
    return {
        "dtype": operation.dtype,
        "logits": column(x),
        "probabilities": p,
        "sum": math.fsum(p),
        # The sum of all terms, rounded once: what the rounded sum has lost is counted too.
        "sum_ulps": math.fsum([*p, -1.0]) / limits(operation.dtype).eps,
        "entropy": nats,
        "perplexity": math.exp(nats),
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


def steps(operation: Steps, clock: Clock) -> dict[str, Any]:
    """Work out the softmax of one row of scores, step by step."""
    if operation.labels is not None and len(operation.labels) != len(operation.logits):
        raise clock.labels(operation)
    worked = clock.call(
        "explain",
        scores(operation),
        labels=operation.labels,
        temperature=to_float(operation.temperature),
    )
    return {
        "dtype": worked.dtype,
        "temperature": worked.temperature,
        "maximum": worked.maximum,
        "steps": [vars(step) for step in worked.steps],
        "naive": way(worked.naive),
        "stable": way(worked.stable),
        "sentence": worked.sentence,
        "notes": worked.notes,
    }


def way(computed: Way) -> dict[str, Any]:
    """Return one way to compute a softmax as plain data."""
    return {**vars(computed), "failures": [vars(failure) for failure in computed.failures]}


def temperature_sweep(operation: TemperatureSweep, clock: Clock) -> dict[str, Any]:
    """Compute probabilities and entropy at each temperature, in one call."""
    x = scores(operation)
    temperatures = to_array(operation.temperatures)
    rows = np.broadcast_to(x, (len(temperatures), len(x)))
    nats = column(clock.call("entropy", rows, temperature=temperatures))
    return {
        "dtype": operation.dtype,
        "logits": column(x),
        "temperatures": column(temperatures),
        "probabilities": column(clock.call("softmax", rows, temperature=temperatures)),
        "entropy": nats,
        "perplexity": [math.exp(one) for one in nats],
    }

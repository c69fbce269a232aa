"""The operations of ``POST /api/v1/compute``: each calls public functions of logitkit.

A function here takes the question and a `Clock`, through which it calls the library, so that what
the kernels took is known and nothing else is counted. There is no arithmetic of softmax in this
package; what is labelled naive or shifted comes from `logitkit.explanation`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import logitkit
from logitkit.lab.answers import ComputeAnswer, Kernel
from logitkit.lab.operations import (
    comparison,
    derivative,
    loss,
    probabilities,
    stability,
)
from logitkit.lab.operations.clock import Clock
from logitkit.lab.problems import ProblemError
from logitkit.lab.schemas import MOST_NUMBERS, ComputeRequest

__all__ = ["OPERATIONS", "compute", "kernel"]

OPERATIONS: dict[str, Callable[[Any, Clock], Any]] = {
    "softmax": probabilities.softmax,
    "log_softmax": probabilities.log_softmax,
    "steps": probabilities.steps,
    "temperature_sweep": probabilities.temperature_sweep,
    "stability": stability.stability,
    "jacobian": derivative.jacobian,
    "nudge": derivative.nudge,
    "activations": comparison.activations,
    "cross_entropy": loss.cross_entropy,
}


def compute(request: ComputeRequest) -> ComputeAnswer:
    """Answer a batch of operations in their order.

    Raises
    ------
    ProblemError
        422 with a pointer to the operation, where its parts do not fit each other.
    """
    numbers = sum(operation.numbers() for operation in request.operations)
    if numbers > MOST_NUMBERS:
        text = f"the answer would hold {numbers} numbers; accepted are {MOST_NUMBERS} a request"
        raise ProblemError(422, text, pointer="#/operations")
    results = []
    total = 0.0
    for i, operation in enumerate(request.operations):
        clock = Clock(f"#/operations/{i}")
        result = OPERATIONS[operation.op](operation, clock)
        results.append({"op": operation.op, **result, "microseconds": clock.microseconds})
        total += clock.microseconds
    answer = {"kernel": kernel(), "microseconds": total, "results": results}
    return cast(ComputeAnswer, answer)


def kernel() -> Kernel:
    """Tell what computes here."""
    return {
        "isa": logitkit._core.isa(),
        "version": logitkit.__version__,
        "threads": logitkit.get_num_threads(),
    }

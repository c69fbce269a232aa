"""What may be asked: the operations of ``POST /api/v1/compute``, one model each.

Models hold what JSON Schema can say, and so the OpenAPI document says it; what concerns two fields
at once (a target beyond the last class) is checked by the operation.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from logitkit.lab.numbers import DTYPES, Dtype, Number, Temperature, whole

__all__ = [
    "MOST_CLASSES",
    "MOST_JACOBIAN",
    "MOST_NUMBERS",
    "MOST_OPERATIONS",
    "MOST_TEMPERATURES",
    "Activations",
    "ComputeRequest",
    "CrossEntropy",
    "Jacobian",
    "LogSoftmax",
    "Nudge",
    "Operation",
    "Softmax",
    "Stability",
    "Steps",
    "TemperatureSweep",
]

MOST_CLASSES = 100_000
MOST_JACOBIAN = 512
MOST_OPERATIONS = 64
MOST_TEMPERATURES = 10_000
MOST_NUMBERS = 4_000_000
"""How many numbers all answers of one request may hold."""

Index = Annotated[int, Field(strict=True, ge=0, lt=MOST_CLASSES), BeforeValidator(whole)]
# `fail_fast`: of a hundred thousand wrong numbers the first is told, and no others are looked for.
Labels = Annotated[list[str], Field(max_length=MOST_CLASSES, fail_fast=True)]


class Scores(BaseModel):
    """One row of scores, in the dtype that the kernels compute in."""

    model_config = ConfigDict(extra="forbid")

    logits: Annotated[list[Number], Field(min_length=1, max_length=MOST_CLASSES, fail_fast=True)]
    dtype: Dtype = "float64"

    def numbers(self) -> int:
        """Return about how many numbers the answer holds."""
        return 8 * len(self.logits)


class Tempered(Scores):
    """One row of scores, and what they are divided by: 0 and Infinity are exact limits."""

    temperature: Temperature = 1.0


class Softmax(Tempered):
    """``logitkit.softmax``, and the entropy."""

    op: Literal["softmax"]


class LogSoftmax(Tempered):
    """``logitkit.log_softmax`` and ``logitkit.logsumexp``."""

    op: Literal["log_softmax"]


class Steps(Tempered):
    """The worked calculation: ``logitkit.explain``."""

    op: Literal["steps"]
    labels: Labels | None = None

    def numbers(self) -> int:
        """Return about how many numbers the answer holds."""
        return 16 * len(self.logits)


class TemperatureSweep(Scores):
    """The probabilities and the entropy at each of many temperatures."""

    op: Literal["temperature_sweep"]
    temperatures: Annotated[
        list[Temperature], Field(min_length=1, max_length=MOST_TEMPERATURES, fail_fast=True)
    ]

    def numbers(self) -> int:
        """Return how many numbers the answer holds."""
        return len(self.logits) * (len(self.temperatures) + 1)


class Stability(BaseModel):
    """The naive, the shifted and the library's softmax, in several dtypes."""

    model_config = ConfigDict(extra="forbid")

    op: Literal["stability"]
    logits: Annotated[list[Number], Field(min_length=1, max_length=MOST_CLASSES, fail_fast=True)]
    dtypes: Annotated[list[Dtype], Field(min_length=1, max_length=len(DTYPES))] = list(DTYPES)
    temperature: Temperature = 1.0
    labels: Labels | None = None

    def numbers(self) -> int:
        """Return how many numbers the answer holds."""
        return 4 * len(self.logits) * len(self.dtypes)


class Derivative(BaseModel):
    """Few enough scores for a square matrix."""

    model_config = ConfigDict(extra="forbid")

    logits: Annotated[list[Number], Field(min_length=1, max_length=MOST_JACOBIAN, fail_fast=True)]
    dtype: Dtype = "float64"
    temperature: Temperature = 1.0

    def numbers(self) -> int:
        """Return about how many numbers the answer holds."""
        return len(self.logits) ** 2 + 4 * len(self.logits)


class Jacobian(Derivative):
    """``logitkit.softmax_jacobian``; with a change of the scores, what it predicts."""

    op: Literal["jacobian"]
    change: (
        Annotated[list[Number], Field(min_length=1, max_length=MOST_JACOBIAN, fail_fast=True)]
        | None
    ) = None


class Nudge(Tempered):
    """One score moved: the change that the derivative predicts, and the true one."""

    op: Literal["nudge"]
    index: Index
    delta: Number


class Activations(Scores):
    """softmax beside the functions that it is compared with, on the same scores."""

    op: Literal["activations"]


class CrossEntropy(Scores):
    """The loss of one row with a class as its target, and its gradient in the scores."""

    op: Literal["cross_entropy"]
    target: Index
    label_smoothing: Annotated[float, Field(strict=True, ge=0, le=1)] = 0.0


Operation = Annotated[
    Softmax
    | LogSoftmax
    | Steps
    | TemperatureSweep
    | Stability
    | Jacobian
    | Nudge
    | Activations
    | CrossEntropy,
    Field(discriminator="op"),
]


class ComputeRequest(BaseModel):
    """A batch of operations, answered in their order."""

    model_config = ConfigDict(extra="forbid")

    operations: Annotated[list[Operation], Field(min_length=1, max_length=MOST_OPERATIONS)]

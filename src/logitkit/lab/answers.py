"""What is answered: the shape of every answer, for the type checker and the OpenAPI document.

Every number is exact, see `logitkit.lab.numbers`; NaN, inf and -inf are sent as strings.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, WithJsonSchema
from typing_extensions import TypedDict

from logitkit.lab.numbers import Dtype

Real = Annotated[
    float,
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "number"},
                {"type": "string", "enum": ["NaN", "Infinity", "-Infinity"]},
            ],
            "title": "Real",
        }
    ),
]
Column = list[Real]
"""One number for each class, in the order of the logits."""


class Result(TypedDict):
    """What every result tells."""

    dtype: Dtype
    microseconds: Annotated[float, Field(description="what the calls of the library took")]


class SoftmaxResult(Result):
    """The scores as they are in the dtype, and their softmax."""

    op: Literal["softmax"]
    logits: Column
    probabilities: Column
    sum: Annotated[Real, Field(description="the exact sum of the probabilities, rounded once")]
    sum_ulps: Annotated[
        Real, Field(description="how far the exact sum is from 1, in spacings of the dtype at 1")
    ]
    entropy: Annotated[Real, Field(description="in nats")]
    perplexity: Annotated[Real, Field(description="exp(entropy): so many equal classes")]


class LogSoftmaxResult(Result):
    """The logarithms of the probabilities."""

    op: Literal["log_softmax"]
    logits: Column
    log_probabilities: Column
    logsumexp: Real


class Failure(TypedDict):
    """One step that failed: which, at which class (null: at all of them), in which dtype, why."""

    step: str
    index: int | None
    label: str | None
    dtype: str
    message: str


class Way(TypedDict):
    """One way to compute a softmax."""

    dtype: str
    exponentials: Column
    total: Real
    quotients: Column
    failures: list[Failure]


class Step(TypedDict):
    """One class on its way from logit to probability."""

    index: int
    label: str
    logit: Real
    scaled: Annotated[Real | None, Field(description="logit / T; null at temperature 0")]
    shifted: Annotated[Real, Field(description="the same minus its maximum")]
    exponential: Annotated[Real, Field(description="exp(shifted)")]
    probability: Real
    percent: Real
    log_probability: Real
    rank: Annotated[int | None, Field(description="1 is the largest score; null if undefined")]


class StepsResult(Result):
    """The worked calculation; `naive` is plain NumPy in the dtype of the scores."""

    op: Literal["steps"]
    temperature: Real
    maximum: Real
    steps: list[Step]
    naive: Way
    stable: Way
    sentence: str
    notes: list[str]


class TemperatureSweepResult(Result):
    """One row of probabilities, and their entropy in nats, for each temperature."""

    op: Literal["temperature_sweep"]
    logits: Column
    temperatures: Column
    probabilities: list[Column]
    entropy: Column
    perplexity: Annotated[Column, Field(description="exp(entropy)")]


class Trial(TypedDict):
    """The three ways in one dtype; only `library` is logitkit's kernel."""

    dtype: Dtype
    logits: Column
    naive: Column
    shifted: Column
    library: Column
    exp_range: Annotated[
        Column, Field(description="exp(x) is neither 0 nor inf between these two x")
    ]
    failing_step: Annotated[
        str | None,
        Field(description="of the naive way: cast, divide, exp, sum, quotient; null if it works"),
    ]
    failure: Annotated[str | None, Field(description="all steps that failed, and why")]
    failures: list[Failure]


class StabilityResult(TypedDict):
    """The three ways in each dtype."""

    op: Literal["stability"]
    microseconds: float
    trials: list[Trial]


class JacobianResult(Result):
    """Row i: how probability i moves with each score."""

    op: Literal["jacobian"]
    logits: Column
    probabilities: Column
    jacobian: list[Column]
    row_sums: Annotated[Column, Field(description="0, but for the rounding of the terms")]
    predicted_change: Annotated[
        Column | None, Field(description="jacobian @ change, where a change was given")
    ]


class NudgeResult(Result):
    """One score moved."""

    op: Literal["nudge"]
    logits: Column
    nudged_logits: Column
    probabilities: Column
    nudged_probabilities: Column
    predicted_change: Annotated[Column, Field(description="the derivative times the move")]
    true_change: Column


class Activation(TypedDict):
    """One function of each score."""

    values: Column
    sum: Real
    sums_to_one: bool


class Functions(TypedDict):
    """The functions of logitkit by name."""

    softmax: Activation
    log_softmax: Activation
    sigmoid: Activation
    tanh: Activation
    relu: Activation
    leaky_relu: Activation
    silu: Activation


class ActivationsResult(Result):
    """softmax beside the functions that it is compared with."""

    op: Literal["activations"]
    logits: Column
    functions: Functions


class NaiveLoss(TypedDict):
    """-log(softmax) in plain NumPy, each step as it is written."""

    probability: Annotated[Real, Field(description="of the target, by the naive softmax")]
    loss: Real
    failure: Annotated[str | None, Field(description="the step that failed and why")]


class CrossEntropyResult(Result):
    """The loss in nats, and its gradient in the scores: probabilities - target distribution."""

    op: Literal["cross_entropy"]
    logits: Column
    probabilities: Column
    log_probabilities: Column
    target_distribution: Column
    loss: Real
    gradient: Column
    naive: NaiveLoss


AnyResult = Annotated[
    SoftmaxResult
    | LogSoftmaxResult
    | StepsResult
    | TemperatureSweepResult
    | StabilityResult
    | JacobianResult
    | NudgeResult
    | ActivationsResult
    | CrossEntropyResult,
    Field(discriminator="op"),
]


class Kernel(TypedDict):
    """What computed: the instruction set in use, the version, how many threads at most."""

    isa: str
    version: str
    threads: int


class ComputeAnswer(TypedDict):
    """The results, in the order of the operations."""

    kernel: Kernel
    microseconds: Annotated[float, Field(description="what all calls of the library took")]
    results: list[AnyResult]


class Limits(TypedDict):
    """The most that one request may hold."""

    classes: int
    jacobian_classes: int
    operations: int
    temperatures: int
    numbers: Annotated[int, Field(description="in all results of one request")]
    compute_bytes: int
    dataset_bytes: int
    bins: int
    datasets: Annotated[int, Field(description="kept in memory; the oldest goes first")]


class Info(TypedDict):
    """What answers here."""

    kernel: Kernel
    dtypes: list[Dtype]
    operations: list[str]
    limits: Limits


class FieldError(TypedDict, total=False):
    """One thing that is wrong, and where."""

    detail: str
    pointer: Annotated[str, Field(description="JSON pointer into the body: #/operations/0/logits")]
    parameter: Annotated[str, Field(description="or the name of the query parameter")]


class Problem(TypedDict):
    """Problem details as RFC 9457 has them, sent as application/problem+json."""

    type: str
    title: str
    status: int
    detail: str
    errors: list[FieldError]

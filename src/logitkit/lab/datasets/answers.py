"""What is answered about datasets, for the type checker and the OpenAPI document."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field
from typing_extensions import TypedDict

from logitkit.lab.answers import Kernel

__all__ = ["Bin", "BinRow", "BinRows", "DatasetAnswer", "DatasetEntry", "DatasetList"]


class Bin(TypedDict):
    """The rows whose confidence lies from `lower` up to `upper`; the last bin includes 1."""

    lower: float
    upper: float
    count: int
    right: Annotated[int, Field(description="how many of them are classified right")]
    accuracy: Annotated[float | None, Field(description="null where the bin is empty")]
    interval: Annotated[
        list[float] | None, Field(description="of the accuracy: 95 %, of Wilson's score")
    ]
    mean_confidence: float | None
    enough: Annotated[bool, Field(description="whether there are rows enough to judge")]


class DatasetAnswer(TypedDict):
    """What the confidence panel shows; confidence is the largest probability of a row."""

    id: int
    name: str
    rows: int
    classes: int
    class_names: list[str] | None
    dtype: Annotated[str, Field(description="of the scores in the file")]
    kind: Annotated[
        Literal["logits", "probabilities"],
        Field(description="of probabilities no softmax is taken"),
    ]
    scores_from: str
    labels_from: str
    accuracy: float
    accuracy_interval: list[float]
    mean_confidence: float
    few: Annotated[int, Field(description="fewer rows than these are too few to judge")]
    bins: list[Bin]
    notes: Annotated[list[str], Field(description="what a reader should know")]
    kernel: Kernel
    microseconds: Annotated[float, Field(description="what the calls of the library took")]


class BinRow(TypedDict):
    """One row of the file."""

    row: Annotated[int, Field(description="its number in the file, from 0")]
    predicted: Annotated[int, Field(description="the class with the largest score")]
    label: int
    right: bool
    confidence: float


class BinRows(TypedDict):
    """The first rows of one bin, in the order of the file."""

    id: int
    bin: int
    lower: float
    upper: float
    count: Annotated[int, Field(description="how many rows the bin has")]
    rows: Annotated[list[BinRow], Field(description="at most the first 100")]


class DatasetEntry(TypedDict):
    """One dataset that is kept."""

    id: int
    name: str
    rows: int
    classes: int


class DatasetList(TypedDict):
    """What is kept, the oldest first."""

    datasets: list[DatasetEntry]

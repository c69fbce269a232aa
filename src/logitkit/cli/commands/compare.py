"""``logitkit compare``: softmax beside the other activation functions."""

from __future__ import annotations

from types import ModuleType
from typing import TYPE_CHECKING, Any

import click

from logitkit.cli import options
from logitkit.cli.command import Command
from logitkit.cli.output import View
from logitkit.cli.row import in_dtype, run_row
from logitkit.stream.formats import Table

if TYPE_CHECKING:
    from rich.console import RenderableType

__all__ = ["command"]


@click.command(
    "compare",
    cls=Command,
    short_help="Softmax beside sigmoid, tanh, ReLU and the others.",
    examples=(
        "logitkit compare 2 1 0.1",
        "logitkit compare 2 -1 0.5 --labels cat,dog,bird --json",
        "logitkit compare logits.csv --row 1 -o compare.csv",
    ),
)
@options.numbers
@options.labels
@options.row_dtype
@options.key
@options.row
@options.common
def command(**kwargs: Any) -> None:
    """Apply softmax and the other activation functions to the same scores.

    The last line is the sum of each column: only softmax sums to 1 on any scores.
    """
    run_row(compute, **kwargs)


def compute(logitkit: ModuleType, table: Table, *, dtype: str | None) -> tuple[Table, View]:
    """Apply every function, and sum its values."""
    import numpy as np

    from logitkit.explanation.comparison import FUNCTIONS, is_one, total

    scores = in_dtype(table.array, dtype)
    results = {name: getattr(logitkit, name)(scores) for name in FUNCTIONS}
    each = np.column_stack(list(results.values()))
    sums = np.array([total(column) for column in each.T])
    names = [*(table.labels or map(str, range(len(each)))), "sum"]
    scores = scores.astype(each.dtype)
    with np.errstate(invalid="ignore", over="ignore"):
        lines = np.vstack([each, sums.astype(each.dtype)])
        first = np.append(scores, scores.sum())
    result = Table(
        np.column_stack([first, lines]),
        ("logit", *FUNCTIONS),
        name="comparison",
        index={"class": names},
        document={
            "logits": scores,
            "labels": table.labels,
            **results,
            "sums": dict(zip(FUNCTIONS, sums, strict=True)),
            "sums_to_1": [
                name
                for name, value in zip(FUNCTIONS, sums, strict=True)
                if is_one(value, each.dtype)
            ],
        },
    )

    def view() -> RenderableType:
        from logitkit.cli import views

        heads = ["logit", *FUNCTIONS]
        return views.matrix(result.array, heads, rows=names, heading="class", decimals=4)

    return result, view

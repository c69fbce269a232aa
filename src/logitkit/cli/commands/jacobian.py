"""``logitkit jacobian``: the derivative of softmax."""

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
    "jacobian",
    cls=Command,
    short_help="The derivative of softmax, as a matrix.",
    examples=(
        "logitkit jacobian 2 1 0.1",
        "logitkit jacobian 2 1 0.1 -T 0.5 --labels a,b,c --dtype float32",
        "logitkit jacobian logits.csv --row 0 -o jacobian.npy",
    ),
)
@options.numbers
@options.temperature
@options.labels
@options.row_dtype
@options.key
@options.row
@options.common
def command(**kwargs: Any) -> None:
    """Show how each probability (row) moves with each score (column): (diag(p) - p pᵀ) / T."""
    run_row(compute, **kwargs)


def compute(
    logitkit: ModuleType, table: Table, *, temperature: float, dtype: str | None
) -> tuple[Table, View]:
    """Compute the probabilities, and the matrix from them."""
    scores = in_dtype(table.array, dtype)
    probabilities = logitkit.softmax(scores, temperature=temperature)
    jacobian = logitkit.softmax_jacobian(probabilities, temperature=temperature)
    result = Table(
        jacobian,
        table.labels,
        name="jacobian",
        index={"class": table.labels} if table.labels else {},
        document={
            "logits": scores,
            "labels": table.labels,
            "temperature": temperature,
            "probabilities": probabilities,
            "jacobian": jacobian,
        },
    )

    def view() -> RenderableType:
        from logitkit.cli import views

        names = views.class_names(table.labels, len(jacobian))
        return views.matrix(jacobian, names, rows=names, heading="class")

    return result, view

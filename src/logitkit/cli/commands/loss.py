"""``logitkit loss``: the loss of a true class, and its gradient."""

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

COLUMNS = ("logit", "probability", "log_probability", "target", "loss", "gradient")


@click.command(
    "loss",
    cls=Command,
    short_help="The loss of a true class, in nats, and its gradient.",
    examples=(
        "logitkit loss 2 1 0.1 --target 0",
        "logitkit loss 2 1 0.1 --labels apple,banana,cherry --target banana",
        "logitkit loss 0 -800 --target 1 --label-smoothing 0.1 --json",
    ),
)
@options.numbers
@click.option("--target", required=True, metavar="CLASS", help="The true class: its place or name.")
@click.option(
    "--label-smoothing",
    type=click.FloatRange(0, 1),
    metavar="S",
    default=0.0,
    show_default=True,
    help="How much of the target is spread over all classes.",
)
@options.labels
@options.row_dtype
@options.key
@options.row
@options.common
def command(**kwargs: Any) -> None:
    """Compute minus the logarithm of the probability of the true class.

    The last line is the sum of each column: that of loss is the loss. --json has the naive loss,
    -log(softmax(x)), beside it.
    """
    run_row(compute, **kwargs)


def compute(
    logitkit: ModuleType, table: Table, *, target: str, label_smoothing: float, dtype: str | None
) -> tuple[Table, View]:
    """Compute the loss, its parts and its gradient."""
    import numpy as np

    from logitkit.explanation.comparison import total
    from logitkit.explanation.naive_loss import naive_loss, smoothed

    scores = in_dtype(table.array, dtype)
    names = table.labels or tuple(map(str, range(scores.size)))
    place = position(target, names)
    loss, gradient = logitkit.cross_entropy_with_grad(
        scores, place, label_smoothing=label_smoothing
    )
    scores = scores.astype(gradient.dtype)
    p, log_p = logitkit.softmax(scores), logitkit.log_softmax(scores)
    wanted = smoothed(place, len(names), label_smoothing)
    with np.errstate(invalid="ignore"):
        parts = np.where(wanted == 0, 0, -wanted * log_p)
    each = np.column_stack([scores, p, log_p, wanted, parts, gradient])
    sums = [*(total(column) for column in each.T[:4]), loss, total(gradient)]
    result = Table(
        np.vstack([each, sums]),
        COLUMNS,
        name="cross_entropy",
        index={"class": [*names, "sum"]},
        document={
            "logits": scores,
            "labels": table.labels,
            "target": place,
            "label_smoothing": label_smoothing,
            "probabilities": p,
            "log_probabilities": log_p,
            "target_distribution": wanted,
            "loss": loss,
            "gradient": gradient,
            "naive": vars(naive_loss(scores, place)),
        },
    )

    def view() -> RenderableType:
        from logitkit.cli import views

        return views.matrix(result.array, COLUMNS, rows=[*names, "sum"], heading="class")

    return result, view


def position(target: str, names: tuple[str, ...]) -> int:
    """Return the place of a class; a name goes before a number."""
    if target in names:
        return names.index(target)
    if target.isascii() and target.isdigit() and int(target) < len(names):
        return int(target)
    text = f"{target!r} is no class; accepted are 0 to {len(names) - 1} and the names of --labels."
    raise click.BadParameter(text, param_hint="'--target'")

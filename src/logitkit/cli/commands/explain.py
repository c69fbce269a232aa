"""``logitkit explain``: the worked calculation."""

import math
from types import ModuleType
from typing import Any

import click

from logitkit.cli import options
from logitkit.cli.command import Command
from logitkit.cli.output import View
from logitkit.cli.row import in_dtype, run_row
from logitkit.stream.formats import Table

__all__ = ["command"]

STEPS = ("logit", "scaled", "shifted", "exponential", "probability", "percent", "log_probability")


@click.command(
    "explain",
    cls=Command,
    short_help="The calculation step by step, and what it says.",
    examples=(
        "logitkit explain 1.5 2.2 -0.3 0.8 --labels apple,orange,banana,avocado",
        "logitkit explain 1000 1001 1002 --dtype float32",
        "logitkit explain logits.csv --row 2 --json",
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
    """Show each step from scores to probabilities, and where the naive way would fail.

    In a pipe only the table is printed; --json has the sentence and both ways too.
    """
    run_row(compute, **kwargs)


def compute(
    logitkit: ModuleType, table: Table, *, temperature: float, dtype: str | None
) -> tuple[Table, View]:
    """Explain the scores, in the type that is asked for."""
    import numpy as np

    scores = in_dtype(table.array, dtype)
    explanation = logitkit.explain(scores, labels=table.labels, temperature=temperature)
    steps = explanation.steps
    columns = [
        [math.nan if value is None else value for value in (getattr(step, name) for step in steps)]
        for name in STEPS
    ]
    result = Table(
        np.array(columns).T,
        STEPS,
        name="steps",
        index={
            "class": [step.label for step in steps],
            "rank": ["" if step.rank is None else str(step.rank) for step in steps],
        },
        document=explanation.to_dict(),
    )
    return result, lambda: explanation

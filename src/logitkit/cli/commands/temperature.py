"""``logitkit temperature``: the probabilities at many temperatures."""

from __future__ import annotations

import math
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

MOST = 100_000  # temperatures in a range


def to_temperatures(value: str) -> list[float]:
    """Read ``0,0.1:10:25,inf``: temperatures and ranges of them."""
    temperatures: list[float] = []
    for part in value.split(","):
        if ":" in part:
            temperatures.extend(log_spaced(part))
        else:
            temperatures.append(options.to_temperature(part))
    return temperatures


def log_spaced(text: str) -> list[float]:
    """Read ``FIRST:LAST:COUNT``; both ends are exact."""
    try:
        first, last, count = text.split(":")
        start, stop, points = float(first), float(last), int(count)
    except ValueError:
        raise click.BadParameter(
            f"{text!r} is not a range: FIRST:LAST:COUNT, as 0.1:10:25."
        ) from None
    if not (0 < start < math.inf and 0 < stop < math.inf):
        raise click.BadParameter(
            f"{text!r}: the ends of a range are positive and finite; "
            "add the limits beside it, as 0,0.1:10:25,inf."
        )
    if not 2 <= points <= MOST:
        raise click.BadParameter(f"{text!r}: a range has 2 to {MOST} temperatures.")
    import numpy as np

    return [float(value) for value in np.geomspace(start, stop, points)]


@click.command(
    "temperature",
    cls=Command,
    short_help="Probabilities and entropy over a sweep of temperatures.",
    examples=(
        "logitkit temperature 2 1 0.1",
        "logitkit temperature 2 1 0.1 --sweep 0.1:10:25 --labels a,b,c",
        "logitkit temperature 2 1 0.1 --dtype float16",
        "logitkit temperature 2 1 0.1 --sweep 0,0.5,1,2,inf --json",
    ),
)
@options.numbers
@click.option(
    "--sweep",
    default="0,0.1:10:9,inf",
    metavar="LIST",
    type=to_temperatures,
    show_default=True,
    help="Temperatures, and log-spaced ranges FIRST:LAST:COUNT, separated by commas.",
)
@options.labels
@options.row_dtype
@options.key
@options.row
@options.common
def command(**kwargs: Any) -> None:
    """Show how temperature sharpens or flattens the probabilities; entropy is in nats."""
    run_row(compute, **kwargs)


def compute(
    logitkit: ModuleType, table: Table, *, sweep: list[float], dtype: str | None
) -> tuple[Table, View]:
    """Compute probabilities and entropy at each temperature."""
    import numpy as np

    temperatures = np.array(sweep)
    row = in_dtype(table.array, dtype)
    scores = np.broadcast_to(row, (len(sweep), row.size))
    probabilities = logitkit.softmax(scores, temperature=temperatures)
    entropy = logitkit.entropy(scores, temperature=temperatures)
    names = table.labels or tuple(f"p{i}" for i in range(row.size))
    result = Table(
        np.column_stack([temperatures, entropy, probabilities]),
        ("temperature", "entropy", *names),
        name="sweep",
        document={
            "logits": row,
            "labels": table.labels,
            "temperatures": temperatures,
            "entropy": entropy,
            "probabilities": probabilities,
        },
    )

    def view() -> RenderableType:
        from logitkit.cli import views

        return views.matrix(
            result.array[:, 1:],
            ("entropy", *names),
            rows=[f"{t:.4g}" for t in sweep],
            heading="temperature",
        )

    return result, view

"""``logitkit temperature``: the probabilities at many temperatures."""

from __future__ import annotations

from pathlib import Path

import click

from logitkit.cli import options
from logitkit.cli.command import Command
from logitkit.cli.library import library
from logitkit.cli.output import emit
from logitkit.cli.source import load_row
from logitkit.stream.formats import Table

__all__ = ["command"]


class Sweep(click.ParamType):
    """Temperatures and ranges of them, separated by commas."""

    name = "sweep"

    def convert(
        self, value: str, param: click.Parameter | None, ctx: click.Context | None
    ) -> list[float]:
        """Read ``0,0.1:10:25,inf``."""
        temperatures: list[float] = []
        for part in value.split(","):
            if ":" in part:
                temperatures.extend(self.spread(part, param, ctx))
            else:
                temperatures.append(options.TEMPERATURE.convert(part, param, ctx))
        return temperatures

    def spread(
        self, part: str, param: click.Parameter | None, ctx: click.Context | None
    ) -> list[float]:
        """Return log-spaced temperatures; both ends are exact."""
        try:
            first, last, count = part.split(":")
            start, stop, points = float(first), float(last), int(count)
        except ValueError:
            self.fail(f"{part!r} is not a range: FIRST:LAST:COUNT, as 0.1:10:25.", param, ctx)
        if not (0 < start < float("inf") and 0 < stop < float("inf")):
            self.fail(
                f"{part!r}: the ends of a range are positive and finite; "
                "add the limits by name, as 0,0.1:10:25,inf.",
                param,
                ctx,
            )
        if not 2 <= points <= 100_000:
            self.fail(f"{part!r}: a range has 2 to 100000 temperatures.", param, ctx)
        import numpy as np

        return [float(value) for value in np.geomspace(start, stop, points)]


@click.command(
    "temperature",
    cls=Command,
    short_help="Probabilities and entropy over a sweep of temperatures.",
    examples=(
        "logitkit temperature 2 1 0.1",
        "logitkit temperature 2 1 0.1 --sweep 0.1:10:25 --labels a,b,c",
        "logitkit temperature 2 1 0.1 --sweep 0,0.5,1,2,inf --json",
    ),
)
@options.numbers
@click.option(
    "--sweep",
    type=Sweep(),
    default="0,0.1:10:9,inf",
    show_default=True,
    help="Temperatures, and log-spaced ranges FIRST:LAST:COUNT, separated by commas.",
)
@options.labels
@options.key
@options.row
@options.common
def command(
    values: tuple[str, ...],
    sweep: list[float],
    labels: tuple[str, ...] | None,
    key: str | None,
    row: int | None,
    as_json: bool,
    output: Path | None,
    threads: int | None,
) -> None:
    """Show how temperature sharpens or flattens the probabilities; entropy is in nats."""
    import numpy as np

    table = load_row(values, key, labels, row)
    temperatures = np.array(sweep)
    scores = np.broadcast_to(table.array, (len(sweep), table.array.size))
    with library(threads) as logitkit:
        probabilities = logitkit.softmax(scores, temperature=temperatures)
        entropy = logitkit.entropy(scores, temperature=temperatures)
    names = table.labels or tuple(f"p{i}" for i in range(table.array.size))
    result = Table(
        np.column_stack([temperatures, entropy, probabilities]),
        ("temperature", "entropy", *names),
        name="sweep",
        document={
            "logits": table.array,
            "labels": table.labels,
            "temperatures": temperatures,
            "entropy": entropy,
            "probabilities": probabilities,
        },
    )

    def view() -> object:
        from logitkit.cli import views

        return views.matrix(
            result.array[:, 1:],
            result.labels[1:],
            rows=[f"{t:.4g}" for t in sweep],
            heading="temperature",
        )

    emit(result, view, as_json=as_json, output=output)

"""``logitkit log-softmax``: log-probabilities."""

from typing import Any

import click

from logitkit.cli import options
from logitkit.cli.command import Command
from logitkit.cli.transform import run

__all__ = ["command"]


@click.command(
    "log-softmax",
    cls=Command,
    short_help="Log-probabilities of scores, in nats.",
    examples=(
        "logitkit log-softmax 2 1 0.1",
        "logitkit log-softmax 0 -800 --json",
        "logitkit log-softmax logits.csv -o logprobs.tsv",
    ),
)
@options.numbers
@options.temperature
@options.axis
@options.labels
@options.dtype(help="The type of the result; that of the input where it is not given.")
@options.key
@options.common
def command(**kwargs: Any) -> None:
    """Turn scores into natural logarithms of probabilities, also where softmax rounds to 0."""
    run("log_softmax", "log_probabilities", **kwargs)

"""``logitkit softmax``: probabilities."""

from typing import Any

import click

from logitkit.cli import options
from logitkit.cli.command import Command
from logitkit.cli.transform import run

__all__ = ["command"]


@click.command(
    "softmax",
    cls=Command,
    short_help="Probabilities of scores.",
    examples=(
        "logitkit softmax 2 -1 0.5",
        "logitkit softmax 2 1 0.1 --labels apple,banana,cherry -T 0.5",
        "logitkit softmax logits.npy -o probabilities.npy",
        "printf '2 1 0.1\\n1000 1001 1002\\n' | logitkit softmax --json",
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
    """Turn scores into probabilities: exp(x / T), divided by their sum."""
    run("softmax", "probabilities", **kwargs)

"""The options that several commands share, and how their values are read."""

import math
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from logitkit.stream.formats import WRITABLE, suffix

__all__ = [
    "as_json",
    "axis",
    "common",
    "dtype",
    "key",
    "labels",
    "numbers",
    "output",
    "row",
    "row_dtype",
    "temperature",
    "to_names",
]

F = TypeVar("F", bound=Callable[..., Any])


def to_temperature(value: str | float) -> float:
    """Read a number that is not negative."""
    try:
        number = float(value)
    except ValueError:
        number = math.nan
    if not number >= 0:
        raise click.BadParameter(f"{value} is not a temperature: 0 or a larger number, or inf.")
    return number


def to_axis(value: str | int) -> int | tuple[int, ...] | None:
    """Read ``-1``, ``0,1`` or ``none``."""
    if isinstance(value, int):
        return value
    if value.lower() == "none":
        return None
    try:
        axes = tuple(int(part) for part in value.split(","))
    except ValueError:
        raise click.BadParameter(f"{value!r} is not an axis: -1, 0, 0,1 or none.") from None
    return axes[0] if len(axes) == 1 else axes


def to_names(value: str) -> tuple[str, ...]:
    """Split at the commas."""
    return tuple(name.strip() for name in value.split(","))


def to_output(value: str) -> Path:
    """Refuse, before any work is done, what could not be written after it."""
    path = Path(value)
    if suffix(path) not in WRITABLE:
        raise click.BadParameter(f"{value} must end in .{', .'.join(WRITABLE)}.")
    if path.is_dir():
        raise click.BadParameter(f"{value} is a directory.")
    if not path.parent.is_dir():
        raise click.BadParameter(f"there is no directory {path.parent}.")
    if not os.access(path.parent, os.W_OK):
        raise click.BadParameter(f"the directory {path.parent} cannot be written to.")
    return path


numbers = click.argument("values", nargs=-1, metavar="[NUMBER]... | FILE | -")
key = click.option("--key", metavar="NAME", help="The array to read from an .npz file.")
row = click.option(
    "--row", type=int, metavar="N", help="The row to take from a file of many; the first is 0."
)
labels = click.option(
    "--labels", type=to_names, metavar="A,B,C", help="Names of the classes, one for each score."
)
output = click.option(
    "-o",
    "--output",
    type=to_output,
    metavar="FILE",
    help=f"Write to a file instead: .{', .'.join(WRITABLE)}.",
)
as_json = click.option("--json", "as_json", is_flag=True, help="Print strict JSON.")
axis = click.option(
    "--axis",
    type=to_axis,
    metavar="AXIS",
    default=-1,
    show_default=True,
    help="The axis that sums to 1; a list (0,1), or none for all.",
)
temperature = click.option(
    "-T",
    "--temperature",
    type=to_temperature,
    metavar="T",
    default=1.0,
    show_default=True,
    help="Divide the scores by T: 0 picks the largest, inf makes all equal.",
)


def dtype(help: str, *, also: tuple[str, ...] = ()) -> Callable[[F], F]:
    """Return the option ``--dtype``; ``also`` are types that not every command takes."""
    types = click.Choice(["float16", "float32", "float64", *also])
    return click.option("--dtype", type=types, help=help)


row_dtype = dtype(
    "Convert the scores to this type first; bfloat16 needs ml_dtypes.", also=("bfloat16",)
)


def common(function: F) -> F:
    """Add what every command that computes has: ``--json``, ``-o`` and ``--threads``."""
    for option in (
        click.option(
            "--threads", type=click.IntRange(min=1), metavar="N", help="Use at most N threads."
        ),
        output,
        as_json,
    ):
        function = option(function)
    return function

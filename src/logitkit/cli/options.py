"""The options that several commands share, and how their values are read."""

from __future__ import annotations

import math
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from logitkit.stream.formats import WRITABLE, suffix

__all__ = ["TEMPERATURE", "axis", "common", "dtype", "key", "labels", "numbers", "row",
           "temperature"]  # fmt: skip

F = TypeVar("F", bound=Callable[..., Any])
Decorator = Callable[[F], F]


class Temperature(click.ParamType):
    """A temperature: 0, inf, and what lies between."""

    name = "T"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """Read a number that is not negative."""
        try:
            number = float(value)
        except ValueError:
            number = math.nan
        if not number >= 0:
            self.fail(f"{value} is not a temperature: 0 or a larger number, or inf.", param, ctx)
        return number


class Axis(click.ParamType):
    """An axis, several of them, or none."""

    name = "axis"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> int | tuple[int, ...] | None:
        """Read ``-1``, ``0,1`` or ``none``."""
        if not isinstance(value, str):
            return int(value)
        if value.lower() == "none":
            return None
        try:
            axes = tuple(int(part) for part in value.split(","))
        except ValueError:
            self.fail(f"{value!r} is not an axis: -1, 0, 0,1 or none.", param, ctx)
        return axes[0] if len(axes) == 1 else axes


class Names(click.ParamType):
    """Names separated by commas."""

    name = "names"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, ...]:
        """Split at the commas."""
        if isinstance(value, tuple):
            return value
        return tuple(name.strip() for name in value.split(","))


class Output(click.ParamType):
    """A file that can be written, of a known format."""

    name = "file"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> Path:
        """Refuse, before any work is done, what could not be written after it."""
        path = Path(value)
        if suffix(path) not in WRITABLE:
            self.fail(f"{value} must end in .{', .'.join(WRITABLE)}.", param, ctx)
        if path.is_dir():
            self.fail(f"{value} is a directory.", param, ctx)
        if not path.parent.is_dir():
            self.fail(f"there is no directory {path.parent}.", param, ctx)
        if not os.access(path.parent, os.W_OK):
            self.fail(f"the directory {path.parent} cannot be written to.", param, ctx)
        return path


TEMPERATURE = Temperature()

numbers = click.argument("values", nargs=-1, metavar="[NUMBER]... | FILE | -")
key = click.option("--key", metavar="NAME", help="The array to read from an .npz file.")
row = click.option(
    "--row", type=int, metavar="N", help="The row to take from a file of many; the first is 0."
)
labels = click.option(
    "--labels", type=Names(), metavar="A,B,C", help="Names of the classes, one for each score."
)
axis = click.option(
    "--axis",
    type=Axis(),
    default=-1,
    show_default=True,
    help="The axis that sums to 1; a list (0,1), or none for all.",
)
temperature = click.option(
    "-T",
    "--temperature",
    type=TEMPERATURE,
    default=1.0,
    show_default=True,
    help="Divide the scores by T: 0 picks the largest, inf makes all equal.",
)


def dtype(help: str) -> Decorator[F]:
    """Return the option ``--dtype``."""
    types = click.Choice(["float16", "float32", "float64"])
    return click.option("--dtype", type=types, help=help)


def common(function: F) -> F:
    """Add what every command that computes has: ``--json``, ``-o`` and ``--threads``."""
    for option in (
        click.option(
            "--threads", type=click.IntRange(min=1), metavar="N", help="Use at most N threads."
        ),
        click.option(
            "-o", "--output", type=Output(), metavar="FILE",
            help=f"Write to a file instead: .{', .'.join(WRITABLE)}.",
        ),  # fmt: skip
        click.option("--json", "as_json", is_flag=True, help="Print strict JSON."),
    ):
        function = option(function)
    return function

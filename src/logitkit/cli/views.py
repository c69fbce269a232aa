"""What a terminal shows: tables that fit on it and say what they leave out."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from rich import box
from rich.console import Console, Group, RenderableType
from rich.table import Table as Grid
from rich.text import Text

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["class_names", "clean", "columns", "matrix", "number", "percent", "text"]

LINES = 24  # rows shown before some are left out
BAR = 20  # characters for a probability of 1


def columns(
    names: Sequence[str],
    numbers: Sequence[tuple[str, Sequence[str]]],
    *,
    values: Sequence[float],
    bars: bool = False,
) -> RenderableType:
    """Return a table with a line for each class.

    Parameters
    ----------
    names : sequence of str
        The class names: the first column.
    numbers : sequence of (str, sequence of str)
        The other columns: heading and formatted numbers.
    values : sequence of float
        The results: where there are too many classes, those with the largest values are shown.
    bars : bool
        Draw the values, which are probabilities, at the end of each line.
    """
    grid = Grid(box=box.SIMPLE_HEAD)
    grid.add_column("class", no_wrap=True, max_width=32, overflow="ellipsis")
    for head, _ in numbers:
        grid.add_column(head, justify="right", no_wrap=True)
    if bars:
        grid.add_column("")
    shown = largest(values)
    for i in shown:
        cells: list[RenderableType] = [text(names[i]), *(column[i] for _, column in numbers)]
        if bars:
            cells.append(Text(bar(values[i]), style="cyan"))
        grid.add_row(*cells)
    return Group(grid, *left_out(len(names) - len(shown), f"less probable classes of {len(names)}"))


def matrix(
    array: NDArray[Any],
    labels: Sequence[str],
    *,
    rows: Sequence[str] | None = None,
    heading: str = "row",
    decimals: int = 6,
) -> RenderableType:
    """Return a table with a line for each row of a two-dimensional array.

    Parameters
    ----------
    array : numpy.ndarray
        Shape (rows, columns).
    labels : sequence of str
        The headings of the columns.
    rows : sequence of str, optional
        What stands before each line; the position where it is not given.
    heading : str
        What stands above that.
    decimals : int
        Digits behind the point.
    """
    down = kept(array.shape[0])
    names = [clean(str(i) if rows is None else rows[i]) for i in down]
    space = Console().width - 3 - max(map(len, [heading, *names]))
    cells: list[list[str]] = []
    widths = 0
    for j, label in enumerate(labels):
        column = [number(array[i, j], decimals) for i in down]
        widths += 1 + max(map(len, [clean(label), *column]))
        if widths > space and cells:
            break
        cells.append(column)
    padding = 1 if widths + len(cells) <= space else 0
    grid = Grid(box=box.SIMPLE_HEAD, padding=(0, padding, 0, 0))
    grid.add_column(heading, justify="left" if rows else "right", no_wrap=True)
    for label in labels[: len(cells)]:
        grid.add_column(text(label), justify="right", no_wrap=True)
    for name, *line in zip(names, *cells, strict=True):
        grid.add_row(Text(name), *line)
    return Group(
        grid,
        *left_out(array.shape[0] - len(down), f"more rows of {array.shape[0]}"),
        *left_out(array.shape[1] - len(cells), f"more columns of {array.shape[1]}"),
    )


def kept(count: int) -> range:
    """Return the lines to show: all, or the first ones."""
    return range(count if count <= LINES else LINES - 4)


def largest(values: Sequence[float]) -> list[int]:
    """Return the lines to show: all, or those of the largest values, in their order."""
    shown = kept(len(values))
    if len(shown) == len(values):
        return list(shown)
    order = sorted(range(len(values)), key=lambda i: (-float(values[i]), i))
    return sorted(order[: len(shown)])


def left_out(count: int, what: str) -> list[RenderableType]:
    """Say how much is not shown, if anything."""
    return [Text(f" … {count} {what}; a pipe, --json or -o gives all.")] if count else []


def class_names(labels: Sequence[str] | None, count: int) -> list[str]:
    """Return the labels, or the positions."""
    return list(labels) if labels is not None else [str(i) for i in range(count)]


def number(value: float, decimals: int = 6) -> str:
    """Return a number with a fixed point, or with an exponent where it is small or large."""
    value = float(value)
    if value == 0 or not math.isfinite(value):
        return f"{value:g}"
    if 10.0 ** (2 - decimals) <= abs(value) < 1e4:
        return f"{value:.{decimals}f}"
    return f"{value:.{decimals - 2}g}"


def percent(probability: float) -> str:
    """Return a probability in percent, with one digit behind the point."""
    return f"{100 * float(probability):.1f} %"


def bar(probability: float) -> str:
    """Draw a probability with blocks of an eighth."""
    if not 0 <= probability <= 1:
        return ""
    whole, eighths = divmod(round(float(probability) * BAR * 8), 8)
    return "█" * whole + (" ▏▎▍▌▋▊▉"[eighths] if eighths else "")


def text(value: str) -> Text:
    """Return text that is printed as it is: no markup, no control characters."""
    return Text(clean(value))


def clean(value: str) -> str:
    """Replace what could move the cursor or colour the terminal."""
    return "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in value)

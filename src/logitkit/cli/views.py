"""What a terminal shows: tables that fit on it and say what they leave out."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table as Grid
from rich.text import Text

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["class_names", "clean", "columns", "matrix", "number", "percent", "text"]

LINES = 24  # rows shown before some are left out
COLUMNS = 12
BAR = 20  # characters for a probability of 1


def columns(
    names: Sequence[str],
    numbers: Sequence[tuple[str, Sequence[str]]],
    *,
    bars: Sequence[float] | None = None,
    title: str | None = None,
    heading: str = "class",
) -> RenderableType:
    """Return a table with a line for each class.

    Parameters
    ----------
    names : sequence of str
        The class names: the first column.
    numbers : sequence of (str, sequence of str)
        The other columns: heading and formatted numbers.
    bars : sequence of float, optional
        Probabilities to draw as bars at the end of each line.
    title : str, optional
        A line above the table.
    heading : str
        What stands above the names.
    """
    grid = Grid(box=box.SIMPLE_HEAD, title=title and text(title), title_justify="left")
    grid.add_column(heading, no_wrap=True, max_width=32, overflow="ellipsis")
    for head, _ in numbers:
        grid.add_column(text(head), justify="right", no_wrap=True)
    if bars is not None:
        grid.add_column("")
    shown = kept(len(names), LINES)
    for i in shown:
        cells: list[RenderableType] = [text(names[i]), *(text(column[i]) for _, column in numbers)]
        if bars is not None:
            cells.append(Text(bar(bars[i]), style="cyan"))
        grid.add_row(*cells)
    return Group(grid, *left_out(len(names), len(shown), "classes"))


def matrix(
    array: NDArray[Any],
    labels: Sequence[str],
    *,
    rows: Sequence[str] | None = None,
    heading: str = "row",
    title: str | None = None,
) -> RenderableType:
    """Return a table with a line for each row of a two-dimensional array."""
    grid = Grid(box=box.SIMPLE_HEAD, title=title and text(title), title_justify="left")
    grid.add_column(heading, justify="left" if rows else "right", no_wrap=True)
    across, down = kept(array.shape[1], COLUMNS), kept(array.shape[0], LINES)
    for j in across:
        grid.add_column(text(labels[j]), justify="right", no_wrap=True)
    for i in down:
        name = str(i) if rows is None else rows[i]
        grid.add_row(text(name), *(text(number(array[i, j])) for j in across))
    return Group(
        grid,
        *left_out(array.shape[0], len(down), "rows"),
        *left_out(array.shape[1], len(across), "columns"),
    )


def kept(count: int, limit: int) -> range:
    """Return the lines to show: all, or the first ones."""
    return range(count if count <= limit else limit - 4)


def left_out(count: int, shown: int, what: str) -> list[RenderableType]:
    """Say how much is not shown, if anything."""
    if count == shown:
        return []
    return [Text(f"… {count - shown} more {what} of {count}; a pipe, --json or -o gives all.")]


def class_names(labels: Sequence[str] | None, count: int) -> list[str]:
    """Return the labels, or the positions."""
    return list(labels) if labels is not None else [str(i) for i in range(count)]


def number(value: float) -> str:
    """Return about six digits."""
    value = float(value)
    if value == 0 or not math.isfinite(value):
        return f"{value:g}"
    return f"{value:.6f}" if 1e-4 <= abs(value) < 1e4 else f"{value:.5g}"


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

"""What a terminal shows: tables that fit on it and say what they leave out."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from rich import box
from rich.cells import cell_len
from rich.console import Console, Group, RenderableType
from rich.table import Table as Grid
from rich.text import Text

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["class_names", "clean", "columns", "matrix", "number", "percent", "text"]

LINES = 24  # rows shown before some are left out
NAME = 32  # the most characters of a class name that are shown
HEAD = 16  # the same above a column
SHORT = 8  # the fewest, before there are no bars
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
    shown = largest(values)
    # What is beside a name takes its width and 3 for lines and padding; the names get the rest.
    space = Console().width - 4
    for head, column in numbers:
        space -= 3 + max(map(len, [head, *(column[i] for i in shown)]))
    longest = min(NAME, max(cell_len("class"), *(cell_len(clean(names[i])) for i in shown)))
    bars = bars and space - 3 - BAR >= min(longest, SHORT)
    width = max(1, min(longest, space - 3 - BAR if bars else space))
    grid = Grid(box=box.SIMPLE_HEAD)
    grid.add_column("class", no_wrap=True, max_width=width, overflow="ellipsis")
    for head, _ in numbers:
        grid.add_column(head, justify="right", no_wrap=True)
    if bars:
        grid.add_column("")
    for i in shown:
        cells: list[RenderableType] = [text(names[i]), *(column[i] for _, column in numbers)]
        if bars:
            cells.append(Text(bar(values[i]), style="cyan"))
        grid.add_row(*cells)
    hidden = left_out(len(names) - len(shown), "less probable class", len(names), "es")
    return Group(grid, *hidden)


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
    names = [cut(str(i) if rows is None else rows[i]) for i in down]
    labels = [cut(label, HEAD) for label in labels]
    space = Console().width - 3 - max(map(cell_len, [heading, *names]))
    cells: list[list[str]] = []
    widths = 0
    for j, label in enumerate(labels):
        column = [number(array[i, j], decimals) for i in down]
        widths += 1 + max(map(cell_len, [label, *column]))
        if widths > space and cells:
            break
        cells.append(column)
    padding = 1 if widths + len(cells) <= space else 0
    grid = Grid(box=box.SIMPLE_HEAD, padding=(0, padding, 0, 0))
    grid.add_column(heading, justify="left" if rows else "right", no_wrap=True)
    for label in labels[: len(cells)]:
        grid.add_column(Text(label), justify="right", no_wrap=True)
    for name, *line in zip(names, *cells, strict=True):
        grid.add_row(Text(name), *line)
    return Group(
        grid,
        *left_out(array.shape[0] - len(down), "more row", array.shape[0]),
        *left_out(array.shape[1] - len(cells), "more column", array.shape[1]),
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


def left_out(count: int, noun: str, of: int, plural: str = "s") -> list[RenderableType]:
    """Say how much is not shown, if anything."""
    what = noun if count == 1 else noun + plural
    return [Text(f" … {count} {what} of {of}; a pipe, --json or -o gives all.")] if count else []


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


def cut(value: str, most: int = NAME) -> str:
    """Return a name that leaves room for numbers beside it."""
    short = Text(clean(value))
    short.truncate(min(most, max(SHORT, Console().width // 3)), overflow="ellipsis")
    return short.plain


def clean(value: str) -> str:
    """Replace what could move the cursor or colour the terminal."""
    return "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in value)

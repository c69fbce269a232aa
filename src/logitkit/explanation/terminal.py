"""The table of an explanation as rich prints it: coloured, and as wide as the terminal allows."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from logitkit.explanation.text import cells, hidden_line, printable, title, width

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions, RenderableType
    from rich.text import Text

    from logitkit.explanation import Explanation

LABEL = 24  # columns of a terminal for a name; a longer one is cut
# What is left out, in this order, where the terminal is too narrow.
SPARE = ("naive exp", "naive p", "logit / T", "shifted", "exp", "log p", "rank", "percent")


class Terminal:
    """A renderable of rich; rich itself is imported when it prints."""

    def __init__(self, e: "Explanation") -> None:
        self.explanation = e

    def __rich_console__(
        self, console: "Console", options: "ConsoleOptions"
    ) -> Iterator["RenderableType"]:
        """Yield the table, the sentence and the notes."""
        from rich import box
        from rich.table import Table
        from rich.text import Text

        e = self.explanation
        table = cells(e)
        heads = [h.replace(" exp", "\nexp").replace("naive p", "naive\np") for h in table.header]
        lines = [table.header, *table.rows, table.total]
        kept = _fitting(heads, lines, options.max_width)
        grid = Table(
            title=title(e),
            title_justify="left",
            box=box.SIMPLE_HEAD,
            show_edge=False,
            pad_edge=False,
            padding=(0, 0, 0, 1),
            show_footer=True,
        )
        for i in kept:
            head = table.header[i]
            style = "bold" if head == "p" else "dim" if head.startswith("naive") else ""
            foot = _cell(table.total[i])
            if i == 0:
                grid.add_column(head, foot, no_wrap=True, max_width=LABEL, overflow="ellipsis")
            else:
                grid.add_column(heads[i], foot, justify="right", style=style, no_wrap=True)
        for row in table.rows:
            grid.add_row(*(_cell(row[i]) for i in kept))
        yield grid
        for line in hidden_line(table):
            yield Text(line, style="dim")
        if hidden := [h for i, h in enumerate(table.header) if i not in kept]:
            names = ", ".join(hidden)
            yield Text(f"... hidden: {names}; widen the terminal or use --json", style="dim")
        yield Text(f"\n{printable(e.sentence)}\n", style="bold")
        for note in e.notes:
            yield Text(printable(note), style="dim")


def _fitting(heads: list[str], lines: list[tuple[str, ...]], most: int) -> list[int]:
    """Return the columns to print: all, or without the spare ones that do not fit."""
    names, *rest = lines
    widths = [
        max(width(c) for c in (*head.split("\n"), *column))
        for head, column in zip(heads, zip(*rest, strict=True), strict=True)
    ]
    widths[0] = min(widths[0], LABEL)
    kept = list(range(len(names)))
    for spare in SPARE:
        if sum(widths[i] + 2 for i in kept) - 2 <= most:
            break
        kept = [i for i in kept if names[i] != spare]
    return kept


def _cell(cell: str) -> "Text":
    from rich.text import Text

    return Text(cell, style="bold red" if cell in ("NaN", "inf") else "")

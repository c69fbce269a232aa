"""The table of an explanation as strings, and laid out as plain text and as Markdown."""

import math
import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from logitkit.explanation.steps import Step, Worked

if TYPE_CHECKING:
    from logitkit.explanation import Explanation

MOST_ROWS = 40  # a longer table shows the FEWER most likely classes
FEWER = 20


@dataclass(frozen=True)
class Cells:
    """A table of strings: what each view lays out in its own way."""

    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    total: tuple[str, ...]
    hidden: int


def shown(worked: Worked) -> tuple[Step, ...]:
    """Return the classes that a view shows: all, or the most likely ones of very many."""
    if len(worked.steps) <= MOST_ROWS:
        return worked.steps
    return tuple(sorted(worked.steps, key=lambda s: s.rank or 0)[:FEWER])


def cells(worked: Worked) -> Cells:
    """Return the worked table; the column logit / T only where T is not 1."""
    with_t = worked.temperature != 1
    naive, stable = worked.naive, worked.stable
    header = ["class", "logit", "logit / T", "naive exp", "naive p"]
    header += ["shifted", "exp", "p", "percent", "log p", "rank"]
    rows = [
        [
            printable(s.label),
            f"{s.logit:.6g}",
            "-" if s.scaled is None else f"{s.scaled:.6g}",
            number(naive.exponentials[s.index], 2),
            number(naive.quotients[s.index], 2),
            f"{s.shifted:.5g}",
            number(s.exponential, 4),
            number(s.probability, 4),
            number(s.percent, 2),
            number(s.log_probability, 4),
            "-" if s.rank is None else str(s.rank),
        ]
        for s in shown(worked)
    ]
    total = ["sum", "", "", number(naive.total, 2), number(sum(naive.quotients), 2), ""]
    sum_p = math.fsum(stable.quotients)
    total += [number(stable.total, 4), number(sum_p, 4), number(100 * sum_p, 2), "", ""]
    table = [
        tuple(_nan(c) for i, c in enumerate(row) if with_t or i != 2)
        for row in (header, *rows, total)
    ]
    return Cells(table[0], tuple(table[1:-1]), table[-1], len(worked.steps) - len(rows))


def number(value: float, decimals: int) -> str:
    """Return `value` with `decimals`, or with two digits and a power of 10 where that says more.

    >>> [number(v, 2) for v in (0, 16.474, 1e-9, 4.86e8)]
    ['0', '16.47', '1.0e-09', '4.9e+08']
    """
    if value == 0:
        return "0"
    small = abs(value) < 0.5 * 10.0**-decimals
    return f"{value:.1e}" if small or 1e7 <= abs(value) < math.inf else f"{value:.{decimals}f}"


def _nan(cell: str) -> str:
    return "NaN" if cell == "nan" else cell


def title(worked: Worked) -> str:
    """Return the line above the table."""
    n = len(worked.steps)
    scores = "1 score" if n == 1 else f"{n} scores"
    return f"softmax of {scores} ({worked.dtype}) at temperature {worked.temperature:g}"


def printable(label: str) -> str:
    """Return `label` on one line and without control characters, which a terminal would obey."""
    return "".join(c if c.isprintable() else " " for c in label)


def text(e: "Explanation") -> str:
    """Return the table, the sentence and the notes as plain text."""
    table = cells(e)
    lines = [table.header, *table.rows, table.total]
    widths = [max(map(width, column)) for column in zip(*lines, strict=True)]

    def line(row: Sequence[str]) -> str:
        gaps = (" " * (w - width(c)) for w, c in zip(widths, row, strict=True))
        first, *rest = zip(row, gaps, strict=True)
        return "  ".join(["".join(first), *(gap + cell for cell, gap in rest)]).rstrip()

    rule = "-" * (sum(widths) + 2 * (len(widths) - 1))
    body = [line(row) for row in table.rows] + hidden_line(table)
    out = [title(e), "", line(table.header), rule, *body, rule, line(table.total), ""]
    return "\n".join([*out, printable(e.sentence), "", *map(printable, e.notes)])


def markdown(e: "Explanation") -> str:
    """Return the same as a Markdown table, for reports and issues."""
    table = cells(e)

    def line(row: Iterable[str]) -> str:
        return f"| {' | '.join(row)} |"

    def bold(row: Sequence[str]) -> list[str]:
        return [f"**{c}**" if c else "" for c in row]

    dashes = [":--"] + ["--:"] * (len(table.header) - 1)
    body = [line(_escape(row)) for row in table.rows]
    body += [line([f"*{h}*"] + [""] * (len(dashes) - 1)) for h in hidden_line(table)]
    out = [f"**{title(e)}**", "", line(table.header), line(dashes), *body, line(bold(table.total))]
    told = [f"- {c}" for c in _escape(map(printable, e.notes))]
    return "\n".join([*out, "", *_escape([printable(e.sentence)]), "", *told, ""])


def hidden_line(table: Cells) -> list[str]:
    """Return the line that says how many classes are not shown, if any."""
    return [f"... and {table.hidden} less likely classes"] if table.hidden else []


def _escape(words: Iterable[str]) -> list[str]:
    return [re.sub(r"([\\|*_`<>\[\]#])", r"\\\1", word) for word in words]


def width(cell: str) -> int:
    """Return the columns of a terminal that `cell` takes: two for East Asian wide characters."""
    wide = sum(unicodedata.east_asian_width(c) in "WF" for c in cell)
    return len(cell) + wide - sum(map(bool, map(unicodedata.combining, cell)))

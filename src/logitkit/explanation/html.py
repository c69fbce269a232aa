"""The table of an explanation as HTML for notebooks: one element, styled inline.

Colours are the notebook's own, lines and bars a half-transparent grey and blue, so that it reads in
light and in dark. Every label is escaped.
"""

from html import escape
from typing import TYPE_CHECKING

from logitkit.explanation.text import cells, printable, shown, title

if TYPE_CHECKING:
    from logitkit.explanation import Explanation

LINE = "1px solid rgba(128,128,128,.45)"
NUMBER = "padding:.25em .7em;text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap;"
LABEL = (
    "padding:.25em .7em;text-align:left;font-weight:600;"
    "white-space:pre;max-width:12em;overflow:hidden;text-overflow:ellipsis;"
)
WRONG = "color:#d64545;font-weight:600;"
FAINT = "opacity:.7;"
BAR = "display:inline-block;height:.75em;border-radius:2px;background:#3b82f6;"


def html(e: "Explanation") -> str:
    """Return the table with a bar for each probability, the sentence and the notes."""
    table = cells(e)
    faint = [FAINT if name.startswith("naive") else "" for name in table.header]
    head = "".join(
        f'<th scope="col" style="{(NUMBER if i else LABEL) + faint[i]}">{escape(name)}</th>'
        for i, name in enumerate(table.header)
    )
    head += "<td></td>"
    body = "".join(
        f"<tr>{_row(row, faint)}{_bar(step.probability)}</tr>"
        for row, step in zip(table.rows, shown(e), strict=True)
    )
    if table.hidden:
        more = f"&hellip; and {table.hidden} less likely classes"
        body += f'<tr><td colspan="{len(faint) + 1}" style="{LABEL + FAINT}">{more}</td></tr>'
    total = f'<tr style="border-top:{LINE};">{_row(table.total, faint)}<td></td></tr>'
    notes = "".join(f"<li>{escape(printable(note))}</li>" for note in e.notes)
    return (
        '<div style="font-size:.9em;line-height:1.4;max-width:100%;overflow-x:auto;">'
        '<table style="border-collapse:collapse;border:0;background:none;">'
        f'<caption style="text-align:left;padding:.25em .7em;{FAINT}">{escape(title(e))}</caption>'
        f'<thead><tr style="border-bottom:{LINE};">{head}</tr></thead>'
        f"<tbody>{body}</tbody><tfoot>{total}</tfoot></table>"
        f'<p style="margin:.6em .7em;font-weight:600;">{escape(printable(e.sentence))}</p>'
        f'<ul style="margin:.4em .7em;padding-left:1.2em;{FAINT}">{notes}</ul></div>'
    )


def _row(row: tuple[str, ...], faint: list[str]) -> str:
    label = f'<th scope="row" style="{LABEL}">{escape(row[0])}</th>'
    numbers = (
        f'<td style="{NUMBER + (WRONG if cell in ("NaN", "inf") else style)}">{cell}</td>'
        for cell, style in zip(row[1:], faint[1:], strict=True)
    )
    return label + "".join(numbers)


def _bar(p: float) -> str:
    width = 100 * p if 0 <= p <= 1 else 0
    bar = f'<span aria-hidden="true" style="{BAR}width:{width:.2f}%"></span>'
    return f'<td style="width:8em;min-width:8em;padding:.25em .7em;text-align:left;">{bar}</td>'

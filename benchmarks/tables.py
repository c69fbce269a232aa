"""Tables as text for a terminal and as Markdown, and how an error is written in them."""

from collections.abc import Sequence

Rows = Sequence[Sequence[str]]


def text(header: Sequence[str], rows: Rows) -> str:
    """Return an aligned table; the first column is left-aligned, numbers right."""
    lines = [header, *rows]
    widths = [max(len(line[i]) for line in lines) for i in range(len(header))]
    drawn = [
        "  ".join(
            cell.rjust(w) if i else cell.ljust(w)
            for i, (cell, w) in enumerate(zip(line, widths, strict=True))
        )
        for line in lines
    ]
    return "\n".join([drawn[0], "-" * len(drawn[0]), *drawn[1:]])


def markdown(header: Sequence[str], rows: Rows) -> str:
    """Return a Markdown table, numbers right-aligned."""
    rule = ["---", *["---:"] * (len(header) - 1)]
    return "\n".join("| " + " | ".join(line) + " |" for line in [header, rule, *rows])


def ulp(value: float | None) -> str:
    """Write an error in ULP: 0.503, 1.24, 32.1, 119, 1.7e7."""
    if value is None:
        return "-"
    if value < 1:
        return f"{value:.3f}"
    return f"{value:.3g}" if value < 1000 else f"{value:.1e}".replace("e+0", "e").replace("e+", "e")

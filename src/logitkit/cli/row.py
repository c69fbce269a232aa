"""What the commands on one row of scores share: the row is read, the result goes out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from logitkit.cli.calls import call
from logitkit.cli.output import View
from logitkit.cli.source import load_row
from logitkit.stream.formats import Table

__all__ = ["run_row"]


def run_row(
    compute: Callable[..., tuple[Table, View]],
    *,
    values: tuple[str, ...],
    key: str | None,
    labels: tuple[str, ...] | None,
    row: int | None,
    **options: Any,
) -> None:
    """Load one row, compute, print.

    Parameters
    ----------
    compute : callable
        As for `logitkit.cli.calls.call`, of the table of the row and the command's own options.
    values, key, labels, row
        Which row it is.
    **options
        The other options of the command.
    """
    call(compute, load_row(values, key, labels, row), **options)

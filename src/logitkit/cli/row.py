"""What the commands on one row of scores share: the row is read, the result goes out."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from logitkit.cli.library import library
from logitkit.cli.output import View, emit
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
    as_json: bool,
    output: Path | None,
    threads: int | None,
    **own: Any,
) -> None:
    """Load one row, compute, print.

    Parameters
    ----------
    compute : callable
        Makes the result, and what a terminal shows of it, from logitkit, the table of the row and
        the options in ``own``.
    values, key, labels, row, as_json, output, threads
        The options that these commands share.
    **own
        Those of the one command.
    """
    table = load_row(values, key, labels, row)
    with library(threads) as logitkit:
        result, view = compute(logitkit, table, **own)
    emit(result, view, as_json=as_json, output=output)

"""Where results go: a file, JSON, a table on a terminal, or text in a pipe."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from logitkit.cli.errors import BAD_DATA, Failure
from logitkit.cli.progress import progress
from logitkit.stream.formats import Table

if TYPE_CHECKING:
    from rich.console import RenderableType

__all__ = ["View", "emit", "refuse_both", "save", "show"]

View = Callable[[], "RenderableType"]
"""Makes what a terminal shows; called only for a terminal."""


def emit(table: Table, view: View, *, as_json: bool, output: Path | None) -> None:
    """Hand a result to the user.

    Parameters
    ----------
    table : Table
        The result.
    view : View
        What a terminal shows.
    as_json : bool
        Print the document of the table as strict JSON.
    output : pathlib.Path, optional
        Write the table there, and nothing to standard output.
    """
    refuse_both(as_json, output)
    if output is not None:
        save(table, output)
    elif as_json:
        from logitkit.stream.formats.json import document, dumps

        click.echo(dumps(document(table)))
    elif sys.stdout.isatty():
        show(view())
    else:
        from logitkit.stream.formats.delimited import write_text

        with progress("Writing", len(table.rows()), table.array.size) as advance:
            write_text(sys.stdout, table, "\t", advance)


def refuse_both(as_json: bool, output: Path | None) -> None:
    """Refuse two places for one result."""
    if output is not None and as_json:
        raise click.UsageError("--json prints, -o writes a file: use -o NAME.json for both.")


def save(table: Table, path: Path) -> None:
    """Write a file and say so on standard error."""
    from logitkit.stream.formats import write

    try:
        with progress(f"Writing {path}", len(table.rows()), table.array.size) as advance:
            write(path, table, advance)
    except OSError as error:
        raise Failure(f"cannot write {path}: {error.strerror or error}", BAD_DATA) from error
    click.echo(f"Wrote {path}: {table.name}, {table.array.dtype} {table.array.shape}.", err=True)


def show(view: RenderableType) -> None:
    """Print on the terminal."""
    from rich.console import Console

    Console(highlight=False).print(view)

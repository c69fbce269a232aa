"""Where the numbers come from: the arguments, a file, or standard input."""

import sys
from dataclasses import replace

import click

from logitkit.cli.command import Command, is_number
from logitkit.cli.errors import USAGE, Failure
from logitkit.stream.formats import READABLE, Table, suffix
from logitkit.stream.formats.table import plural

__all__ = ["load", "load_row", "note"]


def load(
    values: tuple[str, ...], key: str | None = None, labels: tuple[str, ...] | None = None
) -> Table:
    """Read the numbers that the arguments hold or name.

    Parameters
    ----------
    values : tuple of str
        Numbers, or one file name, or ``-``, or nothing: then standard input, unless it is a
        terminal.
    key : str, optional
        The name of the array in an ``.npz`` file.
    labels : tuple of str, optional
        Class names that replace those of the file.

    Returns
    -------
    Table
        One axis for numbers in the arguments, at least one otherwise.

    Raises
    ------
    Failure, click.UsageError, DataError
        With exit code 2 for wrong arguments, 3 for bad data.
    """
    table = dispatch(values, key)
    if labels is not None:
        columns = table.array.shape[-1] if table.array.ndim else 1
        if len(labels) != columns:
            raise click.UsageError(
                f"--labels has {plural(len(labels), 'name')}, "
                f"{table.source} has {plural(columns, 'score')} in a row."
            )
        table = replace(table, labels=labels)
    return table


def load_row(
    values: tuple[str, ...],
    key: str | None = None,
    labels: tuple[str, ...] | None = None,
    row: int | None = None,
) -> Table:
    """Read one row of scores: an array with one axis. A file of many rows needs ``row``."""
    table = load(values, key, labels)
    rows = table.rows()
    if row is None and len(rows) > 1:
        raise click.UsageError(
            f"{table.source} has {len(rows)} rows; choose one with --row, 0 to {len(rows) - 1}."
        )
    if row is not None and not -len(rows) <= row < len(rows):
        raise click.UsageError(f"--row {row}: {table.source} has {plural(len(rows), 'row')}.")
    return replace(table, array=rows[row or 0])


def dispatch(values: tuple[str, ...], key: str | None) -> Table:
    """Find out what the arguments are."""
    words = [value for value in values if not is_number(value)]
    if key is not None and not (words and suffix(words[0]) == "npz"):
        raise click.UsageError("--key chooses an array of an .npz file; the input is none.")
    if not values:
        if sys.stdin is None or sys.stdin.isatty():
            raise Failure(no_input(), USAGE)
        return standard_input()
    if not words:
        return arguments(values)
    if len(values) > 1:
        raise click.UsageError(
            f"{words[0]!r} is not a number; give numbers separated by spaces, or one file."
        )
    if words[0] == "-":
        return standard_input()
    return file(words[0], key)


def arguments(values: tuple[str, ...]) -> Table:
    """Read the arguments as one row."""
    import numpy as np

    return Table(np.array([float(value) for value in values]), source="the command line")


def standard_input() -> Table:
    """Read text from standard input: a row a line."""
    from logitkit.stream.formats.delimited import parse

    return parse(sys.stdin, "standard input")


def file(path: str, key: str | None) -> Table:
    """Read a file of numbers."""
    from logitkit.stream.formats import read

    if suffix(path) not in READABLE:
        formats = f".{', .'.join(READABLE)}"
        raise click.UsageError(f"{path!r} is neither a number nor a file that ends in {formats}.")
    return read(path, key)


def no_input() -> str:
    """Say what a command could be given."""
    context = click.get_current_context()
    command = context.command
    examples = command.examples[:3] if isinstance(command, Command) else ()
    lines = "".join(f"\n  {example}" for example in examples)
    return f"no scores given. For example:{lines}\nTry '{context.command_path} --help'."


def note(text: str) -> None:
    """Print a remark on standard error."""
    click.echo(f"Note: {text}.", err=True)

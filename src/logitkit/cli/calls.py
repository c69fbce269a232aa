"""The library as the commands call it, and the way out of what it gives."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import click

from logitkit.cli.output import View, emit
from logitkit.stream.formats import DataError, Table

__all__ = ["call", "library"]


@contextlib.contextmanager
def library(threads: int | None = None) -> Iterator[ModuleType]:
    """Import logitkit, and turn its objections to a value into usage errors.

    Parameters
    ----------
    threads : int, optional
        The number of threads to use inside the block.

    Yields
    ------
    module
        ``logitkit``.
    """
    import logitkit

    limit = contextlib.nullcontext() if threads is None else logitkit.num_threads(threads)
    try:
        with limit:
            yield logitkit
    except TypeError as error:
        raise DataError(str(error)) from error
    except ValueError as error:
        raise click.UsageError(str(error)) from error


def call(
    compute: Callable[..., tuple[Table, View]],
    *arguments: Any,
    as_json: bool,
    output: Path | None,
    threads: int | None,
    **options: Any,
) -> None:
    """Compute, print.

    Parameters
    ----------
    compute : callable
        Makes the result, and what a terminal shows of it, from logitkit, the arguments and the
        options.
    as_json, output, threads
        The options that every such command has.
    """
    with library(threads) as logitkit:
        result, view = compute(logitkit, *arguments, **options)
    emit(result, view, as_json=as_json, output=output)

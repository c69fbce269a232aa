"""The library as the commands call it."""

import contextlib
from collections.abc import Iterator
from types import ModuleType

import click

from logitkit.stream.formats import DataError

__all__ = ["library"]


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

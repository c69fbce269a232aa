"""Progress on standard error, for long work on a terminal."""

import contextlib
import sys
from collections.abc import Callable, Iterator

__all__ = ["LONG", "progress"]

LONG = 1 << 22
"""Numbers from which on a piece of work counts as long."""


@contextlib.contextmanager
def progress(task: str, rows: int, size: int) -> Iterator[Callable[[int], None]]:
    """Show a bar while the block runs.

    Parameters
    ----------
    task : str
        What is being done.
    rows : int
        How many rows there are.
    size : int
        How many numbers there are; below `LONG` nothing is shown.

    Yields
    ------
    callable
        To be told how many rows have just been done.
    """
    if size < LONG or sys.stderr is None or not sys.stderr.isatty():
        yield lambda count: None
        return
    from rich.console import Console
    from rich.progress import Progress

    # Rich would take over sys.stdout, and with it the data.
    bar = Progress(
        console=Console(stderr=True),
        transient=True,
        redirect_stdout=False,
        redirect_stderr=False,
    )
    with bar:
        job = bar.add_task(task, total=rows)
        yield lambda count: bar.advance(job, count)

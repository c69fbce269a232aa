"""From every failure to one sentence and an exit code."""

import contextlib
import os
import sys
from collections.abc import Iterator
from typing import IO, Any

import click

__all__ = ["BAD_DATA", "MISSING_EXTRA", "USAGE", "Failure", "failures"]

CHECK_FAILED = 1
USAGE = 2
BAD_DATA = 3
MISSING_EXTRA = 4
INTERRUPTED = 130
READER_GONE = 141


class Failure(click.ClickException):
    """A sentence for the user, and the exit code of the process."""

    def __init__(self, message: str, exit_code: int) -> None:
        super().__init__(message)
        self.exit_code = exit_code  # type: ignore[misc]

    def show(self, file: IO[Any] | None = None) -> None:
        """Print the sentence, if there is one, on standard error."""
        if self.message:
            with contextlib.suppress(OSError):
                click.echo(f"Error: {self.message}", err=True)


@contextlib.contextmanager
def failures() -> Iterator[None]:
    """Turn whatever goes wrong in the block into a `Failure`."""
    try:
        yield
    except (Failure, click.exceptions.Exit, click.Abort):
        raise
    except click.UsageError as error:
        raise usage(error) from error
    except BrokenPipeError as error:
        silence_stdout()
        raise Failure("", READER_GONE) from error
    except KeyboardInterrupt as error:
        raise Failure("interrupted", INTERRUPTED) from error
    except ImportError as error:
        raise missing(error) from error
    except MemoryError as error:
        raise Failure(f"not enough memory: {error}", BAD_DATA) from error
    except OSError as error:
        silence_stdout()
        place = "standard output" if error.filename is None else os.fspath(error.filename)
        raise Failure(f"{place}: {error.strerror or error}", BAD_DATA) from error
    except Exception as error:
        from logitkit.stream.formats.table import DataError

        if isinstance(error, DataError):
            raise Failure(str(error), BAD_DATA) from error
        if os.environ.get("LOGITKIT_DEBUG"):
            raise
        raise Failure(
            f"internal error, please report it: {type(error).__name__}: {error} "
            "(LOGITKIT_DEBUG=1 shows where)",
            CHECK_FAILED,
        ) from error


def usage(error: click.UsageError) -> Failure:
    """Add where help is to found to what was wrong."""
    command = error.ctx.command_path if error.ctx else "logitkit"
    return Failure(f"{error.format_message()}\nTry '{command} --help'.", USAGE)


def missing(error: ImportError) -> Failure:
    """Name the pip command that brings what is missing."""
    if "pip install" in str(error):
        return Failure(str(error), MISSING_EXTRA)
    package = (error.name or "a package").partition(".")[0]
    return Failure(f"this command needs {package}: pip install {package}", MISSING_EXTRA)


def silence_stdout() -> None:
    """Point standard output at nothing: as Python's manual says, its exit may flush again."""
    with contextlib.suppress(OSError, ValueError, AttributeError):
        nothing = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nothing, sys.stdout.fileno())
        os.close(nothing)

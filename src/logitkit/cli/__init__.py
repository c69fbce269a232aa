"""The command ``logitkit``: one file a command, one command a public function.

stdout is data, stderr is messages and progress. Nothing heavy is imported before a command needs
it, so that ``--help`` and completion answer at once.
"""

import signal
import sys
from types import FrameType

from logitkit.cli.group import app

__all__ = ["app", "main"]


def main() -> None:
    """Run the command line of this process, and exit with its code."""
    signal.signal(signal.SIGTERM, stop)  # so that unfinished output files are removed
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")  # a label that an ASCII locale lacks
    app()


def stop(signum: int, frame: FrameType | None) -> None:
    """End the process by way of the ``finally`` blocks."""
    sys.exit(128 + signum)

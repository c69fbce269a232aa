"""Servers that are changed in one respect."""

import contextlib
import signal
import subprocess
import sys
from pathlib import Path

from cli_process import environment

PROGRAM = Path(__file__).with_name("changed_server.py")


@contextlib.contextmanager
def changed(*arguments):
    """Run `changed_server.py`; yield the process and its URL."""
    process = subprocess.Popen(
        [sys.executable, PROGRAM, *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment(),
    )
    try:
        yield process, process.stdout.readline().strip()
        process.send_signal(signal.SIGINT)
        process.wait(20)
    finally:
        process.kill()
        process.communicate()

"""Runs the command line as its users do: in this process, in a pipe, and on a terminal."""

import fcntl
import json
import os
import pty
import re
import struct
import subprocess
import sys
import termios
import time

from click.testing import CliRunner, Result

from logitkit.cli import app

COMMAND = [sys.executable, "-m", "logitkit"]


def invoke(*args, stdin=None) -> Result:
    """Run in this process; standard output and error are apart, and neither is a terminal."""
    return CliRunner().invoke(app, [str(arg) for arg in args], input=stdin)


def ok(*args, stdin=None) -> str:
    """Run a command that must succeed, and return its standard output."""
    result = invoke(*args, stdin=stdin)
    assert result.exit_code == 0, result.stderr
    return result.stdout


def loads(text: str):
    """Read JSON that must be strict."""

    def refuse(name):
        raise AssertionError(f"{name} is not JSON")

    return json.loads(text, parse_constant=refuse)


def environment(**changes) -> dict[str, str]:
    """Return the environment without what would colour or size the output, and with ``changes``."""
    outer = ("NO_COLOR", "FORCE_COLOR", "CI", "COLUMNS", "LINES")
    plain = {k: v for k, v in os.environ.items() if k not in outer}
    return {**plain, "TERM": "xterm-256color", **changes}


def pipe(*args, stdin="", **options) -> subprocess.CompletedProcess:
    """Run in a process of its own with pipes on all sides."""
    return subprocess.run(
        [*COMMAND, *map(str, args)],
        input=stdin,
        capture_output=True,
        text=True,
        timeout=60,
        env=environment(),
        **options,
    )


def terminal(*args, width=100, env=None, stdout=None, seconds=60) -> tuple[int, str]:
    """Run with a pseudo-terminal as all three streams; return exit code and what it shows.

    ``stdout`` takes standard output away from the terminal.
    """
    main, side = pty.openpty()
    fcntl.ioctl(side, termios.TIOCSWINSZ, struct.pack("HHHH", 50, width, 0, 0))
    process = subprocess.Popen(
        [*COMMAND, *map(str, args)],
        stdin=side,
        stdout=side if stdout is None else stdout,
        stderr=side,
        env=environment(**(env or {})),
        start_new_session=True,
    )
    os.close(side)
    seen = bytearray()
    end = time.monotonic() + seconds
    try:
        while time.monotonic() < end:
            try:
                chunk = os.read(main, 65536)
            except OSError:  # Linux: the other side is closed
                break
            if not chunk:
                break
            seen += chunk
        return process.wait(max(0.1, end - time.monotonic())), seen.decode().replace("\r\n", "\n")
    finally:
        process.kill()
        process.wait()
        os.close(main)


def plain(text: str) -> str:
    """Remove colours and other styles."""
    return re.sub(r"\x1b\[[0-9;]*m", "", text)

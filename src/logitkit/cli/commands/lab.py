"""``logitkit lab``: the interactive page, served to this machine alone."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from logitkit.cli.command import Command
from logitkit.cli.errors import CHECK_FAILED, INTERRUPTED, MISSING_EXTRA, Failure

if TYPE_CHECKING:
    from starlette.types import ASGIApp

__all__ = ["command"]

PORT = 8765


@click.command(
    "lab",
    cls=Command,
    short_help="The interactive page, and its HTTP API, on this machine.",
    examples=(
        "logitkit lab",
        "logitkit lab --port 0 --no-open",
        "logitkit lab --get /api/v1/info",
    ),
)
@click.option(
    "-p",
    "--port",
    type=click.IntRange(0, 65535),
    default=PORT,
    show_default=True,
    help="The port on 127.0.0.1; 0 takes a free one.",
)
@click.option("--no-open", is_flag=True, help="Do not open the browser.")
@click.option(
    "--get",
    "path",
    metavar="PATH",
    help="Print what the API answers at PATH, without a server; exit 0, or 1 for an error.",
)
def command(port: int, no_open: bool, path: str | None) -> None:
    """Serve the page on this machine and open it in the browser; Ctrl-C stops it."""
    try:
        from logitkit.lab.app import create_app
    except ImportError as error:
        text = 'logitkit lab needs FastAPI and uvicorn: pip install "logitkit[lab]"'
        raise Failure(text, MISSING_EXTRA) from error
    app = create_app()
    if path is not None:
        answer(app, path)
    else:
        listen(app, port, browser=not no_open)


def answer(app: ASGIApp, path: str) -> None:
    """Print the body at a path."""
    from logitkit.lab.direct import get

    if not path.startswith("/"):
        raise click.BadParameter(f"{path!r} must start with /, as /api/v1/info.")
    status, body = get(app, path)
    sys.stdout.buffer.write(body + b"\n")
    sys.stdout.flush()
    if not 200 <= status < 300:
        raise Failure(f"{path} answers {status}", CHECK_FAILED)


def listen(app: ASGIApp, port: int, *, browser: bool) -> None:
    """Serve until Ctrl-C."""
    from logitkit.lab.server import LOOPBACK, PortError, bind, open_browser, serve

    try:
        listener = bind(port)
    except PortError as error:
        raise click.UsageError(
            f"{error}; choose another with -p, or -p 0 for a free one."
        ) from None
    url = f"http://{LOOPBACK}:{listener.getsockname()[1]}/"

    def ready() -> None:
        click.echo(url)
        click.echo("The laboratory is open; Ctrl-C stops it.", err=True)
        if browser:
            open_browser(url)

    try:
        serve(app, listener, ready)
    except KeyboardInterrupt:
        raise Failure("", INTERRUPTED) from None

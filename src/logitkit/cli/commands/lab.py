"""``logitkit lab``: the interactive page, served to this machine alone."""

from __future__ import annotations

import sys
from types import ModuleType
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
        "logitkit lab digits.npz --port 0 --no-open",
        "logitkit lab digits.npz --get '/api/v1/datasets/1?bins=10'",
        "logitkit lab --get /api/v1/info",
    ),
)
@click.argument("file", metavar="[FILE]", required=False)
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
    "--label-column",
    metavar="NAME",
    help="The column or array of FILE with the right classes, where it is not called label.",
)
@click.option(
    "--get",
    "path",
    metavar="PATH",
    help="Print what the API answers at PATH, without a server; exit 0, or 1 for an error.",
)
def command(
    file: str | None, port: int, no_open: bool, label_column: str | None, path: str | None
) -> None:
    """Serve the page on this machine alone and open it in the browser; Ctrl-C stops it.

    The page opens on FILE, if one is given: logits (or probabilities) and labels of many rows, as
    .npz, .npy, .csv, .tsv, .json or .jsonl.
    """
    try:
        from logitkit.lab import server
        from logitkit.lab.app import create_app
        from logitkit.lab.datasets.store import Store
    except ImportError as error:
        text = f'logitkit lab needs {error.name}: pip install "logitkit[lab]"'
        raise Failure(text, MISSING_EXTRA) from error
    store = Store()
    if file is not None:
        from logitkit.lab.datasets.reading import load
        from logitkit.lab.datasets.summary import summarize

        store.add(summarize(load(file, file, label_column)))
    elif label_column is not None:
        raise click.UsageError("--label-column names a column of FILE; there is no FILE.")
    app = create_app(store)
    if path is not None:
        answer(app, path)
    else:
        listen(server, app, port, fragment="#v=1&p=confidence" if file else "", browser=not no_open)


def answer(app: ASGIApp, path: str) -> None:
    """Print the body at a path."""
    from logitkit.lab.direct import request

    if not path.startswith("/"):
        raise click.BadParameter(f"{path!r} must start with /, as /api/v1/info.")
    status, _, body = request(app, path)
    sys.stdout.buffer.write(body + b"\n")
    sys.stdout.flush()
    if not 200 <= status < 300:
        raise Failure(f"{path} answers {status}", CHECK_FAILED)


def listen(server: ModuleType, app: ASGIApp, port: int, *, fragment: str, browser: bool) -> None:
    """Serve until Ctrl-C; the fragment of the URL is what the page opens with."""
    try:
        listener = server.bind(port)
    except server.PortError as error:
        raise click.UsageError(
            f"{error}; choose another with -p, or -p 0 for a free one."
        ) from None
    url = f"http://{server.LOOPBACK}:{listener.getsockname()[1]}/{fragment}"

    def ready() -> None:
        click.echo(url)
        click.echo("The laboratory is open; Ctrl-C stops it.", err=True)
        if browser:
            server.open_browser(url)

    try:
        server.serve(app, listener, ready)
    except KeyboardInterrupt:
        raise Failure("", INTERRUPTED) from None

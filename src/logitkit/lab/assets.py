"""The files of the page, as they lie in the installed package.

A request never names a path that is opened: what may be asked for is listed first, and a request
is looked up in that list.
"""

from __future__ import annotations

from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import PurePosixPath

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from logitkit.lab.problems import problem

__all__ = ["MEDIA_TYPES", "listing", "page"]

# Not those of the machine, whose tables differ: a module of another type is not run by a browser.
MEDIA_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".csv": "text/csv; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".ico": "image/x-icon",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".mjs": "text/javascript; charset=utf-8",
    ".png": "image/png",
    ".svg": "image/svg+xml",
    ".txt": "text/plain; charset=utf-8",
    ".webp": "image/webp",
    ".woff2": "font/woff2",
}


def listing(folder: Traversable | None = None, prefix: str = "") -> dict[str, Traversable]:
    """Return every file of the page by its path in a URL, without the leading slash."""
    found: dict[str, Traversable] = {}
    if folder is None:
        folder = files("logitkit.lab").joinpath("static")
    for entry in folder.iterdir() if folder.is_dir() else ():
        if entry.is_dir():
            found.update(listing(entry, f"{prefix}{entry.name}/"))
        elif PurePosixPath(entry.name).suffix in MEDIA_TYPES:
            found[prefix + entry.name] = entry
    return found


async def page(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer one file of the page, an ASGI application."""
    await asset(scope["method"], scope["path"])(scope, receive, send)


def asset(method: str, path: str) -> Response:
    """Return the file at a path; ``/`` is the page itself.

    >>> asset("GET", "/../app.py").status_code, asset("POST", "/").status_code
    (404, 405)
    """
    if method not in ("GET", "HEAD"):
        return problem(405, f"{method} is not accepted at {path}", headers={"Allow": "GET, HEAD"})
    name = path.removeprefix("/") or "index.html"
    entry = listing().get(name)
    if entry is None:
        return problem(404, f"there is nothing at {path}")
    return Response(
        entry.read_bytes() if method == "GET" else b"",
        headers={"Content-Type": MEDIA_TYPES[PurePosixPath(name).suffix]},
    )

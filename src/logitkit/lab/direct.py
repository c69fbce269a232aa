"""One request without a server: the application is called as the server would call it."""

from __future__ import annotations

import asyncio
from urllib.parse import unquote, urlsplit

from starlette.types import ASGIApp, Message, Scope

__all__ = ["get"]


def get(app: ASGIApp, url: str) -> tuple[int, bytes]:
    """Return the status and the body of ``GET url``.

    Parameters
    ----------
    app : ASGI application
        What answers.
    url : str
        A path, with a query or without: ``/api/v1/info``.
    """
    parts = urlsplit(url)
    scope: Scope = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": "GET",
        "scheme": "http",
        "path": unquote(parts.path),
        "raw_path": parts.path.encode(),
        "query_string": parts.query.encode(),
        "root_path": "",
        "headers": [(b"host", b"localhost")],
        "client": ("127.0.0.1", 0),
        "server": ("127.0.0.1", 0),
    }
    status = 0
    body = bytearray()

    async def receive() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Message) -> None:
        nonlocal status
        status = message.get("status", status)
        body.extend(message.get("body", b""))

    asyncio.run(app(scope, receive, send))  # type: ignore[arg-type]
    return status, bytes(body)

"""One request without a server: the application is called as the server would call it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import NamedTuple
from urllib.parse import unquote, urlsplit

from starlette.types import ASGIApp, Message, Scope

__all__ = ["Answer", "request"]


class Answer(NamedTuple):
    """What came back; the names of the headers are in lower case."""

    status: int
    headers: dict[str, str]
    body: bytes


def request(
    app: ASGIApp,
    url: str,
    method: str = "GET",
    body: bytes = b"",
    headers: Mapping[str, str] | None = None,
) -> Answer:
    """Ask an application.

    Parameters
    ----------
    app : ASGI application
        What answers.
    url : str
        A path, with a query or without: ``/api/v1/info``.
    method, body, headers
        The rest of the request; the Host is localhost unless the headers have another.
    """
    parts = urlsplit(url)
    sent = {"host": "localhost", "content-length": str(len(body)), **(headers or {})}
    scope: Scope = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": unquote(parts.path),
        "raw_path": parts.path.encode(),
        "query_string": parts.query.encode(),
        "root_path": "",
        "headers": [(name.lower().encode(), value.encode()) for name, value in sent.items()],
        "client": ("127.0.0.1", 0),
        "server": ("127.0.0.1", 0),
    }
    received: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: Message) -> None:
        received.append(message)

    async def call() -> None:
        await app(scope, receive, send)

    asyncio.run(call())
    start = received[0]
    return Answer(
        start["status"],
        {name.decode(): value.decode() for name, value in start["headers"]},
        b"".join(message.get("body", b"") for message in received),
    )

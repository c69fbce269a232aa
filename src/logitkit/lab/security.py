"""Who may ask, and how much: the checks before the application sees a request.

The server listens on loopback, yet every page that the user's browser shows can send requests
there. A page elsewhere is known by its Origin, a name that was made to point here (DNS rebinding)
by its Host: both are refused, and no CORS header invites anybody. Bodies end at a limit.
"""

from __future__ import annotations

from collections.abc import Mapping

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from logitkit.lab.problems import ProblemError, problem

__all__ = ["Guard"]

LOOPBACK = ("localhost", "127.0.0.1", "[::1]")

HEADERS = {
    "Content-Security-Policy": (
        "default-src 'self'; img-src 'self' data: blob:; object-src 'none'; base-uri 'none'; "
        "form-action 'none'; frame-ancestors 'self'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-cache",
}

DRAINED = 1 << 30
"""How many bytes too many are read and dropped, so that the sender gets to see the answer."""


class Guard:
    """An ASGI application that checks each request, then hands it to another.

    Parameters
    ----------
    app : ASGI application
        What answers.
    limits : mapping of str to int
        The most bytes of a body, by path.
    otherwise : int
        The most bytes at every other path.
    """

    def __init__(self, app: ASGIApp, limits: Mapping[str, int], otherwise: int = 1 << 20) -> None:
        self.app = app
        self.limits = limits
        self.otherwise = otherwise

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one connection."""
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
            return
        if scope["type"] != "http":  # there are no websockets here
            await send({"type": "websocket.close", "code": 1008})
            return

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers[name] = value
            await send(message)

        headers = Headers(scope=scope)
        status, text = refusal(headers)
        if text:
            await problem(status, text)(scope, receive, with_headers)
            return
        limit = self.limits.get(scope["path"], self.otherwise)
        await self.app(scope, limited(receive, headers, limit), with_headers)


def refusal(headers: Headers) -> tuple[int, str]:
    """Return the status and the reason, if a request comes from elsewhere.

    >>> refusal(Headers({"host": "evil.example"}))
    (400, "Host is 'evil.example'; accepted are localhost, 127.0.0.1, [::1] with any port")
    """
    host = headers.get("host", "").lower()
    name = host if host.endswith("]") else host.rpartition(":")[0] or host
    if name not in LOOPBACK:
        return 400, f"Host is {host!r}; accepted are {', '.join(LOOPBACK)} with any port"
    origin = headers.get("origin")
    if origin is not None and origin.lower() != f"http://{host}":
        return 403, f"Origin is {origin!r}; accepted is this server's own page, http://{host}"
    return 200, ""


def limited(receive: Receive, headers: Headers, limit: int) -> Receive:
    """Return a `receive` that refuses a body of more than `limit` bytes."""
    length = headers.get("content-length", "")
    announced = int(length) if length.isascii() and length.isdigit() else 0
    seen = 0

    async def counting() -> Message:
        nonlocal seen
        too_long = announced > limit
        if too_long and "expect" in headers:  # the sender waits for a word before it sends
            raise too_large(limit)
        message = await receive()
        seen += len(message.get("body", b""))
        if not (too_long or seen > limit):
            return message
        while message.get("more_body") and seen <= limit + DRAINED:
            message = await receive()
            seen += len(message.get("body", b""))
        raise too_large(limit)

    return counting


def too_large(limit: int) -> ProblemError:
    """Return the error that names the limit."""
    return ProblemError(413, f"the body is too large: accepted are {limit} bytes here")

"""The server: a socket on loopback, and uvicorn on it."""

from __future__ import annotations

import errno
import socket
import threading
import time
import webbrowser
from collections.abc import Callable

import uvicorn
from starlette.types import ASGIApp

__all__ = ["LOOPBACK", "PortError", "bind", "serve"]

LOOPBACK = "127.0.0.1"
"""The only address; from another machine: ``ssh -L 8765:127.0.0.1:8765``."""


class PortError(Exception):
    """The port cannot be had; the message says why."""


def bind(port: int) -> socket.socket:
    """Return a listening socket on loopback; 0 takes a free port.

    Raises
    ------
    PortError
        If another program has the port, or the system refuses it.
    """
    # asyncio sends small answers at once (TCP_NODELAY) only where the protocol is named: without
    # it the end of an answer waits for the browser's delayed acknowledgement, 40 ms.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    # A port whose last connections still linger can be taken again; one that listens cannot.
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((LOOPBACK, port))
        listener.listen(128)
    except OSError as error:
        listener.close()
        why = {errno.EADDRINUSE: "is in use", errno.EACCES: "is refused by the system"}
        reason = why.get(error.errno or 0, f"cannot be had: {error.strerror}")
        raise PortError(f"port {port} {reason}") from error
    return listener


def serve(app: ASGIApp, listener: socket.socket, ready: Callable[[], None]) -> None:
    """Answer requests until the process is interrupted.

    Parameters
    ----------
    app : ASGI application
        What answers.
    listener : socket.socket
        From `bind`.
    ready : callable
        Called, in a thread of its own, when requests are answered.

    Raises
    ------
    KeyboardInterrupt
        When Ctrl-C has stopped the server; its connections are closed.
    """
    config = uvicorn.Config(
        app,
        log_level="warning",
        lifespan="off",
        ws="none",
        http="h11",
        loop="asyncio",
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=1,
    )
    server = uvicorn.Server(config)

    def tell() -> None:
        while not server.started:
            if server.should_exit:
                return
            time.sleep(0.005)
        ready()

    threading.Thread(target=tell, daemon=True).start()
    server.run(sockets=[listener])


def open_browser(url: str) -> None:
    """Show the page, where there is a browser; its own words stay out of the terminal."""
    webbrowser.open(url)

"""What goes out: strict JSON."""

from __future__ import annotations

from fastapi import Response

from logitkit.lab.numbers import dumps

__all__ = ["reply"]


def reply(value: object, status: int = 200) -> Response:
    """Return a value as strict JSON with exact numbers."""
    return Response(dumps(value), status, media_type="application/json")

"""Errors as problem details (RFC 9457), each with the place of what is wrong.

400 where the request does not fit the schema (or is no JSON), 422 where it fits but its parts do
not fit each other, or a file does not hold what it should.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.routing import compile_path

from logitkit.lab.answers import FieldError, Problem
from logitkit.lab.numbers import dumps

__all__ = ["ProblemError", "describe", "documented", "install", "problem"]

MEDIA_TYPE = "application/problem+json"
MOST_ERRORS = 20

REASONS = {
    400: "The request does not fit the schema, or came under a foreign name of this machine.",
    403: "The request comes from a foreign page.",
    404: "There is nothing of that name.",
    413: "The body is larger than the limit.",
    415: "The body is of another type than application/json.",
    422: "The request fits the schema, but its parts do not fit each other, or the file is bad.",
}


class ProblemError(HTTPException):
    """A request that is refused: the status, a sentence, and the field that it is about."""

    def __init__(
        self,
        status: int,
        detail: str,
        *,
        pointer: str | None = None,
        parameter: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(status, detail, headers=dict(headers or {}))
        self.errors: list[FieldError] = []
        if pointer is not None:
            self.errors.append({"detail": detail, "pointer": pointer})
        if parameter is not None:
            self.errors.append({"detail": detail, "parameter": parameter})


def documented(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Return what the OpenAPI document says of errors: these, and those of every request."""
    schema = {"$ref": "#/components/schemas/Problem"}
    return {
        status: {"description": REASONS[status], "content": {MEDIA_TYPE: {"schema": schema}}}
        for status in sorted({400, 403, *statuses})
    }


def problem(
    status: int,
    detail: str,
    errors: Sequence[FieldError] = (),
    headers: Mapping[str, str] | None = None,
) -> Response:
    """Return an error as it is sent."""
    body: Problem = {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
        "errors": list(errors),
    }
    return Response(dumps(body), status, headers=dict(headers or {}), media_type=MEDIA_TYPE)


def install(app: FastAPI) -> None:
    """Make every error of an application a problem."""
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _refused)
    app.add_exception_handler(Exception, _broken)


async def _invalid(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    found = error.errors()
    errors = [describe(one, error.body) for one in found[:MOST_ERRORS]]
    first = errors[0]
    place = first.get("pointer") or first.get("parameter")
    more = f" (and {len(found) - 1} more)" if len(found) > 1 else ""
    return problem(400, f"{place}: {first['detail']}{more}", errors)


async def _refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    errors = error.errors if isinstance(error, ProblemError) else ()
    detail, headers = error.detail, error.headers
    if error.status_code == 404 and not isinstance(error, ProblemError):
        detail = f"there is nothing at {request.url.path}"
    if error.status_code == 405:
        detail = f"{request.method} is not accepted at {request.url.path}"
        headers = {"Allow": ", ".join(sorted(methods(request) or {"GET"}))}
    return problem(error.status_code, detail, errors, headers)


def methods(request: Request) -> set[str]:
    """Return all methods at a path; the route that refused one knows its own only."""
    found: set[str] = set()
    for template, operations in request.app.openapi()["paths"].items():
        if compile_path(template)[0].match(request.url.path):
            found |= {name.upper() for name in operations}
    return found


async def _broken(request: Request, error: Exception) -> Response:
    return problem(500, "internal error, please report it; the server's terminal shows where")


def describe(error: Mapping[str, Any], body: Any) -> FieldError:
    """Return what pydantic found, and where, as a JSON pointer into the body."""
    source, *path = error["loc"]
    detail = error["msg"]
    if error["type"] == "extra_forbidden":
        detail = "there is no such field"
    if source != "body":
        return {"detail": detail, "parameter": ".".join(map(str, path))}
    return {"detail": detail, "pointer": pointer(path, body, missing=error["type"] == "missing")}


def pointer(path: Sequence[str | int], body: Any, missing: bool = False) -> str:
    """Return the JSON pointer of a place, without the tags that pydantic adds for unions.

    >>> pointer(["operations", 0, "softmax", "dtype"], {"operations": [{"dtype": 1}]})
    '#/operations/0/dtype'
    """
    parts: list[str | int] = []
    value = body
    for i, part in enumerate(path):
        last = i == len(path) - 1
        inside = isinstance(value, dict) and part in value
        inside = inside or (isinstance(value, list) and isinstance(part, int) and part < len(value))
        if inside:
            value = value[part]
        elif not (missing and last):
            continue
        parts.append(part)
    return "#" + "".join(f"/{str(part).replace('~', '~0').replace('/', '~1')}" for part in parts)

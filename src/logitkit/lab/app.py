"""The application: routes, their documentation, and the guard before them."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import APIRouter, FastAPI, Request, Response
from fastapi.routing import APIRoute
from pydantic_core import from_json
from starlette.types import ASGIApp, Receive, Scope, Send

import logitkit
from logitkit.lab import operations
from logitkit.lab.answers import ComputeAnswer, Info
from logitkit.lab.assets import page
from logitkit.lab.numbers import DTYPES, dumps
from logitkit.lab.problems import MEDIA_TYPE, ProblemError, install
from logitkit.lab.schemas import (
    MOST_CLASSES,
    MOST_JACOBIAN,
    MOST_NUMBERS,
    MOST_OPERATIONS,
    MOST_TEMPERATURES,
    ComputeRequest,
)
from logitkit.lab.security import Guard

__all__ = ["create_app"]

COMPUTE_BYTES = 32 << 20

PROBLEMS: dict[int | str, dict[str, Any]] = {
    status: {
        "description": text,
        "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
    }
    for status, text in {
        400: "The request does not fit the schema, or comes by a foreign Host.",
        403: "The request comes from a foreign page.",
        413: "The body is larger than the limit.",
        415: "The body is not application/json.",
        422: "The request fits the schema, but its parts do not fit each other.",
    }.items()
}


class StrictRequest(Request):
    """A request whose JSON is strict: no NaN, no depth without end."""

    async def json(self) -> Any:
        """Return the body."""
        try:
            return from_json(await self.body(), allow_inf_nan=False)
        except ValueError as error:
            raise ProblemError(400, f"the body is not JSON: {error}", pointer="#") from error


class StrictRoute(APIRoute):
    """A route that reads its body with `StrictRequest`."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Return the handler."""
        handle = super().get_route_handler()

        async def strict(request: Request) -> Response:
            kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
            if self.body_field is not None and kind != "application/json":
                text = f"Content-Type is {kind!r}; accepted is application/json"
                raise ProblemError(415, text)
            return await handle(StrictRequest(request.scope, request.receive))

        return strict


api = APIRouter(prefix="/api/v1", route_class=StrictRoute)


def reply(value: object) -> Response:
    """Return a value as strict JSON."""
    return Response(dumps(value), media_type="application/json")


@api.get("/info", response_model=Info, summary="What answers here")
async def info() -> Response:
    """Tell the version, the instruction set, the dtypes, the operations and the limits."""
    answer: Info = {
        "kernel": operations.kernel(),
        "dtypes": list(DTYPES),
        "operations": list(operations.OPERATIONS),
        "limits": {
            "classes": MOST_CLASSES,
            "jacobian_classes": MOST_JACOBIAN,
            "operations": MOST_OPERATIONS,
            "temperatures": MOST_TEMPERATURES,
            "numbers": MOST_NUMBERS,
            "compute_bytes": COMPUTE_BYTES,
            "dataset_bytes": 64 << 20,
            "bins": 100,
            "datasets": 8,
        },
    }
    return reply(answer)


@api.post("/compute", response_model=ComputeAnswer, summary="A batch of operations")
def compute(request: ComputeRequest) -> Response:
    """Answer the operations in their order, with the kernels of the library."""
    return reply(operations.compute(request))


def create_app() -> ASGIApp:
    """Return the ASGI application."""
    app = FastAPI(
        title="logitkit lab",
        version=logitkit.__version__,
        openapi_url="/api/v1/openapi.json",
        docs_url=None,  # FastAPI's page of documentation comes from elsewhere
        redoc_url=None,
    )
    install(app)
    app.include_router(api)

    async def site(scope: Scope, receive: Receive, send: Send) -> None:
        here = app if scope["type"] == "lifespan" or scope["path"].startswith("/api/") else page
        await here(scope, receive, send)

    return Guard(site, {"/api/v1/compute": COMPUTE_BYTES})

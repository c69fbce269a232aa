"""The application: routes, their documentation, and the guard before them."""

from __future__ import annotations

import functools
from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import APIRouter, FastAPI, Request, Response
from fastapi.routing import APIRoute
from pydantic import TypeAdapter
from pydantic_core import from_json
from starlette.types import ASGIApp, Receive, Scope, Send

import logitkit
from logitkit.lab import operations
from logitkit.lab.answers import ComputeAnswer, Info, Problem
from logitkit.lab.assets import page
from logitkit.lab.datasets.routes import DATASET_BYTES, router
from logitkit.lab.datasets.store import MOST_DATASETS, Store
from logitkit.lab.datasets.summary import MOST_BINS
from logitkit.lab.numbers import DTYPES
from logitkit.lab.problems import ProblemError, documented, install
from logitkit.lab.replies import reply
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

PREFIX = "/api/v1"
COMPUTE_BYTES = 32 << 20


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


api = APIRouter(route_class=StrictRoute)


@api.get("/info", response_model=Info, summary="What answers here", responses=documented())
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
            "dataset_bytes": DATASET_BYTES,
            "bins": MOST_BINS,
            "datasets": MOST_DATASETS,
        },
    }
    return reply(answer)


@api.post(
    "/compute",
    response_model=ComputeAnswer,
    summary="A batch of operations",
    responses=documented(413, 415, 422),
)
def compute(request: ComputeRequest) -> Response:
    """Answer the operations in their order, with the kernels of the library."""
    return reply(operations.compute(request))


def create_app(store: Store | None = None) -> ASGIApp:
    """Return the ASGI application.

    Parameters
    ----------
    store : Store, optional
        The datasets that it answers from and adds to. Default: none yet.
    """
    app = FastAPI(
        title="logitkit lab",
        version=logitkit.__version__,
        openapi_url=f"{PREFIX}/openapi.json",
        docs_url=None,  # FastAPI's page of documentation comes from elsewhere
        redoc_url=None,
        redirect_slashes=False,
    )
    install(app)
    app.include_router(api, prefix=PREFIX)
    app.include_router(router(store or Store()), prefix=PREFIX)
    app.openapi = functools.cache(functools.partial(document, app.openapi))  # type: ignore[method-assign]

    async def site(scope: Scope, receive: Receive, send: Send) -> None:
        here = app if scope["type"] == "lifespan" or scope["path"].startswith("/api/") else page
        await here(scope, receive, send)

    limits = {f"{PREFIX}/compute": COMPUTE_BYTES, f"{PREFIX}/datasets": DATASET_BYTES}
    return Guard(site, limits)


def document(make: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """Return the OpenAPI document with our errors in place of those that FastAPI announces."""
    found = make()
    schemas = found["components"]["schemas"]
    for name in ("HTTPValidationError", "ValidationError"):
        schemas.pop(name, None)
    for path in found["paths"].values():
        for operation in path.values():
            answers = operation["responses"]
            if "application/json" in answers.get("422", {}).get("content", ()):
                del answers["422"]
    problem = TypeAdapter(Problem).json_schema(ref_template="#/components/schemas/{model}")
    schemas.update(problem.pop("$defs"))
    schemas["Problem"] = problem
    return found

"""``/api/v1/datasets``: a file comes in as the body of a request, its summary goes out."""

from __future__ import annotations

import tempfile
from pathlib import Path, PurePath
from typing import Annotated, Any, Literal

from anyio.to_thread import run_sync
from fastapi import APIRouter, Query, Request, Response
from fastapi import Path as InPath

from logitkit.lab.datasets.answers import BinRows, DatasetAnswer, DatasetList
from logitkit.lab.datasets.bins import answer, answer_rows
from logitkit.lab.datasets.reading import FORMATS, load
from logitkit.lab.datasets.store import Store
from logitkit.lab.datasets.summary import MOST_BINS, Summary, summarize
from logitkit.lab.problems import ProblemError, documented
from logitkit.lab.replies import reply
from logitkit.stream.formats import DataError, suffix

__all__ = ["DATASET_BYTES", "DEFAULT_BINS", "router"]

DATASET_BYTES = 64 << 20
DEFAULT_BINS = 15

Bins = Annotated[
    int,
    Query(ge=1, le=MOST_BINS, description="how many intervals of equal width from 0 to 1"),
]
Name = Annotated[
    str,
    Query(
        min_length=1,
        max_length=255,
        description=f"of the file; its end says the format: .{', .'.join(FORMATS)}",
    ),
]
Kind = Annotated[
    Literal["auto", "logits", "probabilities"],
    Query(description="auto: probabilities, if every row is from 0 to 1 and sums to 1"),
]
Column = Annotated[
    str | None,
    Query(min_length=1, max_length=255, description="the column or array with the labels"),
]
Number = Annotated[int, InPath(ge=1, le=2**53 - 1, description="from an upload, or the list")]
Index = Annotated[int, InPath(ge=0, lt=MOST_BINS, description="which bin, from 0")]

BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "description": "The file as it is: scores and labels of many rows.",
        "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
    }
}


def router(store: Store) -> APIRouter:
    """Return the routes on a store."""
    routes = APIRouter(prefix="/datasets")

    @routes.get("", response_model=DatasetList, summary="What is kept", responses=documented())
    async def datasets() -> Response:
        """List the datasets of this server: the file of the command line, and uploads."""
        entries = [
            {"id": i, "name": one.name, "rows": one.rows, "classes": one.classes}
            for i, one in store.all()
        ]
        return reply({"datasets": entries})

    @routes.post(
        "",
        response_model=DatasetAnswer,
        status_code=201,
        summary="Upload a file",
        responses=documented(413, 422),
        openapi_extra=BODY,
    )
    async def upload(
        request: Request,
        name: Name,
        bins: Bins = DEFAULT_BINS,
        kind: Kind = "auto",
        label_column: Column = None,
    ) -> Response:
        """Sum up a file of logits (or probabilities) and labels.

        Only the summary and the first rows of each bin are kept. The name tells the format and is
        shown; nothing is opened by it.
        """
        shown = PurePath(name.replace("\\", "/")).name
        if suffix(shown) not in FORMATS:
            text = f"the name is {name!r}; accepted are files that end in .{', .'.join(FORMATS)}"
            raise ProblemError(422, text, parameter="name")
        with tempfile.TemporaryDirectory(prefix="logitkit-lab-") as folder:
            path = Path(folder, f"upload.{suffix(shown)}")
            with path.open("wb") as file:
                async for chunk in request.stream():
                    file.write(chunk)
            summary = await run_sync(digest, path, shown, label_column, kind)
        return reply(answer(store.add(summary), summary, bins), 201)

    @routes.get(
        "/{number}",
        response_model=DatasetAnswer,
        summary="One dataset",
        responses=documented(404),
    )
    async def dataset(number: Number, bins: Bins = DEFAULT_BINS) -> Response:
        """Answer the same as the upload did, with any number of bins."""
        return reply(answer(number, kept(number), bins))

    @routes.get(
        "/{number}/bins/{index}",
        response_model=BinRows,
        summary="The rows of one bin",
        responses=documented(404),
    )
    async def rows(number: Number, index: Index, bins: Bins = DEFAULT_BINS) -> Response:
        """List the first rows of a bin: how each was classified, how surely, and its label."""
        summary = kept(number)
        if index >= bins:
            raise ProblemError(404, f"there is no bin {index}: of {bins} the last is {bins - 1}")
        return reply(answer_rows(number, summary, bins, index))

    def kept(number: int) -> Summary:
        """Return a summary that is there."""
        summary = store.get(number)
        if summary is None:
            raise ProblemError(404, f"there is no dataset {number}, or no longer")
        return summary

    return routes


def digest(path: Path, name: str, column: str | None, kind: str) -> Summary:
    """Read a file and sum it up."""
    try:
        return summarize(load(path, name, column), kind)
    except DataError as error:
        raise ProblemError(422, str(error)) from error

"""What ``softmax`` and ``log-softmax`` share: a function of an array that keeps its shape."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from types import ModuleType
from typing import TYPE_CHECKING, Any

from logitkit.cli.calls import call
from logitkit.cli.progress import LONG, progress
from logitkit.cli.source import load, note

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from rich.console import RenderableType

    from logitkit.cli.output import View
    from logitkit.stream.formats import Table

__all__ = ["apply", "run"]

BLOCK = 1 << 20  # numbers a step of the progress bar


def run(
    function: str,
    name: str,
    *,
    values: tuple[str, ...],
    key: str | None,
    labels: tuple[str, ...] | None,
    axis: int | tuple[int, ...] | None,
    **options: Any,
) -> None:
    """Load, compute, print.

    Parameters
    ----------
    function : str
        The function of logitkit.
    name : str
        What the result is called in ``.npz`` and JSON.
    values, key, labels, axis
        What is transformed.
    **options
        The other options of the command.
    """
    table = load(values, key, labels)
    if table.array.ndim == 2 and table.array.shape[1] == 1 < len(table.array) and axis in (-1, 1):
        note(
            f"{table.source} has {len(table.array)} rows of one number, each by itself; "
            "for one column of scores use --axis 0"
        )
    call(_compute, table, function, name, axis=axis, **options)


def _compute(
    logitkit: ModuleType,
    table: Table,
    function: str,
    name: str,
    *,
    axis: int | tuple[int, ...] | None,
    temperature: float,
    dtype: str | None,
) -> tuple[Table, View]:
    """Return the transformed table, and what a terminal shows of it."""
    result = apply(
        getattr(logitkit, function), table.array, axis=axis, temperature=temperature, dtype=dtype
    )
    document = {
        "function": function,
        "temperature": temperature,
        "axis": axis,
        "dtype": str(result.dtype),
        "labels": table.labels,
        name: result,
    }
    done = replace(table, array=result, name=name, document=document)
    return done, lambda: view(table, done)


def apply(
    function: Callable[..., Any],
    array: NDArray[Any],
    *,
    axis: int | tuple[int, ...] | None,
    **options: Any,
) -> NDArray[Any]:
    """Call ``function``, block by block with a progress bar where the work is long.

    A row's result does not depend on the block that it is in, so the bits are the same.
    """
    import numpy as np

    axes = axis if isinstance(axis, tuple) else (axis,)
    whole = None in axes or any(a in (0, -array.ndim) for a in axes)
    if array.size < LONG or array.ndim < 2 or whole:
        return np.asarray(function(array, axis=axis, **options))
    step = max(1, BLOCK * len(array) // array.size)
    result = None
    with progress("Computing", len(array), array.size) as advance:
        for start in range(0, len(array), step):
            block = function(array[start : start + step], axis=axis, **options)
            if result is None:
                result = np.empty(array.shape, block.dtype)
            result[start : start + step] = block
            advance(len(block))
    assert result is not None
    return result


def view(before: Table, after: Table) -> RenderableType:
    """Return one line a class for one row, one line a row for many."""
    from logitkit.cli import views

    rows = after.rows()
    names = views.class_names(after.labels, rows.shape[1])
    if len(rows) > 1:
        return views.matrix(rows, names)
    logits, values = before.rows()[0], rows[0]
    columns = [("logit", [f"{x:g}" for x in logits])]
    if after.name == "probabilities":
        columns.append(("probability", [views.number(p) for p in values]))
        columns.append(("percent", [views.percent(p) for p in values]))
        return views.columns(names, columns, values=values, bars=True)
    columns.append(("log-probability", [views.number(p) for p in values]))
    return views.columns(names, columns, values=values)

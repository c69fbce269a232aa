"""What the commands on one row of scores share: the row is read, the result goes out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from types import ModuleType
from typing import TYPE_CHECKING, Any

from logitkit.cli.calls import call
from logitkit.cli.output import View
from logitkit.cli.source import load_row, note
from logitkit.stream.formats import Table

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["in_dtype", "run_row"]


def run_row(
    compute: Callable[..., tuple[Table, View]],
    *,
    values: tuple[str, ...],
    key: str | None,
    labels: tuple[str, ...] | None,
    row: int | None,
    **options: Any,
) -> None:
    """Load one row, compute, print.

    Parameters
    ----------
    compute : callable
        As for `logitkit.cli.calls.call`, of the table of the row and the command's own options.
    values, key, labels, row
        Which row it is.
    **options
        The other options of the command.
    """

    def writable(logitkit: ModuleType, table: Table, **options: Any) -> tuple[Table, View]:
        result, view = compute(logitkit, table, **options)
        document = result.document and {k: widened(v) for k, v in result.document.items()}
        return replace(result, array=widened(result.array), document=document), view

    call(writable, load_row(values, key, labels, row), **options)


def widened(value: Any) -> Any:
    """Return bfloat16, which no format knows, as float64; all else as it is."""
    narrow = getattr(getattr(value, "dtype", None), "name", None) == "bfloat16"
    return value.astype("float64") if narrow else value


def in_dtype(scores: NDArray[Any], dtype: str | None) -> NDArray[Any]:
    """Convert scores to the type that is asked for, and note what does not fit in it."""
    if dtype is None:
        return scores
    from logitkit.bench.cells import dtype_named
    from logitkit.explanation.narrow import narrow

    scores, lost = narrow(scores, dtype_named(dtype))
    if lost:
        note(lost)
    return scores

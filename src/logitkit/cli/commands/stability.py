"""``logitkit stability``: the naive softmax, the shifted one, and the library's."""

from __future__ import annotations

from collections.abc import Sequence
from types import ModuleType
from typing import TYPE_CHECKING, Any

import click

from logitkit.cli import options
from logitkit.cli.command import Command
from logitkit.cli.output import View
from logitkit.cli.row import run_row
from logitkit.stream.formats import Table

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from rich.console import RenderableType

__all__ = ["command"]

DTYPES = ("float16", "float32", "float64")
WAYS = ("naive", "shifted", "library")


@click.command(
    "stability",
    cls=Command,
    short_help="Where the naive softmax overflows, in which type and why.",
    examples=(
        "logitkit stability 1000 1001 1002",
        "logitkit stability 11 11 --dtype float16",
        "logitkit stability 1000 1001 1002 --json",
    ),
)
@options.numbers
@options.temperature
@options.labels
@options.dtype(help="Show one type only; bfloat16 needs ml_dtypes.", also=("bfloat16",))
@options.key
@options.row
@options.common
def command(**kwargs: Any) -> None:
    """Compute the same softmax in three ways and in three types.

    naive is exp(x) / sum(exp(x)); shifted subtracts the largest score first; library is
    logitkit.softmax. The failing step of the naive way is named with its cause.
    """
    run_row(compute, **kwargs)


def compute(
    logitkit: ModuleType, table: Table, *, temperature: float, dtype: str | None
) -> tuple[Table, View]:
    """Compute a trial in each type."""
    import numpy as np

    names = table.labels or tuple(map(str, range(table.array.size)))
    trials = [
        trial(logitkit, table.array, name, names, temperature)
        for name in ([dtype] if dtype else DTYPES)
    ]
    result = Table(
        np.vstack([np.column_stack([t["logits"], *(t[way] for way in WAYS)]) for t in trials]),
        ("logit", *WAYS),
        name="stability",
        index={
            "dtype": [t["dtype"] for t in trials for _ in names],
            "class": list(names) * len(trials),
            "naive_failure": [t["failure"] or "none" for t in trials for _ in names],
        },
        document={"labels": table.labels, "temperature": temperature, "trials": trials},
    )
    return result, lambda: view(trials, names)


def trial(
    logitkit: ModuleType, scores: NDArray[Any], dtype: str, names: Sequence[str], temperature: float
) -> dict[str, Any]:
    """Compute all three ways in one type."""
    from logitkit.bench.cells import dtype_named
    from logitkit.explanation.trials import trial

    t = trial(scores, dtype_named(dtype), names, temperature)
    rows = {
        "logits": t.logits,
        "naive": t.naive,
        "shifted": t.shifted,
        "library": logitkit.softmax(t.logits, temperature=temperature),
    }
    if dtype == "bfloat16":  # no writer knows it
        rows = {name: row.astype("float64") for name, row in rows.items()}
    return {
        "dtype": dtype,
        **rows,
        "failing_step": t.failing_step,
        "failure": t.failure,
    }


def view(trials: Sequence[dict[str, Any]], names: Sequence[str]) -> RenderableType:
    """Return a table for each type, with what failed below it."""
    import numpy as np
    from rich.console import Group

    from logitkit.cli import views

    parts: list[RenderableType] = []
    for t in trials:
        array = np.column_stack([t["logits"], *(t[way] for way in WAYS)])
        verdict = f"fails: {t['failure']}" if t["failure"] else "works"
        parts.append(views.text(f"{t['dtype']}: naive {verdict}."))
        parts.append(views.matrix(array, ("logit", *WAYS), rows=names, heading="class"))
    return Group(*parts)

"""``logitkit bench``: how fast logitkit is here, beside the libraries that are installed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from logitkit.cli import options
from logitkit.cli.calls import library
from logitkit.cli.command import Command
from logitkit.cli.errors import CHECK_FAILED, MISSING_EXTRA, Failure
from logitkit.cli.output import View, emit, refuse_both
from logitkit.cli.progress import LONG, progress
from logitkit.stream.formats import Table

if TYPE_CHECKING:
    from rich.console import RenderableType

    from logitkit.bench.cells import Cell
    from logitkit.bench.summary import Line, Record

__all__ = ["command"]

SHAPES = ((1000,), (1024, 1000), (64, 50257))
NUMBERS = ("median", "p20", "p80")


def to_shape(value: str) -> tuple[int, ...]:
    """Read ``64,50257``."""
    try:
        sizes = tuple(int(part) for part in value.split(","))
    except ValueError:
        sizes = (0,)
    if min(sizes) < 1:
        raise click.BadParameter(f"{value!r} is not a shape: sizes from 1, as in 64,50257.")
    return sizes


def to_counts(value: str) -> tuple[int, ...]:
    """Read ``1,2``."""
    try:
        counts = tuple(int(part) for part in value.split(","))
    except ValueError:
        counts = (0,)
    if not all(1 <= count <= 1024 for count in counts):
        raise click.BadParameter(f"{value!r} are not numbers of threads: from 1 to 1024, as 1,2.")
    return counts


@click.command(
    "bench",
    cls=Command,
    short_help="Time logitkit beside the libraries that are installed.",
    examples=(
        "logitkit bench --peers numpy",
        "logitkit bench --shape 64,5000 --op log_softmax,logsumexp --threads 1 --peers numpy",
        "logitkit bench --shape 100,64 --axis 0 --dtype float64 --peers numpy --json",
    ),
)
@click.option(
    "--shape",
    "shapes",
    multiple=True,
    type=to_shape,
    metavar="SIZES",
    help="As in 64,50257; more than once for more shapes. [default: 1000 1024,1000 64,50257]",
)
@click.option("--axis", type=int, metavar="AXIS", default=-1, show_default=True, help="One axis.")
@click.option(
    "--op",
    "ops",
    type=options.to_names,
    metavar="A,B",
    default="softmax",
    show_default=True,
    help="Functions of logitkit, gradients included: softmax_vjp.",
)
@click.option(
    "--dtype",
    "dtypes",
    type=options.to_names,
    metavar="A,B",
    default="float32",
    show_default=True,
    help="Of float32, float64, float16, bfloat16.",
)
@click.option(
    "--threads", type=to_counts, metavar="N,M", help="How many. [default: 1 and all CPUs]"
)
@click.option(
    "--peers",
    type=options.to_names,
    metavar="A,B",
    help="Of numpy, scipy, torch, onnxruntime, jax. [default: all that are installed]",
)
@options.output
@options.as_json
def command(
    shapes: tuple[tuple[int, ...], ...],
    axis: int,
    ops: tuple[str, ...],
    dtypes: tuple[str, ...],
    threads: tuple[int, ...] | None,
    peers: tuple[str, ...] | None,
    as_json: bool,
    output: Path | None,
) -> None:
    """Time logitkit beside the libraries that are installed, on scores from N(0, 4).

    The results are compared first, and nothing is timed where they disagree. The libraries run in
    turn in one process for each number of threads, in rounds; shown are the median and the 20th and
    80th percentile of a call in microseconds, and how many times faster than the fastest other
    library a call is. "copy" is what it takes to copy the scores.
    """
    refuse_both(as_json, output)
    with library() as logitkit:
        from logitkit.bench import machine, providers

        chosen = cells(shapes or SHAPES, axis, ops, dtypes)
        counts = threads or tuple(sorted({1, logitkit.cpu_info()["cpus"]}))
        if unknown := set(peers or ()) - set(providers.PEERS):
            raise ValueError(f"peer is {min(unknown)!r}; accepted are {', '.join(providers.PEERS)}")
        present, missing = providers.installed(peers or providers.PEERS)
    if missing:
        packages = [package for name in missing for package in providers.needed(name)]
        said = f"not installed: {', '.join(missing)} (pip install {' '.join(packages)})"
        if peers:
            raise Failure(said, MISSING_EXTRA)
        click.echo(f"Not timed, for they are {said}.", err=True)
    machine.warn_if_busy()
    records, disagreements = measure(chosen, counts, ["copy", *present, "logitkit"])
    for sentence in disagreements:
        click.echo(f"Not timed: {sentence}.", err=True)
    if records:
        emit(*result(records), as_json=as_json, output=output)
    if disagreements:
        raise Failure("not everything was timed, for the results disagree", CHECK_FAILED)


def cells(
    shapes: tuple[tuple[int, ...], ...], axis: int, ops: tuple[str, ...], dtypes: tuple[str, ...]
) -> list[Cell]:
    """Return the cells; raise ValueError for what cannot be."""
    from logitkit.bench.cells import Cell, dtype_named
    from logitkit.bench.operations import known

    for name in dtypes:
        dtype_named(name)
    for shape in shapes:
        if not -len(shape) <= axis < len(shape):
            raise ValueError(f"axis is {axis}; a shape of {len(shape)} axes has no such")
    return [
        Cell(op, shape, -1 if axis in (-1, len(shape) - 1) else axis % len(shape), dtype)
        for dtype in dtypes
        for shape in shapes
        for op in known(ops)
    ]


def measure(
    chosen: list[Cell], counts: tuple[int, ...], libraries: list[str]
) -> tuple[list[Record], list[str]]:
    """Time the cells, and tell a terminal how far that is."""
    from logitkit.bench.run import run
    from logitkit.bench.timing import QUICK

    records: list[Record] = []
    disagreements: list[str] = []
    with progress("Timing", len(chosen) * len(counts), LONG) as advance:
        cell: tuple[object, ...] = ()
        timed = run(chosen, counts, libraries, QUICK, disagreements)
        for record in failing(timed):
            key = tuple(record[name] for name in ("op", "shape", "dtype", "threads"))
            advance(int(key != cell))
            cell = key
            records.append(record)
    return records, disagreements


def failing(records: Iterator[Record]) -> Iterator[Record]:
    """Pass records on; a worker that ends early is a failure of the command."""
    try:
        yield from records
    except RuntimeError as error:
        raise Failure(f"{error}; its own words are above", CHECK_FAILED) from error


def result(records: list[Record]) -> tuple[Table, View]:
    """Return the times as a table, and what a terminal shows of them."""
    import numpy as np

    from logitkit.bench import summary

    lines = summary.lines(records)
    of = {(line.op, line.shape, line.axis, line.threads, line.dtype): line for line in lines}
    names = ("op", "shape", "axis", "threads", "dtype")
    ratios = [of[tuple(r[name] for name in names)].ratio(r["provider"]) for r in records]
    for record, ratio in zip(records, ratios, strict=True):
        record["times_faster"] = ratio
    index = {
        name: [str(r[name]) for r in records]
        for name in ("op", "shape", "axis", "dtype", "threads", "provider")
    }
    array = np.array([[r[name] for name in (*NUMBERS, "times_faster")] for r in records], float)
    table = Table(
        array,
        (*NUMBERS, "times_faster"),
        name="times",
        index=index,
        document={"unit": "microseconds", "cpu": records[0]["cpu"], "times": records},
    )
    return table, lambda: view(lines, records)


def view(lines: list[Line], records: list[Record]) -> RenderableType:
    """Return a table with a part for each cell, the fastest first."""
    from rich import box
    from rich.console import Group
    from rich.table import Table as Grid
    from rich.text import Text

    from logitkit.bench.figures import microseconds, ratio
    from logitkit.bench.providers import library_of

    spread = {
        (r["op"], r["shape"], r["dtype"], r["threads"], r["provider"]): (r["p20"], r["p80"])
        for r in records
    }
    grids: list[RenderableType] = []
    for line in lines:
        count = f"{line.threads} thread{'s' * (line.threads > 1)}"
        grid = Grid(
            title=f"{line.op}, {line.label}, {line.dtype}, {count}",
            title_justify="left",
            title_style="bold",
            box=box.SIMPLE_HEAD,
        )
        grid.add_column("", no_wrap=True)
        for head in ("µs", "p20", "p80", "times faster"):
            grid.add_column(head, justify="right")
        for name in sorted(line.times, key=line.times.__getitem__):
            low, high = spread[line.op, line.shape, line.dtype, line.threads, name]
            style = "bold" if library_of(name) == "logitkit" else ""
            style = "dim" if name == "copy" else style
            faster = "" if name == "copy" else ratio(line.ratio(name))
            cells = [name, *map(microseconds, (line.times[name], low, high)), faster]
            grid.add_row(*(Text(cell) for cell in cells), style=style)
        grids.append(grid)
    return Group(*grids, Text(f"{records[0]['cpu']}; the fastest other library is 1.00", "dim"))

"""``logitkit info``: the version, the machine, and what is installed."""

import sys
from collections.abc import Iterator, Mapping

import click

from logitkit.cli import options
from logitkit.cli.calls import library
from logitkit.cli.command import Command
from logitkit.cli.output import show

__all__ = ["command"]


@click.command(
    "info",
    cls=Command,
    short_help="Version, instruction set, threads, packages.",
    examples=("logitkit info", "logitkit info --json"),
)
@options.as_json
def command(as_json: bool) -> None:
    """Show the version, the instruction set and threads in use, and the optional packages."""
    with library() as logitkit:
        facts: dict[str, object] = logitkit.show_config(mode="dicts")
    if as_json:
        from logitkit.stream.formats.json import dumps

        click.echo(dumps(facts))
        return
    lines = list(flat(facts))
    if sys.stdout.isatty():
        from rich import box
        from rich.table import Table

        grid = Table(box=box.SIMPLE, show_header=False)
        for name, value in lines:
            grid.add_row(name, value)
        show(grid)
    else:
        click.echo("".join(f"{name}\t{value}\n" for name, value in lines), nl=False)


def flat(facts: Mapping[str, object], prefix: str = "") -> Iterator[tuple[str, str]]:
    """Yield dotted names and values."""
    for name, value in facts.items():
        if isinstance(value, Mapping):
            yield from flat(value, f"{prefix}{name}.")
        elif isinstance(value, list | tuple):
            yield f"{prefix}{name}", ", ".join(map(str, value))
        else:
            yield f"{prefix}{name}", str(value)

"""The group of all commands, which are imported when they are needed."""

import importlib
from typing import Any

import click

from logitkit.cli.command import write_examples
from logitkit.cli.errors import failures

__all__ = ["COMMANDS", "app"]

COMMANDS = (
    "softmax",
    "log-softmax",
    "explain",
    "temperature",
    "stability",
    "jacobian",
    "compare",
    "loss",
    "demo",
    "lab",
    "bench",
    "info",
)

EXAMPLES = (
    "logitkit softmax 2 -1 0.5",
    "logitkit explain 1.5 2.2 -0.3 0.8 --labels apple,orange,banana,avocado",
    "logitkit softmax logits.npy -T 2 -o probabilities.npy",
)

EPILOG = """\
Numbers come as arguments (negative ones need no --), from a file (.npy, .npz, .csv, .tsv), or from
standard input. Results are a table on a terminal, tab-separated values in a pipe.

Exit codes: 0 done; 1 a check failed; 2 wrong usage; 3 bad input data; 4 a package is missing;
130 interrupted; 141 the reader closed the pipe.

Completion: eval "$(_LOGITKIT_COMPLETE=bash_source logitkit)" in ~/.bashrc; zsh_source and
fish_source for the other shells.
"""


class App(click.Group):
    """A group that loads commands lazily and turns every failure into one sentence."""

    def main(self, *args: Any, **extra: Any) -> Any:
        """Run as ``logitkit``, however the process was started."""
        if extra.get("prog_name") is None:
            extra["prog_name"] = "logitkit"
        return super().main(*args, **extra)

    def make_context(self, *args: Any, **extra: Any) -> click.Context:
        """Parse the arguments."""
        with failures():
            return super().make_context(*args, **extra)

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command."""
        with failures():
            return super().invoke(ctx)

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names in the order of the help."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import one command."""
        if cmd_name not in COMMANDS:
            return None
        name = cmd_name.replace("-", "_")
        module = importlib.import_module(f"logitkit.cli.commands.{name}")
        command: click.Command = module.command
        return command

    def format_help(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the examples before everything else."""
        write_examples(formatter, EXAMPLES)
        super().format_help(ctx, formatter)

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the epilog as it stands."""
        formatter.write(f"\n{EPILOG}")


def version(ctx: click.Context, param: click.Parameter, value: bool) -> None:
    """Print the version and leave."""
    if value and not ctx.resilient_parsing:
        from importlib.metadata import version

        click.echo(f"logitkit {version('logitkit')}")
        ctx.exit()


@click.group(
    "logitkit",
    cls=App,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.option(
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=version,
    help="Show the version and exit.",
)
@click.pass_context
def app(ctx: click.Context) -> None:
    """Turn logits into probabilities, and show how."""
    if ctx.invoked_subcommand is None:
        click.echo(ctx.get_help(), err=True)
        ctx.exit(2)

"""A command whose help starts with examples and whose numbers may be negative."""

from collections.abc import Iterable, Sequence
from typing import Any

import click

__all__ = ["Command", "is_number", "write_examples"]


class Command(click.Command):
    """A `click.Command` with examples, for which ``-1`` is a number and not an option.

    Parameters
    ----------
    *args, **kwargs
        As for `click.Command`.
    examples : sequence of str
        Shell commands; they are executed by the tests.
    """

    def __init__(self, *args: Any, examples: Sequence[str] = (), **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.examples = examples

    def format_help(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the examples before everything else."""
        write_examples(formatter, self.examples)
        super().format_help(ctx, formatter)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Move the options before a ``--`` and everything else behind it."""
        wants_value = {
            name
            for param in self.get_params(ctx)
            if isinstance(param, click.Option) and not (param.is_flag or param.count)
            for name in param.opts
        }
        if ctx.resilient_parsing:  # completion, of an unfinished line
            return super().parse_args(ctx, args)
        options: list[str] = []
        values: list[str] = []
        rest = iter(args)
        for token in rest:
            if token == "--":
                values.extend(rest)
            elif token == "-" or not token.startswith("-") or is_number(token):
                values.append(token)
            else:
                options.append(token)
                if token in wants_value:
                    value = next(rest, None)
                    if value is None:  # or the -- below would be taken for it
                        raise click.BadOptionUsage(
                            token, f"Option '{token}' requires an argument.", ctx
                        )
                    options.append(value)
        return super().parse_args(ctx, [*options, "--", *values])


def is_number(text: str) -> bool:
    """Tell whether an argument is a number: ``-1``, ``.5``, ``1e3``, ``-inf``, ``nan``."""
    try:
        float(text)
    except ValueError:
        return False
    return True


def write_examples(formatter: click.HelpFormatter, examples: Iterable[str]) -> None:
    """Write shell commands as they are, one a line."""
    formatter.write("Examples:\n")
    for example in examples:
        formatter.write(f"  {example}\n")
    formatter.write("\n")

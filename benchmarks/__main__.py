"""The command line of the benchmarks: `python -m benchmarks --help`."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

import logitkit
from logitkit.bench import machine, providers, timing
from logitkit.bench.operations import OPERATIONS, known

from . import (
    accuracy,
    accuracy_tables,
    emulated,
    exp_sweep,
    grid,
    instructions,
    linear,
    memory,
    readme,
    results,
    sampling,
    speed,
    tables,
    threads,
)
from .providers import floors
from .threads import page as threads_page


def main(argv: list[str] | None = None) -> int:
    """Run a command; return the exit status."""
    arguments = parser().parse_args(argv)
    try:
        arguments.run(arguments)
    except (ValueError, RuntimeError, FileNotFoundError) as error:
        print(f"benchmarks: {error}", file=sys.stderr)
        return 1
    return 0


def parser() -> argparse.ArgumentParser:
    """Describe the commands."""
    top = argparse.ArgumentParser(prog="python -m benchmarks", description=run_all.__doc__)
    top.set_defaults(run=run_all)
    commands = top.add_subparsers(title="commands", metavar="COMMAND")
    for name, run in (
        ("accuracy", run_accuracy),
        ("speed", run_speed),
        ("exp-sweep", run_sweep),
        ("instructions", run_instructions),
        ("threads", run_threads),
        ("memory", run_memory),
        ("linear", run_linear),
        ("sampling", run_sampling),
        ("readme", run_readme),
    ):
        command = commands.add_parser(name, help=run.__doc__, description=run.__doc__)
        command.set_defaults(run=run)
        if run is not run_readme:
            command.add_argument(
                "--csv",
                type=Path,
                metavar="FILE",
                help="also for a part; by default a whole run goes to benchmarks/results",
            )
        if run in (run_accuracy, run_speed):
            command.add_argument(
                "--peers", type=_list, default=list(providers.PEERS), help="default: all"
            )
    accuracy_, speed_, sweep, instructions_, threads_, memory_, linear_, sampling_, _ = (
        commands.choices.values()
    )
    accuracy_.add_argument("--json", action="store_true", help="print the records as JSON")
    speed_.add_argument("--threads", type=_counts, default=None, help="default: 1 and all")
    accuracy_.add_argument(
        "--ops", type=_list, default=list(OPERATIONS), help=f"of {', '.join(OPERATIONS)}"
    )
    speed_.add_argument(
        "--ops", type=_list, help=f"of {', '.join(OPERATIONS)}; default: {', '.join(grid.OPS)}"
    )
    speed_.add_argument(
        "--shapes", type=_list, help="as in 10,1024x1000,1000x16384@0 (axis 0); default: the grid"
    )
    speed_.add_argument(
        "--dtypes",
        type=_list,
        help=f"of {', '.join(grid.DTYPES)}; default: all, and float32 of chosen ops or shapes",
    )
    speed_.add_argument("--quick", action="store_true", help="five shapes, fewer rounds")
    sweep.add_argument("--all", action="store_true", help="every number, not one in 997")
    instructions_.add_argument("--isas", type=_list, default=logitkit.cpu_info()["available"])
    instructions_.add_argument("--regimes", type=_list, default=list(instructions.REGIMES))
    threads_.add_argument("--parts", type=_list, default=list(threads.PARTS))
    memory_.add_argument(
        "--bytes", type=int, default=memory.SIZE, help="of an array of scores; default: 4 GiB"
    )
    linear_.add_argument(
        "--shape", type=_shape, default=linear.SHAPE, help="NxDxV; default: 1024x1024x50257"
    )
    linear_.add_argument("--threads", type=_counts, default=[1, 2], help="default: 1,2")
    linear_.add_argument("--rounds", type=int, default=linear.ROUNDS, help="processes of each")
    sampling_.add_argument("--classes", type=int, default=sampling.CLASSES, help="default: 128256")
    sampling_.add_argument(
        "--rows", type=_counts, default=list(sampling.ROWS), help="default: 1,64"
    )
    sampling_.add_argument("--threads", type=_counts, default=[1, 2], help="default: 1,2")
    return top


def run_all(arguments: argparse.Namespace) -> None:
    """Measure accuracy, speed, the loss of a linear layer and draws, beside the other libraries."""
    for name in ("accuracy", "speed", "linear", "sampling"):
        whole = parser().parse_args([name])
        whole.run(whole)


def run_accuracy(arguments: argparse.Namespace) -> None:
    """Print the largest error in ULP of each library."""
    present, missing = providers.installed(arguments.peers)
    ops = known(arguments.ops)
    with emulated.machine() as emulation:
        records = list(accuracy.run(present, emulation=emulation, ops=ops))
    text = (
        json.dumps(records, indent=1) if arguments.json else accuracy_tables.text(records, missing)
    )
    print(text)
    _tell_not_measured()
    whole = (arguments.peers, ops) == (list(providers.PEERS), list(OPERATIONS))
    _keep(arguments, "accuracy", records, whole)


def run_speed(arguments: argparse.Namespace) -> None:
    """Time every cell at each number of threads."""
    if warning := machine.busy():
        print(warning, file=sys.stderr)
    present, missing = providers.installed(arguments.peers)
    shapes = arguments.shapes or (grid.QUICK_SHAPES if arguments.quick else None)
    part = arguments.quick or arguments.ops or shapes
    dtypes = arguments.dtypes or (["float32"] if part else grid.DTYPES)
    cells = grid.cells(dtypes, arguments.ops, shapes)
    threads = arguments.threads or sorted({1, logitkit.cpu_info()["cpus"]})
    effort = timing.QUICK if arguments.quick else timing.FULL
    if why := floors.lacking():
        print(f"the floors are not measured: {why}", file=sys.stderr)
    others = ["copy", *([] if why else ["floors"]), *present]
    disagreements: list[str] = []
    measured = speed.measure(cells, threads, [*others, "logitkit"], effort, disagreements)
    records = speed.show(measured, missing, len(cells) * len(threads))
    asked = (arguments.ops, shapes, arguments.dtypes, arguments.threads)
    whole = not any(asked) and arguments.peers == list(providers.PEERS)
    _keep(arguments, "speed", records, whole)
    if disagreements:
        raise RuntimeError("\n".join(["not timed, for the results disagree:", *disagreements]))


def run_sweep(arguments: argparse.Namespace) -> None:
    """Check softmax and log_softmax of [x, 0] for float32 x in [-104, 0]."""
    with emulated.machine() as emulation:
        records = exp_sweep.run(1 if arguments.all else exp_sweep.STRIDE, emulation)
    _keep(arguments, "exp-sweep", records, whole=arguments.all)
    print(tables.text(*exp_sweep.cells(records)))
    _tell_not_measured()
    if differences := exp_sweep.differences(records):
        raise RuntimeError("\n".join(differences))


def run_instructions(arguments: argparse.Namespace) -> None:
    """Count the instructions that each way through the core takes: Linux x86_64."""
    records = list(instructions.run(arguments.isas, arguments.regimes))
    print(instructions.text(records))
    asked = (arguments.isas, arguments.regimes)
    everything = (logitkit.cpu_info()["available"], list(instructions.REGIMES))
    _keep(arguments, "instructions", records, whole=asked == everything)


def run_threads(arguments: argparse.Namespace) -> None:
    """Time what threads cost and bring: the pool, calls with one thread and all, beside others."""
    if warning := machine.busy():
        print(warning, file=sys.stderr)
    records = list(threads.run(arguments.parts, logitkit.cpu_info()["cpus"]))
    print(threads_page.text(records))
    _keep(arguments, "threads", records, whole=arguments.parts == list(threads.PARTS))


def run_memory(arguments: argparse.Namespace) -> None:
    """Tell the most memory that calls take beside their arrays; needs three times --bytes."""
    records = list(memory.run(size=arguments.bytes))
    print(memory.text(records))
    _keep(arguments, "memory", records, whole=arguments.bytes == memory.SIZE)


def run_linear(arguments: argparse.Namespace) -> None:
    """Time linear_cross_entropy_with_grad beside PyTorch's forms, with its peak of memory."""
    if warning := machine.busy():
        print(warning, file=sys.stderr)
    records = list(linear.run(arguments.shape, arguments.threads, arguments.rounds))
    print(linear.text(records))
    _keep(arguments, "linear", records, whole=arguments.shape == linear.SHAPE)


def run_sampling(arguments: argparse.Namespace) -> None:
    """Time draws from large vocabularies beside softmax alone and PyTorch's usual way."""
    if warning := machine.busy():
        print(warning, file=sys.stderr)
    records = list(sampling.run(arguments.classes, arguments.rows, arguments.threads))
    print(sampling.text(records))
    whole = (arguments.classes, tuple(arguments.rows)) == (sampling.CLASSES, sampling.ROWS)
    _keep(arguments, "sampling", records, whole)


def run_readme(arguments: argparse.Namespace) -> None:
    """Write the newest results into README.md, docs and docs/images."""
    for path in readme.update():
        print(path)


def _tell_not_measured() -> None:
    """Say on stderr which instruction sets the table lacks."""
    if lacking := emulated.not_measured():
        print(f"not measured: {', '.join(lacking)}", file=sys.stderr)


def _keep(
    arguments: argparse.Namespace, kind: str, records: list[results.Record], whole: bool
) -> None:
    """Write the records where asked; without a wish, only a whole run is kept."""
    path = arguments.csv
    if path is None and whole:
        path = results.DIRECTORY / f"{kind}-{machine.today()}.csv"
    if path is not None:
        results.write(path, kind, records)
        print(f"wrote {path}", file=sys.stderr)


def _list(text: str) -> list[str]:
    return text.split(",") if text else []


def _shape(text: str) -> tuple[int, int, int]:
    n, d, v = (int(part) for part in text.split("x"))
    return n, d, v


def _counts(text: str) -> list[int]:
    counts = [int(part) for part in text.split(",")]
    if min(counts) < 1:
        raise ValueError(text)
    return counts


if __name__ == "__main__":
    sys.exit(main())

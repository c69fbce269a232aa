"""What the pool costs by itself: to start, to wake, to end; by `costs.cpp` with `pool.cpp`."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

from logitkit.bench.summary import Record
from tools import core_build

from . import record

PROCESSES = 15  # fresh ones, for each kind of first call
ROUNDS = 101
SOURCES = ("src/core/pool.cpp", "src/core/quota.cpp", "benchmarks/threads/costs.cpp")


def run(threads: int) -> Iterator[Record]:
    """Yield the cost of starting the pool, then those of calls after each pause."""
    with tempfile.TemporaryDirectory() as name:
        program = build(Path(name))
        for what in ("begin", "empty"):
            first, later = [], []
            for _ in range(PROCESSES):
                lines = samples(program, what, threads, 21)
                first += lines["first", 0]
                later.append(sorted(lines[what, 0])[10])
            # What the first call costs besides: start less the median of later ones.
            start = [a - b for a, b in zip(first, later, strict=True)]
            yield record("cost", what, "pool", "first", threads, start)
        for (what, gap), values in samples(program, "gaps", threads, ROUNDS).items():
            yield record("cost", what, "pool", str(gap), threads, values)


def build(directory: Path) -> Path:
    """Compile the program as the package is; return it."""
    units = [core_build.Unit(Path(source).stem, source) for source in SOURCES]
    compiler = core_build.native_compiler()
    objects = core_build.compile_units(compiler, units, directory, ["-fPIC", "-DNDEBUG"])
    return core_build.link(compiler, objects, directory / "costs")


def samples(
    program: Path, what: str, threads: int, rounds: int
) -> dict[tuple[str, int], list[float]]:
    """Run the program once; return its samples by kind and pause, in microseconds."""
    done = core_build.run([program, what, threads, rounds], timeout=120)
    if done.returncode != 0:
        raise RuntimeError(f"the costs of {what} were not measured: {done.stderr.strip()}")
    lines = {}
    for line in done.stdout.splitlines():
        kind, gap, *values = line.split()
        lines[kind, int(gap)] = [float(value) for value in values]
    return lines

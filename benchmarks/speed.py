"""The speed table: every cell, at each number of threads, beside the other libraries."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import asdict, astuple
from pathlib import Path
from typing import Any

from . import summary, tables
from .grid import Cell
from .results import Record
from .timing import Effort

ROOT = Path(__file__).resolve().parent.parent


def run(
    cells: list[Cell],
    threads: list[int],
    libraries: list[str],
    effort: Effort,
    disagreements: list[str],
) -> Iterator[Record]:
    """Yield the records of all cells, one thread count after another, each in its own process.

    A cell in which providers disagree is not timed, and a sentence on it is added to
    `disagreements`. Raises RuntimeError when a worker ends early.
    """
    for count in threads:
        settings = {
            "threads": count,
            "libraries": libraries,
            "cells": [astuple(cell) for cell in cells],
            "effort": asdict(effort),
        }
        for record in _worker(settings):
            if "disagreement" in record:
                disagreements.append(f"{record['disagreement']} ({count} threads)")
            else:
                yield record


def _worker(settings: dict[str, Any]) -> Iterator[Record]:
    environment = {**os.environ, "NPROC": str(settings["threads"])}  # the size of XLA's pool
    command = [sys.executable, "-m", "benchmarks.worker", json.dumps(settings)]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, env=environment, cwd=ROOT
    ) as process:
        assert process.stdout is not None
        for text in process.stdout:
            yield json.loads(text)
    if process.returncode:
        raise RuntimeError(
            f"the worker at {settings['threads']} threads ended with {process.returncode}"
        )


def show(records: Iterator[Record], missing: list[str]) -> list[Record]:
    """Print a table for each operation and thread count as it is measured; return the records."""
    seen: list[Record] = []
    part: list[Record] = []
    for record in records:
        if part and any(part[0][key] != record[key] for key in ("op", "threads")):
            print(table(part, missing), flush=True)
            part = []
        elif part and part[-1]["shape"] != record["shape"] and sys.stderr.isatty():
            print(f"\r{record['op']} {record['shape']:<20}", end="\r", file=sys.stderr)
        part.append(record)
        seen.append(record)
    if part:
        print(table(part, missing))
    return seen


def table(records: list[Record], missing: list[str]) -> str:
    """Return the table of one operation at one thread count, in microseconds."""
    rows = summary.lines(records)
    names = summary.provider_names(rows)
    header = ["shape", *names, *missing, "best peer", "new, times", "out=, times"]
    body = [
        [
            line.label,
            *(tables.microseconds(line.times.get(name)) for name in names),
            *("not installed" for _ in missing),
            line.best_peer or "-",
            tables.ratio(line.ratio("logitkit")),
            tables.ratio(line.ratio("logitkit out=")),
        ]
        for line in rows
    ]
    threads = records[0]["threads"]
    count = f"{threads} thread{'s' * (threads > 1)}"
    title = f"{records[0]['op']}, float32, N(0, 4), {count}: microseconds, median"
    return f"\n{title}\n{tables.text(header, body)}"

"""Cells timed in processes of their own, one after another for each number of threads."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict, astuple
from typing import Any

from .cells import Cell
from .summary import Record
from .timing import Effort

WORKER = ("-P", "-m", "logitkit.bench.worker")  # -P: what lies in the current folder is not meant


def run(
    cells: Sequence[Cell],
    threads: Sequence[int],
    libraries: Sequence[str],
    effort: Effort,
    disagreements: list[str],
    worker: Sequence[str] = WORKER,
) -> Iterator[Record]:
    """Yield the records of all cells, one thread count after another, each in its own process.

    A cell in which providers disagree is not timed, and a sentence on it is added to
    `disagreements`. `worker` are the arguments of Python that start one. Raises RuntimeError when
    it ends early, MemoryError where a cell is too large.
    """
    for count in threads:
        settings = {
            "threads": count,
            "libraries": libraries,
            "cells": [astuple(cell) for cell in cells],
            "effort": asdict(effort),
        }
        for record in records_of(settings, worker):
            if "memory" in record:
                raise MemoryError(record["memory"])
            if "disagreement" in record:
                disagreements.append(f"{record['disagreement']} ({count} threads)")
            else:
                yield record


def records_of(settings: dict[str, Any], worker: Sequence[str] = WORKER) -> Iterator[Record]:
    """Yield what one worker says; it ends with the caller's interest."""
    environment = {**os.environ, "NPROC": str(settings["threads"])}  # the size of XLA's pool
    command = [sys.executable, *worker, json.dumps(settings)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:
        assert process.stdout is not None
        try:
            for text in process.stdout:
                yield json.loads(text)
        except BaseException:  # an interrupt, or a reader that stops here
            process.kill()
            raise
    if process.returncode:
        raise RuntimeError(
            f"the worker at {settings['threads']} threads ended with {process.returncode}"
        )

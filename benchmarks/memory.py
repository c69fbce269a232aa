"""The most memory that a call takes beside its arrays: each in a fresh process, not sampled.

Linux keeps the peak of a process's resident memory. A process makes its arrays, a piece at a time,
each page written; then makes one call. Told are

    beside     the peak of the whole process, interpreter and libraries too, less its arrays
    of a call  by how much the call raised the peak above what was resident before it

This module is such a process, too: `python -m benchmarks.memory CASE BYTES`.
"""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

import logitkit as lk
from logitkit.bench import machine
from logitkit.bench.summary import Record

from . import fresh, tables

SIZE = 4 << 30  # bytes of an array of scores
MB = 10**6
PIECE = 2**14  # elements written at a time


@dataclass(frozen=True)
class Case:
    """A call on an array of so many bytes: where its result goes, and how long its rows are."""

    op: str
    rows: str = "last axis"
    dtype: str = "float32"
    result: str = "in place"  # or "out", an array of its own given, or "new"
    mask: str = ""  # "scores": an array of bool like the scores; "row": one row for all

    @property
    def name(self) -> str:
        """The case as it is named on the command line."""
        return "|".join((self.op, self.rows, self.dtype, self.result, self.mask))

    def shape(self, size: int) -> tuple[int, ...]:
        """Return the shape of the scores."""
        elements = size // np.dtype(self.dtype).itemsize
        length = {"last axis": 1024, "long rows": elements // 16, "few rows": 1024}
        match self.rows:
            case "one row":
                return (elements,)
            case "axis 0":
                return (1024, elements // 1024)
            case "axis 0, long":  # rows that are seen by way of a window
                return (elements // 1024, 1024)
            case "axis 0, two":
                return (elements // 2, 2)
        return (elements // length[self.rows], length[self.rows])

    @property
    def axis(self) -> int:
        """The axis of the rows."""
        return 0 if self.rows.startswith("axis 0") else -1


CASES = [
    *(Case(op, rows) for op in ("softmax", "log_softmax") for rows in ("last axis", "axis 0")),
    *(Case(op, "one row") for op in ("softmax", "log_softmax")),
    Case("softmax", "axis 0, long"),
    Case("softmax", "axis 0, two"),
    *(Case("softmax", rows, mask="scores") for rows in ("last axis", "axis 0", "one row")),
    Case("softmax", mask="row"),
    *(Case("softmax", rows, "float16") for rows in ("last axis", "axis 0", "one row")),
    *(Case("softmax", rows, result="out") for rows in ("last axis", "one row")),
    *(Case("softmax", rows, result="new") for rows in ("last axis", "axis 0", "one row")),
    Case("log_softmax", result="new"),
    *(Case("softmax_vjp", rows, result="new") for rows in ("last axis", "axis 0", "one row")),
    Case("softmax", "one row", "int64", "new"),
    Case("logsumexp", "one row", "uint8", "new"),
]


def lacking() -> str:
    """Return what this machine lacks to measure, "" if nothing."""
    if not Path("/proc/self/status").exists():
        return "the peak of resident memory is read from /proc/self/status, which is not here"
    return ""


def run(cases: Sequence[Case] = CASES, size: int = SIZE) -> Iterator[Record]:
    """Measure one case after the other."""
    if reason := lacking():
        raise RuntimeError(reason)
    for case in cases:
        yield measure(case, size)


def measure(case: Case, size: int) -> Record:
    """Measure a case in a fresh process, without NumPy's own threads and their memory."""
    environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1"}
    failure = f"{case.name} was not measured"
    output = fresh.output_of(__name__, case.name, size, environment=environment, failure=failure)
    found: Record = json.loads(output)
    return found


def call(case: Case, size: int) -> Record:
    """Make the call in this process and return its record."""
    shape, dtype = case.shape(size), np.dtype(case.dtype)
    arrays = [filled(shape, dtype)]
    x = arrays[0]
    operands = [x]
    if case.op.endswith("_vjp") or case.op == "kl_divergence":
        arrays.append(filled(shape, dtype))
        operands.append(arrays[-1])
    options: dict[str, object] = {"axis": case.axis}
    if case.op == "top_k":
        operands.append(10)
    if case.mask:
        like = shape if case.mask == "scores" else shape[-1:]
        options["mask"] = filled(like, np.dtype(bool))
        arrays.append(options["mask"])
    if case.result != "new":
        options["out"] = operands[-1] if case.result == "in place" else filled(shape, dtype)
    if case.result == "out":
        arrays.append(options["out"])
    bytes_ = sum(array.nbytes for array in arrays)
    function = getattr(lk, case.op)
    # Modules are loaded by now; threads and scratch are the first call's own.
    before = resident("VmRSS")
    result = function(*operands, **options)
    peak = resident("VmHWM")
    if case.result == "new":
        new = sum(array.nbytes for array in (result if isinstance(result, tuple) else (result,)))
        bytes_ += new
        before += new
    return {
        "op": case.op,
        "rows": case.rows,
        "shape": "x".join(map(str, shape)),
        "axis": case.axis,
        "dtype": case.dtype,
        "result": case.result,
        "mask": case.mask,
        "threads": lk.get_num_threads(),
        "arrays": bytes_,
        "beside": peak - bytes_,
        "of_call": peak - before,
        "versions": machine.versions("logitkit"),
        "cpu": machine.cpu(),
    }


def filled(shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
    """Return an array all of whose pages are there; a mask leaves out every seventh element."""
    array = np.empty(shape, dtype)
    flat = array.reshape(-1)
    steps = np.arange(min(flat.size, 7 * (PIECE // 7)))
    piece = (steps % 7 != 0) if dtype.kind == "b" else (steps % 1001 / 100).astype(dtype)
    for start in range(0, flat.size, piece.size):
        part = flat[start : start + piece.size]
        part[...] = piece[: part.size]
    return array


def resident(name: str) -> int:
    """Return VmRSS, the resident memory of this process, or VmHWM, its peak; in bytes."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    found = re.search(rf"^{name}:\s+(\d+) kB$", status, re.MULTILINE)
    if found is None:
        raise RuntimeError(f"/proc/self/status has no {name}")
    return 1024 * int(found[1])


def cells(records: Sequence[Record]) -> tuple[list[str], list[list[str]]]:
    """Return the table: megabytes of a million bytes."""
    header = ["call", "shape", "result", "arrays, MB", "beside, MB", "of them the call's"]
    rows = []
    for r in records:
        mask = {"": "", "scores": ", masked", "row": ", one mask row"}[r["mask"]]
        rows.append(
            [
                f"{r['op']}, {r['dtype']}, {r['rows']}{mask}",
                f"({', '.join(r['shape'].split('x'))})",
                {"in place": "in place", "out": "`out=`", "new": "a new array"}[r["result"]],
                f"{r['arrays'] / MB:.0f}",
                f"{r['beside'] / MB:.1f}",
                f"{r['of_call'] / MB:.1f}",
            ]
        )
    return header, rows


def text(records: Sequence[Record]) -> str:
    """Return what the command prints."""
    return tables.text(*cells(records))


def page(records: Sequence[Record]) -> str:
    """Return the measured part of the document."""
    return tables.markdown(*cells(records))


if __name__ == "__main__":
    print(json.dumps(call(Case(*sys.argv[1].split("|")), int(sys.argv[2]))))

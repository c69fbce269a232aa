"""Measured records: where they are kept, as CSV, and how they are found again.

speed-DATE.csv has one line for each operation, shape, axis, dtype, thread count and provider;
median, p20 and p80 in microseconds a call. accuracy-DATE.csv has the largest error in ULP that was
found, with the score and the right result at that place. exp-sweep-DATE.csv has the same for the
rows [x, 0], with their length, the number of x that were checked, and how many results had other
bits than those of the first instruction set. instructions-DATE.csv has one line for each regime,
operation, dtype and instruction set: instructions an element, a row and a call, and the functions
that have the most of those of an element. threads-DATE.csv has times with one thread and with more,
in microseconds; `benchmarks.threads` says what its columns mean. memory-DATE.csv has bytes: of the
arrays of a call, at the peak beside them, and what the call added to those.
linear-DATE.csv has microseconds, bytes beside the results, and the largest relative error.
sampling-DATE.csv has microseconds a call, of draws by filters that are named and of softmax alone.
"""

import csv
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from logitkit.bench.summary import Record

DIRECTORY = Path(__file__).resolve().parent / "results"

SPEED = ("op", "shape", "axis", "dtype", "threads", "provider", "median", "p20", "p80")
ERROR = ("op", "dtype", "provider", "isa", "max_ulp", "score", "expected")
SWEPT = ("length", "checked", "different")
COUNTS = ("regime", "op", "dtype", "isa", "per_element", "per_row", "per_call", "functions")
CALLED = ("part", "what", "who", "state", "shape", "axis", "threads")
THREADS = (*CALLED, "median", "p20", "p80", "share")
KEPT = ("op", "rows", "shape", "axis", "dtype", "result", "mask", "threads")
MEMORY = (*KEPT, "arrays", "beside", "of_call")
LINEAR = ("op", "shape", "dtype", "threads", "provider", "median", "beside", "error")
SAMPLING = ("filters", "shape", "dtype", "threads", "provider", "median", "p20", "p80")
WHERE = ("versions", "cpu")
COLUMNS = {
    "speed": (*SPEED, *WHERE),
    "accuracy": ("input", *ERROR, "sum_error", *WHERE),
    "exp-sweep": (*ERROR, *SWEPT, *WHERE),
    "instructions": (*COUNTS, *WHERE),
    "threads": (*THREADS, *WHERE),
    "memory": (*MEMORY, *WHERE),
    "linear": (*LINEAR, *WHERE),
    "sampling": (*SAMPLING, *WHERE),
}


def write(path: Path, kind: str, records: Iterable[Record]) -> None:
    """Write records of a kind; the file is there when it is whole."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(path.name + ".part")
    with part.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, COLUMNS[kind], lineterminator="\n")
        writer.writeheader()
        writer.writerows(records)
    part.replace(path)


def read(path: Path) -> list[Record]:
    """Read records; numbers become numbers again, empty fields None."""
    with path.open(newline="", encoding="utf-8") as file:
        return [
            {name: _value(name, text) for name, text in line.items()}
            for line in csv.DictReader(file)
        ]


def newest(kind: str, directory: Path = DIRECTORY) -> Path | None:
    """Return the last file of a kind, by the date in its name; None if there is none."""
    return max(directory.glob(f"{kind}-????-??-??.csv"), default=None)


def _value(name: str, text: str) -> Any:
    if name in ("axis", "threads", *SWEPT, *MEMORY[-3:]):
        return int(text)
    errors = ("max_ulp", "score", "expected", "sum_error", "error")
    if name in (*errors, *COUNTS[4:7], *THREADS[-4:]):
        return float(text) if text else None
    return text

"""The tables of docs/performance.md: counted instructions beside the theory."""

from __future__ import annotations

import re
from collections.abc import Sequence

from logitkit.bench.summary import Record

from . import tables
from .instructions import DTYPES
from .theory import THEORY

LANES = 16
SHOWN = ("float32", "avx512")  # what the theory is of


def page(records: Sequence[Record]) -> str:
    """Return the tables: beside the theory, by function, and of every dtype."""
    parts = []
    if any((r["dtype"], r["isa"]) == SHOWN for r in records):
        parts += [
            "float32 with AVX-512, instructions for sixteen elements:",
            tables.markdown(*beside_theory(records)),
            "Which functions these are in, for sixteen elements:",
            tables.markdown(*by_function(records)),
        ]
    parts += ["Instructions for one element:", tables.markdown(*all_of_them(records))]
    return "\n\n".join(parts)


def beside_theory(records: Sequence[Record]) -> tuple[list[str], list[list[str]]]:
    """Return what was counted and what the source asks for."""
    header = [
        *("way", "operation", "by hand", "counted", "multiplications, by hand"),
        *("a row besides", "a call besides", "bytes an element"),
    ]
    rows = []
    for r in _shown(records):
        theory = THEORY.get((r["regime"], r["op"]))
        row = "in the call" if r["per_row"] is None else f"{r['per_row']:.0f}"
        rows.append(
            [
                r["regime"],
                r["op"],
                f"{theory.work.instructions:.1f}" if theory else "-",
                f"{LANES * r['per_element']:.1f}",
                f"{theory.work.products:.0f}" if theory else "-",
                row,
                f"{r['per_call']:.0f}",
                f"{theory.bytes}" if theory else "-",
            ]
        )
    return header, rows


def by_function(records: Sequence[Record]) -> tuple[list[str], list[list[str]]]:
    """Return the functions that the instructions of an element are in."""

    def sixteen(found: re.Match[str]) -> str:
        return f"{LANES * float(found[0]):.1f}"

    return ["way", "operation", "functions"], [
        [r["regime"], r["op"], re.sub(r"-?\d+\.\d+", sixteen, r["functions"])]
        for r in _shown(records)
    ]


def all_of_them(records: Sequence[Record]) -> tuple[list[str], list[list[str]]]:
    """Return a line a way and operation, a column an instruction set and dtype."""
    counted = {(r["regime"], r["op"], r["isa"], r["dtype"]): r["per_element"] for r in records}
    ways = list(dict.fromkeys((regime, op) for regime, op, _, _ in counted))
    isas = list(dict.fromkeys(isa for _, _, isa, _ in counted))
    columns = [(isa, t) for isa in isas for t in DTYPES if any(k[2:] == (isa, t) for k in counted)]
    rows = []
    for way in ways:
        cells = [counted.get((*way, *column)) for column in columns]
        rows.append([*way, *("-" if cell is None else f"{cell:.2f}" for cell in cells)])
    return ["way", "operation", *(f"{isa} {dtype}" for isa, dtype in columns)], rows


def _shown(records: Sequence[Record]) -> list[Record]:
    return [r for r in records if (r["dtype"], r["isa"]) == SHOWN]

"""The records of accuracy as tables: by input, by function, and ours beside the goals."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from logitkit.bench.providers import library_of
from logitkit.bench.summary import Record

from . import goals, inputs, tables
from .accuracy import DTYPES, HALVES

# The operations that share a table.
GROUPS = (
    ("softmax", "log_softmax", "logsumexp"),
    ("entropy", "kl_divergence", "gather_logprobs"),
    ("cross_entropy", "cross_entropy_grad"),
    ("softmax_vjp", "softmax_jvp", "log_softmax_vjp"),
    ("logsumexp_vjp", "entropy_vjp"),
)
Table = tuple[list[str], list[list[str]]]


def headline(records: list[Record]) -> dict[tuple[str, str, str, str], float]:
    """Return the largest error by input, op, dtype and provider, over our instruction sets."""
    found: dict[tuple[str, str, str, str], float] = {}
    for r in records:
        key = (r["input"], r["op"], r["dtype"], r["provider"])
        found[key] = max(found.get(key, 0.0), r["max_ulp"])
    return found


def dtypes(records: list[Record]) -> list[str]:
    """Return the dtypes that were measured, each with tables of its own."""
    return [dtype for dtype in DTYPES if any(r["dtype"] == dtype for r in records)]


def groups(records: list[Record]) -> list[tuple[str, ...]]:
    """Return the operations that were measured, those of a table together."""
    measured = {r["op"] for r in records}
    found = (tuple(op for op in group if op in measured) for group in GROUPS)
    return [group for group in found if group]


def provider_names(records: list[Record], dtype: str, ops: Iterable[str]) -> list[str]:
    """Return the providers in the order of their columns, ours last.

    A library without any of the operations keeps its column; a second way of ours does not.
    """
    names = dict.fromkeys(r["provider"] for r in records if r["dtype"] == dtype)
    ours = {r["provider"] for r in records if r["op"] in ops}
    kept = [name for name in names if library_of(name) != "logitkit" or name in ours]
    return sorted(kept, key=lambda name: library_of(name) == "logitkit")


def cells(records: list[Record], dtype: str, ops: Iterable[str]) -> Table:
    """Return header and rows: an input a row, "softmax / log_softmax / logsumexp" a cell."""
    errors = headline(records)
    names = provider_names(records, dtype, ops)
    rows = []
    for name in dict.fromkeys(r["input"] for r in records):
        row = [name]
        for provider in names:
            values = [errors.get((name, op, dtype, provider)) for op in ops]
            row.append(" / ".join(map(tables.ulp, values)))
        rows.append(row)
    if "softmax" in ops:
        rows.append(sums(records, dtype, names))
    return ["input", *names], rows


def sums(records: list[Record], dtype: str, names: Iterable[str]) -> list[str]:
    """Return the row of the largest |sum - 1| of the long rows, by provider."""
    row = [f"largest abs(sum - 1) of {inputs.LONG_ROWS}"]
    for provider in names:
        values = [
            r["sum_error"]
            for r in records
            if (r["input"], r["op"], r["dtype"], r["provider"])
            == (inputs.LONG_ROWS, "softmax", dtype, provider)
        ]
        row.append(f"{max(values):.1e}" if values else "-")
    return row


def by_function(records: list[Record], dtype: str, ops: Iterable[str]) -> Table:
    """Return header and rows: a function a row, the largest error over all inputs a cell."""
    names = provider_names(records, dtype, ops)
    rows = []
    for op in ops:
        worst = {name: _worst(r for r in records if _key(r) == (op, dtype, name)) for name in names}
        errors = [tables.ulp(r["max_ulp"] if r else None) for r in worst.values()]
        ours = worst.get("logitkit")
        rows.append([op, *errors, ours["input"] if ours else "-"])
    return ["function", *names, "where logitkit is worst"], rows


def _key(r: Record) -> tuple[str, str, str]:
    return r["op"], r["dtype"], r["provider"]


def _worst(records: Iterable[Record]) -> Record | None:
    return max(records, key=lambda r: r["max_ulp"], default=None)


def differences(records: list[Record]) -> list[str]:
    """Return what differs between our instruction sets: nothing, if they give the same bits."""
    seen: dict[tuple[str, ...], Record] = {}
    found = []
    for r in records:
        if library_of(r["provider"]) == "logitkit":
            key = (r["input"], *_key(r))
            first = seen.setdefault(key, r)
            if first["max_ulp"] != r["max_ulp"]:
                errors = ", ".join(f"{each['isa']} {each['max_ulp']}" for each in (first, r))
                found.append(f"{', '.join(key)}: {errors}")
    return found


def text(records: list[Record], missing: list[str]) -> str:
    """Return the tables for a terminal."""
    parts = ["The largest error in ULP."]
    for dtype in dtypes(records):
        absent = [] if dtype in HALVES else missing
        for ops in groups(records):
            header, rows = cells(records, dtype, ops)
            body = [row + ["not installed"] * len(absent) for row in rows]
            parts.append(f"\n{dtype}, {' / '.join(ops)}:\n{tables.text([*header, *absent], body)}")
    parts.append(f"\nlogitkit beside its goals:\n{tables.text(*goal_cells(records))}")
    parts.append(goals_sentence(records))
    odd = differences(records)
    isas = ", ".join(instruction_sets(records))
    parts.append("\n" + ("\n".join(odd) if odd else f"logitkit: equal with {isas}"))
    return "\n".join(parts)


def instruction_sets(records: list[Record]) -> list[str]:
    """Return those that logitkit was measured with."""
    return list(dict.fromkeys(r["isa"] for r in records if r["isa"]))


@dataclass(frozen=True)
class Beside:
    """A goal, and our largest error over all inputs by instruction set."""

    dtype: str
    op: str
    precision: str
    goal: float
    errors: dict[str, float]

    @property
    def is_met(self) -> bool:
        """Whether every instruction set meets it."""
        return max(self.errors.values()) <= self.goal


def beside_goals(records: list[Record]) -> list[Beside]:
    """Return the goal of each dtype, operation and precision that was measured of ours."""
    found: dict[tuple[str, str, str], dict[str, float]] = {}
    for r in records:
        if library_of(r["provider"]) == "logitkit":
            precision = "exact" if r["provider"].endswith("exact") else "default"
            errors = found.setdefault((r["dtype"], r["op"], precision), {})
            errors[r["isa"]] = max(errors.get(r["isa"], 0.0), r["max_ulp"])
    return [
        Beside(dtype, op, precision, goals.ulp(op, dtype, precision), errors)
        for (dtype, op, precision), errors in found.items()
    ]


def goal_cells(records: list[Record]) -> Table:
    """Return header and rows: a goal a row, our error with each instruction set, whether met."""
    isas = instruction_sets(records)
    rows = []
    for each in beside_goals(records):
        errors = [tables.ulp(each.errors.get(isa)) for isa in isas]
        met = "yes" if each.is_met else "no"
        rows.append([each.dtype, each.op, each.precision, f"{each.goal:g}", *errors, met])
    return ["dtype", "operation", "precision", "goal", *isas, "met"], rows


def goals_sentence(records: list[Record]) -> str:
    """Say how many of the goals are met, and which are not."""
    table = beside_goals(records)
    missed = []
    for each in table:
        if not each.is_met:
            name = f"{each.dtype} {each.op}" + (" exact" if each.precision == "exact" else "")
            why = goals.DEPARTURES.get((each.op, each.dtype))
            missed.append(f"{name} ({why})" if why else name)
    met = f"{len(table) - len(missed)} of {len(table)} goals are met on these inputs"
    return f"{met}; not: {', '.join(missed)}." if missed else f"{met}."


def worst_cells(records: list[Record]) -> Table:
    """Return header and rows: the worst of ours for each dtype, operation and precision."""
    header = ["dtype", "operation", "provider", "ULP", "input", "score", "right result"]
    worst: dict[tuple[str, str, str], Record] = {}
    for r in records:
        if library_of(r["provider"]) == "logitkit":
            key = (r["dtype"], r["op"], r["provider"])
            worst[key] = max(worst.get(key, r), r, key=lambda each: each["max_ulp"])
    rows = [
        [
            *key,
            tables.ulp(r["max_ulp"]),
            r["input"],
            "-" if r["score"] is None else f"{r['score']:.17g}",
            f"{r['expected']:.17g}",
        ]
        for key, r in worst.items()
    ]
    return header, rows

"""Instructions that the core retires for an element, a row and a call: counted, not timed.

A C++ program (`instructions.cpp`) makes a call in a child process and single-steps it. Three sizes
tell what an element costs from what a row and a call cost: with I(R, K) instructions for R rows of
K elements,

    an element  (I(R, K') - I(R, K)) / (R (K' - K))
    a row       (I(2 R, K) - I(R, K)) / R, less K elements
    a call      what is left of I(R, K)

Where a row is long, or a tile is many rows, a call has the one row or tile, and counts it.
"""

from __future__ import annotations

import bisect
import platform
import re
import subprocess
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from logitkit import _core
from logitkit.bench import machine
from logitkit.bench.summary import Record
from tools import core_build

from . import tables

OPS = {
    "softmax": _core.SOFTMAX,
    "log_softmax": _core.LOG_SOFTMAX,
    "logsumexp": _core.LOGSUMEXP,
    "softmax_vjp": _core.SOFTMAX_VJP,
    "log_softmax_vjp": _core.LOG_SOFTMAX_VJP,
    "logsumexp_vjp": _core.LOGSUMEXP_VJP,
}
DTYPES = ("float32", "float64", "float16", "bfloat16")  # in the order of the core
GRADIENTS = ("softmax_vjp", "log_softmax_vjp", "logsumexp_vjp")
TILED = ("axis", "turned")
VJP_MOVED = (("softmax_vjp", "strided"), ("softmax_vjp", "tiny"), ("log_softmax_vjp", "tiny"))


@dataclass(frozen=True)
class Regime:
    """A way through the core: its layout in instructions.cpp, and the sizes R, K and K'."""

    layout: str
    rows: int
    length: int
    longer: int
    rows_alone: bool = True  # whether rows are told from the call


# Lengths differ by whole runs of a sum, 256 elements, or by whole blocks, where there are such; as
# many rows go together at both.
REGIMES = {
    "tiny": Regime("plain", 64, 6, 14),
    "columns": Regime("plain", 64, 64, 128),
    "short": Regime("plain", 16, 384, 512),
    "block": Regime("plain", 1, 768, 1024),
    "long": Regime("plain", 1, 8192, 12288, rows_alone=False),
    "again": Regime("again", 1, 8192, 12288, rows_alone=False),
    "streamed": Regime("streamed", 1, 8192, 12288, rows_alone=False),
    "shared": Regime("shared", 1, 8192, 12288, rows_alone=False),
    "masked": Regime("masked", 1, 768, 1024),
    "strided": Regime("strided", 1, 768, 1024),
    "axis": Regime("axis", 128, 32, 64, rows_alone=False),
    "turned": Regime("axis", 32, 64, 128),
}


def lacking() -> str:
    """Return what this machine lacks to count, "" if nothing."""
    if platform.system() != "Linux" or platform.machine() != "x86_64":
        return f"single steps are counted on Linux x86_64, this is {platform.system()} " + (
            platform.machine()
        )
    return ""


def is_measured(regime: str, op: str, dtype: str, isa: str) -> bool:
    """Whether a cell is a way of its own, and worth the minute: most is told by float32."""
    if regime == "streamed" and (isa != "avx512" or op == "logsumexp"):
        return False  # the plan streams with cheap exponentials alone, and what is stored
    if regime == "again" and op != "softmax":
        return False  # nothing else has exponentials to keep
    moved = regime in ("block", *TILED) or (op, regime) in VJP_MOVED
    if op in GRADIENTS and not moved:
        return False  # done like a block, however short or long, and without a mask
    if regime in TILED and (regime == "axis") != (op != "logsumexp_vjp" and dtype != "float64"):
        return False  # rows side by side are done as they are, or turned
    if isa == "generic":  # hundreds of steps an element
        return regime == "block" and dtype == "float32"
    if isa == "avx2" and dtype != "float32":
        return regime == "block"
    if dtype == "float32":
        return isa == "avx512" or regime not in ("again", "shared")
    if dtype == "float64":
        return regime in ("block", "turned")
    return regime in ("tiny", "columns", "short", "block", "long", *TILED)


class Stepper:
    """The program, built for some instruction sets."""

    def __init__(self, directory: Path, isas: Sequence[str]) -> None:
        # As CMake compiles a module: position-independent.
        flags = ["-fPIC", "-fvisibility=hidden", "-DNDEBUG"]
        compiler = core_build.native_compiler()
        units = core_build.core("x86_64", isas)
        units.append(core_build.Unit("instructions", "benchmarks/instructions.cpp"))
        objects = core_build.compile_units(compiler, units, directory, flags)
        # Addresses in the file are those in the process.
        self._program = core_build.link(compiler, objects, directory / "instructions", ["-no-pie"])
        self._starts, self._names = functions(core_build.run(["nm", "-C", self._program]).stdout)

    def counts(self, isa: str, request: str) -> Counter[str]:
        """Return how many instructions each function executed; "" are those of libraries."""
        done = subprocess.run(
            [self._program, isa], input=request, capture_output=True, encoding="utf-8", check=False
        )
        if done.returncode != 0:
            raise RuntimeError(f"{request!r} with {isa} was not counted: {done.stderr.strip()}")
        per_function: Counter[str] = Counter()
        for pair in done.stdout.split():
            address, count = pair.split(":")
            per_function[self._function_at(int(address, 16))] += int(count)
        return per_function

    def check(self, isa: str) -> None:
        """Raise RuntimeError unless a known loop is counted right."""
        few, many = (self.counts(isa, f"0 0 loop 1 {n}\n").total() for n in (100, 350))
        if many - few != 2 * 250 or few > 300:
            raise RuntimeError(f"a loop of 250 times 2 instructions was counted as {many - few}")

    def _function_at(self, address: int) -> str:
        return self._names[bisect.bisect_right(self._starts, address)]


def functions(listing: str) -> tuple[list[int], list[str]]:
    """Return where functions start, and their names; before the first and behind the last is ""."""
    found = re.findall(r"^([0-9a-f]+) (\w) (.*)$", listing, re.MULTILINE)
    starts = {int(address, 16): plain_name(name) for address, kind, name in found if kind in "tTwW"}
    ends = [int(address, 16) for address, _, name in found if name == "_etext"]
    starts.update(dict.fromkeys(ends, ""))
    return sorted(starts), ["", *(starts[address] for address in sorted(starts))]


def plain_name(name: str) -> str:
    """Return the function alone: row_max of ns::row_max<F32x16, float const*>(float const*, ..)."""
    name = name.replace("(anonymous namespace)::", "")
    depth, kept = 0, ""
    for letter in re.sub(r"operator(<<|>>|<=?|>=?|\(\)|->)", "operator", name):
        depth -= letter == ">"
        if depth == 0 and letter == "(":
            break
        if depth == 0 and letter != ">":
            kept += letter if letter != "<" else ""
        depth += letter == "<"
    return kept.split()[-1].split("::")[-1] if kept.split() else name


def run(isas: Sequence[str], regimes: Sequence[str]) -> Iterator[Record]:
    """Count every regime, operation and dtype with each instruction set."""
    if reason := lacking():
        raise RuntimeError(reason)
    for name, given, known in (("isa", isas, _core.available_isas()), ("regime", regimes, REGIMES)):
        for one in given:
            if one not in known:
                raise ValueError(f"{name} is {one!r}; accepted are {', '.join(known)}")
    cells = [
        (regime, op, dtype, isa)
        for isa in isas
        for regime in regimes
        for op in OPS
        for dtype in DTYPES
        if is_measured(regime, op, dtype, isa)
    ]
    with tempfile.TemporaryDirectory() as name, ThreadPoolExecutor(2) as pool:
        stepper = Stepper(Path(name), isas)
        for isa in isas:
            stepper.check(isa)
        yield from pool.map(lambda cell: measure(stepper, *cell), cells)


def measure(stepper: Stepper, regime: str, op: str, dtype: str, isa: str) -> Record:
    """Count one cell at each of its sizes."""
    way = REGIMES[regime]

    def counts(rows: int, length: int) -> Counter[str]:
        request = f"{OPS[op]} {DTYPES.index(dtype)} {way.layout} {rows} {length}\n"
        return stepper.counts(isa, request)

    small, long = counts(way.rows, way.length), counts(way.rows, way.longer)
    elements = way.rows * (way.longer - way.length)
    # A counter of differences would leave out those below 0.
    added = {name: (long[name] - small[name]) / elements for name in long | small}
    element = sum(added.values())
    rest = small.total() - way.rows * way.length * element
    row = None
    if way.rows_alone:
        many = counts(2 * way.rows, way.length)
        row = (many.total() - small.total()) / way.rows - way.length * element
        rest -= way.rows * row
    most = sorted(added.items(), key=lambda item: -item[1])
    shares = [f"{name or 'libraries'} {share:.4f}" for name, share in most if share >= 0.02]
    return {
        "regime": regime,
        "op": op,
        "dtype": dtype,
        "isa": isa,
        "per_element": round(element, 4),
        "per_row": row if row is None else round(row, 1),
        "per_call": round(rest, 1),
        "functions": ", ".join(shares),
        "versions": f"{machine.versions('logitkit')}, {compiler_version()}",
        "cpu": machine.cpu(),
    }


@cache
def compiler_version() -> str:
    """Return the first line of what the compiler says of itself."""
    return core_build.run([*core_build.native_compiler(), "--version"]).stdout.partition("\n")[0]


def cells(records: Sequence[Record]) -> tuple[list[str], list[list[str]]]:
    """Return the table of a terminal; the functions are in the records."""
    header = ["regime", "op", "dtype", "isa", "element", "row", "call"]
    rows = [
        [
            *(r[name] for name in ("regime", "op", "dtype", "isa")),
            f"{r['per_element']:.2f}",
            "-" if r["per_row"] is None else f"{r['per_row']:.0f}",
            f"{r['per_call']:.0f}",
        ]
        for r in records
    ]
    return header, rows


def text(records: Sequence[Record]) -> str:
    """Return the table as text."""
    return tables.text(*cells(records))

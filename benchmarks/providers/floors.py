"""The floors of softmax: a copy past the caches, a reading pass, exponentials by themselves.

They are C++ (`benchmarks/floors.cpp`) with the lanes and the exponential of the core, compiled for
the instruction set in use, on as many threads as the kernels. The copy and the reading are of every
operand that is as large as the first. The exponentials are those of an operation at least, of
scores in the first cache: arithmetic alone. So short a work is repeated in a call that the call
counts for nothing.
"""

from __future__ import annotations

import ctypes
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

import logitkit
from logitkit.bench.operations import OPERATIONS
from logitkit.bench.providers import Bound, Operands, Provider
from tools import core_build

BLOCK = 4096  # scores in the first cache, as floors.cpp has it
LEAST = 1 << 18  # floats that a call works on, at least
LINE = 64


def lacking() -> str:
    """Return what this machine lacks to compile them, "" if nothing."""
    try:
        core_build.native_compiler()
    except StopIteration:
        return "there is no C++ compiler"
    return ""


def providers(threads: int) -> list[Provider]:
    """Compile the floors and return them."""
    library = load()
    library.set_threads(threads)

    def stream(op: str, operands: Operands, axis: int) -> Bound | None:
        if OPERATIONS[op].gives != "rows":
            return None
        a, b, floats, passes = _memory(operands)
        out = np.empty(operands[0].nbytes + LINE, np.uint8)
        aligned = out.ctypes.data + -out.ctypes.data % LINE
        return _bound(library.stream, (a, b, aligned, floats, passes), [operands, out], passes)

    def read(op: str, operands: Operands, axis: int) -> Bound | None:
        if OPERATIONS[op].gives == "rows":
            return None
        a, b, floats, passes = _memory(operands)
        return _bound(library.read_only, (a, b, floats, passes), [operands], passes)

    def exp(op: str, operands: Operands, axis: int) -> Bound | None:
        count = OPERATIONS[op].exponentials * operands[0].size
        if count == 0:
            return None
        wide = operands[0].dtype == np.float64
        scores = np.resize(operands[0].ravel()[:BLOCK], BLOCK).astype("f8" if wide else "f4")
        passes = max(1, LEAST // count)
        function = library.exp_double if wide else library.exp_float
        return _bound(function, (scores.ctypes.data, count, passes), [scores], passes)

    return [
        Provider(function.__name__, "logitkit", function, floor=True)
        for function in (stream, read, exp)
    ]


def _memory(operands: Operands) -> tuple[int, int | None, int, int]:
    """Return the addresses of one or two operands, how many floats they are, and the passes."""
    a, *others = operands
    same = [each for each in others if each.nbytes == a.nbytes]
    floats = a.nbytes // 4 // 16 * 16  # whole vectors: the last few bytes count for nothing
    b = same[0].ctypes.data if same else None
    return a.ctypes.data, b, floats, max(1, LEAST // max(16, floats))


def _bound(function: Any, arguments: tuple[Any, ...], alive: list[Any], passes: int) -> Bound:
    def call(kept: list[Any] = alive) -> None:
        function(*arguments)

    return Bound(call, lambda _: np.empty(0), passes)


@cache
def load() -> ctypes.CDLL:
    """Compile and load the library; raise RuntimeError with what the compiler said."""
    isa = logitkit.cpu_info()["isa"]
    lanes = f'-DLANES="vec/{isa}.hpp"'
    unit = core_build.Unit("floors", "benchmarks/floors.cpp", (*core_build.own_flags(isa), lanes))
    compiler = core_build.native_compiler()
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        objects = core_build.compile_units(compiler, [unit], directory, ["-fPIC"])
        library = ctypes.CDLL(
            str(core_build.link(compiler, objects, directory / "floors.so", ["-shared"]))
        )
    pointer, size = ctypes.c_void_p, ctypes.c_size_t
    for function, types in (
        (library.set_threads, [ctypes.c_int]),
        (library.stream, [pointer, pointer, pointer, size, size]),
        (library.read_only, [pointer, pointer, size, size]),
        (library.exp_float, [pointer, size, size]),
        (library.exp_double, [pointer, size, size]),
    ):
        function.argtypes, function.restype = types, None
    return library

"""NEON on a machine that has another processor: the core cross-compiled, and run under qemu.

What is emulated is the processor; the kernels are those that an ARM machine would run, so their
results are its results. Times are not.
"""

from __future__ import annotations

import platform
import shutil
import struct
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import logitkit
from logitkit import _core
from logitkit.backends._delivery import cast
from logitkit.bench.operations import OPERATIONS, Operands
from logitkit.bench.providers import Bound, Provider
from logitkit.bench.providers.logitkit import function_of, takes
from tools import core_build

Array = NDArray[Any]
Process = subprocess.Popen[bytes]

NAME = "neon"
COMPILER = "aarch64-linux-gnu-g++"
EMULATORS = ("qemu-aarch64", "qemu-aarch64-static")
# The Jacobian of softmax is symmetric: the core has one product for both. The gradient of
# cross_entropy is the number behind the last operation of the core, in emulated.cpp.
_OTHERS = {
    "softmax_jvp": _core.SOFTMAX_VJP,
    "cross_entropy_grad": _core.SAMPLE + 1,
}
NUMBERS = {op: _OTHERS[op] if op in _OTHERS else getattr(_core, op.upper()) for op in OPERATIONS}
DTYPES = ("float32", "float64", "float16", "bfloat16")  # in the order of the core


class Machine:
    """Processes that compute rows with NEON, a part of them each."""

    def __init__(self, command: list[str], processes: int = 1) -> None:
        pipe = subprocess.PIPE
        self._processes = [
            subprocess.Popen(command, stdin=pipe, stdout=pipe) for _ in range(processes)
        ]

    def compute(self, op: str, *operands: Array, exact: bool = False) -> Array:
        """Return what logitkit's function of this name gives along the last of two axes."""
        return self.start(op, *operands, exact=exact)()

    def start(self, op: str, *operands: Array, exact: bool = False) -> Callable[[], Array]:
        """Begin to compute; return what waits for the result. One at a time."""
        x = operands[0]
        shape = OPERATIONS[op].shape(operands, -1)
        dtype = np.dtype(float) if op == "cross_entropy" else x.dtype
        item = int(np.prod(shape[1:])) * dtype.itemsize  # bytes of a result
        split = [np.array_split(each, len(self._processes)) for each in operands]
        asked = []
        for process, *part in zip(self._processes, *split, strict=True):
            if part[0].size:
                _ask(process, op, part, exact)
                asked.append((process, len(part[0]) * item))

        def result() -> Array:
            data = b"".join(_answer(process, count) for process, count in asked)
            if len(data) != len(x) * item:
                raise RuntimeError(f"the emulated core ended in the middle of {op} of {x.shape}")
            return cast(np.frombuffer(data, dtype).reshape(shape), x.dtype)

        return result

    def provider(self, name: str) -> Provider:
        """Return it as a way to call logitkit: "logitkit" or "logitkit exact"."""
        exact = name.endswith("exact")

        def bind(op: str, operands: Operands, axis: int) -> Bound | None:
            if exact and not takes(function_of(logitkit, op), "precision"):
                return None
            return Bound(lambda: self.compute(op, *operands, exact=exact), np.asarray)

        return Provider(name, "logitkit", bind)

    def close(self) -> None:
        """End the processes."""
        for process in self._processes:
            assert process.stdin is not None
            assert process.stdout is not None
            with suppress(BrokenPipeError):
                process.stdin.close()
            process.stdout.close()
            process.wait()


def _ask(process: Process, op: str, operands: Sequence[Array], exact: bool) -> None:
    """Write a request; a process that has ended is told by its answer."""
    x, *others = operands
    second = b"".join(each.tobytes() for each in others)
    dtype = DTYPES.index(x.dtype.name)
    header = struct.pack("=6q", NUMBERS[op], dtype, exact, *x.shape, len(second))
    assert process.stdin is not None
    with suppress(BrokenPipeError):
        process.stdin.write(header + x.tobytes() + second)
        process.stdin.flush()


def _answer(process: Process, count: int) -> bytes:
    assert process.stdout is not None
    return process.stdout.read(count)


def lacking() -> str:
    """Return what this machine lacks to emulate NEON, "" if nothing."""
    if shutil.which(COMPILER) is None:
        return f"there is no {COMPILER}"
    return "" if any(map(shutil.which, EMULATORS)) else f"there is no {EMULATORS[0]}"


def not_measured() -> list[str]:
    """Return the instruction sets that can neither run nor be emulated here, and why."""
    mine = "aarch64" if platform.machine() in ("aarch64", "arm64") else "x86_64"
    reasons = {}
    for names in core_build.SETS.values():
        for name in names:
            why = "this processor lacks it" if name in core_build.SETS[mine] else "x86 only"
            reasons[name] = lacking() if name == NAME and mine != "aarch64" else why
    return [
        f"{name} ({why})"
        for name, why in reasons.items()
        if why and name not in _core.available_isas()
    ]


@contextmanager
def machine() -> Iterator[Machine | None]:
    """Build the core and start it for a block; None where it runs natively or cannot run."""
    if NAME in _core.available_isas() or lacking():
        yield None
        return
    emulator = next(filter(None, map(shutil.which, EMULATORS)))
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        units = core_build.core("aarch64", [NAME])
        units.append(core_build.Unit("emulated", "benchmarks/emulated.cpp"))
        objects = core_build.compile_units([COMPILER], units, directory)
        program = core_build.link([COMPILER], objects, directory / "emulated", ["-static"])
        running = Machine([emulator, str(program), NAME], logitkit.cpu_info()["cpus"])
        try:
            yield running
        finally:
            running.close()

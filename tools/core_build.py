"""The core compiled without CMake, with CMakeLists.txt's own sources and flags.

For the tests and benchmarks that need it otherwise than it is installed: under a sanitizer, or for
another processor.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
CMAKE = (ROOT / "CMakeLists.txt").read_text(encoding="utf-8")
SETS = {"x86_64": ("generic", "avx2", "avx512"), "aarch64": ("generic", "neon")}


@dataclass(frozen=True)
class Unit:
    """A source, the flags beyond those of every unit, and the name of its object."""

    name: str
    source: str
    flags: tuple[str, ...] = ()


def shared_flags() -> list[str]:
    """Return the flags of every unit of the core."""
    options = re.search(r"target_compile_options\(\s*core PRIVATE ([^)]*)\)", CMAKE)
    assert options is not None
    return ["-std=c++20", *options[1].split()]


def own_flags(name: str) -> list[str]:
    """Return the flags that one instruction set has beyond those."""
    found = re.search(rf"add_isa\({name}\b([^)]*)\)", CMAKE)
    return found[1].split() if found else []


def kernels(names: Sequence[str]) -> list[Unit]:
    """Return a unit for each of these instruction sets."""
    return [
        Unit(f"kernels_{name}", f"src/core/isa/{name}.cpp", tuple(own_flags(name)))
        for name in names
    ]


def core(machine: str, names: Sequence[str]) -> list[Unit]:
    """Return the units of the whole core, the kernels of these instruction sets alone."""
    library = re.search(r"add_library\(\s*core STATIC([^)]*)\)", CMAKE)
    assert library is not None
    sources = [source for source in library[1].split() if "/isa/" not in source]
    absent = [
        Unit(f"absent_{name}", "tests/core/absent_isa.cpp", (f"-DABSENT=kernels_{name}",))
        for name in SETS[machine]
        if name not in names
    ]
    return [*(Unit(Path(source).stem, source) for source in sources), *kernels(names), *absent]


def extension() -> list[str]:
    """Return the sources of the extension beyond the core."""
    module = re.search(r"nanobind_add_module\(_core([^)]*)\)", CMAKE)
    assert module is not None
    return [word for word in module[1].split() if word.endswith(".cpp")]


def native_compiler() -> list[str]:
    """Return the compiler that CXX names, or the first one there is."""
    named = shlex.split(os.environ.get("CXX", ""))
    return named or [next(name for name in ("c++", "g++", "clang++") if shutil.which(name))]


def run(command: Sequence[object], timeout: float = 900) -> subprocess.CompletedProcess[str]:
    """Run a command in the repository and return what it said."""
    return subprocess.run(
        [str(part) for part in command],
        cwd=ROOT,
        capture_output=True,
        encoding="utf-8",
        timeout=timeout,
        check=False,
    )


def compile_units(
    compiler: Sequence[str], units: Sequence[Unit], directory: Path, flags: Sequence[str] = ()
) -> list[Path]:
    """Compile units, two at a time, and return their objects; raise RuntimeError on a failure."""
    common = [*compiler, *shared_flags(), "-Isrc", "-Isrc/core", "-Itests/core", *flags]
    objects = [directory / f"{unit.name}.o" for unit in units]
    commands = [
        [*common, *unit.flags, unit.source, "-c", "-o", path]
        for unit, path in zip(units, objects, strict=True)
    ]
    with ThreadPoolExecutor(2) as pool:
        for done in pool.map(run, commands):
            if done.returncode != 0:
                raise RuntimeError(done.stderr)
    return objects


def link(
    compiler: Sequence[str], objects: Sequence[Path], program: Path, flags: Sequence[str] = ()
) -> Path:
    """Link objects; return the program."""
    done = run([*compiler, *objects, *flags, "-pthread", "-o", program])
    if done.returncode != 0:
        raise RuntimeError(done.stderr)
    return program

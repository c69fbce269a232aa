"""Where and with what the numbers were measured."""

import functools
import os
import sys
from datetime import date
from importlib.metadata import PackageNotFoundError, version

import logitkit


def cpu() -> str:
    """Return the processor, its count and the instruction set that logitkit uses."""
    info = logitkit.cpu_info()
    return f"{info['model'] or info['machine']}, {info['cpus']} CPUs, {info['isa']}"


@functools.cache
def versions(library: str) -> str:
    """Return a library's name and version."""
    try:
        return f"{library} {version(library)}"
    except PackageNotFoundError:
        return f"{library} (unknown version)"


def today() -> str:
    """Return the date as it stands in file names."""
    return date.today().isoformat()


def warn_if_busy() -> None:
    """Say on stderr when other processes will disturb the times."""
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0
    if load > 0.3:
        print(f"The load is {load:.1f}: other processes disturb the times.", file=sys.stderr)

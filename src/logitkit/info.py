"""What runs here: instruction set, threads, caches, versions."""

from __future__ import annotations

import sys
from typing import Any, Literal

import numpy as np

from logitkit import _core

# What an extra of the package brings in.
_EXTRAS = {"lab": "fastapi", "plot": "matplotlib"}


def cpu_info() -> dict[str, Any]:
    """Describe the processor as the kernels see it.

    Returns
    -------
    dict
        ``isa`` in use, ``available`` instruction sets (best first), ``machine``, ``model``,
        ``cpus`` that this process may use, ``caches`` in bytes by level (0 where unknown).

    Examples
    --------
    >>> import logitkit as lk
    >>> lk.cpu_info()["available"][-1]
    'generic'
    """
    import platform  # here and below: imported when asked, to keep `import logitkit` short

    return {
        "isa": _core.isa(),
        "available": _core.available_isas(),
        "machine": platform.machine(),
        "model": _model(),
        "cpus": _core.available_cpus(),
        "caches": {f"L{level}": _core.cache_bytes(level) for level in (1, 2, 3)},
    }


def show_config(mode: Literal["stdout", "dicts"] = "stdout") -> dict[str, Any] | None:
    """Print the configuration, or return it.

    Parameters
    ----------
    mode : {"stdout", "dicts"}
        "stdout" prints one line an entry, "dicts" returns the nested dict; as `numpy.show_config`.

    Returns
    -------
    dict or None
        The configuration with "dicts", else None.

    Raises
    ------
    ValueError
        For another mode.

    Examples
    --------
    >>> import logitkit as lk
    >>> lk.show_config(mode="dicts")["versions"]["logitkit"] == lk.__version__
    True
    """
    import platform
    from importlib.util import find_spec

    from logitkit import __version__

    config = {
        "cpu": cpu_info(),
        "threads": _core.thread_count(),
        "versions": {
            "logitkit": __version__,
            "python": platform.python_version(),
            "numpy": np.__version__,
        },
        "gil": getattr(sys, "_is_gil_enabled", lambda: True)(),
        "extras": {name: find_spec(module) is not None for name, module in _EXTRAS.items()},
    }
    if mode == "dicts":
        return config
    if mode != "stdout":
        raise ValueError(f"mode is {mode!r}; accepted are 'stdout' and 'dicts'")
    for section, entry in config.items():
        if not isinstance(entry, dict):
            print(f"{section}: {entry}")
            continue
        print(f"{section}:")
        for name, value in entry.items():
            print(f"  {name}: {value}")
    return None


def _model() -> str:
    """Return the processor's name, "" where the system does not tell it."""
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            for line in file:
                if line.startswith("model name"):
                    return line.partition(":")[2].strip()
    except OSError:
        pass
    return ""

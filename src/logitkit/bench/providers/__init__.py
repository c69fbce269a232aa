"""The libraries side by side, each called the way its own documentation recommends for speed.

A provider binds an operation to its operands once, outside the timed part: buffers, sessions and
compilation belong to that. What is left is a call without arguments. Each module here offers
`providers(threads)`, which imports its library and sets its threads.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from typing import Any, NamedTuple

from numpy.typing import NDArray

Array = NDArray[Any]
Operands = tuple[Array, ...]

# What the machine can do. All but the copy need a compiler, and are benchmarks/providers/floors.py.
FLOORS = ("copy", "stream", "read", "exp")
PEERS = ("numpy", "scipy", "torch", "onnxruntime", "jax")

# The module of each library; benchmarks/providers adds its own.
MODULES = {name: f"{__name__}.{name}" for name in ("copy", *PEERS, "logitkit")}
# What a library needs, where that is not just its own name.
NEEDS = {"copy": ("numpy",), "onnxruntime": ("onnxruntime", "onnx")}


class Bound(NamedTuple):
    """A call without arguments, and what turns its return value into an array.

    A call of `passes` does its work so many times: its time is divided by them.
    """

    call: Callable[[], Any]
    fetch: Callable[[Any], Array]
    passes: int = 1


@dataclass(frozen=True)
class Provider:
    """One way to compute an operation.

    `bind(op, operands, axis)` gives the bound call, or None where the library has no such
    operation, or not in the dtype of the operands. A floor is no implementation but what the
    machine can do, so its result is not looked at.
    """

    name: str
    package: str
    bind: Callable[[str, Operands, int], Bound | None]
    floor: bool = False


def without_axis(op: str, operands: Operands, axis: int) -> Operands:
    """Return operands as libraries take them: the classes of losses without the axis."""
    if not op.startswith("cross_entropy"):
        return operands
    x, ids = operands
    return x, ids.reshape([n for i, n in enumerate(ids.shape) if i != axis % x.ndim])


def gradient_of(result: Any) -> Any:
    """Return what is compared: of a loss and its gradient the latter."""
    return result[1] if isinstance(result, tuple) else result


def library_of(provider: str) -> str:
    """Return the library of a provider's name: "torch" of "torch out="."""
    return provider.split()[0]


def installed(libraries: Iterable[str]) -> tuple[list[str], list[str]]:
    """Divide libraries into those that can be imported and those that are missing."""
    names = list(libraries)
    for name in names:
        if name not in MODULES:
            raise ValueError(f"library is {name!r}; accepted are {', '.join(MODULES)}")
    missing = [name for name in names if needed(name)]
    return [name for name in names if name not in missing], missing


def needed(library: str) -> list[str]:
    """Return the packages that a library lacks here."""
    return [name for name in NEEDS.get(library, (library,)) if find_spec(name) is None]


def load(libraries: Iterable[str], threads: int) -> list[Provider]:
    """Import libraries, set their threads, and return what they provide."""
    return [
        provider
        for library in libraries
        for provider in import_module(MODULES[library]).providers(threads)
    ]

"""The libraries of arrays that the table holds for; another one is an object more in `BACKENDS`.

NumPy in every form that its arrays have: what the contract says of an array it says of its
elements, wherever they lie. Other libraries with what they cannot express declared.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from typing import Any, Protocol

import array_api_strict
import jax
import ml_dtypes
import numpy as np
import torch
from tolerances import FORMULAS_ULP

from logitkit.backends.torch import _operators as operators

FLOATS = frozenset({"float16", "bfloat16", "float32", "float64"})
OTHERS = frozenset({"bool", *(f"{u}int{n}" for u in ("", "u") for n in (8, 16, 32, 64))})


class Backend(Protocol):
    """What a library offers to the table."""

    name: str
    dtypes: frozenset[str]
    takes_as_is: bool  # Python's numbers and lists belong to it
    has_out: bool
    in_place: bool  # its arrays can take a result of their own dtype
    results: frozenset[str]  # what can be asked for as `dtype`
    default_float: str | None  # what integers become; by their width where None
    bounds: dict[tuple[str, str], float]  # in place of the table's: (function, dtype)
    lacks: frozenset[str]  # what its `out` cannot be
    without: frozenset[str]  # the functions that refuse its arrays
    called: str  # its arrays in an error

    def mode(self) -> AbstractContextManager[Any]:
        """Return the state of the library in which the table holds."""

    def asarray(self, a: np.ndarray) -> Any:
        """Return a new array of the library with the elements of a."""

    def other(self, a: np.ndarray) -> Any:
        """Return what stands beside the first argument."""

    def option(self, a: np.ndarray) -> Any:
        """Return a mask or a temperature of the library."""

    def of_memory(self, a: np.ndarray) -> Any:
        """Return an array of the library that is the memory of a."""

    def to_numpy(self, array: Any) -> np.ndarray:
        """Return a result as a NumPy array."""

    def holds(self, array: Any) -> bool:
        """Whether the array is what the library is named after."""


@dataclass(frozen=True)
class NumPy:
    """NumPy's arrays in one layout."""

    name: str
    asarray: Callable[[np.ndarray], np.ndarray]
    holds: Callable[[np.ndarray], bool]
    dtypes: frozenset[str] = FLOATS | OTHERS
    takes_as_is: bool = False
    has_out: bool = True
    in_place: bool = True
    to_numpy: Callable[[Any], np.ndarray] = np.asarray
    results: frozenset[str] = FLOATS
    default_float: str | None = None
    bounds: dict[tuple[str, str], float] = field(default_factory=dict)
    mode: Callable[[], AbstractContextManager[Any]] = nullcontext
    of_memory: Callable[[np.ndarray], Any] = np.asarray
    lacks: frozenset[str] = frozenset()
    without: frozenset[str] = frozenset()
    called: str = "NumPy array"

    def other(self, a):
        return self.asarray(a)

    option = other


@dataclass(frozen=True)
class Library:
    """A library whose arrays hold nothing but elements, and are never written."""

    name: str
    asarray: Callable[[np.ndarray], Any]
    holds: Callable[[Any], bool]
    dtypes: frozenset[str]
    results: frozenset[str]
    default_float: str | None = None
    bounds: dict[tuple[str, str], float] = field(default_factory=dict)
    mode: Callable[[], AbstractContextManager[Any]] = nullcontext
    to_numpy: Callable[[Any], np.ndarray] = np.asarray
    takes_as_is: bool = False
    has_out: bool = False
    in_place: bool = False
    other: Callable[[np.ndarray], Any] | None = None
    option: Callable[[np.ndarray], Any] | None = None
    of_memory: Callable[[np.ndarray], Any] | None = None
    lacks: frozenset[str] = frozenset()
    without: frozenset[str] = frozenset()
    called: str = "array"

    def __post_init__(self):
        for name in ("other", "option"):
            if getattr(self, name) is None:
                object.__setattr__(self, name, self.asarray)


BFLOAT16 = np.dtype(ml_dtypes.bfloat16)
# What is written for NumPy's arrays and PyTorch's tensors on the CPU alone.
SAMPLING = frozenset({"filter_logits", "sample"})


def tensor_of(a):
    """Return a tensor that is the memory of an array."""
    if a.dtype == BFLOAT16:
        return torch.from_numpy(a.view(np.uint16)).view(torch.bfloat16)
    return torch.from_numpy(a)


def tensor(a):
    """Return a contiguous tensor."""
    return tensor_of(a.copy(order="C"))


def transposed(a):
    """Return a tensor whose first dimension has the smallest steps."""
    return tensor_of(a.copy(order="F"))


def every_second_of_tensor(a):
    """Return a tensor with gaps between its elements."""
    return tensor_of(every_second(a))


def with_grad(a):
    """Return a tensor whose gradients are recorded, if it can have some."""
    made = tensor(a)
    return made.requires_grad_(made.is_floating_point())


def array_of(value):
    """Return what came out of PyTorch as an array; what did not, as it is."""
    if not isinstance(value, torch.Tensor):
        return np.asarray(value)
    value = value.detach()
    if value.dtype is torch.bfloat16:
        return value.view(torch.uint16).numpy().view(BFLOAT16)
    return value.numpy()


@contextmanager
def no_kernels():
    """Let the tensors of the CPU go the way of those on other devices."""
    kernels = dict(operators.KERNELS)
    operators.KERNELS.clear()
    try:
        yield
    finally:
        operators.KERNELS.update(kernels)


# What `out` cannot be: integers have PyTorch's default float, not one of their width.
LACKS = ("negative strides", "read-only arrays", "byte orders", "a float of the integers' width")


def contiguous(a):
    """Whether a tensor is a plain one."""
    return a.is_contiguous() and not a.requires_grad and bool(operators.KERNELS)


def torch_library(name, asarray, holds, **others):
    """Return PyTorch with tensors of one kind."""
    return Library(
        name,
        asarray,
        lambda a: isinstance(a, torch.Tensor) and holds(a),
        FLOATS | OTHERS,
        FLOATS,
        **{
            "default_float": "float32",
            "to_numpy": array_of,
            "has_out": True,
            "in_place": True,
            "option": tensor,
            "of_memory": tensor_of,
            "lacks": frozenset(LACKS),
            "called": "tensor",
            **others,
        },
    )


def every_second(a):
    """Return elements with gaps between them."""
    if a.ndim == 0:
        return a.copy()
    gaps = np.full((*a.shape[:-1], 2 * a.shape[-1]), 7, a.dtype)
    gaps[..., ::2] = a
    return gaps[..., ::2]


def reversed_memory(a):
    """Return elements that lie in memory from the last to the first."""
    back = (slice(None, None, -1),) * a.ndim
    return np.array(a[back], order="C", copy=True)[back]


def read_only(a):
    """Return a copy that cannot be written."""
    a = a.copy()
    a.flags.writeable = False
    return a


def byte_swapped(a):
    """Return the elements in the other byte order."""
    return a.astype(a.dtype.newbyteorder())


def unaligned(a):
    """Return elements at addresses that no element size divides."""
    memory = np.zeros(a.nbytes + 1, np.uint8)[1:]
    copy = memory.view(a.dtype).reshape(a.shape)
    copy[...] = a
    return copy


def _steps(a):
    return [s for s, n in zip(a.strides, a.shape, strict=True) if n > 1]


BACKENDS: list[Backend] = [
    NumPy("numpy", lambda a: a.copy(order="C"), lambda a: a.flags.c_contiguous, takes_as_is=True),
    NumPy("Fortran", lambda a: a.copy(order="F"), lambda a: a.flags.f_contiguous),
    NumPy("backwards", reversed_memory, lambda a: all(s < 0 for s in _steps(a)) or not a.size),
    NumPy(
        "every second",
        every_second,
        lambda a: a.ndim == 0 or not a.size or a.strides[-1] == 2 * a.itemsize,
    ),
    NumPy("read-only", read_only, lambda a: not a.flags.writeable, in_place=False),
    NumPy(
        "byte-swapped",
        byte_swapped,
        lambda a: a.itemsize == 1 or not a.dtype.isnative,
        dtypes=FLOATS - {"bfloat16"} | OTHERS,  # bfloat16 has one byte order
        in_place=False,
    ),
    NumPy(
        "unaligned",
        unaligned,
        lambda a: a.itemsize == 1 or not a.size or not a.flags.aligned,
    ),
    # The standard has no half floats.
    Library(
        "array_api_strict",
        array_api_strict.asarray,
        lambda a: type(a).__module__.partition(".")[0] == "array_api_strict",
        FLOATS - {"float16", "bfloat16"} | OTHERS,
        frozenset({"float32", "float64"}),
        bounds=FORMULAS_ULP,
        without=SAMPLING,
    ),
    Library(
        "jax",
        jax.numpy.asarray,
        lambda a: isinstance(a, jax.Array),
        FLOATS | OTHERS,
        FLOATS,
        default_float="float64",
        mode=lambda: jax.enable_x64(True),
        without=SAMPLING,
    ),
    torch_library("torch", tensor, contiguous),
    torch_library(
        "torch transposed",
        transposed,
        lambda a: a.ndim != 2 or a.mT.is_contiguous(),
    ),
    torch_library(
        "torch every second",
        every_second_of_tensor,
        lambda a: a.ndim == 0 or not a.numel() or a.stride(-1) == 2,
    ),
    torch_library(
        "torch with gradients",
        with_grad,
        lambda a: a.requires_grad == a.is_floating_point(),
        other=tensor,  # targets have no gradient
        has_out=False,
    ),
    torch_library(
        "torch without kernels",
        tensor,
        lambda a: not operators.KERNELS,
        bounds=FORMULAS_ULP,
        mode=no_kernels,
    ),
]

"""Which backend owns an array. Each backend module offers the same verbs for arrays of its library.

Only this folder names a library of arrays. Arrays of libraries that have no backend yet are refused
rather than copied to NumPy unseen: a silent copy would lose the device, the gradient or the
laziness. A backend of another library than NumPy is imported when an array of it arrives.
"""

from __future__ import annotations

import importlib
import sys
from typing import Any

import numpy as np

from logitkit.backends import numpy as numpy_backend

# The first part of a type's module, and how its arrays become NumPy arrays.
_WITHOUT_BACKEND = {
    "dask": "array.compute()",
    "tensorflow": "tensor.numpy()",
}

# What needs no further look.
_OF_NUMPY = frozenset({np.ndarray, list, tuple, float, int, bool})

# The first part of a type's module, and the backend, which is also the name of the extra.
_BACKENDS = {"jax": "jax", "jaxlib": "jax"}


def backend_of(x: Any) -> Any:
    """Return the backend module that owns x; array-likes and scalars belong to NumPy.

    Raises
    ------
    TypeError
        If the array belongs to a library that has no backend.
    """
    if type(x) in _OF_NUMPY:
        return numpy_backend
    library = type(x).__module__.partition(".")[0]
    if library == "torch" or _is_tensor(x):
        # A statement, which torch.compile can trace.
        from logitkit.backends import torch as torch_backend

        return torch_backend
    if library in _BACKENDS:
        return _imported(_BACKENDS[library])
    if library in _WITHOUT_BACKEND:
        raise TypeError(
            f"x is a {type(x).__module__}.{type(x).__qualname__}; accepted are NumPy arrays, lists "
            f"and scalars: pass {_WITHOUT_BACKEND[library]}"
        )
    if not isinstance(x, np.ndarray | np.generic | type) and hasattr(x, "__array_namespace__"):
        return _imported("array_api").verbs_for(x)
    return numpy_backend


def backend_of_all(**arrays: Any) -> Any:
    """Return the backend that owns the first; NumPy's takes no array of another library beside."""
    backend = backend_of(next(iter(arrays.values())))
    for name, x in arrays.items():
        if backend is numpy_backend and backend_of(x) is not numpy_backend:
            raise TypeError(
                f"{name} is a {type(x).__module__}.{type(x).__qualname__}, and "
                f"{next(iter(arrays))} of NumPy; accepted are arrays of one library"
            )
    return backend


def _is_tensor(x: Any) -> bool:
    """Whether x is of a class that somebody derived from PyTorch's."""
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(x, torch.Tensor)


def _imported(name: str) -> Any:
    try:
        return importlib.import_module(f"logitkit.backends.{name}")
    except ImportError as error:
        raise ImportError(
            f"{error}; what the arrays need: pip install logitkit[{name.replace('_', '-')}]"
        ) from error

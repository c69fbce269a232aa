"""Which backend owns an array. Each backend module offers the same verbs for arrays of its library.

Only this folder names a library of arrays. Arrays of libraries that have no backend yet are refused
rather than copied to NumPy unseen: a silent copy would lose the device, the gradient or the
laziness.
"""

from __future__ import annotations

from typing import Any

from logitkit.backends import numpy as numpy_backend

# The first part of a type's module, and how its arrays become NumPy arrays.
_WITHOUT_BACKEND = {
    "jax": "numpy.asarray(array)",
    "jaxlib": "numpy.asarray(array)",
    "dask": "array.compute()",
    "cupy": "array.get()",
    "tensorflow": "tensor.numpy()",
}


def backend_of(x: Any) -> Any:
    """Return the backend module that owns x; array-likes and scalars belong to NumPy.

    Raises
    ------
    TypeError
        If the array belongs to a library that has no backend.
    """
    library = type(x).__module__.partition(".")[0]
    if library == "torch":
        from logitkit.backends import torch as torch_backend

        return torch_backend
    if library in _WITHOUT_BACKEND:
        raise TypeError(
            f"x is a {type(x).__module__}.{type(x).__qualname__}; accepted are NumPy arrays, lists "
            f"and scalars: pass {_WITHOUT_BACKEND[library]}"
        )
    return numpy_backend

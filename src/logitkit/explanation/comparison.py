"""The functions that softmax is compared with, and which of them sum to 1."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from logitkit.explanation.limits import limits

__all__ = ["FUNCTIONS", "is_one", "total"]

FUNCTIONS = ("softmax", "log_softmax", "sigmoid", "tanh", "relu", "leaky_relu", "silu")
"""Functions of logitkit that take scores and keep their shape."""


def total(values: NDArray[Any]) -> float:
    """Return the sum of one row of any dtype, added in float64.

    >>> total(np.array([1, 2], dtype=np.float16))
    3.0
    """
    with np.errstate(invalid="ignore", over="ignore"):
        return float(values.astype(np.float64).sum())


def is_one(sum_of_values: float, dtype: np.dtype[Any]) -> bool:
    """Tell whether a sum of values of a dtype is 1, but for their rounding.

    >>> is_one(1.0000001, np.dtype("float32")), is_one(1.0000001, np.dtype("float64"))
    (True, False)
    """
    return abs(sum_of_values - 1) <= 4 * limits(dtype).eps

"""Scores in a narrower type, and what the conversion loses."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from logitkit.explanation.limits import limits

__all__ = ["narrow"]


def narrow(scores: NDArray[Any], dtype: str | np.dtype[Any]) -> tuple[NDArray[Any], str]:
    """Convert scores to a floating-point type.

    Parameters
    ----------
    scores : numpy.ndarray
        Any shape and numeric dtype.
    dtype : str or numpy.dtype
        The type to convert to.

    Returns
    -------
    tuple of numpy.ndarray and str
        The converted scores, and a remark when a finite score became infinite (else empty).

    Examples
    --------
    >>> import numpy as np
    >>> narrow(np.array([1.0, 7e4]), "float16")[1]
    '70000 does not fit in float16, whose largest number is 65504, and becomes inf'
    """
    with np.errstate(over="ignore"):
        converted = scores.astype(dtype)
    lost = np.isfinite(scores) & ~np.isfinite(converted)
    if not lost.any():
        return converted, ""
    first, largest = scores[lost][0], limits(converted.dtype).max
    return converted, (
        f"{first:g} does not fit in {dtype}, whose largest number is {largest:g}, "
        f"and becomes {float(converted[lost][0]):g}"
    )

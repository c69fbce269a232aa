"""Scores in a narrower type, and what the conversion loses."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["narrow"]


def narrow(scores: NDArray[Any], dtype: str) -> tuple[NDArray[Any], str]:
    """Convert scores to a floating-point type.

    Parameters
    ----------
    scores : numpy.ndarray
        Any shape and numeric dtype.
    dtype : str
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
    import numpy as np

    with np.errstate(over="ignore"):
        converted = scores.astype(dtype)
    lost = np.isfinite(scores) & ~np.isfinite(converted)
    if not lost.any():
        return converted, ""
    first, largest = scores[lost][0], np.finfo(converted.dtype).max
    return converted, (
        f"{first:g} does not fit in {dtype}, whose largest number is {largest:g}, "
        f"and becomes {converted[lost][0]:g}"
    )

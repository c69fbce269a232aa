"""The range of each dtype, bfloat16 among them, which `numpy.finfo` does not know."""

from typing import Any, NamedTuple

import numpy as np

__all__ = ["Limits", "limits"]


class Limits(NamedTuple):
    """The largest number, the smallest with all its digits, the smallest above 0, the spacing at 1.

    Attributes
    ----------
    max, tiny, smallest_subnormal, eps : float
        As in `numpy.finfo`.
    """

    max: float
    tiny: float
    smallest_subnormal: float
    eps: float


# Eight bits of significand, the exponents of float32.
_BFLOAT16 = Limits((2 - 2**-7) * 2.0**127, 2.0**-126, 2.0**-133, 2.0**-7)


def limits(dtype: Any) -> Limits:
    """Return the range of a floating dtype, given as such or by name.

    >>> limits("float16").max, limits("bfloat16").eps
    (65504.0, 0.0078125)
    """
    if str(dtype) == "bfloat16":
        return _BFLOAT16
    info = np.finfo(dtype)
    return Limits(*map(float, (info.max, info.tiny, info.smallest_subnormal, info.eps)))

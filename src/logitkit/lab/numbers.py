"""Numbers on the wire: exact, and with names for the three that JSON lacks.

A number is sent as the shortest text that reads back as the same float64. float16, bfloat16 and
float32 are all float64 numbers, so what is read back is exactly what the kernel gave. NaN, inf and
-inf are the strings "NaN", "Infinity" and "-Infinity", in questions as in answers.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, cast

import ml_dtypes
import numpy as np
from numpy.typing import NDArray
from pydantic import GetPydanticSchema
from pydantic_core import core_schema, to_json

__all__ = [
    "DTYPES",
    "Dtype",
    "Number",
    "Temperature",
    "as_dtype",
    "dumps",
    "to_array",
    "to_float",
    "whole",
]

Dtype = Literal["float16", "bfloat16", "float32", "float64"]
DTYPES: tuple[Dtype, ...] = ("float16", "bfloat16", "float32", "float64")


def _named(least: float | None, names: list[str], message: str) -> GetPydanticSchema:
    """Return the type of a JSON number, or one of the names of a number that JSON lacks."""
    number = core_schema.float_schema(strict=True, allow_inf_nan=False, ge=least)
    either = core_schema.union_schema(
        [number, core_schema.literal_schema(names)],
        mode="left_to_right",
        custom_error_type="number",
        custom_error_message=message,
    )
    return GetPydanticSchema(lambda source, handler: either)


Number = Annotated[
    float | Literal["NaN", "Infinity", "-Infinity"],
    _named(
        None,
        ["NaN", "Infinity", "-Infinity"],
        'accepted is a number in the range of float64, "NaN", "Infinity" or "-Infinity"',
    ),
]
Temperature = Annotated[
    float | Literal["Infinity"],
    _named(0.0, ["Infinity"], 'accepted is a number from 0 on, or "Infinity"'),
]


def whole(value: Any) -> Any:
    """Return 3 for 3.0: to JSON they are the same integer."""
    return int(value) if type(value) is float and value.is_integer() else value


def to_float(value: float | str) -> float:
    """Return the number that came over the wire: `float` knows the three names.

    >>> to_float("-Infinity"), to_float(2)
    (-inf, 2.0)
    """
    return float(value)


def to_array(values: list[Any]) -> NDArray[np.float64]:
    """Return numbers that came over the wire as float64.

    >>> to_array([1, "NaN", "-Infinity"])
    array([  1.,  nan, -inf])
    """
    return np.array(values, dtype=np.float64)


def as_dtype(name: str) -> np.dtype[Any]:
    """Return NumPy's dtype; bfloat16 is that of ml_dtypes."""
    if name == "bfloat16":
        return cast("np.dtype[Any]", np.dtype(ml_dtypes.bfloat16))
    return np.dtype(name)


def dumps(value: object) -> bytes:
    """Return strict JSON.

    >>> dumps({"p": [0.1, float("nan")]})
    b'{"p":[0.1,"NaN"]}'
    """
    return to_json(value, inf_nan_mode="strings")

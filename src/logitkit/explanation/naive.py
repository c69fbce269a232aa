"""The naive softmax, ``exp(x / T) / sum(exp(x / T))`` as it is written, and where it breaks.

It is computed by plain NumPy in the dtype of the scores, warnings off, so that its numbers are
those that anybody gets who types the formula. Each failure names a step that went wrong and why,
the cause first:

- *divide*: the temperature is 0 or infinite in that dtype, or the quotient leaves its range;
- *exp*: an exponential overflows, or all of them are too small and become 0;
- *sum*: it overflows although no exponential does, or is so small that it has lost digits;
- *quotient*: what follows from these, inf / inf or 0 / 0.
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from logitkit.explanation.limits import limits

Scores = NDArray[np.floating[Any]]


@dataclass(frozen=True)
class Failure:
    """One step that failed: which, at which class (None: at all of them), in which dtype, why."""

    step: str
    index: int | None
    label: str | None
    dtype: str
    message: str


@dataclass(frozen=True)
class Way:
    """One way to compute a softmax: its exponentials, their sum, the quotients, what failed."""

    dtype: str
    exponentials: tuple[float, ...]
    total: float
    quotients: tuple[float, ...]
    failures: tuple[Failure, ...] = ()

    @property
    def works(self) -> bool:
        """Whether no step failed and every quotient is a number."""
        return not self.failures and all(map(math.isfinite, self.quotients))


def exp_range(dtype: str) -> tuple[float, float]:
    """Return the x between which exp(x) is neither 0 nor inf: -745.13 to 709.78 in float64.

    >>> [round(x, 2) for x in exp_range("float32")]
    [-103.97, 88.72]
    """
    info = limits(dtype)
    # Below half of the smallest number above 0 a result rounds to 0.
    low = math.log(info.smallest_subnormal) - math.log(2)
    return low, math.log(info.max)


@np.errstate(all="ignore")
def naive_way(x: Scores, labels: tuple[str, ...], temperature: float) -> Way:
    """Compute the softmax of the 1-D `x` as the formula is written, and find what fails."""
    name = x.dtype.name
    t = x.dtype.type(temperature)
    z = x / t
    e = np.exp(z)
    total = e.sum(dtype=x.dtype)
    p = e / total
    found = [
        *_divide(x, z, t, temperature),
        *_exp(z, e),
        *_sum(e, total),
        *_quotient(x, e, total, p),
    ]
    failures = tuple(
        Failure(step, i, None if i is None else labels[i], name, text) for step, i, text in found
    )
    return Way(name, tuple(e.tolist()), float(total), tuple(p.tolist()), failures)


Found = list[tuple[str, int | None, str]]


def _divide(x: Scores, z: Scores, t: np.floating[Any], temperature: float) -> Found:
    name = x.dtype.name
    if float(t) != temperature and (t == 0 or np.isinf(t)):
        return [("divide", None, f"the temperature {temperature:g} is {t:g} in {name}")]
    bad = np.flatnonzero(~np.isnan(x) & np.isnan(z) | np.isfinite(x) & np.isinf(z))
    if not bad.size:
        return []
    i = int(bad[0])
    text = f"{_short(x[i])} / {_short(t)} = {_short(z[i])}"
    if t == 0:
        text += ": division by 0"
    elif np.isfinite(t):
        text += f": {name} holds numbers up to {limits(name).max:.5g}"
    return [("divide", i, text)]


def _exp(z: Scores, e: Scores) -> Found:
    name = z.dtype.name
    low, high = exp_range(name)
    over = np.flatnonzero(np.isfinite(z) & np.isinf(e))
    if over.size:
        i = int(over[0])
        text = f"exp({_short(z[i])}) = inf: {name} holds exp(x) up to x = {high:.2f}"
        return [("exp", i, text)]
    finite = np.isfinite(z)
    if finite.any() and not e.any():
        i = int(np.argmax(z))
        text = f"exp({_short(z[i])}) = 0: in {name} exp(x) is 0 below x = {low:.2f}"
        return [("exp", i, text)]
    return []


def _sum(e: Scores, total: np.floating[Any]) -> Found:
    info = limits(e.dtype)
    if np.isinf(total) and np.isfinite(e).all():
        text = f"the sum is inf though no exponential is: {e.dtype.name} holds numbers up to "
        return [("sum", None, f"{text}{info.max:.5g}")]
    if 0 < total < info.tiny:
        text = f"the sum {total:.2g} is below {info.tiny:.4g}, where {e.dtype.name} loses digits"
        return [("sum", None, text)]
    return []


def _quotient(x: Scores, e: Scores, total: np.floating[Any], p: Scores) -> Found:
    if np.isnan(total):  # no quotient is to blame
        return []
    if np.isnan(p).any():
        i = int(np.argmax(np.isnan(p)))
        return [("quotient", i, f"{_short(e[i])} / {_short(total)} = NaN")]
    if np.isinf(total):
        return [("quotient", None, "a number / inf = 0, so every quotient is 0")]
    return []


def _short(v: np.floating[Any] | float) -> str:
    return "NaN" if np.isnan(v) else f"{float(v):.6g}"

"""The two ways to compute a softmax that stand beside the library's, in any dtype.

naive is ``exp(x) / sum(exp(x))``; shifted subtracts the largest score first. Both are plain NumPy,
in the dtype of the scores.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from logitkit.explanation.naive import Failure, naive_way
from logitkit.explanation.narrow import narrow

__all__ = ["Trial", "trial"]


@dataclass(frozen=True, eq=False)
class Trial:
    """Both ways in one dtype, and where the naive one fails.

    Attributes
    ----------
    dtype : str
        The dtype.
    logits, naive, shifted : numpy.ndarray
        The scores as they are in it, and the two results.
    failures : tuple of Failure
        The steps of the naive way that failed.
    failing_step : str or None
        The first of them; "cast" where a score does not fit in the dtype, None where it works.
    failure : str or None
        All of them, and why.
    """

    dtype: str
    logits: NDArray[Any]
    naive: NDArray[Any]
    shifted: NDArray[Any]
    failures: tuple[Failure, ...]
    failing_step: str | None
    failure: str | None


def trial(
    scores: NDArray[Any], dtype: str | np.dtype[Any], names: Sequence[str], temperature: float
) -> Trial:
    """Compute both ways in one dtype.

    Parameters
    ----------
    scores : numpy.ndarray
        One row of scores, of any numeric dtype.
    dtype : str or numpy.dtype
        The type to convert them to, and to compute in.
    names : sequence of str
        The names of the classes.
    temperature : float
        What the scores are divided by.
    """
    x, lost = narrow(scores, dtype)
    naive = naive_way(x, tuple(names), temperature)
    with np.errstate(all="ignore"):
        exponentials = np.exp((x - x.max()) / x.dtype.type(temperature))
        shifted = exponentials / exponentials.sum(dtype=x.dtype)
    causes = [lost] if lost else []
    causes.extend(f"{failure.step}: {failure.message}" for failure in naive.failures)
    return Trial(
        dtype=x.dtype.name,
        logits=x,
        naive=np.array(naive.quotients).astype(x.dtype),
        shifted=shifted,
        failures=naive.failures,
        failing_step="cast" if lost else naive.failures[0].step if naive.failures else None,
        failure="; ".join(causes) or None,
    )

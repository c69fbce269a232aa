"""The worked softmax of one vector of scores, step by step.

The columns that show the arithmetic (logit / T, shifted, exponential, sum) are float64 numbers
computed from the scores as they are stored. Probabilities and log-probabilities are the results of
logitkit's kernels in the dtype of the scores. The naive way is beside them, in `naive`.

Both limits of the temperature are taken in the shifted column: 0 for the slots that win and -inf
for the others, so nothing is divided by 0 or by inf.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

import logitkit
from logitkit.backends import backend_of
from logitkit.explanation.naive import Failure, Scores, Way, naive_way


@dataclass(frozen=True)
class Step:
    """One class on its way from logit to probability.

    `scaled` is logit / T (None at temperature 0), `shifted` that minus its maximum, `exponential`
    is exp(shifted). `rank` is that of the score: 1 is the largest, equal scores share one, and it
    is None where the softmax is undefined.
    """

    index: int
    label: str
    logit: float
    scaled: float | None
    shifted: float
    exponential: float
    probability: float
    percent: float
    log_probability: float
    rank: int | None


@dataclass(frozen=True)
class Worked:
    """The numbers of one explanation, without its words."""

    dtype: str
    temperature: float
    maximum: float
    steps: tuple[Step, ...]
    naive: Way
    stable: Way

    @classmethod
    def of(cls, x: ArrayLike, labels: Sequence[object] | None, temperature: float) -> Self:
        """Work out the softmax of `x`; raises what `logitkit.explain` says."""
        scores = _scores(x)
        names = _names(labels, len(scores))
        t = _temperature(temperature)
        p = np.asarray(logitkit.softmax(scores, temperature=t), dtype=np.float64)
        log_p = np.asarray(logitkit.log_softmax(scores, temperature=t), dtype=np.float64)
        z = scores.astype(np.float64)
        scaled, shifted = _shift(z, t)
        e = np.exp(shifted)
        columns = zip(
            range(len(z)),
            names,
            z.tolist(),
            scaled,
            shifted.tolist(),
            e.tolist(),
            p.tolist(),
            (100 * p).tolist(),
            log_p.tolist(),
            _ranks(z),
            strict=True,
        )
        failure = _undefined(z, names)
        stable = Way("float64", tuple(e.tolist()), float(e.sum()), tuple(p.tolist()), failure)
        naive = naive_way(scores, names, t)
        steps = tuple(Step(*row) for row in columns)
        return cls(scores.dtype.name, t, float(z.max()), steps, naive, stable)


@np.errstate(all="ignore")
def _shift(z: NDArray[np.float64], t: float) -> tuple[list[float | None], NDArray[np.float64]]:
    """Return z / T, and (z - max z) / T with its limits at T = 0 and T = inf."""
    m = z.max()
    if not np.isfinite(m):
        return (z / t if t else z).tolist(), z - m  # undefined: the shift is inf - inf
    if t == 0:
        first = np.arange(len(z)) == np.argmax(z)
        return [None] * len(z), np.where(first, 0.0, -np.inf)
    if t == np.inf:
        limit = np.where(z == -np.inf, -np.inf, 0.0)
        return limit.tolist(), limit
    return (z / t).tolist(), (z - m) / t


def _ranks(z: NDArray[np.float64]) -> list[int | None]:
    if not np.isfinite(z.max()):
        return [None] * len(z)
    larger = len(z) - np.searchsorted(np.sort(z), z, side="right")
    return [1 + int(n) for n in larger]


def _undefined(z: NDArray[np.float64], names: tuple[str, ...]) -> tuple[Failure, ...]:
    """Return why no way can give a softmax of `z`, or nothing."""
    m = z.max()
    if np.isfinite(m):
        return ()
    if np.isnan(m):
        i = int(np.argmax(np.isnan(z)))
        step, text = "maximum", "NaN is neither below nor above another score"
    else:
        i = int(np.argmax(z))
        step, text = "shift", f"{m} - {m} = NaN".replace("- -inf", "- (-inf)")
    return (Failure(step, i, names[i], "float64", text),)


def _scores(x: ArrayLike) -> Scores:
    """Return `x` as a 1-D array of float16, bfloat16, float32 or float64."""
    if isinstance(x, np.ma.MaskedArray):
        raise TypeError("x must not be a masked array; pass x.compressed() and its labels")
    backend = backend_of(x)
    if hasattr(backend, "to_numpy"):
        x = backend.to_numpy(x)
    try:
        a: NDArray[Any] = np.asarray(x)
    except ValueError:
        raise ValueError("x must be one flat row of numbers, got a ragged sequence") from None
    if a.size == 0:
        raise ValueError(f"x must hold at least one score, got an array of shape {a.shape}")
    if a.ndim > 1:
        raise ValueError(f"x must be one row of scores, got shape {a.shape}; pass one row: x[0]")
    if (a.dtype.kind == "f" and a.dtype.itemsize <= 8) or a.dtype.name == "bfloat16":
        dtype = a.dtype.newbyteorder("=")
    elif a.dtype.kind in "biu":
        dtype = np.dtype(np.float32 if a.dtype.itemsize <= 2 else np.float64)
    else:
        accepted = "float16, bfloat16, float32, float64, integers or booleans"
        raise TypeError(f"x must be {accepted}, got dtype {a.dtype}")
    return np.atleast_1d(a).astype(dtype)


def _names(labels: Sequence[object] | None, count: int) -> tuple[str, ...]:
    if labels is None:
        return tuple(f"class {i}" for i in range(count))
    if not isinstance(labels, Iterable):
        raise TypeError(f"labels is {labels!r}; accepted is a sequence of names")
    if isinstance(labels, str):
        raise TypeError(f"labels must be a sequence of names, got the one string {labels!r}")
    labels = list(labels)
    if len(labels) != count:
        raise ValueError(f"labels must name each score: x has {count}, labels has {len(labels)}")
    return tuple(str(label) for label in labels)


def _temperature(temperature: float) -> float:
    if np.asarray(temperature).dtype.kind not in "biuf":
        raise TypeError(f"temperature is {temperature!r}; accepted is a number >= 0")
    if np.ndim(temperature) != 0:
        raise ValueError(f"temperature must be one number, got shape {np.shape(temperature)}")
    t = float(temperature)
    if not t >= 0:
        raise ValueError(f"temperature must be 0, positive or inf, got {t}")
    return t

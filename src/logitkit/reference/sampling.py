"""Filters on logits and draws from what they leave, by sorting and in whole numbers.

An element's weight is e^((x - m) / T) as a whole number of units of 2^-80. Sums of weights are
Python's integers, so nothing depends on their order.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from logitkit.reference._rows import Array, Axis, Rows, as_float64, keep_of, quiet, quotient

FILTERS = ("temperature", "top_k", "top_p", "min_p")
ORDERS = {"hf": FILTERS, "llama.cpp": (*FILTERS[1:], "temperature")}
UNIT = 2**80


def filter_logits(
    x: ArrayLike,
    /,
    *,
    temperature: ArrayLike = 1.0,
    top_k: int | None = None,
    top_p: float | None = None,
    min_p: float | None = None,
    order: str | Sequence[str] = "hf",
    axis: Axis = -1,
) -> Array:
    """Return ``x / temperature`` where the filters keep it, -inf elsewhere.

    >>> filter_logits([0.0, 2.0, 2.0, 1.0], top_k=2)
    array([-inf,   2.,   2., -inf])
    """
    rows, scores, temperatures = _rows(x, axis, temperature)
    left = np.full_like(scores, np.nan)
    for i, (row, t) in enumerate(zip(scores, temperatures, strict=True)):
        if not _is_bad(row):
            kept = _kept(row, t, top_k, top_p, min_p, order)
            left[i] = np.where(kept, _divided(row, t), -np.inf)
    return rows.join(left)


def sample(
    x: ArrayLike,
    /,
    *,
    seed: int,
    temperature: ArrayLike = 1.0,
    top_k: int | None = None,
    top_p: float | None = None,
    min_p: float | None = None,
    order: str | Sequence[str] = "hf",
    size: int | tuple[int, ...] | None = None,
    axis: Axis = -1,
    rows: ArrayLike | None = None,
) -> NDArray[np.int64]:
    """Draw indices from ``softmax(filter_logits(x, ...))`` by inversion.

    >>> sample([0.0, -np.inf, 0.0], seed=1, size=4)
    array([2, 2, 2, 0])
    """
    layout, scores, temperatures = _rows(x, axis, temperature)
    shape = () if size is None else size if isinstance(size, tuple) else (operator.index(size),)
    if rows is None:
        rows = np.arange(math.prod(layout.reduced)).reshape(layout.reduced)
    given = np.asarray(rows)
    full = layout.kept if given.ndim == len(layout.full) else layout.reduced
    numbers = np.broadcast_to(given, full).ravel()  # as floats the large ones would be rounded
    drawn = np.empty((math.prod(shape), len(numbers)), np.int64)
    for i, (row, t) in enumerate(zip(scores, temperatures, strict=True)):
        if _is_bad(row) or row.max(initial=-np.inf) == -np.inf:
            raise ValueError(f"x has nothing to draw in row {i}")
        kept = _kept(row, t, top_k, top_p, min_p, order)
        sums = np.cumsum(_weights(row, kept, t), dtype=object)
        for draw in range(len(drawn)):
            target = uniform(seed, int(numbers[i]), draw) * sums[-1] // 2**53
            drawn[draw, i] = np.searchsorted(sums, target, side="right")
    return drawn.reshape((*shape, *layout.reduced))[()]


def _rows(x: ArrayLike, axis: Axis, temperature: ArrayLike) -> tuple[Rows, Array, Array]:
    """Return the rows, their scores with -inf where they are masked, and their temperatures."""
    values = as_float64(x)
    rows = Rows(values, axis)
    scores = np.where(rows.split(keep_of(x, values, None)), rows.split(values), -np.inf)
    return rows, scores, rows.temperature(temperature)[:, 0]


def _is_bad(row: Array) -> bool:
    return bool(np.isnan(row).any() or row.max(initial=-np.inf) == np.inf)


def _kept(
    row: Array,
    temperature: float,
    top_k: int | None,
    top_p: float | None,
    min_p: float | None,
    order: str | Sequence[str],
) -> NDArray[np.bool_]:
    """Return what is left of one row, by its scores: as quotients, close ones would be ties."""
    kept = row > -np.inf
    places = np.arange(len(row))
    t = 1.0
    for name in ORDERS[order] if isinstance(order, str) else order:
        ranks = np.lexsort((places, np.where(kept, -row if t < np.inf else 0.0, np.inf)))
        ranks = ranks[: kept.sum()]
        if name == "temperature":
            t = temperature
            if t == 0:
                kept = np.isin(places, ranks[:1])
        elif name == "top_k" and top_k:
            kept = np.isin(places, ranks[:top_k])
        elif name == "top_p" and top_p is not None and top_p < 1:
            sums = np.cumsum(_weights(row, kept, t)[ranks], dtype=object)
            enough = next((i for i, s in enumerate(sums) if s / sums[-1] >= top_p), 0)
            kept = np.isin(places, ranks[: enough + 1])
        elif name == "min_p" and min_p:
            kept &= _distances(row, t)[0] >= math.log(min_p)
    return kept


@quiet
def _divided(row: Array, temperature: float) -> Array:
    """Return the scores by the temperature, less their largest where they would overflow."""
    if temperature == 0:
        return np.zeros_like(row)
    m = row.max(initial=-np.inf)
    return (row - (0.0 if np.isfinite(m / temperature) else m)) / temperature


@quiet
def _distances(row: Array, temperature: float) -> tuple[Array, Array]:
    """Return (x - m) / T and its error; 0 at the limits of T, where all that is kept is equal."""
    if temperature in (0, np.inf):
        return np.zeros_like(row), np.zeros_like(row)
    return quotient(row, row.max(), np.asarray(temperature))


def _weights(row: Array, kept: NDArray[np.bool_], temperature: float) -> NDArray[np.object_]:
    """Return the weights of the elements as Python's integers."""
    if not kept.any():
        return np.zeros(len(row), object)
    q, error = _distances(row, temperature)
    weights = np.where(kept, np.exp(q) * (1 + error), 0.0)
    return np.array([round(math.ldexp(w, 80)) for w in weights.tolist()], object)


def uniform(seed: int, row: int, draw: int) -> int:
    """Return the 53 bits of one draw: a number from [0, 1) in units of 2^-53."""
    words = philox((seed, seed >> 32), (draw, draw >> 32, row, row >> 32))
    return (words[1] << 32 | words[0]) >> 11


def philox(key: tuple[int, int], counter: tuple[int, int, int, int]) -> tuple[int, int, int, int]:
    """Return Philox 4x32-10 of a key and a counter, the lowest words first.

    >>> [f"{word:08x}" for word in philox((0, 0), (0, 0, 0, 0))]
    ['6627e8d5', 'e169c58d', 'bc57ac4c', '9b00dbd8']
    """
    a, b, c, d = (word & 0xFFFFFFFF for word in counter)
    low, high = (word & 0xFFFFFFFF for word in key)
    for _ in range(10):
        p, q = 0xD2511F53 * a, 0xCD9E8D57 * c
        a, b, c, d = (q >> 32) ^ b ^ low, q & 0xFFFFFFFF, (p >> 32) ^ d ^ high, p & 0xFFFFFFFF
        low, high = (low + 0x9E3779B9) & 0xFFFFFFFF, (high + 0xBB67AE85) & 0xFFFFFFFF
    return a, b, c, d

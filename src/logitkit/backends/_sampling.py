"""NumPy arrays: filters on logits, and draws from what they leave."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from logitkit import _core
from logitkit.backends import _arguments as arguments
from logitkit.backends import _delivery as delivery
from logitkit.backends._arguments import Array

# In the order of the core's numbers.
FILTERS = ("temperature", "top_k", "top_p", "min_p")
ORDERS = {"hf": FILTERS, "llama.cpp": (*FILTERS[1:], FILTERS[0])}

# What float() would take, with a warning or as something else.
_NO_SHARES = (str, bytes, bool, np.bool_, complex, np.complexfloating, np.ma.MaskedArray)
_MOST_SEEDS = 2**64
_MOST_ROWS = 2**63


class Filters(NamedTuple):
    """The filters of a call as the core takes them."""

    filters: list[int]
    k: int
    p: float
    min_p: float


def filter_logits(
    x: Any,
    axis: Any,
    temperature: Any,
    top_k: Any,
    top_p: Any,
    min_p: Any,
    order: Any,
) -> Any:
    """See `logitkit.filter_logits`."""
    x, keep, axes, divide = _as_rows(x, axis, temperature)
    dtype, compute = arguments.result_dtypes(x.dtype)
    filters = _as_filters(divide, top_k, top_p, min_p, order)
    result = np.empty_like(x, dtype)
    if x.size:
        _apply(_core.FILTER_LOGITS, x, result, compute, axes, divide, keep, filters, 0)
    return delivery.deliver(result, x.shape, dtype)


def sample(
    x: Any,
    axis: Any,
    temperature: Any,
    top_k: Any,
    top_p: Any,
    min_p: Any,
    order: Any,
    seed: Any,
    size: Any,
    rows: Any,
) -> Any:
    """See `logitkit.sample`."""
    x, keep, axes, divide = _as_rows(x, axis, temperature)
    _, compute = arguments.result_dtypes(x.dtype)
    filters = _as_filters(divide, top_k, top_p, min_p, order)
    key = arguments.count_of("seed", seed, _MOST_SEEDS)
    drawn = _as_shape(size)
    shape = arguments.without_axes(x.shape, axes)
    numbers = _row_numbers(rows, shape, x.shape, axes)
    classes = math.prod([x.shape[i] for i in axes])
    if classes == 0 and math.prod(shape):
        raise ValueError(f"x has the shape {x.shape}: no class to draw, axis is {axis!r}")

    # Without an axis each element is a row of one class.
    scores = x if axes else x[..., np.newaxis]
    last = axes or (x.ndim,)
    to_end = [i for i in range(scores.ndim) if i not in last] + list(last)

    in_place = to_end == list(range(x.ndim))

    def at_end(a: Array) -> Array:
        return a if in_place else a.reshape(scores.shape).transpose(to_end)

    draws = math.prod(drawn)
    if draws * math.prod(shape) >= _MOST_ROWS:
        raise ValueError(f"size is {size!r}: {draws} draws of each row are too many to count")
    ids = np.empty((*shape, *[1] * (len(last) - 1), draws), np.int64)
    if ids.size:
        ids[..., 0] = numbers.reshape(ids.shape[:-1])
        _apply(
            _core.SAMPLE,
            at_end(scores),
            ids,
            compute,
            tuple(range(len(shape), scores.ndim)),
            divide if isinstance(divide, float) else at_end(divide),
            None if keep is None else at_end(keep),
            filters,
            key,
        )
        if (ids < 0).any():
            bad = ids[..., 0].reshape(shape) < 0
            _refuse_row(at_end(scores), None if keep is None else at_end(keep), bad)
    by_row = ids.reshape(math.prod(shape), draws)
    result = (by_row if draws == 1 else by_row.T).reshape((*drawn, *shape))
    return delivery.deliver(result, result.shape, np.dtype(np.int64))


def _as_rows(
    x: Any, axis: Any, temperature: Any
) -> tuple[Array, Array | None, tuple[int, ...], float | Array]:
    """Return x, what of it takes part, the axes of a row, and what divides it."""
    x, kept = arguments.as_array(x)
    axes = arguments.normalize_axes(axis, x.ndim)
    keep = arguments.broadcast_mask(None, x.shape, kept)
    return x, keep, axes, arguments.broadcast_temperature(temperature, x.shape, axes)


def _as_filters(
    temperature: float | Array, top_k: Any, top_p: Any, min_p: Any, order: Any
) -> Filters:
    """Return the filters that do something, in their order."""
    names = _as_order(order)
    k = _as_count(top_k)
    p = _as_share("top_p", top_p, 1.0)
    least = _as_share("min_p", min_p, 0.0)
    used = {
        "temperature": not (isinstance(temperature, float) and temperature == 1),
        "top_k": k > 0,
        "top_p": p < 1,
        "min_p": least > 0,
    }
    for name, given in zip(FILTERS, (temperature, top_k, top_p, min_p), strict=True):
        if used[name] and name not in names:
            raise ValueError(f"order is {order!r}; it must name {name} too, which is {given}")
    filters = [FILTERS.index(name) for name in names if used[name]]
    return Filters(filters, max(k, 1), p, least)


def _as_order(order: Any) -> Sequence[str]:
    if isinstance(order, str):
        arguments.check_choice("order", order, ORDERS)
        return ORDERS[order]
    if not isinstance(order, (tuple, list)):
        raise TypeError(
            f"order is {order!r}; accepted are 'hf', 'llama.cpp' and a tuple of {FILTERS}"
        )
    for name in order:
        if not isinstance(name, str):
            raise TypeError(f"order names {name!r}; accepted are {FILTERS}")
        if name not in FILTERS:
            raise ValueError(f"order names {name!r}; accepted are {FILTERS}")
    if len(set(order)) != len(order):
        raise ValueError(f"order is {order!r}; it names a filter twice, accepted is each once")
    return order


def _as_count(top_k: Any) -> int:
    if top_k is None:
        return 0
    return min(arguments.count_of("top_k", top_k, None), _MOST_ROWS - 1)


def _as_share(name: str, value: Any, off: float) -> float:
    """Return a number from 0 to 1."""
    if value is None:
        return off
    try:
        if isinstance(value, _NO_SHARES):
            raise TypeError
        share = float(value)
    except (TypeError, ValueError, OverflowError):
        raise TypeError(f"{name} is {value!r}; accepted is a number from 0 to 1") from None
    if not 0 <= share <= 1:
        raise ValueError(f"{name} is {value!r}; it must be from 0 to 1")
    return share


def _as_shape(size: Any) -> tuple[int, ...]:
    if size is None:
        return ()
    given = size if isinstance(size, tuple | list) else (size,)
    return tuple([arguments.count_of("size", n, _MOST_ROWS) for n in given])


def _row_numbers(
    rows: Any, shape: tuple[int, ...], x_shape: tuple[int, ...], axes: tuple[int, ...]
) -> Array:
    """Return the number of each row, in the shape of the rows."""
    if rows is None:
        return np.arange(math.prod(shape), dtype=np.int64).reshape(shape)
    given, kept = arguments.as_array(rows, "rows")
    if kept is not None:
        raise TypeError("rows is a masked array; accepted is a plain one, of integers >= 0")
    if given.dtype.kind not in "iu" and given.size:
        raise TypeError(f"rows has the dtype {given.dtype}; accepted are integers >= 0")
    if given.size and (int(given.min()) < 0 or int(given.max()) >= _MOST_ROWS):
        raise ValueError(
            f"rows has the values {given.min()} to {given.max()}; they must be >= 0 and < 2**63"
        )
    numbers = arguments.broadcast_per_row(given, x_shape, axes, "rows")
    return np.broadcast_to(numbers, [1 if i in axes else n for i, n in enumerate(x_shape)])


def _apply(
    op: int,
    x: Array,
    out: Array,
    compute: np.dtype[Any],
    axes: tuple[int, ...],
    temperature: float | Array,
    keep: Array | None,
    filters: Filters,
    seed: int,
) -> None:
    def run(
        op: int,
        x: Array,
        out: Array,
        axes: int,
        temperature: float | Array,
        mask: Array | None,
        *_: None,
        compute: str = "",
        x_stored: str = "",
        out_stored: str = "",
        **__: Any,
    ) -> None:
        _core.sample(
            op, x, out, axes, temperature, mask, *filters, seed, compute, x_stored, out_stored
        )

    delivery.apply(op, x, out, compute, axes, temperature, keep, run=run)


def _refuse_row(scores: Array, keep: Array | None, bad: Array) -> None:
    """Raise for the first row that nothing can be drawn from; the axes of a row come last."""
    at = tuple([int(i) for i in np.unravel_index(int(bad.argmax()), bad.shape)])
    row = delivery.cast(scores[at].reshape(-1), np.dtype(np.float64))
    wrong = np.isnan(row) | (row == np.inf)
    if keep is not None:
        wrong &= keep[at].reshape(-1)
    name = "x" if not at else f"row {at[0] if len(at) == 1 else at}"
    if not wrong.any():
        raise ValueError(f"{name}: no logit above -inf; a draw needs one")
    index = int(wrong.argmax())
    kind = "NaN" if np.isnan(row[index]) else "+inf"
    raise ValueError(f"{name}: {kind} logit at index {index}; accepted are numbers below inf")

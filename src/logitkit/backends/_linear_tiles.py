"""The cross-entropy of h @ w.T by tiles: some rows of h times some classes of w.

The method
----------
For logits x and the target t, the other classes add up block after block, each block's sum taken
by the core::

    L = log(sum over k != t of exp(x_k)),    -log p_t = log(1 + exp(L - x_t))

so that a loss near 0 keeps its digits. The normaliser lse = log(exp(L) + exp(x_t)) being known, the
logits of a tile are formed again and become their gradient, one exponential each. What a row counts
for is as in `logitkit.reference.losses`: whole = sum(a), v = w_t.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import numpy as np

from logitkit import _core
from logitkit.backends import _delivery as delivery
from logitkit.backends._arguments import Array
from logitkit.backends._linear_layer import Gradients, Layer, Terms, blocks

_MOST_ROWS = 4096  # of a tile: more need not stand beside each other


class _Tiles:
    """The tiles of a layer, one after the other in the same memory."""

    def __init__(self, layer: Layer, memory: int) -> None:
        self.layer = layer
        # A quarter for rows of h, what is added to their gradient, and that; another for classes
        # of w likewise. The tile has three eighths, and where there is smoothing flags beside it.
        rows = min(layer.rows, _MOST_ROWS, memory // (12 * layer.width))
        rows = max(1, rows)
        classes = min(memory // (12 * layer.width), memory * 3 // 8 // (rows * self._itemsize))
        classes = max(1, min(layer.classes, classes))
        self.parts, self.spans = blocks(layer.rows, rows), blocks(layer.classes, classes)
        self._memory = np.empty(rows * classes, layer.compute)

    @property
    def _itemsize(self) -> int:
        return self.layer.compute.itemsize

    def logits(self, h: Array, w: Array, span: slice) -> Array:
        """Return the logits of a tile, contiguous."""
        tile = self._memory[: len(h) * len(w)].reshape(len(h), len(w))
        self.layer.logits(h, w, span, tile)
        return tile


class _Rows(NamedTuple):
    """What the gradient of a tile needs of each row, in float64."""

    lse: Array
    factor: Array  # of the probabilities
    at_target: Array  # the gradient there


def by_tiles(layer: Layer, terms: Terms, grads: Gradients | None, memory: int) -> Array:
    """Return the loss of each row that counts, in float64, and fill the gradients."""
    tiles = _Tiles(layer, memory)
    losses, rows = _reduce(tiles, terms)
    if grads is None:
        return losses
    by_h = grads.h
    if delivery.has(by_h, layer.compute):

        def add(part: slice, product: Array) -> None:
            by_h[layer.place(part)] += product

        _sweep(tiles, terms, rows, tiles.parts, add, grads)
        return losses
    # A gradient of h that is to be rounded once needs room for its sum: one part at a time has it.
    alone = len(tiles.parts) == 1
    for part in tiles.parts:
        total = np.zeros((part.stop - part.start, by_h.shape[-1]), layer.compute)
        _sweep(tiles, terms, rows, [part], partial(_add_to, total), grads if alone else None)
        by_h[layer.place(part)] = delivery.cast(total, by_h.dtype)
    if not alone:
        _sweep(tiles, terms, rows, tiles.parts, None, grads)
    return losses


def _add_to(total: Array, _: slice, product: Array) -> None:
    total += product


def _reduce(tiles: _Tiles, terms: Terms) -> tuple[Array, _Rows]:
    """Return the losses, and what their gradients need, one sweep over the logits."""
    layer, weight = tiles.layer, terms.weight
    at_target = np.zeros(layer.rows)  # the logits there
    others = np.full(layer.rows, -np.inf)
    spread = np.zeros(layer.rows)  # sum of the other logits, weighted: the smoothing's part
    for part in tiles.parts:
        h = layer.h_rows(part)
        for span in tiles.spans:
            x = tiles.logits(h, layer.w_rows(span), span)
            target = _inside(layer.ids[part], span)
            at_target[part][target[0]] = x[target]
            x[target] = -np.inf
            others[part] = np.logaddexp(others[part], _logsumexp(x))
            if terms.smoothing:
                x[target] = 0
                of_class = np.ones(x.shape[1]) if weight is None else weight[span]
                x[:, of_class == 0] = 0  # what counts for nothing may be infinite
                spread[part] += x @ delivery.cast(of_class, x.dtype)
    lse = np.logaddexp(others, at_target)
    lse = np.where(np.isfinite(lse), lse, np.nan)  # no proper softmax
    surprise = np.logaddexp(0, others - at_target)

    v = np.ones(layer.rows) if weight is None else weight[layer.ids]
    share = terms.smoothing / layer.classes
    whole_weight = layer.classes if weight is None else weight.sum()
    a = v * (1 - terms.smoothing + share)
    rest = share * (whole_weight - v)
    losses = np.where(a == 0, 0.0, a * surprise)
    if share:
        losses += rest * lse - share * spread
    if terms.z_loss:
        losses += terms.z_loss * v * lse**2
    losses = np.where(np.isnan(lse), np.nan, losses)

    pull = 2 * terms.z_loss * v * lse if terms.z_loss else np.zeros(())
    # Near 1 a probability less its target is what the others come to.
    gradient = np.expm1(-surprise) * (a + rest) + rest + pull * np.exp(-surprise)
    gradient = np.where(at_target == -np.inf, 0.0, gradient)
    gradient = np.where(np.isnan(lse), np.nan, gradient)
    return losses, _Rows(lse, (a + rest + pull) * terms.scale, gradient * terms.scale)


def _logsumexp(x: Array) -> Array:
    """Return the logsumexp of each row in float64: the core gives it as the largest one's loss."""
    largest = x.argmax(axis=1)[:, np.newaxis]
    m = np.take_along_axis(x, largest, 1).astype(np.float64)
    above = np.zeros(m.shape)
    _core.cross_entropy(x, None, above, 2, largest, None, None, None, 0.0, 0.0, 1.0)
    return np.where(m == -np.inf, m, m + above)[:, 0]


def _inside(ids: Array, span: slice) -> tuple[Array, Array]:
    """Return the rows of a tile whose targets are in it, and where."""
    rows = np.flatnonzero((ids >= span.start) & (ids < span.stop))
    return rows, ids[rows] - span.start


def _sweep(
    tiles: _Tiles,
    terms: Terms,
    rows: _Rows,
    parts: list[slice],
    add_to_h: Callable[[slice, Array], None] | None,
    grads: Gradients | None,
) -> None:
    """Form the gradient of every tile, add up those of h, and set those of w and bias, if asked."""
    layer = tiles.layer
    for span in tiles.spans:
        w = layer.w_rows(span)
        by_w: Array | None = None
        by_bias: Array | None = None
        for part in parts:
            h = layer.h_rows(part)
            x = tiles.logits(h, w, span)
            target = _inside(layer.ids[part], span)
            _to_gradient(x, target, _Rows(*[a[part] for a in rows]), _share(layer, terms, span))
            if add_to_h is not None:
                add_to_h(part, x @ w)
            if grads is not None:
                by_w = _sum(by_w, x.T @ h)
                by_bias = _sum(by_bias, x.sum(axis=0, dtype=np.float64))
        _put(by_w, span, None if grads is None else grads.w)
        _put(by_bias, span, None if grads is None else grads.bias)


def _sum(total: Array | None, more: Array) -> Array:
    """Add in place, without a copy of the first."""
    if total is None:
        return more
    total += more
    return total


def _put(total: Array | None, span: slice, into: Array | None) -> None:
    if total is not None and into is not None:
        into[span] = delivery.cast(total, into.dtype)


def _share(layer: Layer, terms: Terms, span: slice) -> Array | None:
    """Return what the smoothing wants of each class of a span, if there is one."""
    if not terms.smoothing:
        return None
    of_class = np.ones(span.stop - span.start) if terms.weight is None else terms.weight[span]
    share = of_class * (terms.smoothing / layer.classes * terms.scale)
    return delivery.cast(share, layer.compute)


def _to_gradient(x: Array, target: tuple[Array, Array], rows: _Rows, share: Array | None) -> None:
    """Turn the logits of a tile into the gradient by them."""
    possible = None if share is None else x > -np.inf
    # What the difference to a rounded normaliser lacks is made up for by the factor.
    high = rows.lse.astype(x.dtype)
    factor = rows.factor * np.exp(high.astype(np.float64) - rows.lse)
    x -= high[:, np.newaxis]
    np.exp(x, out=x)
    x *= delivery.cast(factor, x.dtype)[:, np.newaxis]
    if share is not None:
        np.subtract(x, share, out=x, where=possible)
    x[target] = rows.at_target[target[0]]

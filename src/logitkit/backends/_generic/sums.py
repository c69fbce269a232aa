"""Sums along the last axis in one order, whatever the layout, and to twice the precision."""

from __future__ import annotations

from typing import Any

Array = Any


class TreeSums:
    """A namespace whose sums along the last axis are those of a compensated tree.

    A library may add neighbours in one layout and one by one in another: other bits, and up to
    several ULP. Here the halves of a row are added until one number is left, and what each addition
    rounds off (Knuth's two-sum) is added up beside it.
    """

    def __init__(self, xp: Any) -> None:
        self._xp = xp

    def __getattr__(self, name: str) -> Any:
        return getattr(self._xp, name)

    def sum(self, a: Array, axis: int | None = None, keepdims: bool = False) -> Array:
        """Return the sum; along another axis than the last as the library has it."""
        if axis != -1 or a.shape[-1] < 2:
            return self._xp.sum(a, axis=axis, keepdims=keepdims)
        total, lost = a, self._xp.zeros_like(a)
        while (n := total.shape[-1]) > 1:
            half, whole = n // 2, n // 2 * 2
            one, other = total[..., :half], total[..., half:whole]
            pair = one + other
            back = pair - one
            error = (one - (pair - back)) + (other - back)
            lost_here = error + (lost[..., :half] + lost[..., half:whole])
            total = self._xp.concat([pair, total[..., whole:]], axis=-1)
            lost = self._xp.concat([lost_here, lost[..., whole:]], axis=-1)
        # An infinite sum has lost nothing.
        total = total + self._xp.where(self._xp.isfinite(total), lost, 0.0)
        return total if keepdims else self._xp.squeeze(total, axis=-1)

"""The functions of one element, as formulas over any namespace, NumPy's too."""

from __future__ import annotations

import math
from typing import Any


def sigmoid(xp: Any, a: Any) -> Any:
    """Return ``1 / (1 + exp(-a))``, of its two forms the one whose exponential cannot overflow."""
    e = xp.exp(-xp.abs(a))
    return xp.where(a >= 0, 1 / (1 + e), e / (1 + e))


def tanh(xp: Any, a: Any) -> Any:
    """Return the hyperbolic tangent."""
    return xp.tanh(a)


def relu(xp: Any, a: Any) -> Any:
    """Return ``max(a, 0)``; NaN stays."""
    return xp.maximum(a, xp.zeros_like(a))


def leaky_relu(xp: Any, a: Any, slope: float) -> Any:
    """Return a where it is positive, ``slope * a`` elsewhere."""
    return xp.where(a > 0, a, a * slope)


def silu(xp: Any, a: Any) -> Any:
    """Return ``a * sigmoid(a)``.

    exp(-|a|) in two steps, so that a is multiplied before it is lost among the subnormal numbers.
    """
    a = xp.where(a == -math.inf, xp.zeros_like(a), a)
    root = xp.exp(-xp.abs(a) / 2)
    return xp.where(a >= 0, a, a * root * root) / (1 + root * root)

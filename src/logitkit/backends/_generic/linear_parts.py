"""Cross-entropy of h @ w.T + bias in parts: some rows of logits at a time, in any library."""

from __future__ import annotations

from typing import Any, NamedTuple

from logitkit.backends import _formulas as formulas
from logitkit.backends._linear_layer import blocks

Array = Any

# What the formulas take at once for one logit, in numbers of the dtype that they compute in: 14 of
# NumPy's with a gradient, found by tracemalloc.
_ARRAYS_A_LOGIT = 16


class Problem(NamedTuple):
    """The operands, checked: rows of h, each with its class."""

    h: Array  # (N, D)
    w: Array  # (V, D)
    bias: Array | None  # (V,)
    ids: Array  # (N,)
    weight: Array | None  # (V,)
    compute: str  # the dtype of the products, float32 or float64
    memory: int

    @property
    def width(self) -> int:
        """The length of a row of h and of w in bytes, in the dtype of the products."""
        return max(1, int(self.w.shape[1])) * (8 if self.compute == "float64" else 4)

    def cuts(self, bytes_a_logit: int) -> tuple[int, int]:
        """Return how many rows fit the budget, and how many classes of a product or of w."""
        rows, classes = int(self.h.shape[0]), int(self.w.shape[0])
        share = self.memory // 8
        some = max(1, min(classes, share // self.width))
        at_once = (self.memory - 2 * share) // (classes * bytes_a_logit + 4 * self.width)
        return max(1, min(rows, at_once)), some


def by_parts(
    host: Any, problem: Problem, options: dict[str, Any], gradient: bool, result: str
) -> tuple[Array, dict[str, Array] | None]:
    """Return the loss in the dtype of `result`, and the gradients by name, or None."""
    xp, h, ids, compute = host.xp, problem.h, problem.ids, problem.compute
    wide = "float64" if host.has("float64") else "float32"
    step, some = problem.cuts(_ARRAYS_A_LOGIT * (8 if wide == "float64" else 4))
    weight = None if problem.weight is None else host.cast(problem.weight, wide)
    losses = xp.zeros_like(ids, dtype=host.dtype(wide))
    out = is_ignored(xp, ids, options["ignore_index"])
    by, none = divisor(host.sums, int(problem.w.shape[0]), ids, weight, out, options, losses)
    # What is ignored has no gradient, whatever the divisor is.
    factors = host.cast(xp.where(out, 0.0, 1.0 / by), compute)[:, None]
    sums = _Sums(host, problem, some) if gradient else None
    rows_of = options | {"reduction": "none", "normalizer": "weight"}
    for part in blocks(int(ids.shape[0]), step) if problem.w.shape[0] else []:
        rows = xp.where(out[part, None], 0.0, host.cast(h[part, :], compute))
        logits = host.cast(_logits(host, problem, rows, some), wide)
        loss, slope = formulas.cross_entropy_with_grad(
            host.sums, logits, ids[part, None], 1, weight=weight, **rows_of
        )
        losses[part] = loss[:, 0]
        if sums is not None:
            sums.add(part, rows, host.cast(slope, compute), factors[part, :])
    loss = host.cast(reduced(host.sums, losses, by, none, options), result)
    if sums is None:
        return loss, None
    return loss, sums.finished(none if options["empty"] == "zero" else None)


def _logits(host: Any, problem: Problem, rows: Array, some: int) -> Array:
    """Return the logits of some rows of h; a w of another dtype is converted a part at a time."""
    xp, w, compute = host.xp, problem.w, problem.compute
    classes = int(w.shape[0])
    if host.name_of(w.dtype) == compute:
        logits = rows @ w.T
    else:
        shape = (int(rows.shape[0]), classes)
        logits = xp.empty(shape, dtype=rows.dtype, device=rows.device)
        for span in blocks(classes, some):
            logits[:, span] = rows @ host.cast(w[span, :], compute).T
    return logits if problem.bias is None else logits + host.cast(problem.bias, compute)


class _Sums:
    """The gradients as they are added up: in the dtype of the products, rounded at the end."""

    def __init__(self, host: Any, problem: Problem, some: int) -> None:
        self.host, self.problem = host, problem
        self.spans = blocks(int(problem.w.shape[0]), some)
        zeros, dtype = host.xp.zeros_like, host.dtype(problem.compute)
        self.h, self.w = zeros(problem.h), zeros(problem.w, dtype=dtype)
        self.bias = None if problem.bias is None else zeros(problem.bias, dtype=dtype)

    def add(self, part: slice, rows: Array, slope: Array, factors: Array) -> None:
        """Add what some rows give, a few classes at a time."""
        host, problem = self.host, self.problem
        by_rows, scaled = host.xp.zeros_like(rows), rows * factors
        for span in self.spans:
            by_logits = slope[:, span]
            by_rows += by_logits @ host.cast(problem.w[span, :], problem.compute)
            self.w[span, :] += by_logits.T @ scaled
        self.h[part, :] = host.cast(by_rows * factors, host.name_of(self.h.dtype))
        if self.bias is not None:
            self.bias += (factors.T @ slope)[0, :]

    def finished(self, none: Array | None) -> dict[str, Array]:
        """Return the gradients in the dtypes of their operands; 0 where there was `none` to add."""
        grads = {}
        for name in ("h", "w", "bias"):
            grad, operand = getattr(self, name), getattr(self.problem, name)
            if grad is not None:
                grad = self.host.cast(grad, self.host.name_of(operand.dtype))
                grads[name] = grad if none is None else self.host.xp.where(none, 0.0, grad)
        return grads


# ---- of all rows, on traced arrays too ---------------------------------------------------------


def is_ignored(xp: Any, ids: Array, ignore_index: int | None) -> Array:
    """Return which rows are left out."""
    limits = xp.iinfo(ids.dtype)
    if ignore_index is None or not limits.min <= ignore_index <= limits.max:
        return xp.zeros_like(ids, dtype=xp.bool)
    return ids == ignore_index


def divisor(
    xp: Any,
    classes: int,
    ids: Array,
    weight: Array | None,
    out: Array,
    options: dict[str, Any],
    like: Array,
) -> tuple[Array, Array]:
    """Return what the sum of the losses is divided by, NaN where that is nothing, and if it is.

    `like` are zeros, one a row, in the dtype that it is computed in.
    """
    v, by = like + 1.0, options["normalizer"]
    if options["reduction"] != "mean":
        by = 1.0
    if isinstance(by, str) and classes == 0:
        out = xp.ones_like(out)
    elif by == "weight" and weight is not None:
        right = (ids >= 0) & (ids < classes)
        v = xp.take(weight, xp.where(right, ids, xp.zeros_like(ids)), axis=0)
    return formulas.divisor(xp, by, v, out, like.dtype)


def reduced(xp: Any, losses: Array, by: Array, none: Array, options: dict[str, Any]) -> Array:
    """Return what is asked for of the losses of rows."""
    if options["reduction"] == "none":
        return losses
    total = xp.sum(losses, axis=-1) / by
    return xp.where(none, 0.0, total) if options["empty"] == "zero" else total

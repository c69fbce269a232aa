"""How far the distribution of one row of scores is from that of another."""

from __future__ import annotations

from typing import Any

from logitkit.backends import backend_of


def kl_divergence(
    p_logits: Any,
    q_logits: Any,
    /,
    *,
    axis: int | tuple[int, ...] | None = -1,
    temperature: Any = 1.0,
    mask: Any = None,
    reduction: str = "mean",
) -> Any:
    """Kullback-Leibler divergence of softmax(q) from softmax(p), in nats, from their scores.

    ``sum(p * (log(p) - log(q)))``: what it costs to take q for p. It is never negative.

    Parameters
    ----------
    p_logits : array_like
        Scores of p, the distribution that the mean is taken over (the teacher, the truth); dtypes
        as for `logitkit.softmax`.
    q_logits : array_like
        Scores of q. Both are broadcast to one shape, as NumPy does.
    axis : int, tuple of int, or None
        The axis, or axes, along which probabilities sum to 1.
    temperature : float or array_like
        T of both, as for `logitkit.softmax`. At 0 the result is 0 where both have the same first
        maximum, else infinite.
    mask : array_like of bool, optional
        True where p and q take part; broadcasts against them.
    reduction : {"mean", "sum", "none"}
        "mean" is the mean over the rows (what PyTorch calls "batchmean"), "sum" their sum, "none"
        one value a row.

    Returns
    -------
    ndarray or scalar
        The wider dtype of the two. For "none" the broadcast shape without `axis`. A row is infinite
        where a class is possible for p and impossible (-inf) for q, NaN where one of the softmaxes
        is NaN, and exactly 0 for a fully masked row and for rows whose scores are equal, or equal
        but for a shift that is exact. A fully masked row counts in the mean; the mean of no rows is
        NaN.

    Raises
    ------
    TypeError, ValueError
        As `logitkit.softmax`; also for shapes that do not broadcast with each other and for an
        unknown reduction.

    Notes
    -----
    With y and z the distances of the scores from their maxima, d = y - z and P, Q the sums of e^y
    and e^z, the divergence is ``F - (B - log1p(B))`` with ``F = sum(e^y d + e^z - e^y) / P``, whose
    terms are not negative, and ``B = Q / P - 1``. For nearly equal rows both are computed from
    ``e^-d - 1``, so the digits are kept where the logarithms of the sums would cancel. Computed in
    float64; within 4 ULP of the larger of the result and its largest term. O(n) time, one value a
    row of memory; other dtypes, and two that differ, are converted as by `logitkit.softmax`.
    Kullback and Leibler, "On information and sufficiency", Ann. Math. Statist. 22 (1951).

    Examples
    --------
    >>> import logitkit as lk
    >>> uniform = [0.0, 0.0, 0.0]
    >>> lk.kl_divergence([[2.0, 1.0, 0.0], [1.0, 1.0, 1.0]], uniform, reduction="none").round(4)
    array([0.2662, 0.    ])
    >>> float(lk.kl_divergence([0.0, 0.0], [0.0, float("-inf")]))
    inf
    """
    return backend_of(p_logits).kl_divergence(
        p_logits, q_logits, axis, temperature, mask, reduction
    )

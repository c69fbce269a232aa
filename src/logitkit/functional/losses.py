"""What training minimises: cross-entropy, its gradient in the same pass, and its second half."""

from __future__ import annotations

from typing import Any

from logitkit.backends import backend_of
from logitkit.backends._losses import as_options


def cross_entropy(
    x: Any,
    targets: Any,
    /,
    *,
    axis: int = -1,
    weight: Any = None,
    ignore_index: int | None = None,
    label_smoothing: float = 0.0,
    z_loss: float = 0.0,
    reduction: str = "mean",
    normalizer: str | float = "weight",
    empty: str = "nan",
    mask: Any = None,
) -> Any:
    """Cross-entropy of softmax(x) with the targets, in nats: ``-log(p[target])`` in the mean.

    A loss near 0 keeps its digits: ``-log(p)`` is computed from the sum of the other exponentials,
    not from p. With probabilities p, targets t, weights w, smoothing s over K classes::

        a = w ((1 - s) t + s / K)        v = sum(w t)
        loss = -sum(a log(p)) + z_loss v logsumexp(x)**2

    Parameters
    ----------
    x : array_like
        Scores (logits); dtypes as for `logitkit.softmax`.
    targets : array_like
        Classes, of any integer dtype, with the shape of x without `axis`; or probabilities, of any
        floating dtype, with the shape of x.
    axis : int
        The axis of the classes.
    weight : array_like, optional
        One weight a class.
    ignore_index : int, optional
        A row with this target, which need not be a class, is left out: its loss and gradient are 0
        whatever it holds. Among probabilities a row of zeros is.
    label_smoothing : float
        The part of each target, from 0 to 1, that is spread evenly over the classes that take part.
    z_loss : float
        Weight of ``logsumexp(x)**2``, which keeps scores from drifting.
    reduction : {"mean", "sum", "none"}
        "none" gives one loss a row.
    normalizer : {"weight", "count"} or float
        What the mean divides by: the sum of the rows' weights v, as PyTorch does for classes; the
        number of rows that are not ignored, as it does for probabilities; or a number, with which
        the losses of parts of a batch add up to that of the whole.
    empty : {"nan", "zero"}
        The mean of nothing.
    mask : array_like of bool, optional
        True where x takes part; broadcasts against x.

    Returns
    -------
    scalar or ndarray
        The loss, in the dtype of x, or float32 or float64 for integers. A row is infinite where its
        target is impossible (-inf, or masked), NaN where softmax is NaN, 0 where it is fully
        masked.

    Raises
    ------
    IndexError
        For a class out of range, with its position.
    TypeError, ValueError
        For targets of another kind or shape, an unknown choice, a number out of its range; and as
        `logitkit.softmax`.

    Notes
    -----
    One sweep over each row, O(n) time, and memory for one number a row; in float64 from the sum of
    the exponentials on: within 1 ULP a row in float32, 2 in float64. Rows are added without
    rounding (Knuth's two-sum). The z-loss is from Chowdhery et al., "PaLM" (2022), the smoothing
    from Szegedy et al., "Rethinking the Inception architecture" (2016).

    Examples
    --------
    >>> import logitkit as lk
    >>> x = [[2.0, 1.0, 0.1], [0.5, 2.5, 0.0]]
    >>> float(lk.cross_entropy(x, [0, 1]).round(4))
    0.3069
    >>> lk.cross_entropy(x, [0, -1], ignore_index=-1, reduction="none").round(4)
    array([0.417, 0.   ])
    >>> float(lk.cross_entropy([0.0, -40.0], 0))
    4.248354255291589e-18
    """
    options = as_options(
        weight, ignore_index, reduction, normalizer, empty, label_smoothing, z_loss
    )
    return backend_of(x).cross_entropy(x, targets, axis, options, mask)


def cross_entropy_with_grad(
    x: Any,
    targets: Any,
    /,
    *,
    axis: int = -1,
    weight: Any = None,
    ignore_index: int | None = None,
    label_smoothing: float = 0.0,
    z_loss: float = 0.0,
    reduction: str = "mean",
    normalizer: str | float = "weight",
    empty: str = "nan",
    mask: Any = None,
    out: Any = None,
) -> tuple[Any, Any]:
    """Cross-entropy and its gradient by x, in one pass over each row.

    The gradient of a row is ``((sum(a) + 2 z_loss v logsumexp(x)) p - a) / normalizer``, see
    `logitkit.cross_entropy`: the probabilities less the target.

    Parameters
    ----------
    x, targets, axis, weight, ignore_index, label_smoothing, z_loss, reduction
        As for `logitkit.cross_entropy`.
    normalizer, empty, mask
        The same.
    out : ndarray, optional
        Where to put the gradient: the shape and dtype of the result, apart from x or exactly x.

    Returns
    -------
    loss : scalar or ndarray
        What `logitkit.cross_entropy` returns.
    grad : ndarray
        The gradient of that loss, or with ``reduction="none"`` of the sum of the rows' losses; the
        shape of x. Exactly 0 at -inf, where the mask leaves out, and in rows that are ignored.

    Raises
    ------
    IndexError, TypeError, ValueError
        As `logitkit.cross_entropy`, and for an `out` that does not fit. Nothing is written then.

    Notes
    -----
    O(n) time; no memory but the gradient and one number a row, for native floating dtypes along a
    contiguous axis. At the target the gradient is ``-expm1(log(p))``, formed before it is rounded.
    Within 4 ULP of the largest term.

    Examples
    --------
    >>> import logitkit as lk
    >>> loss, grad = lk.cross_entropy_with_grad([[2.0, 1.0, 0.1]], [0])
    >>> float(loss.round(4)), grad.round(4)
    (0.417, array([[-0.341 ,  0.2424,  0.0986]]))
    """
    options = as_options(
        weight, ignore_index, reduction, normalizer, empty, label_smoothing, z_loss
    )
    result: tuple[Any, Any] = backend_of(x).cross_entropy_with_grad(
        x, targets, axis, options, mask, out
    )
    return result


def nll_loss(
    log_p: Any,
    targets: Any,
    /,
    *,
    axis: int = -1,
    weight: Any = None,
    ignore_index: int | None = None,
    reduction: str = "mean",
    normalizer: str | float = "weight",
    empty: str = "nan",
    mask: Any = None,
) -> Any:
    """Negative log-likelihood of classes, in nats: ``-log_p[target]`` in the mean.

    What is left of `logitkit.cross_entropy` where log-probabilities are given: with targets that
    are classes, ``nll_loss(log_softmax(x), targets)`` is ``cross_entropy(x, targets)``.

    Parameters
    ----------
    log_p : array_like
        Log-probabilities, for instance the result of `logitkit.log_softmax`; only those of the
        targets are looked at.
    targets : array_like
        Classes, of any integer dtype, with the shape of log_p without `axis`.
    axis, weight, ignore_index, reduction, normalizer, empty
        As for `logitkit.cross_entropy`.
    mask : array_like of bool, optional
        True where log_p takes part; broadcasts against log_p.

    Returns
    -------
    scalar or ndarray
        The loss, in the dtype of log_p, or float32 or float64 for integers. A row is infinite where
        its target is impossible (-inf, or masked), 0 where it is fully masked.

    Raises
    ------
    IndexError, TypeError, ValueError
        As `logitkit.cross_entropy`; also for targets that are no integers.

    Notes
    -----
    O(rows) time and memory, the mask aside. Weights and sums are in float64, rows are added without
    rounding (Knuth's two-sum): the mean is rounded once.

    Examples
    --------
    >>> import logitkit as lk
    >>> log_p = lk.log_softmax([[2.0, 1.0, 0.1], [0.5, 2.5, 0.0]])
    >>> float(lk.nll_loss(log_p, [0, 1]).round(4))
    0.3069
    >>> lk.nll_loss(log_p, [0, -1], ignore_index=-1, reduction="none").round(4)
    array([0.417, 0.   ])
    """
    options = as_options(weight, ignore_index, reduction, normalizer, empty)
    return backend_of(log_p).nll_loss(log_p, targets, axis, options, mask)

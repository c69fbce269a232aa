"""The cross-entropy of a linear layer, without its logits: what the head of a language model needs.

Logits are by far the largest array of training with a vocabulary: N rows of V numbers, and their
gradient once more. They are needed a few rows at a time only.
"""

from __future__ import annotations

from typing import Any

from logitkit.backends import backend_of_all
from logitkit.backends._losses import as_options

_MEMORY = 48 * 2**20


def linear_cross_entropy(
    h: Any,
    w: Any,
    targets: Any,
    /,
    *,
    bias: Any = None,
    weight: Any = None,
    ignore_index: int | None = None,
    label_smoothing: float = 0.0,
    z_loss: float = 0.0,
    reduction: str = "mean",
    normalizer: str | float = "weight",
    empty: str = "nan",
    memory: int = _MEMORY,
) -> Any:
    """Cross-entropy of softmax(h @ w.T + bias) with classes, in nats, within a memory budget.

    It is ``cross_entropy(h @ w.T + bias, targets)``; the product is formed in parts that fit into
    `memory`, each of which is done with before the next one.

    Parameters
    ----------
    h : array_like
        Rows of hidden states, (..., D); dtypes as for `logitkit.softmax`.
    w : array_like
        One row a class, (V, D).
    targets : array_like
        Classes, of any integer dtype, (...). Probabilities are refused: they would be as large as
        the logits.
    bias : array_like, optional
        One number a class, (V,), added to the logits.
    weight : array_like, optional
        One weight a class, (V,).
    ignore_index : int, optional
        A row with this target, which need not be a class, is left out, whatever it holds, and costs
        nothing.
    label_smoothing, z_loss, reduction, normalizer, empty
        As for `logitkit.cross_entropy`.
    memory : int
        The most bytes that are taken besides the arguments and the result, and a few numbers a
        row; 48 MiB. What is less than a row and a class need counts as that. Of JAX arrays and
        arrays of the array API it is a row with all classes, and halves take more: see docs/jax.md.

    Returns
    -------
    scalar or ndarray
        The loss, in the dtype of h if w has that too, else float32 or float64.

    Raises
    ------
    IndexError
        For a class out of range, with its position.
    TypeError, ValueError
        For a dtype or a shape that does not fit, an unknown choice, a number out of its range.

    Notes
    -----
    O(N V D) time by NumPy's matrix product, in float64 if an argument is, else in float32: float16
    and bfloat16 are converted a part at a time. From the logits on everything is as exact as
    `logitkit.cross_entropy`; a logit itself has the rounding of a product of length D. The result
    depends on `memory` by no more than that.

    Examples
    --------
    >>> import numpy as np
    >>> import logitkit as lk
    >>> h = np.array([[1.0, 0.0], [0.0, 2.0]])
    >>> w = np.array([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]])
    >>> float(lk.linear_cross_entropy(h, w, [0, 1]).round(4))
    0.8103
    >>> float(lk.cross_entropy(h @ w.T, [0, 1]).round(4))
    0.8103
    """
    options = as_options(
        weight, ignore_index, reduction, normalizer, empty, label_smoothing, z_loss
    )
    backend = backend_of_all(h=h, w=w, targets=targets, bias=bias)
    return backend.linear_cross_entropy(h, w, targets, bias, options, memory)


def linear_cross_entropy_with_grad(
    h: Any,
    w: Any,
    targets: Any,
    /,
    *,
    bias: Any = None,
    weight: Any = None,
    ignore_index: int | None = None,
    label_smoothing: float = 0.0,
    z_loss: float = 0.0,
    reduction: str = "mean",
    normalizer: str | float = "weight",
    empty: str = "nan",
    memory: int = _MEMORY,
) -> Any:
    """Cross-entropy of softmax(h @ w.T + bias), and its gradients by h, w and bias.

    With G the gradient by the logits, as `logitkit.cross_entropy_with_grad` gives it, the others
    are ``G @ w``, ``G.T @ h`` and ``G.sum(0)``.

    Parameters
    ----------
    h, w, targets, bias, weight, ignore_index, label_smoothing, z_loss, reduction
        As for `logitkit.linear_cross_entropy`.
    normalizer, empty, memory
        The same.

    Returns
    -------
    LinearCrossEntropy
        A named tuple of four:

        - `loss`, what `logitkit.linear_cross_entropy` returns;
        - `grad_h` and `grad_w`, its gradients, or with ``reduction="none"`` those of the sum of
          the rows' losses, each with the shape of h or w and its dtype (float32 or float64 for
          integers);
        - `grad_bias` likewise, None without a bias.

        Rows that are ignored have the gradient 0, and add nothing to the others.

    Raises
    ------
    IndexError, TypeError, ValueError
        As `logitkit.linear_cross_entropy`.

    Notes
    -----
    Three products, as many as with all logits at once, while 64 rows of logits fit into `memory`:
    those of some rows become their gradient in place. Beyond that, and for float16 and bfloat16
    with more rows than fit, tiles of some rows and some classes, whose logits are formed a second
    time, or a third for halves of many rows. Sums are formed in the dtype of the products and
    rounded once to float16 or bfloat16.

    Examples
    --------
    >>> import numpy as np
    >>> import logitkit as lk
    >>> h = np.array([[1.0, 0.0], [0.0, 2.0]])
    >>> w = np.array([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]])
    >>> loss, grad_h, grad_w, _ = lk.linear_cross_entropy_with_grad(h, w, [0, 1])
    >>> grad_h.round(3)
    array([[-0.078,  0.289],
           [ 0.266, -0.032]])
    """
    options = as_options(
        weight, ignore_index, reduction, normalizer, empty, label_smoothing, z_loss
    )
    backend = backend_of_all(h=h, w=w, targets=targets, bias=bias)
    return backend.linear_cross_entropy_with_grad(h, w, targets, bias, options, memory)

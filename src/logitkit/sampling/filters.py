"""What a sampler may draw: top-k, top-p and min-p, one after the other."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from logitkit.backends import backend_of


def filter_logits(
    x: Any,
    /,
    *,
    temperature: Any = 1.0,
    top_k: int | None = None,
    top_p: float | None = None,
    min_p: float | None = None,
    order: str | Sequence[str] = "hf",
    axis: int | tuple[int, ...] | None = -1,
) -> Any:
    """Logits with what filters leave out at -inf, so that softmax gives it the probability 0.

    Each filter keeps a beginning of the row in descending order, of equals the lower index first.
    It goes by the probabilities of what the filters before it have left.

    Parameters
    ----------
    x : array_like
        Logits of any shape; dtypes as for `logitkit.softmax`. What a masked array masks is left
        out. An element at -inf stays there.
    temperature : float or array_like, >= 0
        Divides the logits. One number, or one a row. 0 keeps the largest alone, the first of
        several; inf leaves all that are above -inf equal, so that filters behind it go by the
        index.
    top_k : int >= 0, optional
        Keep the `top_k` largest. None and 0 keep all.
    top_p : float in [0, 1], optional
        Keep the fewest whose probabilities, as a sum rounded to float64, reach `top_p`, and always
        the largest. None and 1 keep all. (Nucleus sampling.)
    min_p : float in [0, 1], optional
        Keep those with at least `min_p` times the largest probability. None and 0 keep all.
    order : {"hf", "llama.cpp"} or sequence of str
        What comes first. "hf": temperature, top_k, top_p, min_p, as Hugging Face's transformers do;
        "llama.cpp": top_k, top_p, min_p, temperature. Or these names in another order; those that
        are not used may be missing.
    axis : int, tuple of int or None
        The axis along which probabilities sum to 1; several together, or all.

    Returns
    -------
    ndarray or scalar
        The shape of x, the dtype of ``softmax(x)``: ``x / temperature`` where it is kept, -inf
        elsewhere. Where the largest of a row divided is beyond the dtype, the row comes less its
        largest: to softmax that is the same. A row with NaN or +inf is NaN.

    Raises
    ------
    TypeError
        For an argument of a kind that is not accepted.
    ValueError
        For a number out of its range, an unknown name in `order`, and a filter that is used and not
        named there.

    See Also
    --------
    logitkit.sample : Draw from what is left.
    logitkit.top_k : The k largest themselves.

    Notes
    -----
    Nothing is sorted. A row's sums are of whole numbers, e^((x - max) / T) in units of 2^-80, so
    they are exact whatever their order; float sums go ahead of them, and decide where they cannot
    be wrong. What top_k and top_p cut off is found among scores near a guess: O(C) a row, in three
    or four passes where scores spread as those of a network do, and no memory of its size.
    Holtzman et al., "The curious case of neural text degeneration" (2020), for top-p; Nguyen et
    al., "Turning up the heat: min-p sampling" (2024).

    Examples
    --------
    >>> import logitkit as lk
    >>> x = [1.5, 2.2, -0.3, 0.8]
    >>> lk.softmax(x).round(3)
    array([0.272, 0.548, 0.045, 0.135])
    >>> lk.filter_logits(x, top_p=0.8)
    array([ 1.5,  2.2, -inf, -inf])
    >>> lk.filter_logits(x, temperature=2.0, top_k=3, min_p=0.5)
    array([0.75, 1.1 , -inf, -inf])
    """
    return backend_of(x).filter_logits(x, axis, temperature, top_k, top_p, min_p, order)

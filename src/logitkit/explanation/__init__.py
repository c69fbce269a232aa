"""The worked softmax of one vector of scores: steps, words, and views of them.

`steps` and `naive` compute, `sentence` puts into words, and `text`, `html` and `plot` show.
Words and views are imported when they are asked for, so that ``import logitkit`` stays quick.
"""

import math
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from numpy.typing import ArrayLike

from logitkit.explanation.naive import Failure, Way
from logitkit.explanation.steps import Step, Worked

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from rich.console import RenderableType

__all__ = ["Explanation", "Failure", "Step", "Way", "explain"]


def explain(
    x: ArrayLike, /, *, labels: Sequence[object] | None = None, temperature: float = 1.0
) -> "Explanation":
    """Explain the softmax of one vector of scores, step by step.

    Parameters
    ----------
    x : array_like of shape (K,)
        The scores (logits) of K classes. float16, bfloat16, float32 and float64 stay as they are,
        because the dtype decides what overflows; booleans and integers to 16 bit become float32,
        wider ones float64, and so do lists of numbers.
    labels : sequence of K names, optional
        The names of the classes. Default: "class 0", "class 1", ...
    temperature : float, default 1.0
        What the scores are divided by. 0 (the largest score takes all) and inf (uniform) are exact
        limits.

    Returns
    -------
    Explanation
        Prints as a table. In notebooks it is an HTML table.

    Raises
    ------
    TypeError
        If `x` does not hold numbers, is masked, or `labels` is one string.
    ValueError
        If `x` is empty or has more than one row, if the number of labels is not that of scores, or
        if `temperature` is negative, NaN or not one number.

    Notes
    -----
    O(K log K) time for the ranks, O(K) memory. A score of -inf is an impossible class; NaN, +inf
    and a row of only -inf have no softmax, and the sentence says why. The stable way subtracts the
    largest score first; see P. Blanchard, D. J. Higham, N. J. Higham, "Accurately computing the
    log-sum-exp and softmax functions", IMA J. Numer. Anal. 41 (2021).

    Examples
    --------
    >>> from logitkit import explain
    >>> e = explain([1.5, 2.2, -0.3, 0.8], labels=["apple", "orange", "banana", "avocado"])
    >>> print(e.sentence)
    most likely orange (55 %), then apple (27 %)
    >>> [round(x, 2) for x in e.naive.exponentials], round(e.naive.total, 2)
    ([4.48, 9.03, 0.74, 2.23], 16.47)
    >>> [round(s.probability, 2) for s in e.steps]
    [0.27, 0.55, 0.04, 0.14]
    >>> print(explain([1000, 1001, 1002]).naive.failures[0].message)
    exp(1000) = inf: float64 holds exp(x) up to x = 709.78
    """
    return Explanation.of(x, labels, temperature)


class Explanation(Worked):
    """What `explain` returns: the numbers, their words and their views.

    Attributes
    ----------
    steps : tuple of Step
        One for each class: logit, logit / T, shifted, exponential, probability, percent,
        log-probability, rank.
    stable, naive : Way
        The exponentials, their sum and the quotients of both ways to compute them, and `failures`:
        the steps that broke, each with its class, dtype and reason. `naive` is plain NumPy in the
        dtype of the scores.
    dtype : str
        The dtype of the scores.
    temperature, maximum : float
        The temperature and the largest score.
    sentence : str
        The interpretation in one sentence.
    notes : tuple of str
        Limits, ties, impossible classes, and how the naive and the stable way fare.
    """

    @property
    def sentence(self) -> str:
        """The interpretation in one sentence."""
        from logitkit.explanation import sentence

        return sentence.sentence(self)

    @property
    def notes(self) -> tuple[str, ...]:
        """Limits, ties, impossible classes, and how the naive and the stable way fare."""
        from logitkit.explanation import sentence

        return sentence.notes(self)

    def to_dict(self) -> dict[str, Any]:
        """Return everything as plain data that JSON can hold.

        Numbers that are not finite are the strings "NaN", "Infinity" and "-Infinity".

        >>> from logitkit import explain
        >>> explain([0.0, float("-inf")]).to_dict()["steps"][1]["logit"]
        '-Infinity'
        """
        data = {**asdict(self), "sentence": self.sentence, "notes": self.notes}
        return {key: _plain(value) for key, value in data.items()}

    def to_markdown(self) -> str:
        """Return the table, the sentence and the notes in Markdown."""
        from logitkit.explanation import text

        return text.markdown(self)

    def plot(self, ax: "Axes | None" = None) -> "Axes":
        """Draw the probabilities as bars with their percents.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, optional
            Where to draw. Default: a new figure.

        Returns
        -------
        matplotlib.axes.Axes
            The axes drawn on.

        Raises
        ------
        ImportError
            If matplotlib is missing: ``pip install "logitkit[plot]"``.
        """
        from logitkit.explanation import plot

        return plot.plot(self, ax)

    def __str__(self) -> str:
        """Return the table, the sentence and the notes as plain text."""
        from logitkit.explanation import text

        return text.text(self)

    def __repr__(self) -> str:
        """Return the sentence; the numbers are in `print`."""
        return f"<Explanation: {self.sentence}>"

    def _repr_html_(self) -> str:
        from logitkit.explanation import html

        return html.html(self)

    def __rich__(self) -> "RenderableType":
        """Return what rich prints."""
        from logitkit.explanation import terminal

        return terminal.Terminal(self)


def _plain(value: Any) -> Any:
    """Return `value` with lists for tuples and strings for what JSON has no number for."""
    if isinstance(value, dict):
        return {key: _plain(v) for key, v in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(v) for v in value]
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    return value

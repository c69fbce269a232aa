"""The bar chart of an explanation, by matplotlib."""

from typing import TYPE_CHECKING

import numpy as np

from logitkit.explanation.sentence import percent
from logitkit.explanation.text import printable, shown, title

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from logitkit.explanation import Explanation


def plot(e: "Explanation", ax: "Axes | None" = None) -> "Axes":
    """Draw one bar a class, the first on top, with its percent; return the axes."""
    try:
        import matplotlib.pyplot as plt
    except ImportError:
        text = 'plot() needs matplotlib: pip install "logitkit[plot]"'
        raise ImportError(text) from None
    steps = shown(e)
    if ax is None:
        height = max(1.6, 0.9 + 0.36 * len(steps))
        ax = plt.subplots(figsize=(6.4, height), layout="constrained")[1]
    lengths = np.nan_to_num([s.probability for s in steps])
    bars = ax.barh(np.arange(len(steps)), lengths, color="#3b82f6", height=0.7)
    told = [_short(percent(s)) if not e.stable.failures else "NaN" for s in steps]
    ax.bar_label(bars, told, padding=4)
    # A dollar sign in a name is a dollar sign, not mathematics.
    names = [printable(s.label).replace("$", r"\$") for s in steps]
    ax.set_yticks(np.arange(len(steps)), names)
    ax.set_ylim(len(steps) - 0.4, -0.6)
    # From 0 to 1, so that charts compare, unless no bar would be seen; room for the last label.
    end = 1.0 if not 0 < lengths.max() < 0.2 else float(lengths.max())
    ax.set_xlim(0, 1.22 * end)
    ax.set_xticks([t for t in ax.get_xticks() if t <= 1])
    ax.set_xlabel("probability")
    fewer = f", the {len(steps)} most likely" if len(steps) < len(e.steps) else ""
    ax.set_title(title(e) + fewer, fontsize="medium")
    ax.spines[["top", "right"]].set_visible(False)
    return ax


def _short(words: str) -> str:
    return words.replace("more than ", "> ").replace("less than ", "< ")

"""Draw the README's picture: a scan, its ten logits, its probabilities, what temperature does.

The row is a real one of `examples/data/digits.npz`, a 5 that the network finds hard; every number
comes from logitkit. Two files are written, for light and dark pages:

    python tools/draw_readme_picture.py            docs/images/softmax-{light,dark}.svg
"""

import argparse
from pathlib import Path

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure

import logitkit

ROOT = Path(__file__).resolve().parent.parent
ROW = 407
TEMPERATURES = np.geomspace(0.1, 30, 200)

# Text and muted ink for the page's ground; the accent and the others keep 3:1 contrast on both.
THEMES = {
    "light": {"ink": "#1f2328", "muted": "#59636e", "accent": "#0a62c9", "other": "#8c959f"},
    "dark": {"ink": "#f0f6fc", "muted": "#9198a1", "accent": "#4c9aff", "other": "#7d8590"},
}


def draw(theme, logits, label, image):
    """Return the figure of one row: logits (10,), its label, its image (8, 8)."""
    probabilities = logitkit.softmax(logits)
    figure = Figure(figsize=(9.6, 3.1), layout="constrained")
    scan, scores, softmax, sweep = figure.subplots(1, 4, width_ratios=[1, 1.15, 1.15, 1.5])
    colours = [theme["accent"] if k == label else theme["other"] for k in range(len(logits))]

    # Ink on the page's own ground: the scan is drawn by its opacity.
    scan.imshow(
        np.ones_like(image), cmap=mpl.colors.ListedColormap([theme["ink"]]), alpha=image / 16
    )
    scan.set_xticks([])
    scan.set_yticks([])
    scan.spines[:].set_color(theme["muted"])
    scan.set_anchor("N")
    scan.set_title("a handwritten scan", color=theme["ink"])

    draw_bars(
        scores, logits, colours, [f"{z:.1f}".replace("-", "\N{MINUS SIGN}") for z in logits], theme
    )
    scores.axvline(0, color=theme["muted"], linewidth=0.8)
    scores.set_title("its logits", color=theme["ink"])

    draw_bars(softmax, probabilities, colours, [percent(p) for p in probabilities], theme)
    softmax.set_title("softmax", color=theme["ink"])

    draw_sweep(sweep, logits, probabilities, colours, theme)
    sweep.set_title("softmax at temperature T", color=theme["ink"])
    return figure


def percent(p):
    """Return a probability as a short percentage, never rounded to a plain 0."""
    return "<0.1 %" if p < 0.001 else f"{100 * p:.1f} %"


def draw_bars(axes, values, colours, texts, theme):
    """Draw one horizontal bar a class with its number beside it."""
    bars = axes.barh(range(len(values)), values, color=colours, height=0.72)
    axes.bar_label(bars, texts, padding=3, fontsize=8, color=theme["ink"])
    axes.set_yticks(range(len(values)))
    axes.invert_yaxis()
    axes.margins(x=0.32)
    axes.xaxis.set_visible(False)
    axes.tick_params(length=0, labelcolor=theme["ink"], labelsize=9)
    axes.spines[:].set_visible(False)


def draw_sweep(axes, logits, probabilities, colours, theme):
    """Draw each class's probability over the temperature; name the likely ones."""
    curves = logitkit.softmax(np.tile(logits, (len(TEMPERATURES), 1)), temperature=TEMPERATURES)
    order = np.argsort(-probabilities)
    for k in order[::-1]:
        width = 2.2 if k == order[0] else 1.2
        axes.plot(TEMPERATURES, curves[:, k], color=colours[k], linewidth=width)
    # The winner is named where its curve starts to fall, the close rivals above their summit.
    rivals = [k for k in order[1:] if probabilities[k] > 0.1]
    summit = np.argmax(curves[:, rivals[0]])
    for at, k, text in (
        (60, order[0], str(order[0])),
        (summit, rivals[0], ", ".join(map(str, rivals))),
    ):
        axes.annotate(
            text,
            (TEMPERATURES[at], curves[at, k]),
            xytext=(4, 5) if k == order[0] else (-6, 4),
            textcoords="offset points",
            color=theme["accent"] if k == order[0] else theme["ink"],
            fontsize=9,
        )
    axes.axvline(1, color=theme["muted"], linewidth=0.8, linestyle=":")
    axes.set_xscale("log")
    axes.set_xlim(TEMPERATURES[0], TEMPERATURES[-1])
    axes.set_ylim(0, 1.02)
    axes.set_xticks([0.1, 1, 10], ["0.1", "1", "10"])
    axes.xaxis.set_minor_locator(mpl.ticker.NullLocator())
    axes.set_yticks([0, 0.5, 1], ["0", "50 %", "100 %"])
    axes.tick_params(length=3, color=theme["muted"], labelcolor=theme["ink"], labelsize=9)
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(theme["muted"])


def main():
    """Write both files."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("-o", "--output", type=Path, default=ROOT / "docs" / "images")
    output = parser.parse_args().output
    with np.load(ROOT / "examples" / "data" / "digits.npz", allow_pickle=False) as digits:
        row = digits["logits"][ROW], digits["labels"][ROW], digits["images"][ROW]
    # A fixed salt and no date: the same versions draw the same bytes.
    mpl.rcParams.update({"svg.hashsalt": "logitkit", "axes.titlesize": 10})
    for name, theme in THEMES.items():
        path = output / f"softmax-{name}.svg"
        draw(theme, *row).savefig(path, transparent=True, metadata={"Date": None})
        print(f"{path}: {path.stat().st_size} bytes")


if __name__ == "__main__":
    main()

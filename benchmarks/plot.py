"""The picture of a speed run: times faster than the best peer, and times the roofline.

A column for each operation, a row for each shape. Above, the best peer of the cell is at 1 and
right is faster; below, the roofline is at 1 and left is nearer to it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from logitkit.bench.summary import Line

# Text and muted ink for the page's ground; a colour and a shape for each thread count, the second
# hollow: blue and orange differ for every kind of sight, and the shapes without colour.
THEMES: dict[str, dict[str, Any]] = {
    "light": {
        "ink": "#1f2328",
        "muted": "#59636e",
        "rule": "#d1d9e0",
        "loss": "#f6f0ea",
        "series": ["#0a62c9", "#b35900"],
    },
    "dark": {
        "ink": "#f0f6fc",
        "muted": "#9198a1",
        "rule": "#3d444d",
        "loss": "#2b2520",
        "series": ["#4c9aff", "#f0883e"],
    },
}
MARKERS = "oD"
PEER = "times faster than the fastest other library; shaded: slower"
GOAL = 1.6  # times the roofline, for rows beyond the second cache
ROOFLINE = (
    f"our time over what a copy or the exponentials alone take, whichever is more; dashed: {GOAL}"
)

Value = Callable[[Line], float | None]


def draw(lines: Sequence[Line], theme: dict[str, Any]) -> Figure:
    """Return the figure of the float32 cells; without rooflines the lower half is left out."""
    lines = [line for line in lines if line.dtype == "float32"] or list(lines)
    ops = list(dict.fromkeys(line.op for line in lines))
    halves: list[tuple[str, Value, list[str]]] = [
        (title, value, list(dict.fromkeys(line.label for line in lines if value(line) is not None)))
        for title, value in (
            (PEER, lambda line: line.best_ratio),
            (ROOFLINE, lambda line: line.over_roofline),
        )
    ]
    halves = [half for half in halves if half[-1]]
    heights = [0.8 + 0.2 * len(labels) for _, _, labels in halves]
    width = max(9.6, 1.9 + 1.35 * len(ops))
    figure = Figure(figsize=(width, 0.3 + sum(heights)), layout="constrained")
    parts = figure.subfigures(len(halves), 1, squeeze=False, height_ratios=heights)[:, 0]
    for part, (title, value, labels) in zip(parts, halves, strict=True):
        panels = part.subplots(1, len(ops), sharex=True, sharey=True, squeeze=False)[0]
        for panel, op in zip(panels, ops, strict=True):
            panel.set_title(op, loc="left", fontsize=9)
            _points(panel, [line for line in lines if line.op == op], labels, value, theme)
            _ground(panel, title, theme)
        numbers = [number for line in lines if (number := value(line)) is not None]
        least = min(*numbers, 0.5 if title == PEER else 1)
        panels[0].set_xlim(least / 1.15, 1.15 * max(*numbers, 2))
        panels[0].set_yticks(range(len(labels)), labels)
        panels[0].set_ylim(len(labels) - 0.4, -0.6)
        part.supxlabel(title, fontsize=9, color=theme["ink"])
        if part is parts[0]:
            handles, names = panels[0].get_legend_handles_labels()
            part.legend(handles, names, frameon=False, loc="outside upper right", ncols=len(names))
    return figure


def _points(
    panel: Axes, lines: list[Line], labels: list[str], value: Value, theme: dict[str, Any]
) -> None:
    threads = sorted({line.threads for line in lines})
    threads = [threads[0], threads[-1]] if len(threads) > 1 else threads
    for count, colour, marker in zip(threads, theme["series"], MARKERS, strict=False):
        found = [
            (number, labels.index(line.label))
            for line in lines
            if line.threads == count and (number := value(line)) is not None
        ]
        panel.scatter(
            [x for x, _ in found],
            [y for _, y in found],
            s=24,
            facecolors=colour if marker == MARKERS[0] else "none",
            edgecolors=colour,
            linewidths=1.4,
            marker=marker,
            label=f"{count} thread{'s' * (count > 1)}",
            zorder=3,
        )


def _ground(panel: Axes, title: str, theme: dict[str, Any]) -> None:
    panel.set_xscale("log", base=2)
    panel.xaxis.set_major_locator(LogLocator(base=4, numticks=9))
    panel.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    panel.xaxis.set_minor_formatter(NullFormatter())
    panel.axvline(1, color=theme["ink"], linewidth=1)
    if title == PEER:
        panel.axvspan(1e-6, 1, color=theme["loss"], linewidth=0, zorder=0)
    else:
        panel.axvline(GOAL, color=theme["muted"], linewidth=1, linestyle=(0, (3, 2)))
    panel.grid(axis="both", color=theme["rule"], linewidth=0.6)
    panel.set_axisbelow(True)
    panel.spines[:].set_visible(False)
    panel.tick_params(length=0)


def save(lines: Sequence[Line], directory: Path) -> list[Path]:
    """Write speed-light.svg and speed-dark.svg; return their paths."""
    paths = []
    directory.mkdir(parents=True, exist_ok=True)
    for name, theme in THEMES.items():
        style = {
            "text.color": theme["ink"],
            "axes.labelcolor": theme["ink"],
            "axes.titlecolor": theme["ink"],
            "xtick.color": theme["muted"],
            "ytick.color": theme["ink"],
            "font.size": 9,
            "svg.fonttype": "path",
            "svg.hashsalt": "logitkit",
        }
        with mpl.rc_context(style):
            path = directory / f"speed-{name}.svg"
            draw(lines, theme).savefig(path, transparent=True, metadata={"Date": None})
            path.write_text("".join(f"{line.rstrip()}\n" for line in path.read_text().splitlines()))
        paths.append(path)
    return paths

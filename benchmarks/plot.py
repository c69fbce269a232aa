"""The picture of a speed run: how many times faster than the best peer, cell by cell."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, NullFormatter

from logitkit.bench.summary import Line

# Text and muted ink for the page's ground; a colour and a shape for each thread count.
THEMES: dict[str, dict[str, Any]] = {
    "light": {
        "ink": "#1f2328",
        "muted": "#59636e",
        "rule": "#d1d9e0",
        "series": ["#0a62c9", "#b35900"],
    },
    "dark": {
        "ink": "#f0f6fc",
        "muted": "#9198a1",
        "rule": "#3d444d",
        "series": ["#4c9aff", "#f0883e"],
    },
}
MARKERS = "oD"


def draw(lines: list[Line], theme: dict[str, Any], note: str) -> Figure:
    """Return the figure: a panel for each operation, a row for each shape, the best peer at 1."""
    ops = list(dict.fromkeys(line.op for line in lines))
    labels = list(dict.fromkeys(line.label for line in lines))
    threads = sorted({line.threads for line in lines})
    threads = [threads[0], threads[-1]] if len(threads) > 1 else threads
    figure = Figure(figsize=(9.6, 1.6 + 0.28 * len(labels)), layout="constrained")
    panels = figure.subplots(1, len(ops), sharex=True, sharey=True, squeeze=False)[0]
    for panel, op in zip(panels, ops, strict=True):
        panel.set_title(op, loc="left")
        panel.axvline(1, color=theme["ink"], linewidth=1)
        for count, colour, marker in zip(threads, theme["series"], MARKERS, strict=False):
            points = [
                (line.best_ratio, labels.index(line.label))
                for line in lines
                if line.op == op and line.threads == count and line.best_ratio is not None
            ]
            if points:
                name = f"{count} thread{'s' * (count > 1)}"
                panel.scatter(
                    *zip(*points, strict=True), s=26, c=colour, marker=marker, label=name, zorder=3
                )
        panel.set_xscale("log", base=2)
        panel.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        panel.xaxis.set_minor_formatter(NullFormatter())
        panel.grid(axis="both", color=theme["rule"], linewidth=0.6)
        panel.set_axisbelow(True)
        panel.spines[:].set_visible(False)
        panel.tick_params(length=0)
    panels[0].set_yticks(range(len(labels)), labels)
    panels[0].invert_yaxis()
    handles, names = panels[0].get_legend_handles_labels()
    figure.legend(handles, names, frameon=False, loc="outside upper right", ncols=len(names))
    figure.supxlabel(note, fontsize="small", color=theme["muted"])
    return figure


def save(lines: list[Line], directory: Path, note: str) -> list[Path]:
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
            draw(lines, theme, note).savefig(path, transparent=True, metadata={"Date": None})
            path.write_text("".join(f"{line.rstrip()}\n" for line in path.read_text().splitlines()))
        paths.append(path)
    return paths

"""``logitkit demo``: from the logits of a real network to probabilities, on one screen."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from logitkit.cli import options
from logitkit.cli.calls import library
from logitkit.cli.command import Command
from logitkit.cli.output import save, show
from logitkit.cli.transform import apply
from logitkit.stream.formats import DataError, Table, read, suffix

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["command"]

SHADES = " ░▒▓█"
ASCII_SHADES = " .+#@"


@click.command(
    "demo",
    cls=Command,
    short_help="The main job on the logits of handwritten digits.",
    examples=(
        "logitkit demo digits.npz",
        "logitkit demo digits.npz -o probabilities.npz --digit 3",
        "logitkit demo digits.npz --json",
    ),
)
@click.argument("file", metavar="FILE")
@click.option("--digit", type=int, default=5, show_default=True, help="The class to explain.")
@options.common
def command(file: str, digit: int, as_json: bool, output: Path | None, threads: int | None) -> None:
    """Explain one handwritten digit, then turn all logits of FILE into probabilities.

    FILE is an .npz archive with logits (N, K), the true labels (N) and images (N, H, W). With -o
    the probabilities are written.
    """
    logits, truth, images = contents(file)
    right = logits.argmax(axis=1) == truth
    rows = (right & (truth == digit)).nonzero()[0]
    if not rows.size:
        raise DataError(f"{file} has no row of class {digit} that is classified right")
    row = int(rows[0])
    with library(threads) as logitkit:
        names = [str(k) for k in range(logits.shape[1])]
        explanation = logitkit.explain(logits[row], labels=names)
        start = time.perf_counter()
        probabilities = apply(logitkit.softmax, logits, axis=-1)
        seconds = time.perf_counter() - start
    report = {
        "file": file,
        "rows": len(logits),
        "classes": logits.shape[1],
        "accuracy": float(right.mean()),
        "mean_confidence": float(probabilities.max(axis=1).mean(dtype=float)),
        "seconds": seconds,
        "output": None if output is None else str(output),
    }
    if as_json:
        from logitkit.stream.formats.json import dumps

        click.echo(dumps({**report, "row": row, "explanation": explanation.to_dict()}))
    else:
        click.echo(f"Row {row} of {file}, a handwritten {digit}:\n\n{picture(images[row])}\n")
        if sys.stdout.isatty():
            show(explanation)
        else:
            click.echo(str(explanation))
        click.echo(summary(report))
    if output is not None:
        labels = tuple(names)
        document = {**report, "labels": labels, "probabilities": probabilities}
        save(Table(probabilities, labels, name="probabilities", document=document), output)


def contents(path: str) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
    """Read the three arrays, and see that they belong together."""
    import numpy as np

    if suffix(path) != "npz":
        raise click.UsageError(f"{path!r} is not an .npz archive of logits, labels and images.")
    logits, labels, images = (read(path, key).array for key in ("logits", "labels", "images"))
    if logits.ndim != 2 or labels.shape != logits.shape[:1]:
        raise DataError(
            f"{path} needs logits of shape (N, K) and labels of shape (N,), "
            f"it has {logits.shape} and {labels.shape}"
        )
    if images.ndim != 3 or len(images) != len(logits):
        raise DataError(
            f"{path} needs images of shape ({len(logits)}, H, W), it has {images.shape}"
        )
    if images.dtype.kind not in "biuf" or not np.isfinite(images).all():
        raise DataError(f"{path} needs images of finite numbers")
    return logits, labels, images


def picture(image: NDArray[Any]) -> str:
    """Draw an image with shades, two characters a pixel because characters are tall."""
    encoding = (getattr(sys.stdout, "encoding", None) or "ascii").lower()
    shades = SHADES if encoding.startswith("utf") else ASCII_SHADES
    top = max(float(image.max()), 1e-30)
    level = (image.astype(float).clip(0) * (len(shades) - 1) / top).round().astype(int)
    return "\n".join("  " + "".join(shades[k] * 2 for k in line).rstrip() for line in level)


def summary(report: dict[str, Any]) -> str:
    """Say what was done, how well and how fast."""
    rate = report["rows"] / max(report["seconds"], 1e-9)
    return (
        f"\n{report['rows']} rows of {report['classes']} logits to probabilities "
        f"in {1e3 * report['seconds']:.3f} ms ({rate:.2g} rows a second)"
        f"\naccuracy {report['accuracy']:.2%}, mean confidence {report['mean_confidence']:.2%}"
    )

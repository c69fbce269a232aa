"""The grid that a whole run times: which operations, shapes and dtypes."""

from __future__ import annotations

from collections.abc import Sequence

from logitkit.bench.cells import Cell, dtype_named, parse_shape
from logitkit.bench.operations import known

# A minute each for an operation on the scores of attention, 400 MB: two tell what memory does.
LARGEST, LARGEST_OPS = "32x12x512x512", ["softmax", "log_softmax"]
LOSSES = ["cross_entropy", "cross_entropy_grad"]
OPS = ["softmax", "log_softmax", "logsumexp", "softmax_vjp", "log_softmax_vjp", *LOSSES]
LOSS_SHAPES = ["8192x10", "256x128256"]  # a classifier's batch, a language model's tokens
SHAPES = [
    "10",
    "1000",
    "128x10",
    "1000000x2",
    "1000000x10",
    "100000x100",
    "1024x1000",
    "8192x1000",
    "64x32000",
    "64x50257",
    "64x128256",
    "1x128256",
    "16x262144",
    "1x16777216",
    "1000x16384@0",
    "32x81x15130@1",  # a detector's scores: images, classes, boxes
    "8x21x512x512@1",  # segmentation: images, classes, pixels
    LARGEST,
]
QUICK_SHAPES = ["10", "128x10", "1024x1000", "64x50257", "1x128256"]

# Of the other dtypes a part, in which each way through the core is met.
OTHER_OPS = ["softmax", "log_softmax", "logsumexp"]
OTHER_SHAPES = ["1000", "128x10", "1024x1000", "64x50257", "1x128256", "1000x4096@0"]
DTYPES = ["float32", "float64", "float16", "bfloat16"]


def cells(
    dtypes: Sequence[str], ops: Sequence[str] | None = None, shapes: Sequence[str] | None = None
) -> list[Cell]:
    """Return cells, a shape's operations one after another: they share its scores.

    Without operations or shapes, those that the grid has of each dtype.
    """
    for dtype in dtypes:
        dtype_named(dtype)
    return [
        Cell(op, *parse_shape(shape), dtype)
        for dtype in dtypes
        for shape in shapes or ([*SHAPES, *LOSS_SHAPES] if dtype == "float32" else OTHER_SHAPES)
        for op in known(ops or ops_of(shape, dtype))
    ]


def ops_of(shape: str, dtype: str) -> Sequence[str]:
    """Return the operations that a whole run times on a shape, as ``SHAPES`` has it."""
    if dtype != "float32":
        return OTHER_OPS
    if shape in LOSS_SHAPES:
        return LOSSES
    return LARGEST_OPS if shape == LARGEST else OPS

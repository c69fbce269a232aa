"""The ``.npy`` format: one array, memory-mapped, so that the file may exceed the memory."""

import os
import struct
import tokenize
import zipfile
import zlib
from typing import BinaryIO

import numpy as np

from logitkit.stream.formats.table import Advance, DataError, Table, numeric

__all__ = ["BROKEN", "read", "reason", "write"]

# What NumPy raises for a damaged array or archive: its header is parsed as Python.
BROKEN = (
    ValueError,
    TypeError,
    KeyError,
    EOFError,
    SyntaxError,
    RecursionError,
    OverflowError,
    NotImplementedError,
    RuntimeError,
    tokenize.TokenError,
    struct.error,
    zipfile.BadZipFile,
    zlib.error,
)


def read(path: str | os.PathLike[str], key: str | None = None) -> Table:
    """Map an ``.npy`` file into memory; ``key`` has no meaning here."""
    source = os.fspath(path)
    with open(path, "rb") as file:
        start = file.read(6)
    if not start:
        raise DataError(f"{source} is empty")
    if start != b"\x93NUMPY":
        raise DataError(f"{source} is not an .npy file: it does not begin as one")
    try:
        array = np.load(path, mmap_mode="r", allow_pickle=False)
    except BROKEN as error:
        raise DataError(f"{source} {reason(error)}") from error
    return Table(numeric(np.asarray(array), source), source=source)


def reason(error: Exception) -> str:
    """Say why NumPy refused an array."""
    if "bject" in str(error):
        return "holds Python objects, which are refused: loading them can run code"
    detail = (str(error).splitlines() or [type(error).__name__])[0]
    return f"is truncated or corrupt ({detail})"


def write(file: BinaryIO, table: Table, advance: Advance | None = None) -> None:
    """Write the array; labels and text columns have no place in this format."""
    np.save(file, table.array, allow_pickle=False)

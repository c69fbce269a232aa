"""The ``.npz`` format: a zip archive of named arrays.

``logits`` is the array that is read unless another is named; ``classes`` (text, one entry for each
column) names the classes.
"""

import os
import zipfile
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from logitkit.stream.formats.npy import BROKEN, reason
from logitkit.stream.formats.table import Advance, DataError, Table, numeric

__all__ = ["read", "write"]


def read(path: str | os.PathLike[str], key: str | None = None) -> Table:
    """Read one array: ``key``, else ``logits``, else the only one."""
    source = os.fspath(path)
    if os.path.getsize(path) == 0:
        raise DataError(f"{source} is empty")
    if not zipfile.is_zipfile(path):
        raise DataError(f"{source} is not an .npz archive, or it is truncated")
    with opened(path, source) as archive:
        names = list(archive.files)
        name = choose(names, key, source)
        array = numeric(load(archive, name, source), f"{source}[{name}]")
        labels = class_names(archive, array, source) if "classes" in names else None
    return Table(array, labels, source=source, name=name)


def opened(path: str | os.PathLike[str], source: str) -> Any:
    """Open the archive; its arrays are read when they are asked for."""
    try:
        return np.load(path, allow_pickle=False)
    except BROKEN as error:
        raise DataError(f"{source} {reason(error)}") from error


def choose(names: list[str], key: str | None, source: str) -> str:
    """Return the name of the array to read."""
    if not names:
        raise DataError(f"{source} holds no arrays")
    held = f"it holds {', '.join(names)}"
    if key is not None:
        if key not in names:
            raise DataError(f"{source} has no array named {key!r}: {held}")
        return key
    if "logits" in names:
        return "logits"
    others = [name for name in names if name != "classes"]
    if len(others) != 1:
        raise DataError(f"{source} has no array named 'logits', choose one with --key: {held}")
    return others[0]


def load(archive: Any, name: str, source: str) -> NDArray[Any]:
    """Unpack one array."""
    try:
        array: NDArray[Any] = archive[name]
    except BROKEN as error:
        raise DataError(f"{source}[{name}] {reason(error)}") from error
    if not isinstance(array, np.ndarray):  # a member of the archive that is no .npy file
        raise DataError(f"{source}[{name}] is not an array")
    return array


def class_names(archive: Any, array: NDArray[Any], source: str) -> tuple[str, ...] | None:
    """Return the class names when there is one for each column."""
    names = load(archive, "classes", source)
    if names.dtype.kind != "U" or names.ndim != 1 or names.shape != array.shape[-1:]:
        return None
    return tuple(str(name) for name in names)


def write(file: BinaryIO, table: Table, advance: Advance | None = None) -> None:
    """Write the array under its name, the labels as ``classes``, and the text columns."""
    arrays: dict[str, Any] = {name: np.array(text) for name, text in table.index.items()}
    if table.labels is not None:
        arrays["classes"] = np.array(table.labels)
    arrays[table.name] = table.array
    np.savez(file, **arrays)

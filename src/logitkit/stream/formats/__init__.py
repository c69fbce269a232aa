"""Files of numbers: one file a format, all with the same two verbs.

A format module has ``write(file, table, advance)``, and ``read(path, key)`` where the format can be
read. The suffix of the file name chooses the format. Pickled data is refused everywhere, because
loading it can run code.
"""

import importlib
import os
from pathlib import Path
from typing import Any

from logitkit.stream.atomic import replacing
from logitkit.stream.formats.table import Advance, DataError, Table

__all__ = ["READABLE", "WRITABLE", "Advance", "DataError", "Table", "read", "suffix", "write"]

READABLE = ("npy", "npz", "csv", "tsv")
WRITABLE = (*READABLE, "json")


def suffix(path: str | os.PathLike[str]) -> str:
    """Return the part of a file name that chooses the format: lower case, without the dot."""
    return Path(path).suffix[1:].lower()


def read(path: str | os.PathLike[str], key: str | None = None) -> Table:
    r"""Read the numbers of a file.

    Parameters
    ----------
    path : str or os.PathLike
        A file whose suffix is one of `READABLE`. An ``.npy`` file is memory-mapped.
    key : str, optional
        The name of the array in an ``.npz`` file; the other formats hold one array.

    Returns
    -------
    Table
        The array, with the header of a text file as labels.

    Raises
    ------
    DataError
        If the file is missing, empty, corrupt, ragged, or holds anything but numbers.
    ValueError
        If the suffix is not one of `READABLE`.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder, "z.csv")
    ...     _ = path.write_text("apple,orange\n1.5,2.2\n")
    ...     table = read(path)
    >>> table.labels, table.array.tolist()
    (('apple', 'orange'), [[1.5, 2.2]])
    """
    module = format_module(path, READABLE)
    try:
        table: Table = module.read(path, key)
    except OSError as error:
        raise DataError(f"cannot read {path}: {error.strerror or error}") from error
    return table


def write(path: str | os.PathLike[str], table: Table, advance: Advance | None = None) -> None:
    """Write a table; the file appears when it is whole.

    Parameters
    ----------
    path : str or os.PathLike
        A file whose suffix is one of `WRITABLE`.
    table : Table
        What to write.
    advance : callable, optional
        Called with the number of rows just written, by the formats that write row by row.

    Raises
    ------
    OSError
        If the file cannot be written.
    ValueError
        If the suffix is not one of `WRITABLE`.
    """
    module = format_module(path, WRITABLE)
    with replacing(path) as file:
        module.write(file, table, advance, **options(path))


def format_module(path: str | os.PathLike[str], accepted: tuple[str, ...]) -> Any:
    """Return the module that reads and writes the format of ``path``."""
    name = suffix(path)
    if name not in accepted:
        raise ValueError(f"{path} must end in .{', .'.join(accepted)}")
    module = "delimited" if name in ("csv", "tsv") else name
    return importlib.import_module(f"{__name__}.{module}")


def options(path: str | os.PathLike[str]) -> dict[str, str]:
    """Return what the two text formats differ in."""
    return {"csv": {"delimiter": ","}, "tsv": {"delimiter": "\t"}}.get(suffix(path), {})

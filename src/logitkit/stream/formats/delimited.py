"""Text formats: comma-separated, tab-separated, and the loose text of a pipe.

A first line without any number is a header: the names of the classes. Every other line is a row,
and all rows have the same length. Empty lines are passed over.
"""

import csv
import io
import os
import re
from array import array
from collections.abc import Iterable, Iterator
from itertools import chain
from typing import Any, BinaryIO, TextIO

import numpy as np
from numpy.typing import NDArray

from logitkit.stream.formats.table import Advance, DataError, Table, plural

__all__ = ["parse", "read", "write", "write_text"]

BLOCK = 4096  # rows that are turned into text at a time
SEPARATOR = re.compile(r"\s*,\s*|\s+")


def read(path: str | os.PathLike[str], key: str | None = None) -> Table:
    """Read a ``.csv`` or ``.tsv`` file as float64; ``key`` has no meaning here."""
    source = os.fspath(path)
    delimiter = "\t" if source.lower().endswith(".tsv") else ","
    with open(path, encoding="utf-8-sig", newline="") as file:
        return parse(file, source, delimiter)


def parse(lines: Iterable[str], source: str, delimiter: str | None = None) -> Table:
    r"""Read rows of numbers from lines of text.

    Parameters
    ----------
    lines : iterable of str
        The text.
    source : str
        Its name in messages.
    delimiter : str, optional
        What separates the cells; without one: white space, commas or both.

    Returns
    -------
    Table
        An array of float64, rows by columns.

    Raises
    ------
    DataError
        If a cell is no number, the rows differ in length, or there are none.

    Examples
    --------
    >>> parse(["2 1 0.1\n", "0, 0, 0\n"], "text").array.tolist()
    [[2.0, 1.0, 0.1], [0.0, 0.0, 0.0]]
    """
    try:
        return collect(cells(lines, delimiter), source)
    except UnicodeDecodeError as error:
        raise DataError(f"{source} is not UTF-8 text") from error
    except csv.Error as error:
        raise DataError(f"{source} is not readable as text in columns: {error}") from error


def cells(lines: Iterable[str], delimiter: str | None) -> Iterator[tuple[int, list[str]]]:
    """Yield (line number, cells) for each line that is not empty."""
    if delimiter is None:
        stream = iter(lines)
        first = next(stream, "").lstrip("\ufeff")  # a byte-order mark
        # Class names may hold spaces and quotes, so a header says how its lines are separated.
        marks = (mark for mark in ",\t" if mark in first)
        delimiter = next((mark for mark in marks if is_header(split(first, mark))), None)
        lines = chain([first], stream)
    if delimiter is None:
        for number, line in enumerate(lines, 1):
            if text := line.strip():
                yield number, SEPARATOR.split(text)
        return
    reader = split_all(lines, delimiter)
    for row in reader:
        if any(cell.strip() for cell in row) or len(row) > 1:
            yield reader.line_num, row


def collect(rows: Iterator[tuple[int, list[str]]], source: str) -> Table:
    """Gather rows into one array."""
    labels: tuple[str, ...] | None = None
    values = array("d")
    width = first_line = count = 0
    for line, row in rows:
        if not width:
            width, first_line = len(row), line
            if is_header(row):
                labels = tuple(cell.strip() for cell in row)
                continue
        if len(row) != width:
            raise DataError(
                f"{source}, line {line}: {plural(len(row), 'column')}, "
                f"where line {first_line} has {width}"
            )
        try:
            values.extend(map(float, row))
        except ValueError:
            column = next(i for i, cell in enumerate(row) if not is_number(cell))
            name = f" ({labels[column]})" if labels else ""
            raise DataError(
                f"{source}, line {line}, column {column + 1}{name}: {row[column]!r} is not a number"
            ) from None
        count += 1
    if not width:
        raise DataError(f"{source} is empty")
    if not count:
        raise DataError(f"{source} holds no numbers, only the line {' '.join(labels or ())!r}")
    return Table(np.frombuffer(values).reshape(count, width), labels, source)


def split_all(lines: Iterable[str], delimiter: str) -> Any:
    """Return a reader of lines whose cells may be in quotes."""
    return csv.reader(lines, delimiter=delimiter, skipinitialspace=True)


def split(line: str, delimiter: str) -> list[str]:
    """Return the cells of one line."""
    cells: list[str] = next(split_all([line], delimiter))
    return cells


def is_header(row: list[str]) -> bool:
    """Tell whether a first line names classes: words, and no number among them.

    >>> is_header(["apple", ""]), is_header(["1", "x"]), is_header(["1", ""])
    (True, False, False)
    """
    return any(cell.strip() for cell in row) and not any(map(is_number, row))


def is_number(text: str) -> bool:
    """Tell whether Python reads ``text`` as a float."""
    try:
        float(text)
    except ValueError:
        return False
    return True


def write(
    file: BinaryIO, table: Table, advance: Advance | None = None, delimiter: str = ","
) -> None:
    """Write a header where there are labels, and a line for each row."""
    text = io.TextIOWrapper(file, encoding="utf-8", newline="")
    write_text(text, table, delimiter, advance)
    text.detach()


def write_text(
    file: TextIO, table: Table, delimiter: str = "\t", advance: Advance | None = None
) -> None:
    """Write a table as text, each number with the fewest digits that give it back exactly."""
    writer = csv.writer(file, delimiter=delimiter, lineterminator="\n")
    if table.labels is not None:
        writer.writerow([*table.index, *table.labels])
    rows = table.rows()
    index = list(zip(*table.index.values(), strict=True)) if table.index else None
    for start in range(0, len(rows), BLOCK):
        block = rows[start : start + BLOCK]
        lines = [digits(row) for row in block]
        if index is None:  # numbers need no quotes
            file.writelines(delimiter.join(line) + "\n" for line in lines)
        else:
            writer.writerows([*index[start + i], *line] for i, line in enumerate(lines))
        if advance is not None:
            advance(len(block))
    file.flush()


def digits(row: NDArray[Any]) -> list[str]:
    """Return the shortest text of each number that reads back as the same number."""
    if row.dtype.kind == "f" and row.dtype != np.float64:
        return list(map(str, row))  # the shortest digits of the narrow type, not of the double
    return list(map(repr, row.tolist()))

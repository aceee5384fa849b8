"""A file somebody gave us: its text and its rows, read with errors that name file and line; and files written whole."""

from __future__ import annotations

import csv
import math
from typing import TYPE_CHECKING, NamedTuple

from circadia.errors import ConfigError
from circadia.writing import whole_file

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from typing import IO

MOST_BYTES = 256 * 2**20
"""What is larger is no trace of days."""


class Row(NamedTuple):
    """One line of a CSV file."""

    line: int
    """From 1."""
    cells: list[str]


def text_of(path: Path, *, most_bytes: int = MOST_BYTES) -> str:
    """The file's text; `ConfigError` if it cannot be read, is not UTF-8 or is larger than `most_bytes`."""
    try:
        with path.open("rb") as file:
            data = file.read(most_bytes + 1)
        if len(data) > most_bytes:
            raise ConfigError(f"{path}: larger than {most_bytes} bytes")
        return data.decode("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: cannot be read: {error}") from error


def csv_rows(path: Path) -> list[Row]:
    """The rows that are not blank, without blanks around the cells; `ConfigError` if there are none."""
    reader = csv.reader(text_of(path).splitlines())
    try:
        rows = [
            Row(reader.line_num, [cell.strip() for cell in cells])
            for cells in reader
            if "".join(cells).strip()
        ]
    except csv.Error as error:
        raise ConfigError(f"{path} line {reader.line_num}: not CSV: {error}") from error
    if not rows:
        raise ConfigError(f"{path}: empty")
    return rows


def cell_of(path: Path, row: Row, index: int, column: str) -> str:
    """A cell; `ConfigError` if the row ends before it or it is blank."""
    if index >= len(row.cells) or not row.cells[index]:
        raise ConfigError(f"{path} line {row.line}: column {column!r} is missing")
    return row.cells[index]


def number_in(text: str) -> float | None:
    """The finite number that a text is, or None."""
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def write_whole(path: Path, write: Callable[[IO[bytes]], object]) -> None:
    """Let `write` fill a new file beside `path`, then put it in its place; `ConfigError` if that fails."""
    with whole_file(path) as file:
        write(file)

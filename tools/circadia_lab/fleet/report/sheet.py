"""A table of the page: a group of rows for each thing, a row for each arm."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """Some thing under an arm."""

    name: str
    note: str = ""
    """Under the name, small."""
    first: bool
    """Of the thing's rows: it bears the name."""
    arm: str
    colour: str
    cells: list[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sheet:
    """A part of the page without a picture."""

    name: str
    """Of its anchor."""
    title: str
    caption: str
    """What to look at."""
    head: str
    """Of the column with the names."""
    columns: tuple[str, ...]
    rows: list[Row]
    svg: str = ""

"""A table as a section of a page."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """A figure or a word."""

    text: str
    verdict: str = ""
    """`good`, `bad` or neither."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """What `base.html` shows of it."""

    name: str
    """Of its anchor."""
    title: str
    caption: str
    columns: Sequence[str]
    rows: Sequence[Sequence[Cell]]
    names: Sequence[int] = (0,)
    """Columns of words, which stand to the left."""


def cells(*texts: str) -> tuple[Cell, ...]:
    """A row without verdicts."""
    return tuple(Cell(text=text) for text in texts)

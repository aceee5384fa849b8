"""What happened?"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from circadia_app.viewmodels.frame import Frame
    from circadia_app.viewmodels.tokens import Colour, Glyph


class Kind(StrEnum):
    """What rows can be looked at by themselves."""

    ALL = "all"
    DECISIONS = "decisions"
    HELD = "held"
    EXITS = "exits"
    ERRORS = "errors"


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """A choice of rows."""

    kind: Kind
    text: str
    chosen: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class LogRow:
    """Something that happened; a run of equal sleeps is one."""

    time: str
    at_s: float
    glyph: Glyph
    colour: Colour
    sentence: str
    detail: str
    kind: Kind


@dataclass(frozen=True, slots=True, kw_only=True)
class LogDay:
    """The rows of one day, the latest first."""

    heading: str
    count: str
    """`164 decisions`."""
    rows: tuple[LogRow, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Log:
    """The screen of what happened. The header's button shares: first the file is shown."""

    frame: Frame
    filters: tuple[Filter, ...]
    days: tuple[LogDay, ...]
    empty: str
    """What is said instead of rows."""
    footer: str
    share: str
    """The file that would be shared: figures and times, no examples."""

"""What several screens are made of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from circadia_app.viewmodels.tokens import Colour, Glyph

if TYPE_CHECKING:
    from circadia_app.viewmodels.tokens import Do, Origin


@dataclass(frozen=True, slots=True, kw_only=True)
class Title:
    """The one large sentence."""

    text: str
    glyph: Glyph | None = None
    colour: Colour = Colour.MUTED
    """Of the glyph."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Button:
    """What can be touched."""

    text: str
    do: Do
    filled: bool = False
    """In accent: the one thing to do. Else raised, or outlined where `danger`."""
    danger: bool = False
    enabled: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Banner:
    """A line over a screen, or on it."""

    lead: str
    """Bold."""
    text: str
    colour: Colour = Colour.MUTED
    """Of its mark: MUTED on RAISED, WARN on WARN_GROUND, BAD on BAD_GROUND."""
    button: Button | None = None

    @property
    def ground(self) -> Colour:
        """What lies under it."""
        return {Colour.WARN: Colour.WARN_GROUND, Colour.BAD: Colour.BAD_GROUND}.get(
            self.colour, Colour.RAISED
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Chip:
    """Where a figure comes from, in a word."""

    origin: Origin
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Tile:
    """One number with what it means."""

    name: str
    figure: str
    """Empty: there is none yet, and `lines` say from when."""
    lines: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Switch:
    """A setting that is on or off."""

    key: str
    text: str
    on: bool
    detail: str = ""
    enabled: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Slider:
    """A setting with a number; it also has − and +."""

    key: str
    text: str
    value: float
    low: float
    high: float
    step: float
    figure: str
    """The value in words, with its unit."""

    @property
    def place(self) -> float:
        """0 at `low`, 1 at `high`."""
        return (self.value - self.low) / (self.high - self.low)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """A name, what is to be said of it, and a figure at the right."""

    name: str
    figure: str = ""
    detail: str = ""
    """Below the name, or between name and figure: an interval."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Paragraph:
    """A heading and what it says."""

    heading: str
    text: str

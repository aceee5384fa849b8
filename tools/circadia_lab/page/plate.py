"""A figure of a page, with its words."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Plate:
    """A figure on the page."""

    name: str
    """Of its anchor."""
    title: str
    caption: str
    """What to look at."""
    svg: str
    """Empty for a table."""

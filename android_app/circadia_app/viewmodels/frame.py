"""What stands on every screen."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from circadia_app.viewmodels.parts import Banner, Button


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """The header, and the banners under it."""

    heading: str
    button: Button | None = None
    banners: tuple[Banner, ...] = ()
    muted: bool = False
    """The figures are not from now: their text is muted."""

"""What is kept, what was agreed, and how to end it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from circadia_app.viewmodels.frame import Frame
    from circadia_app.viewmodels.parts import Banner, Button, Fact, Switch


@dataclass(frozen=True, slots=True, kw_only=True)
class DeleteCard:
    """Two steps."""

    heading: str
    text: str
    undone_lead: str
    """Bold: what cannot be undone, …"""
    undone: str
    """… in words."""
    buttons: tuple[Button, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class YourData:
    """Behind the door of `Learn`."""

    frame: Frame
    intro: str
    kept_heading: str
    kept: tuple[Fact, ...]
    agreed_heading: str
    agreed: tuple[Switch, ...]
    deletion: DeleteCard
    requests: tuple[Banner, ...]
    """Deletions that wait, or that were confirmed."""

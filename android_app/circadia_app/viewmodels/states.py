"""How the agent is: what the title says, and what helps."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from circadia_app.viewmodels.parts import Banner, Button, Title


class State(StrEnum):
    """The worst that is true."""

    NO_CONSENT = "no-consent"
    STARTING = "starting"
    AWAY = "away"
    """The agent does not answer."""
    FAILING = "failing"
    PAUSED = "paused"
    ONLY_SLEEPING = "only-sleeping"
    WAITING = "waiting"
    """For a first example."""
    WORKING = "working"


@dataclass(frozen=True, slots=True, kw_only=True)
class StateView:
    """The head of `Now`; the banners stand on every screen."""

    state: State
    title: Title
    reason: str
    held: tuple[str, ...] = ()
    note: str = ""
    remedy: Button | None = None
    banners: tuple[Banner, ...] = ()
    muted: bool = False

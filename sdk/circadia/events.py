"""What an application can hear of a device: `agent.on(KIND, callback)`, `async for event in agent.events(KIND, …)`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from circadia.types import Served, TickRecord


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Decided:
    """A tick was decided, worked off and stored."""

    record: TickRecord


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """A request was answered."""

    served: Served


@dataclass(frozen=True, slots=True, kw_only=True)
class Installed:
    """A version of the federation's model answers from now on."""

    version: int
    published_s: float
    """When the federation made it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rejected:
    """The federation rejected an update of this device: that change is not in its model."""

    update_id: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitReached:
    """A limit, or the pause, forbids something that it did not forbid in the tick before."""

    limit: str
    """As in `Decision.masked`; what the body can never do is no limit that is reached."""
    forbids: tuple[str, ...]
    """The names of the actions."""
    t_s: float


Event = Decided | Answered | Installed | Rejected | LimitReached
KINDS: tuple[type[Event], ...] = (Decided, Answered, Installed, Rejected, LimitReached)

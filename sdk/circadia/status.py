"""How a device is doing: one value, for whoever asks."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from circadia.traffic import Traffic
    from circadia.types import Link, Preference, Sleep, Source


class State(Enum):
    """What becomes of a device's ticks."""

    READY = "ready"
    """It is put together and not started."""
    RUNNING = "running"
    PAUSED = "paused"
    """It only sleeps, until `resume`."""
    FAILING = "failing"
    """A part of it fails and is tried again at growing pauses; `AgentStatus.failure` says how."""
    ENDED = "ended"


@dataclass(frozen=True, slots=True, kw_only=True)
class UpdateCounts:
    """What became of the updates that the device made; of its whole store, as far as that reaches back."""

    made: int = 0
    """To be sent; `waiting` of them have no verdict yet, whether they are under way or no link was there."""
    accepted: int = 0
    rejected: int = 0
    last_rejection: str = ""
    """Why the last one that was rejected was; empty: none was."""
    put_off: str = ""
    """Why the aggregator cannot take one yet, as it said last; empty: it has not, or there was a verdict since."""
    held: str = ""
    """Why none is sent now, after several were rejected; empty: they are sent."""

    @property
    def waiting(self) -> int:
        """Without a verdict."""
        return self.made - self.accepted - self.rejected


@dataclass(frozen=True, slots=True, kw_only=True)
class Joules:
    """The energy of one action's ticks since the device started, as one source tells it."""

    action: str
    source: Source
    energy_j: float
    ticks: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentStatus:
    """A device at one moment."""

    device: str
    """Its name in the federation."""
    state: State
    failure: str
    """What fails, and how; empty: nothing."""
    action: str
    """The last decision, an action's stable name; empty before the first tick."""
    why: str
    """Why it was that one."""
    decided_s: float
    """When, by the agent's clock; NaN before the first tick."""
    limits: tuple[str, ...]
    """Limits that forbade something then."""
    queue: int
    """Requests that wait."""
    inbox: int
    """What the application gave and the agent has not taken in yet."""
    version: int
    """Of the installed model; 0 before the first."""
    link: Link | None
    """The network link as the last tick saw it; None before the first, or where no sensor tells."""
    connected: bool
    """Whether there is a connection to the federation's broker."""
    trouble: str
    """What is wrong with that connection; empty: nothing, or there is no federation."""
    updates: UpdateCounts
    preference: Preference
    joules: tuple[Joules, ...]
    """By action and source; figures of different sources are never added up."""
    listener_errors: int
    """How often a listener raised."""
    changed_by: tuple[str, ...] = ()
    """Limits that forbade what was wanted then: without them something else would have been done."""
    next_wake_s: float = math.nan
    """When the next decision is due, by the agent's clock, if nothing asks for one before; NaN before the first."""
    sleep: Sleep | None = None
    """What the policy chose after the last one; None where it says nothing of sleep."""
    traffic: Traffic | None = None
    """Over the federation's link since the device started; None where there is no federation, or nobody counts."""

"""What is to be done, how long to sleep after it, and which limits stood in the way."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from circadia.types.action import Action


LIMITS = {
    "platform": "this body cannot do it",
    "no_link": "there is no link",
    "battery_floor": "the battery would fall below its floor, or nothing tells its charge",
    "thermal": "it would get too warm, or nothing tells how warm it is",
    "power_save": "the system saves power, or nothing tells whether it does",
    "train_only_charging": "it does not charge, or nothing tells whether it does",
    "sync_only_unmetered": "there is no unmetered link",
    "paused": "the application has paused the device",
}
"""The hard limits, and what it means in words that they forbid something."""


def in_words(limits: Iterable[str]) -> str:
    """Names of limits, each with what it means."""
    return " and ".join(f"{limit} ({LIMITS[limit]})" if limit in LIMITS else limit for limit in limits)


class WakeOn(Enum):
    """What ends a sleep before its time."""

    DUE = "due"
    """Nothing: requests wait until the sleep is over."""
    DEADLINE = "deadline"
    """A request, in time for its deadline."""
    REQUEST = "request"
    """A request, at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sleep:
    """What follows a wake's work."""

    length_s: float
    """From the end of the work to the next wake, if nothing ends it before."""
    wake_on: WakeOn = WakeOn.REQUEST


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What the policy proposed, and what the shield let through."""

    proposed: Action
    """The draw from the scores over what has something to do (`circadia.idle`): what would be done without limits."""
    action: Action
    """The same draw under the limits: what is done."""
    masked: tuple[tuple[str, tuple[str, ...]], ...] = ()
    """(limit, names of the actions that it forbids) for each limit that forbade something."""
    feasible: bool = True
    """False when the limits left nothing that the policy offers, or it offers nothing: the device fell back to SLEEP.

    A policy that offers only what has nothing to do just sleeps.
    """
    sleep: Sleep | None = None
    """How long, and what may end it; None where the policy does not say: as the agent's period has it."""
    draw: float | None = None
    """The number in [0, 1) at whose quantile the action was drawn …"""
    sleep_draw: float | None = None
    """… and the one of the sleep; None without a sleep."""

    @property
    def changed_by(self) -> tuple[str, ...]:
        """The limits that forbade what the policy wanted."""
        if self.action == self.proposed and self.feasible:
            return ()
        return tuple(limit for limit, names in self.masked if self.proposed.name in names)

    @property
    def why(self) -> str:
        """In words, what is done and which limits stood in the way of what the policy wanted."""
        done, wanted, limits = self.action.name, self.proposed.name, self.changed_by
        if done == wanted and self.feasible:
            return f"{done}: the policy's choice"
        if not self.masked:
            return f"{done}: the policy offers nothing"
        if limits:
            return f"{done} instead of {wanted}, which is forbidden: {in_words(limits)}"
        others = in_words(limit for limit, _ in self.masked)
        return f"{done}, drawn without what is forbidden: {others}"

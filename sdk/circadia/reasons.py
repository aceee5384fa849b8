"""What a limit holds back, and what ends that, with the numbers: for whoever has to be told in words of his own.

A limit is told only where it alone, or with others, leaves no action of a kind of work: one that forbids the larger of two
trainings holds nothing back. The kinds are answering, training and sending (any use of the federation's link).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

import numpy as np

from circadia.actions import CATALOGUE, FACTS, INDEX
from circadia.sensors import SENSORS
from circadia.types import Link

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from circadia.sensors import Sensor
    from circadia.shield import Limits
    from circadia.types import Observation

    Masked = Sequence[tuple[str, Sequence[str]]]


class Held(StrEnum):
    """A kind of work."""

    ANSWERING = "answering"
    TRAINING = "training"
    SENDING = "sending"


ALL = frozenset(Held)
KINDS: dict[Held, NDArray[np.bool_]] = {
    Held.ANSWERING: FACTS.serves,
    Held.TRAINING: FACTS.trains,
    Held.SENDING: FACTS.syncs,
}
"""(actions,) by kind."""


class Ends(StrEnum):
    """What ends it."""

    BATTERY_ABOVE = "battery-above"
    """`needed`, a state of charge."""
    COOLER_THAN = "cooler-than"
    """`needed`, in °C."""
    SAVER_OFF = "saver-off"
    CHARGING = "charging"
    UNMETERED = "unmetered"
    LINK = "link"
    RESUMED = "resumed"
    SENSOR = "sensor"
    """The limit needs a sensor that does not answer: it has to, or the configuration says that there is none."""
    NOTHING = "nothing"
    """The body cannot do it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldBack:
    """One limit."""

    limit: str
    """A name of `circadia.types.LIMITS`, or one that this version does not know."""
    held: frozenset[Held]
    """What it leaves nothing of; `ALL` at most."""
    waits: bool
    """Whether something of that waits now; of all work, always."""
    ends: Ends
    found: float = math.nan
    """The state of charge or °C that was seen; NaN for other limits, or where nothing answers."""
    needed: float = math.nan
    """What it has to reach or to fall to; NaN likewise."""
    sensor: Sensor | None = None
    """The silent one."""

    @property
    def everything(self) -> bool:
        """Whether only sleep is left."""
        return self.held == ALL

    @property
    def text(self) -> str:
        """In English: `training, until it charges`."""
        kinds = "all work" if self.everything else " and ".join(kind for kind in Held if kind in self.held)
        return f"{kinds}, {_UNTIL[self.ends](self)}"


def _sensor_told(held: HeldBack) -> str:
    key = held.sensor.key if held.sensor else "?"
    name = key.replace("_", " ")
    return f"until the {name} answers, which limit {held.limit} needs; if this device has none: limits.{key} = false"


_UNTIL: dict[Ends, Callable[[HeldBack], str]] = {
    Ends.BATTERY_ABOVE: lambda held: (
        f"until the battery is above {held.needed:.0%} (it is at {held.found:.0%})"
    ),
    Ends.COOLER_THAN: lambda held: (
        f"until it is cooler than {held.needed:.0f} °C (it has {held.found:.0f} °C)"
    ),
    Ends.SAVER_OFF: lambda _: "while the system saves power",
    Ends.CHARGING: lambda _: "until it charges",
    Ends.UNMETERED: lambda _: "until there is an unmetered link",
    Ends.LINK: lambda _: "until there is a link",
    Ends.RESUMED: lambda _: "until it is resumed",
    Ends.SENSOR: _sensor_told,
    Ends.NOTHING: lambda held: f"this body cannot do it ({held.limit})",
}
_SIMPLE = {
    "power_save": Ends.SAVER_OFF,
    "train_only_charging": Ends.CHARGING,
    "no_link": Ends.LINK,
    "paused": Ends.RESUMED,
}


def held_back(seen: Observation, masked: Masked, limits: Limits) -> tuple[HeldBack, ...]:
    """Of a decision: what was seen, what each limit forbade, and the limits → those that hold something back, in their order.

    The battery has to rise above the floor by what the work itself takes, and the temperature to fall by what it adds: the
    numbers are the limits' own, so what they promise may come a little later.
    """
    able = np.ones(len(CATALOGUE), bool)
    able[_places(dict(masked).get("platform", ()))] = False
    told = (_told(name, _flags(names), able, seen, limits) for name, names in masked)
    return tuple(one for one in told if one.held)


def _places(names: Sequence[str]) -> list[int]:
    return [INDEX[name] for name in names if name in INDEX]


def _flags(names: Sequence[str]) -> NDArray[np.bool_]:
    found = np.zeros(len(CATALOGUE), bool)
    found[_places(names)] = True
    return found


def _told(
    limit: str, forbids: NDArray[np.bool_], able: NDArray[np.bool_], seen: Observation, limits: Limits
) -> HeldBack:
    if limit != "platform":
        forbids = forbids & able
    held = frozenset(
        kind
        for kind, actions in KINDS.items()
        if (mine := actions if limit == "platform" else actions & able).any() and not (mine & ~forbids).any()
    )
    sensor = next((one for one in SENSORS if limit in one.limits and one.silent(seen)), None)
    ends, found, needed = (Ends.SENSOR, math.nan, math.nan) if sensor else _ends(limit, seen, limits)
    return HeldBack(
        limit=limit,
        held=held,
        waits=held == ALL or any(waiting(seen)[kind] for kind in held),
        ends=ends,
        found=found,
        needed=needed,
        sensor=sensor,
    )


def _ends(limit: str, seen: Observation, limits: Limits) -> tuple[Ends, float, float]:
    if limit == "battery_floor":
        return Ends.BATTERY_ABOVE, seen.battery_soc, limits.battery_floor
    if limit == "thermal":
        return Ends.COOLER_THAN, seen.temperature_c, limits.temperature_c
    if limit == "sync_only_unmetered":
        return (Ends.LINK if seen.link < Link.METERED else Ends.UNMETERED), math.nan, math.nan
    return _SIMPLE.get(limit, Ends.NOTHING), math.nan, math.nan


def waiting(seen: Observation) -> dict[Held, bool]:
    """Whether there is something to answer, to train on, to send or to fetch."""
    return {
        Held.ANSWERING: seen.queue_length > 0,
        Held.TRAINING: seen.fresh_examples > 0,
        Held.SENDING: seen.spooled_updates > 0 or seen.unsent_examples > 0 or seen.versions_behind > 0,
    }

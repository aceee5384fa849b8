"""The sensors that hard limits need, and what to say of one that does not answer."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable

    from circadia.types import Observation


@dataclass(frozen=True, slots=True, kw_only=True)
class Sensor:
    """What tells one field of the observation."""

    key: str
    """In [limits]: `false` says that the device has none."""
    field: str
    limits: tuple[str, ...]
    """Those that cannot be kept without it."""

    def silent(self, seen: Observation) -> bool:
        """Whether it did not answer, or with nonsense."""
        return math.isnan(getattr(seen, self.field))


SENSORS = (
    Sensor(key="battery", field="battery_soc", limits=("battery_floor",)),
    Sensor(key="thermometer", field="temperature_c", limits=("thermal",)),
    Sensor(key="power_saver", field="power_save", limits=("power_save",)),
    Sensor(key="charger", field="charging", limits=("train_only_charging",)),
    Sensor(key="network", field="link", limits=("no_link", "sync_only_unmetered")),
)


def needed(limits: Collection[str]) -> tuple[Sensor, ...]:
    """By the names of the limits that act."""
    return tuple(sensor for sensor in SENSORS if any(limit in limits for limit in sensor.limits))


def answering(seen: Observation) -> frozenset[str]:
    """The keys of those that answered."""
    return frozenset(sensor.key for sensor in SENSORS if not sensor.silent(seen))


def told(sensor: Sensor, acting: Collection[str], looks_at: Callable[[str], str]) -> str:
    """Which one, where it was looked for, which limit needs it, and the key."""
    where = looks_at(sensor.field) or "this body does not look for one"
    limits = " and ".join(limit for limit in sensor.limits if limit in acting)
    return (
        f"no {sensor.key.replace('_', ' ')} answers ({where}), and limit {limits} cannot be kept without; if this device has "
        f"none, say limits.{sensor.key} = false"
    )


def all_told(silent: Iterable[Sensor], acting: Collection[str], looks_at: Callable[[str], str]) -> str:
    """Of each that is silent."""
    return "; ".join(told(sensor, acting, looks_at) for sensor in silent)

"""What a phone says of itself at one moment, in plain values: for the agent's observation, the screens and the log."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, Any

from circadia_app.power import Power

if TYPE_CHECKING:
    from circadia.types import Link

NAN = math.nan
UNKNOWN_POWER = Power(
    power_w=NAN, current_a=NAN, voltage_v=NAN, unit="", uncertainty=NAN, why="nobody has looked yet"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class PhoneState:
    """NaN, None or an empty text: the phone does not say."""

    soc: float = NAN
    """State of charge, 0 to 1."""
    charging: bool | None = None
    """Whether energy comes in, or it is full and plugged in."""
    plugged: bool | None = None
    battery_c: float = NAN
    power: Power = UNKNOWN_POWER
    """Out of the battery."""
    charge_ah: float = NAN
    """By its charge counter."""
    energy_j: float = NAN
    """In the battery, by its energy counter."""
    thermal_status: str = ""
    """`none`, `light`, `moderate`, `severe`, `critical`, `emergency` or `shutdown`; from Android 10 on."""
    thermal_share: float = NAN
    """Android's own headroom, from Android 11 on: 0 is cool, at 1 it throttles severely."""
    power_save: bool | None = None
    idle: bool | None = None
    """Whether the system is in its idle mode (Doze), where the network is off."""
    exempt: bool | None = None
    """Whether the app is exempt from battery optimisation, so that idle mode leaves it the network."""
    bucket: str = ""
    """How freely the app may run: `active`, `working set`, `frequent`, `rare` or `restricted`; from Android 9 on."""
    link: Link | None = None
    interactive: bool | None = None
    """Whether the screen is on."""
    locked: bool | None = None
    full_in_s: float = NAN
    """Until it is charged, as the system foretells; from Android 9 on, while charging."""
    empty_in_s: float = NAN
    """Until it is empty, as the system foretells; from Android 12 on, while it discharges."""
    troubles: dict[str, str] = field(default_factory=dict)
    """What could not be read, and what Android said."""

    @property
    def plain(self) -> dict[str, Any]:
        """For JSON: None for NaN, a link by its name."""
        told: dict[str, Any] = _plain(dataclasses.asdict(self))
        return told


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(one) for key, one in value.items()}
    if isinstance(value, Enum):
        return value.name.lower()
    return None if isinstance(value, float) and math.isnan(value) else value

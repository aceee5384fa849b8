"""What a sum of measured joules can be off by, and why.

    gain        g · E            of the meter, the same in every tick
    offset      o · T            of its zero, mW all the time
    clocks …    √Σ b_k² / √3     of alignment, gaps and sampling: each tick's bound b_k, taken as even within it
    together    √(gain² + offset² + clocks²)

The first two do not average out: they are the same for two policies that are compared on one meter, and differ between
meters.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from circadia.errors import ConfigError

if TYPE_CHECKING:
    from circadia_field.ticks import Ticks


@dataclass(frozen=True, slots=True, kw_only=True)
class Meter:
    """What is known of the meter, one standard deviation each."""

    gain: float = 1e-3
    """As a share: an INA226's 0.1 % and its shunt's."""
    offset_w: float = 5e-4
    """After a zero calibration."""

    def __post_init__(self) -> None:
        for name in ("gain", "offset_w"):
            if not (math.isfinite(getattr(self, name)) and getattr(self, name) >= 0):
                raise ConfigError(f"meter's {name} is {getattr(self, name)}; it must be 0 or more")


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """Standard deviations of a sum, joules."""

    energy_j: float
    gain_j: float
    offset_j: float
    clocks_j: float

    @property
    def together_j(self) -> float:
        """Of all three."""
        return math.hypot(self.gain_j, self.offset_j, self.clocks_j)


def budget(ticks: Ticks, meter: Meter) -> Budget:
    """Of all ticks together."""
    energy_j = float(ticks.energy_j.sum())
    return Budget(
        energy_j=energy_j,
        gain_j=meter.gain * abs(energy_j),
        offset_j=meter.offset_w * float(ticks.duration_s.sum()),
        clocks_j=float(np.sqrt((ticks.bound_j**2).sum() / 3)),
    )

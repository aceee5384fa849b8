"""Where a field test is rehearsed with the meter's firmware: simulated bodies under a simulated board."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from circadia_field.stage import VirtualStage
from circadia_lab.meter.board.body_meter import measuring
from circadia_lab.meter.board.simulator import BoardErrors

if TYPE_CHECKING:
    from circadia.config import DeviceConfig
    from circadia_field.virtual_device import Measure

PERIOD_US = 5000
GOOD = BoardErrors(drift_ppm=60, shunt_ohm=0.02, noise_v=3e-6, offset_v=1e-6, gain=5e-4)
"""A good meter, not a perfect one."""


def stage() -> VirtualStage:
    """For `circadia field run --virtual`."""
    return VirtualStage(measure=measure)


def measure(config: DeviceConfig, start_s: float) -> Measure:
    """Each period's meter has noise of its own."""
    errors = replace(GOOD, seed=getattr(config.platform, "seed", 0))
    return measuring(start_s=start_s, errors=errors, period_us=PERIOD_US)

"""How long an action's work takes under each load, as the device profile says."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from circadia.actions import work_load
from circadia.errors import ConfigError
from circadia.physics import dynamics
from circadia.types import Load, Phase

if TYPE_CHECKING:
    from circadia.energy.profile import DeviceProfile
    from circadia.physics.params import Params
    from circadia.types import Action, Link, Units


def phases_of(action: Action, units: Units, sync_bytes: int, link: Link, params: Params) -> tuple[Phase, ...]:
    """Wake-up, the work at its clock, the radio; without a link the radio takes the slower link's time.

    `ConfigError` for negative numbers.
    """
    if min(*units, sync_bytes) < 0:
        raise ConfigError(
            f"phases of {action.name}: {units.answers} answers, {units.steps} steps and {sync_bytes} bytes must not be negative"
        )
    durations = dynamics.phase_durations(work_load(action), units, sync_bytes, link, params, np)
    timed = ((load, float(durations[load])) for load in dynamics.WORKING)
    return tuple(Phase(load=load, duration_s=seconds) for load, seconds in timed if seconds > 0)


def waking_costs(profile: DeviceProfile) -> dict[str, float]:
    """What a wake-up, an exchange before its first byte, and sleep cost by the profile: fields of an observation."""
    wakes = profile.can_deep_sleep
    return {
        "wake_up_j": profile.power_w(Load.WAKE_UP) * profile.duration.wake_up_s.value * wakes,
        "radio_session_j": profile.power_w(Load.RADIO) * profile.duration.radio_setup_s.value,
        "sleep_w": profile.power_w(Load.DEEP_SLEEP if wakes else Load.AWAKE),
    }

"""How long an action's work takes under each load, as the device profile says."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from circadia.actions import work_load
from circadia.errors import ConfigError
from circadia.physics import dynamics
from circadia.types import Phase

if TYPE_CHECKING:
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

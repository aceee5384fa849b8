"""Crossings of hard limits that an action brought about: what the shield must not let happen.

Judged when the action's phases are over, before the device rests for what is left of the tick: what happens while it
sleeps is no action's doing. Pure functions over an array module `xp`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from circadia.actions import INDEX
from circadia.energy.battery import soc_of
from circadia.physics.dynamics import WORKING, drain
from circadia.physics.params import LOADS
from circadia.physics.surroundings import income_j

if TYPE_CHECKING:
    from circadia.physics.params import Params
    from circadia.physics.state import Drained, Result, State

ASLEEP = INDEX["sleep"]
_PHASES = np.isin(np.arange(LOADS), list(map(int, WORKING)))


def after_phases(before: State, result: Result, params: Params, xp: Any = np) -> Drained:
    """(…,) battery and body at the end of the phases of a step, and the warmest end of one of them."""
    phases_s = result.durations_s * xp.asarray(_PHASES)
    return drain(before, phases_s, result.busy_s, income_j(before, result.busy_s, params, xp), params, xp)


def avoidable_crossings(
    before: State, action: Any, result: Result, params: Params, floor: float, xp: Any = np
) -> Any:
    """(…,) whether a device at or above the battery's floor did more than sleep and ended its phases below.

    `floor` is a state of charge. The same as for any limit: sleeping on would have avoided it.
    """
    was = soc_of(before.battery_j, params.battery, xp) >= floor
    ends = after_phases(before, result, params, xp)
    return (xp.asarray(action) != ASLEEP) & was & (soc_of(ends.battery_j, params.battery, xp) < floor)


def overheatings(
    before: State, action: Any, result: Result, params: Params, limit_c: Any, xp: Any = np
) -> Any:
    """(…,) whether a device within the limit did more than sleep and was above it at the end of one of its phases."""
    ends = after_phases(before, result, params, xp)
    return (xp.asarray(action) != ASLEEP) & (before.temperature_c <= limit_c) & (ends.peak_c > limit_c)

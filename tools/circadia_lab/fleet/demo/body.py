"""A device's simulated body, played again from its log: who drew its joules, and which of them its battery paid.

World and body follow from profile, scenario and seed, and what the device did is in its store: so the same joules come
out, those of the user's screen and of charger and panel too, which no store keeps.
"""

from __future__ import annotations

import logging
import math
from typing import TYPE_CHECKING

from circadia_lab.data.day.result import Joules, Series

if TYPE_CHECKING:
    from circadia.platforms.account import Account
    from circadia.platforms.simulated import SimulatedPlatform
    from circadia_lab.fleet.demo.device_log import DeviceLog

log = logging.getLogger(__name__)

SAME_SOC = 0.01
"""A killed process forgets what was under way, and stores round."""


def played(day: DeviceLog, body: SimulatedPlatform, day_s: float) -> tuple[Joules, Series]:
    """The joules until the day's end; what the battery had paid of the agent's at each tick. `body` is as it began."""
    drawn = Series()
    off = 0.0
    for tick in day.ticks:
        if tick.t_s >= day_s:
            break
        seen = body.observe(tick.t_s)
        if not math.isnan(tick.battery_soc):
            off = max(off, abs(seen.battery_soc - tick.battery_soc))
        drawn.t_s.append(tick.t_s)
        drawn.value.append(body.account.battery_work_j)
        body.spend(tick.phases)
    if day.ticks and day_s > day.ticks[0].t_s:
        body.observe(day_s)
    drawn.t_s.append(day_s)
    drawn.value.append(body.account.battery_work_j)
    if off > SAME_SOC:
        log.warning("%s: its battery is played again with %.1f points of difference", day.path, 100 * off)
    return _joules(body.account), drawn


def _joules(account: Account) -> Joules:
    return Joules(**account._asdict())

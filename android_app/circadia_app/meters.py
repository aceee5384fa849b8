"""The joules that a phone knows of itself."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING

from circadia.errors import CircadiaError
from circadia_app.rails import RailsMeter
from circadia_meter.sampled_meter import SampledMeter

if TYPE_CHECKING:
    from circadia.ports import EnergyMeter
    from circadia_app.platform import AndroidPlatform

log = logging.getLogger(__name__)

MONITORS = "org.circadia.android.PowerMonitors"
HEALTH = "android.os.health.SystemHealthManager"
BATTERY_EVERY_S = 5.0
STEP_W = 0.01
"""Of a battery gauge."""


def meter_of(body: AndroidPlatform) -> EnergyMeter:
    """Power monitors where the phone has them, else its battery; it runs."""
    rails = _rails(body)
    if rails is not None:
        return rails
    battery = SampledMeter(
        body.battery_w,
        clock=body.clock,
        period_s=BATTERY_EVERY_S,
        step_w=STEP_W,
        name="the phone's battery, by CURRENT_NOW",
        counted=body.counted_j,
    )
    battery.start(patient=True)
    return battery


def _rails(body: AndroidPlatform) -> RailsMeter | None:
    if not body.jvm.has(HEALTH, "getPowerMonitorReadings"):
        return None
    try:
        names = body.jvm.own(MONITORS, "names")()
        if not names:
            return None
        meter = RailsMeter(
            body.jvm.own(MONITORS, "read"),
            names,
            clock=body.clock,
            boot_s=lambda: time.clock_gettime(time.CLOCK_BOOTTIME),
        )
        meter.start()
    except CircadiaError as error:
        log.warning("no power rails, so the battery is read: %s", error)
        return None
    return meter

"""A Linux machine's own body: battery, heat, load and link out of /sys and /proc.

What it cannot know stays NaN: whether somebody uses it, and when it will be charged. It has no way to set the processor's
clock, so only actions at the high one are supported. How long work takes is measured; the device profile only bounds it.
"""

from __future__ import annotations

import dataclasses
import math
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING

from circadia.errors import ConfigError
from circadia.physics.params import make_params
from circadia.physics.phases import phases_of
from circadia.physics.scenario import scenario_for
from circadia.platforms.clocks import time_of_day_s
from circadia.platforms.sysfs import number, text
from circadia.ports import EVERY_SLEEP
from circadia.types import ClockLevel, Link, Observation, Phase

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from circadia.energy.profile import DeviceProfile
    from circadia.types import Action, Units, WakeOn

COOL_C = 25.0
"""Where the thermal headroom is 1."""
ZONES = ("cpu", "soc", "battery", "x86_pkg", "bcm2835", "skin", "acpitz")
"""Beginnings of the thermal zones' types that count, lower case."""
COLDEST_C, HOTTEST_C = -30.0, 130.0
"""Outside of this a sensor is wrong."""
METERED = ("wwan", "rmnet", "ppp", "usb")
"""Beginnings of interfaces that cost by the byte."""
SYSTEM_CLOCKS = os.sysconf("SC_CLK_TCK")


class LinuxPlatform:
    """The `Platform` port over the kernel's files below `root`."""

    def __init__(
        self,
        profile: DeviceProfile,
        *,
        mains: bool = False,
        root: Path = Path("/"),
        stopwatch: Callable[[], float] = time.monotonic,
        wall_s: Callable[[], float] = time.time,
    ) -> None:
        """`mains`: there is no battery, nor need of one. `stopwatch`: seconds that the machine was not suspended.

        `wall_s`: seconds since the Unix epoch, for the time of day; it may be set.
        """
        self.profile = profile
        self.stopwatch = stopwatch
        self._root, self._mains = root, mains
        self._wall_s, self._ahead_s = wall_s, 0.0
        self._supplies = root / "sys/class/power_supply"
        self._params = make_params(profile, scenario_for(profile))
        self._observed_s = math.nan
        self._busy: tuple[float, float, float] | None = None
        self._link = Link.NONE

    def observe(self, now_s: float) -> Observation:
        """The body's part; NaN where a sensor is missing or nonsense."""
        if not math.isfinite(now_s):
            raise ConfigError(f"linux platform: the time {now_s} is not a number")
        dt_s, self._observed_s = now_s - self._observed_s, now_s
        self._ahead_s = self._wall_s() - now_s
        soc, charging = self._charge()
        temperature_c = self._temperature_c()
        limit_c = self.profile.thermal.limit_c.value
        self._link, bytes_per_s = self._best_link()
        return dataclasses.replace(
            Observation(),
            dt_s=dt_s,
            battery_soc=soc,
            charging=charging,
            temperature_c=temperature_c,
            thermal_headroom=min(max((limit_c - temperature_c) / (limit_c - COOL_C), 0.0), 1.0)
            if math.isfinite(temperature_c)
            else math.nan,
            power_save=self._power_save(),
            cpu_load=self._cpu_load(),
            link=float(self._link),
            link_bytes_per_s=bytes_per_s,
            wake_up_j=self.profile.wake_up_j,
            radio_session_j=self.profile.radio_session_j,
            sleep_w=self.profile.sleep_w,
            training_step_j=self.profile.training_step_j,
        )

    def looks_at(self, name: str) -> str:
        """The kernel's files."""
        supply = f"{self._supplies}/*, of type Battery"
        mains = "if it runs from the mains, say platform.mains = true"
        zones = f"{self._root / 'sys/class/thermal/thermal_zone*/temp'}, of a type that begins with {', '.join(ZONES)}"
        return {
            "battery_soc": f"{supply}: capacity; {mains}",
            "charging": f"{supply}: status; {mains}",
            "temperature_c": f"{zones}, and {supply}: temp",
            "power_save": str(self._root / "sys/firmware/acpi/platform_profile"),
            "link": str(self._root / "sys/class/net/*/operstate"),
        }.get(name, "")

    def supports(self, action: Action) -> bool:
        """What the profile's device can do, at the one clock that there is."""
        return self.profile.can(action) and (not action.works or action.clock is ClockLevel.HIGH)

    def phases(self, action: Action, units: Units, sync_bytes: int) -> tuple[Phase, ...]:
        """As the profile says: bounds."""
        return phases_of(action, units, sync_bytes, self._link, self._params)

    def spend(self, phases: Sequence[Phase]) -> None:
        """A real battery has paid already."""

    @property
    def wakes_on(self) -> frozenset[WakeOn]:
        """All sleeps: it stays awake, and the agent waits."""
        return EVERY_SLEEP

    def sleep(self, _until_s: float, _wake_on: WakeOn) -> bool:
        """False: it cannot power down yet, so that what longer sleeps save is nothing here."""
        return False

    def close(self) -> None:
        """Nothing to let go of."""

    def local_time_s(self, now_s: float) -> float:
        """By the machine's time zone, and its wall clock as of the last look: the agent's own never jumps."""
        return time_of_day_s(now_s + self._ahead_s)

    def _battery(self) -> Path | None:
        for supply in sorted(self._supplies.glob("*")):
            if text(supply / "type") == "Battery" and text(supply / "scope") != "Device":
                return supply
        return None

    def _charge(self) -> tuple[float, float]:
        """State of charge, and whether energy comes in."""
        battery = self._battery()
        if battery is None:
            return (1.0, 1.0) if self._mains else (math.nan, math.nan)
        soc = number(battery / "capacity", 0.01)
        if not 0 <= soc <= 1:
            soc = math.nan
        status = text(battery / "status")
        charging = {"Charging": 1.0, "Full": 1.0, "Discharging": 0.0, "Not charging": 0.0}.get(status)
        return soc, math.nan if charging is None else charging

    def _temperature_c(self) -> float:
        """Of the warmest zone that counts, and of the battery."""
        found = [
            number(zone / "temp", 1e-3)
            for zone in (self._root / "sys/class/thermal").glob("thermal_zone*")
            if text(zone / "type").lower().startswith(ZONES)
        ]
        if (battery := self._battery()) is not None:
            found.append(number(battery / "temp", 0.1))
        return max((value for value in found if COLDEST_C < value < HOTTEST_C), default=math.nan)

    def _power_save(self) -> float:
        """Machines without a platform profile have no such mode."""
        return float(text(self._root / "sys/firmware/acpi/platform_profile") == "low-power")

    def _cpu_load(self) -> float:
        """Other programs' share since the last look; NaN at the first."""
        fields = text(self._root / "proc/stat").split("\n", 1)[0].split()[1:]
        if len(fields) < 5:
            return math.nan
        ticks = [float(field) for field in fields[:8]]
        idle, total, own = ticks[3] + ticks[4], sum(ticks), time.process_time() * SYSTEM_CLOCKS
        before, self._busy = self._busy, (idle, total, own)
        if before is None or total <= before[1]:
            return math.nan
        passed = total - before[1]
        return min(max((passed - (idle - before[0]) - (own - before[2])) / passed, 0.0), 1.0)

    def _best_link(self) -> tuple[Link, float]:
        """The best interface that is up, and its speed in bytes a second, as the profile says for its kind.

        Bridges and other interfaces without a device do not count; modems never say that they are up.
        """
        best = Link.NONE
        for interface in sorted((self._root / "sys/class/net").glob("*")):
            metered = interface.name.startswith(METERED)
            state = text(interface / "operstate")
            if metered and (state == "up" or (state == "unknown" and text(interface / "carrier") == "1")):
                best = max(best, Link.METERED)
            elif not metered and state == "up" and (interface / "device").exists():
                best = Link.FREE
        return best, float(self._params.bytes_per_s[..., int(best)])

"""The kernel's own power sensors: hwmon chips (INA2xx and others) and batteries. Sysfs only, read-only."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING

from circadia.errors import PlatformUnavailable, SensorError
from circadia.platforms.sysfs import number, text

if TYPE_CHECKING:
    from collections.abc import Callable

HWMON = Path("sys/class/hwmon")
SUPPLIES = Path("sys/class/power_supply")
FASTEST_CHIP_S = 0.02
FASTEST_BATTERY_S = 1.0
"""Fuel gauges have new values about once a second, many only once in ten."""


def hwmon_chip(name: str = "auto", root: Path = Path("/")) -> Path:
    """The folder of the chip with that name, or of the first that measures power. `PlatformUnavailable` without one."""
    chips = sorted((root / HWMON).glob("hwmon*"))
    for chip in chips:
        if name in {"auto", text(chip / "name"), str(chip)} and _power(chip) is not None:
            return chip
    there = ", ".join(f"{chip.name} ({text(chip / 'name')})" for chip in chips) or "no chip at all"
    raise PlatformUnavailable(
        f"{root / HWMON}: no chip {'that measures power' if name == 'auto' else name + ' with power'} is there, but {there}; "
        "is the driver loaded (modprobe ina2xx)?"
    )


def _power(chip: Path) -> Callable[[], float] | None:
    """power1 in µW, or in1 (mV) times curr1 (mA)."""
    if not math.isnan(number(chip / "power1_input")) and math.isnan(number(chip / "curr1_input")):
        return lambda: number(chip / "power1_input", 1e-6)
    if not math.isnan(number(chip / "curr1_input")) and not math.isnan(number(chip / "in1_input")):
        return lambda: number(chip / "in1_input", 1e-3) * number(chip / "curr1_input", 1e-3)
    return None


def hwmon_look(chip: Path) -> Callable[[], float]:
    """Watts now; `SensorError` names the chip."""
    power = _power(chip)
    if power is None:
        raise SensorError(f"{chip}: has no power1_input, and not both in1_input and curr1_input")
    return lambda: _checked(power(), chip)


def hwmon_interval_s(chip: Path) -> float:
    """How often it is worth to look: as often as the chip has new values, at most 50 times a second."""
    interval_s = number(chip / "update_interval", 1e-3)
    return max(interval_s, FASTEST_CHIP_S) if interval_s > 0 else FASTEST_CHIP_S


def hwmon_step_w(chip: Path) -> float:
    """One step of the current's register, 1 mA, at the present voltage."""
    volts = number(chip / "in1_input", 1e-3)
    return 1e-3 * volts if math.isfinite(volts) else 1e-3


def battery_supply(root: Path = Path("/")) -> Path:
    """The first battery that says its power. `PlatformUnavailable` without one."""
    for supply in sorted((root / SUPPLIES).glob("*")):
        if text(supply / "type") == "Battery" and not math.isnan(_battery_w(supply)):
            return supply
    raise PlatformUnavailable(
        f"{root / SUPPLIES}: no battery says its power (power_now, or voltage_now and current_now)"
    )


def battery_look(supply: Path) -> Callable[[], float]:
    """Watts out of the battery now: by `status`, for drivers do not agree on the current's sign."""
    return lambda: _checked(_signed(abs(_battery_w(supply)), supply), supply)


def _battery_w(supply: Path) -> float:
    power_w = number(supply / "power_now", 1e-6)
    if math.isnan(power_w):
        power_w = number(supply / "voltage_now", 1e-6) * number(supply / "current_now", 1e-6)
    return power_w


def _signed(power_w: float, supply: Path) -> float:
    return -power_w if text(supply / "status") == "Charging" else power_w


def _checked(power_w: float, sensor: Path) -> float:
    if not math.isfinite(power_w):
        raise SensorError(f"{sensor}: the sensor does not answer, or not with a number")
    return power_w

"""A phone's battery."""

from __future__ import annotations

from typing import Any


def battery(phone: Any, **changes: int) -> None:
    """A phone's at 60 %, discharging at 400 mA, as documented, but for the changes."""
    shown = {
        "level": 60,
        "scale": 100,
        "plugged": 0,
        "status": 3,
        "temperature": 312,
        "voltage": 3900,
        "current": -400_000,
        "charge": 2_100_000,
        "energy": 8_000_000_000,
    } | changes
    for name in ("level", "scale", "plugged", "status", "temperature", "voltage"):
        phone.extra(name, shown[name])
    for number, name in ((2, "current"), (1, "charge"), (5, "energy")):
        phone.property(number, shown[name])

"""Whether a device's meter can work here. Nothing is opened: a port may belong to something that is not a meter."""

from __future__ import annotations

import os
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from circadia.doctor.finding import Finding, Status
from circadia_meter.command import SERIAL_LINE
from circadia_meter.meters import HwmonConfig, SerialConfig

if TYPE_CHECKING:
    from collections.abc import Iterator

    from circadia.config import DeviceConfig
    from circadia.plugs import MeterConfig

PORTS = ("serial/by-id/*", "ttyUSB*", "ttyACM*")
"""Where USB adapters and boards appear, under /dev."""
NEEDED = {"serial": SERIAL_LINE}
"""Modules that a kind of meter cannot do without, and the packages they come with."""


def checks(config: DeviceConfig, sys_root: Path, dev_root: Path) -> Iterator[Finding]:
    """What `circadia doctor` asks of this room."""
    if (lacking := packages(config.meter.kind)) is not None:
        yield lacking
    if (port := meter_port(config.meter, sys_root, dev_root)) is not None:
        yield port


def packages(kind: str) -> Finding | None:
    """What that kind of meter lacks; None when nothing is missing."""
    lacking = [package for module, package in NEEDED.get(kind, {}).items() if find_spec(module) is None]
    if not lacking:
        return None
    return Finding(
        name="meter packages",
        status=Status.FAILED,
        detail=f"{kind} needs {', '.join(lacking)}",
        advice="pip install circadia[meter]",
    )


def meter_port(config: MeterConfig, sys_root: Path, dev_root: Path) -> Finding | None:
    """Where the configured meter is; None for a kind that has no place."""
    match config:
        case SerialConfig():
            return _serial(config.port, dev_root)
        case HwmonConfig():
            return _chip(config.port, sys_root)
    return None


def _serial(port: str, dev_root: Path) -> Finding:
    name = "meter port"
    if port != "auto" and not Path(port).exists():
        advice = f"plug the meter in, or mend [meter] port; there are {', '.join(_ports(dev_root)) or 'none'}"
        return Finding(name=name, status=Status.FAILED, detail=f"{port} is not there", advice=advice)
    found = _ports(dev_root) if port == "auto" else [port]
    if not found:
        return Finding(
            name=name,
            status=Status.FAILED,
            detail="no USB serial port is there",
            advice="plug the meter in, or name its port in [meter] port",
        )
    # With "auto", the first port is taken
    if not os.access(found[0], os.R_OK | os.W_OK):
        return Finding(
            name=name,
            status=Status.FAILED,
            detail=f"{found[0]} is not permitted",
            advice=f"sudo usermod -aG {_group(found[0])} $USER, and log in again",
        )
    others = f"; also there: {', '.join(found[1:])}" if found[1:] else ""
    advice = 'with port = "auto" the first is taken; name the meter\'s' if others else ""
    return Finding(
        name=name, status=Status.OK, detail=f"{found[0]} may be opened (it was not){others}", advice=advice
    )


def _ports(dev_root: Path) -> list[str]:
    """Each device once, by the first of its names."""
    paths: dict[Path, str] = {}
    for pattern in PORTS:
        for path in sorted(dev_root.glob(pattern)):
            paths.setdefault(path.resolve(), str(path))
    return list(paths.values())


def _group(port: str) -> str:
    try:
        return Path(port).group()
    except (OSError, KeyError):
        return "dialout"


def _chip(wanted: str, sys_root: Path) -> Finding:
    name = "meter chip"
    chips = {
        chip: (chip / "name").read_text(encoding="ascii", errors="replace").strip()
        for chip in sorted(sys_root.glob("class/hwmon/hwmon*"))
        if (chip / "name").is_file() and _measures_power(chip)
    }
    found = [label for chip, label in chips.items() if wanted in {"auto", label, str(chip)}]
    if found:
        return Finding(name=name, status=Status.OK, detail=found[0])
    there = ", ".join(chips.values()) or "none"
    return Finding(
        name=name,
        status=Status.FAILED,
        detail=f"no chip {wanted!r} that measures power; there are {there}",
        advice="load its driver (modprobe ina2xx), or mend [meter] port",
    )


def _measures_power(chip: Path) -> bool:
    return (chip / "power1_input").is_file() or all(
        (chip / one).is_file() for one in ("in1_input", "curr1_input")
    )

"""What `circadia doctor` looks for where the meter's firmware is built."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

from circadia.doctor.finding import Finding, Status
from circadia_lab.meter.board.firmware import SIMULATOR_HEADER, SIMULATOR_PACKAGES, TOOLS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from circadia.config import DeviceConfig

PROGRAMS = {program: TOOLS[program] for program in ("avr-gcc", "avrdude")}
"""What builds and writes the meter's firmware, and the Debian packages they come with."""


def checks(config: DeviceConfig, sys_root: Path, dev_root: Path) -> Iterator[Finding]:  # noqa: ARG001 - the group's names
    """One: the programs."""
    yield firmware_programs()


def firmware_programs(header: Path = SIMULATOR_HEADER) -> Finding:
    """What builds, writes and simulates the firmware of a meter; only who has a meter of that kind needs it."""
    name = "meter firmware"
    missing = {program: packages for program, packages in PROGRAMS.items() if shutil.which(program) is None}
    if not header.is_file():
        missing["simavr"] = SIMULATOR_PACKAGES
    if missing:
        return Finding(
            name=name,
            status=Status.ABSENT,
            detail=f"{', '.join(missing)} missing",
            advice="only to build, flash or simulate a meter: apt-get install " + " ".join(missing.values()),
        )
    return Finding(name=name, status=Status.OK, detail=", ".join([*PROGRAMS, "simavr"]))

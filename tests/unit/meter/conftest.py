"""The firmware: compiled for this machine, and run by the simulated microcontroller."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from circadia_lab.meter.board import firmware
from circadia_lab.meter.board.host_core import HostCore
from circadia_lab.meter.board.simulator import BoardErrors, SimulatedBoard

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

VECTORS = Path(__file__).parents[3] / "firmware_bridge" / "vectors" / "frames.json"
Vector = dict[str, Any]


@pytest.fixture(scope="session")
def vectors() -> dict[str, Vector]:
    """Golden frames by name."""
    return {vector["name"]: vector for vector in json.loads(VECTORS.read_text(encoding="utf-8"))}


@pytest.fixture
def core() -> HostCore:
    return HostCore(firmware.build_core(), boot=0x10007)


@pytest.fixture
def board() -> Iterator[Callable[..., SimulatedBoard]]:
    """Makes boards and frees them; a skip without the compiler or the simulator."""
    if shutil.which("avr-gcc") is None or not firmware.SIMULATOR_HEADER.is_file():
        pytest.skip(f"needs {firmware.TOOLS['avr-gcc']} {firmware.SIMULATOR_PACKAGES}")
    library, image = firmware.build_simulator(), firmware.build()
    made: list[SimulatedBoard] = []

    def make(**errors: float) -> SimulatedBoard:
        made.append(SimulatedBoard(library, image, BoardErrors(**errors)))  # type: ignore[arg-type]
        return made[-1]

    yield make
    for one in made:
        one.close()

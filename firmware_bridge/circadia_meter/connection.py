"""A port to open: a real one, or the firmware on a simulated board behind a pseudo-terminal."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from circadia_meter import firmware
from circadia_meter.dialogue import first_path
from circadia_meter.simulator import BoardErrors, LiveBoard, SimulatedBoard
from circadia_meter.turns_load import TurnsLoad

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

SIMULATED = "simulated"
SHUNT_OHM = 0.01
ERRORS = BoardErrors(drift_ppm=80, shunt_ohm=SHUNT_OHM, offset_v=4e-6, noise_v=5e-6)
"""Of a usual board: a resonator that is a little fast, and the offset of an INA226."""


@contextmanager
def port_of(name: str, load: Callable[[float], tuple[float, float]] | None = None) -> Iterator[str]:
    """The path to open. `simulated` lives as long as the context."""
    if name != SIMULATED:
        yield first_path(name)
        return
    board = SimulatedBoard(firmware.build_simulator(), firmware.build(), ERRORS)
    live = LiveBoard(board, load or TurnsLoad())
    live.start()
    try:
        yield live.port
    finally:
        live.close()

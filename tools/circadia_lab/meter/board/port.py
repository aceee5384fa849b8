"""The firmware on a simulated board behind a pseudo-terminal: `--port simulated`."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from circadia_lab.meter.board import firmware
from circadia_lab.meter.board.simulator import BoardErrors, LiveBoard, SimulatedBoard
from circadia_lab.meter.board.turns_load import TurnsLoad
from circadia_meter.connection import SHUNT_OHM

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ERRORS = BoardErrors(drift_ppm=80, shunt_ohm=SHUNT_OHM, offset_v=4e-6, noise_v=5e-6)
"""Of a usual board: a resonator that is a little fast, and the offset of an INA226."""


@contextmanager
def simulated(load: Callable[[float], tuple[float, float]] | None = None) -> Iterator[str]:
    """The path of the terminal; the board runs as long as the context."""
    board = SimulatedBoard(firmware.build_simulator(), firmware.build(), ERRORS)
    live = LiveBoard(board, load or TurnsLoad())
    live.start()
    try:
        yield live.port
    finally:
        live.close()

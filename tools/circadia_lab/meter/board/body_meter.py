"""What a simulated body draws flows through the simulated board's shunt, and the meter's firmware measures it.

The host's session gives joules to the agent, which settles its ticks. What truly flowed is known beside it.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from circadia_lab.meter.board import firmware
from circadia_lab.meter.board.simulator import BoardErrors, SimulatedBoard
from circadia_lab.meter.board.virtual_meter import VirtualMeter
from circadia_meter.session import MeterSession

if TYPE_CHECKING:
    from circadia.platforms.simulated import SimulatedPlatform
    from circadia.types import EnergyReading
    from circadia_field.virtual_device import Measure

VOLTAGE_V = 4.0
WARM_UP_S = 10.0
"""The meter runs for so long before the device is switched on: its clock is aligned by then."""


class BodyMeter:
    """The `EnergyMeter` whose board is fed with what a simulated body draws."""

    def __init__(self, body: SimulatedPlatform, start_s: float, errors: BoardErrors, period_us: int) -> None:
        """The device is switched on at `start_s`."""
        self._body = body
        self._fed_s = start_s
        board = SimulatedBoard(firmware.build_simulator(), firmware.build(), errors)
        board.load(0.0, 0.0, VOLTAGE_V)
        session = MeterSession(period_us=period_us, shunt_ohm=errors.shunt_ohm)
        self.meter = VirtualMeter(board, session, origin_s=start_s - WARM_UP_S)
        self.meter.advance(start_s)

    def follow(self) -> None:
        """Let flow what the body has drawn since the last time."""
        until_s = self._body.metered_until_s
        for stretch in self._body.stretches(self._fed_s, until_s):
            self.meter.board.load(
                stretch.start_s - self.meter.origin_s, stretch.power_w / VOLTAGE_V, VOLTAGE_V
            )
        self._fed_s = max(self._fed_s, until_s)
        self.meter.advance(self._fed_s)

    def read(self, start_s: float, end_s: float) -> EnergyReading | None:
        """As `circadia.ports.EnergyMeter`."""
        self.follow()
        return self.meter.read(start_s, end_s)

    def true_j(self, start_s: float, end_s: float) -> float:
        """Joules that flowed through the shunt."""
        return self.meter.true_j(start_s, end_s)

    def about(self) -> dict[str, str | float]:
        """As `circadia.ports.EnergyMeter`."""
        return self.meter.about()

    def close(self) -> None:
        """Free the board."""
        self.meter.close()


def measuring(*, start_s: float, errors: BoardErrors | None = None, period_us: int = 1000) -> Measure:
    """Makes such a meter of a body that is switched on at `start_s`."""
    return partial(BodyMeter, start_s=start_s, errors=errors or BoardErrors(), period_us=period_us)

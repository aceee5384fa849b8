"""The serial meter as a device sees it that lives at a speed of its own, with what it was told of each tick."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from circadia.types import EnergyReading, Source

if TYPE_CHECKING:
    from circadia_lab.meter.device_clock import DeviceClock
    from circadia_meter.serial_meter import SerialMeter


class ShuntMeter:
    """An `EnergyMeter` in the device's time: joules are watts times the device's seconds.

    The firmware measures, but a simulated shunt: every reading says that it is simulated.
    """

    def __init__(self, serial: SerialMeter, clock: DeviceClock) -> None:
        """`serial` runs on the host's clock and is closed by its owner."""
        self._serial, self._clock = serial, clock
        self.told: dict[float, EnergyReading] = {}
        """Start of a stretch → the newest reading that was given of it; who has seen one takes it out."""

    def read(self, start_s: float, end_s: float) -> EnergyReading | None:
        """As `circadia.ports.EnergyMeter`."""
        found = self.look(start_s, end_s)
        if found is not None:
            self.told[start_s] = found
        return found

    def look(self, start_s: float, end_s: float) -> EnergyReading | None:
        """The same, and nobody is told."""
        found = self._serial.read(self._clock.host_s(start_s), self._clock.host_s(end_s))
        if found is None:
            return None
        speed = self._clock.speed
        return replace(
            found,
            energy_j=found.energy_j * speed,
            duration_s=end_s - start_s,
            source=Source.SIMULATED,
            gap_s=found.gap_s * speed,
            lost_s=found.lost_s * speed,
            bound_j=found.bound_j * speed,
        )

    def about(self) -> dict[str, str | float]:
        """As the serial meter's."""
        return self._serial.about()

    def close(self) -> None:
        """Nothing to end."""

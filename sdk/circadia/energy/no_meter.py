"""The meter of a device that has none."""

from __future__ import annotations

from typing import TYPE_CHECKING

from circadia.plugs import MeterConfig, MeterPlug

if TYPE_CHECKING:
    from circadia.plugs import MeterContext
    from circadia.types import EnergyReading


class NoMeter:
    """Its ticks stay without joules."""

    def read(self, start_s: float, end_s: float) -> EnergyReading | None:  # noqa: ARG002 - the port's names
        """None: never known."""
        return None

    def about(self) -> dict[str, str | float]:
        """That there is none."""
        return {"meter": "none"}

    def close(self) -> None:
        """Nothing to end."""


def _none(_config: MeterConfig, _context: MeterContext) -> NoMeter:
    return NoMeter()


NO_METER = MeterPlug(config=MeterConfig, build=_none)

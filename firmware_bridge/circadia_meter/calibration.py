"""From the meter's raw sums to joules."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from circadia.errors import ConfigError

if TYPE_CHECKING:
    from circadia_meter.events import Hello

LARGEST_GAIN_PPM = 200_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """Of one meter with its shunt: everything enters linearly, so it can be changed after the fact.

    P = (shunt − offset) · shunt_step / shunt_ohm · (1 + gain) · bus · bus_step
    """

    shunt_ohm: float
    shunt_step_v: float
    bus_step_v: float
    offset_steps: float = 0.0
    """What the shunt register shows without a current."""
    gain: float = 0.0
    """To add to 1."""

    def __post_init__(self) -> None:
        for name in ("shunt_ohm", "shunt_step_v", "bus_step_v"):
            if not getattr(self, name) > 0:
                raise ConfigError(
                    f"meter: {name} is {getattr(self, name)}; it must be above 0. The shunt's value is printed on it "
                    "(R010 is 0.010 Ω); set it with `circadia meter calibrate --shunt`"
                )
        if not abs(self.gain) <= LARGEST_GAIN_PPM * 1e-6:
            raise ConfigError(
                f"meter: a gain of {self.gain:+.3g} is no correction; is the shunt's value right?"
            )

    @classmethod
    def of(cls, hello: Hello, shunt_ohm: float | None = None) -> Calibration:
        """What the meter keeps; `shunt_ohm` overrules its shunt."""
        return cls(
            shunt_ohm=hello.shunt_uohm * 1e-6 if shunt_ohm is None else shunt_ohm,
            shunt_step_v=hello.shunt_step_v,
            bus_step_v=hello.bus_step_v,
            offset_steps=hello.offset_steps,
            gain=hello.gain_ppm * 1e-6,
        )

    @property
    def current_step_a(self) -> float:
        """Amperes of one step."""
        return self.shunt_step_v / self.shunt_ohm * (1 + self.gain)

    def current_a(self, shunt: Any) -> Any:
        """Of a register's value, or of an average; arrays too."""
        return (shunt - self.offset_steps) * self.current_step_a

    def voltage_v(self, bus: Any) -> Any:
        """Of a register's value; arrays too."""
        return bus * self.bus_step_v

    def energy_j(self, energy: float, voltage_time: float) -> float:
        """Of differences of the sums."""
        return (energy - self.offset_steps * voltage_time) * self.bus_step_v * self.current_step_a * 1e-6

    def charge_c(self, charge: float, duration_us: float) -> float:
        """Of a difference of the sum over that time."""
        return (charge - self.offset_steps * duration_us) * self.current_step_a * 1e-6

    def zeroed(self, steps: float) -> Calibration:
        """With the offset found without a load."""
        return replace(self, offset_steps=steps)

"""A current clamp around a body's cable: a meter that lives outside of Circadia's tree, and reads a little too much."""

from dataclasses import dataclass
from typing import Any

from circadia.errors import ConfigError
from circadia.plugs import MeterConfig, MeterContext, MeterPlug
from circadia.types import EnergyReading, Source


@dataclass(frozen=True, slots=True, kw_only=True)
class ClampConfig(MeterConfig):
    kind: str = "clamp"
    gain: float = 1.01

    def __post_init__(self) -> None:
        if not 0.5 < self.gain < 2:
            raise ConfigError(f"meter.gain is {self.gain}; a clamp's lies near 1")


class Clamp:
    """Around any body that tells its `joules` and, in `metered_until_s`, up to when; a simulated one does, too."""

    def __init__(self, config: ClampConfig, context: MeterContext) -> None:
        self._gain = config.gain
        self._body: Any = context.platform
        if not hasattr(self._body, "joules"):
            raise ConfigError(f"clamp: a {type(self._body).__name__} has no cable; name another meter.kind")

    def read(self, start_s: float, end_s: float) -> EnergyReading | None:
        if end_s > self._body.metered_until_s:
            return None
        by_load, gap_s = self._body.joules(start_s, end_s)
        by_load = {load: self._gain * joules for load, joules in by_load.items()}
        return EnergyReading(
            energy_j=sum(by_load.values()), duration_s=end_s - start_s, source=Source.SIMULATED,
            gap_s=gap_s, lost_s=gap_s, by_load=by_load,
        )  # fmt: skip

    def about(self) -> dict[str, str | float]:
        return {"meter": "clamp", "gain": self._gain}

    def close(self) -> None: ...


CLAMP = MeterPlug(config=ClampConfig, build=Clamp, virtual=True)

"""A device under a meter, both in virtual time: the agent as it ships, a body that draws what its phases say."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Protocol

from circadia.errors import CircadiaError, ConfigError
from circadia.platforms.clocks import HandClock
from circadia.plugs import METERS, PLATFORMS, MeterConfig
from circadia.ports import EnergyMeter
from circadia.wiring import Parts, build

if TYPE_CHECKING:
    from circadia.config import DeviceConfig
    from circadia.platforms.simulated import SimulatedPlatform
    from circadia.types import TickRecord
    from circadia_field.application import Application

SETTLE_S = 2.0
"""After a moment the meter has told all about it."""


class KnowingMeter(EnergyMeter, Protocol):
    """A meter in virtual time, beside which the truth is known."""

    def true_j(self, start_s: float, end_s: float) -> float:
        """Joules that flowed between two readings of the agent's clock."""
        ...


Measure = Callable[["SimulatedPlatform"], KnowingMeter]
"""Makes the meter of a body."""


def in_virtual_time(config: DeviceConfig) -> DeviceConfig:
    """With the body's own meter, unless the configured one can measure in virtual time as well.

    `ConfigError` if there is neither.
    """
    if METERS.find(config.meter.kind).plug.virtual:
        return config
    if PLATFORMS.find(config.platform.kind).plug.meter is None:
        raise ConfigError(
            f"virtual device: neither meter.kind {config.meter.kind!r} nor platform.kind {config.platform.kind!r} "
            "measures in virtual time; name a meter that does"
        )
    return replace(config, meter=MeterConfig())


class VirtualDevice:
    """Runs a configured device in virtual time, a tick each `period_s`."""

    def __init__(
        self, config: DeviceConfig, *, start_s: float = 9 * 3600.0, measure: Measure | None = None
    ) -> None:
        """`start_s`: local time of day at the first tick.

        Without `measure`, which makes a meter of a simulated body, the body's own meter or a plug-in's: much faster.
        """
        self._config = config
        self._measure = measure
        self._knowing: KnowingMeter | None = None
        self.clock = HandClock(start_s)
        parts = Parts(clock=self.clock, measure=self._made if measure else None)
        self.runtime = build(config if measure else in_virtual_time(config), parts=parts)
        self.agent = self.runtime.agent
        self._stopped = False

    def _made(self, body: SimulatedPlatform) -> KnowingMeter:
        assert self._measure is not None
        self._knowing = self._measure(body)
        return self._knowing

    def tick(self) -> TickRecord:
        """One tick; then its period passes."""
        self.agent.ingest()
        self.agent.learn()
        record = self.agent.tick()
        self.clock.t_s += self._config.agent.period_s
        return record

    def live(self, until_s: float, application: Application) -> None:
        """Until then, at the pace of a real device. `CircadiaError` if a part of the agent failed, which logs why."""
        while (now_s := min(self.runtime.due_s, application.due_s, until_s)) < until_s:
            self._turn(now_s, application)
        self.clock.t_s = until_s

    def finish(self) -> None:
        """Until the tick that is going on has ended, and the meter has told its joules."""
        self._turn(self.runtime.due_s, None)
        self.clock.t_s += SETTLE_S

    def _turn(self, now_s: float, application: Application | None) -> None:
        self.clock.t_s = max(now_s, self.clock.t_s)
        if application is not None:
            application.advance(self.clock.t_s)
        self.runtime.turn()
        if self.runtime.errors:
            raise CircadiaError("the simulated device failed; its log says how")

    @property
    def chosen(self) -> dict[str, Any]:
        """Nobody is there to choose."""
        return {}

    @property
    def errors(self) -> int:
        """Parts of the agent that failed so far."""
        return self.runtime.errors

    def true_j(self, start_s: float, end_s: float) -> float | None:
        """Joules that flowed, where the meter is not the truth itself."""
        return self._knowing.true_j(start_s, end_s) if self._knowing else None

    def stop(self) -> None:
        """End the agent, which settles what can be settled; the meter can still be asked."""
        if not self._stopped:
            self._stopped = True
            self.agent.close()

    def close(self) -> None:
        """End the agent and free the meter; a second call does nothing."""
        self.stop()
        self.agent.meter.close()

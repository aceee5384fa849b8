"""A device under a meter, both in virtual time: the agent as it ships, and the meter's firmware on a simulated board.

The simulated body draws what its phases say; that flows through the simulated shunt; the firmware measures it; the host's
session gives joules to the agent, which settles its ticks. What truly flowed is known beside it.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from circadia.errors import CircadiaError, ConfigError
from circadia.plugs import METERS, PLATFORMS, MeterConfig
from circadia.wiring import Parts, build
from circadia_meter import firmware
from circadia_meter.session import MeterSession
from circadia_meter.simulator import BoardErrors, SimulatedBoard
from circadia_meter.virtual_meter import VirtualMeter

if TYPE_CHECKING:
    from circadia.config import DeviceConfig
    from circadia.platforms.simulated import SimulatedPlatform
    from circadia.types import EnergyReading, TickRecord
    from circadia_field.application import Application

VOLTAGE_V = 4.0
SETTLE_S = 2.0
"""After a moment the meter has told all about it."""
WARM_UP_S = 10.0
"""The meter runs for so long before the device is switched on: its clock is aligned by then."""


class HandClock:
    """Time that is set by hand."""

    def __init__(self, now_s: float) -> None:
        self.set_s = now_s

    def now_s(self) -> float:
        """As set."""
        return self.set_s

    def wall_s(self, duration_s: float) -> float:
        """Nobody waits."""
        return duration_s


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

    def about(self) -> dict[str, str | float]:
        """As `circadia.ports.EnergyMeter`."""
        return self.meter.about()

    def close(self) -> None:
        """Free the board."""
        self.meter.close()


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
        self,
        config: DeviceConfig,
        *,
        start_s: float = 9 * 3600.0,
        errors: BoardErrors | None = None,
        period_us: int = 1000,
        firmware: bool = True,
    ) -> None:
        """`start_s`: local time of day at the first tick.

        Without `firmware`, which measures a simulated body only, the body's own meter or a plug-in's: much faster.
        """
        self._config = config
        self.clock = HandClock(start_s)

        def measure(body: SimulatedPlatform) -> BodyMeter:
            return BodyMeter(body, start_s, errors or BoardErrors(), period_us)

        parts = Parts(clock=self.clock, measure=measure if firmware else None)
        self.runtime = build(config if firmware else in_virtual_time(config), parts=parts)
        self.agent = self.runtime.agent
        self._stopped = False

    @property
    def meter(self) -> BodyMeter:
        """The one with the firmware. `ConfigError` without it."""
        if not isinstance(self.agent.meter, BodyMeter):
            raise ConfigError("virtual device: runs without the meter's firmware")
        return self.agent.meter

    def tick(self) -> TickRecord:
        """One tick; then its period passes."""
        self.agent.ingest()
        self.agent.learn()
        record = self.agent.tick()
        self.clock.set_s += self._config.agent.period_s
        return record

    def live(self, until_s: float, application: Application) -> None:
        """Until then, at the pace of a real device. `CircadiaError` if a part of the agent failed, which logs why."""
        while (now_s := min(self.runtime.due_s, application.due_s, until_s)) < until_s:
            self._turn(now_s, application)
        self.clock.set_s = until_s

    def finish(self) -> None:
        """Until the tick that is going on has ended, and the meter has told its joules."""
        self._turn(self.runtime.due_s, None)
        self.clock.set_s += SETTLE_S

    def _turn(self, now_s: float, application: Application | None) -> None:
        self.clock.set_s = max(now_s, self.clock.set_s)
        if application is not None:
            application.advance(self.clock.set_s)
        self.runtime.turn()
        if self.runtime.errors:
            raise CircadiaError("the simulated device failed; its log says how")

    @property
    def errors(self) -> int:
        """Parts of the agent that failed so far."""
        return self.runtime.errors

    def true_j(self, start_s: float, end_s: float) -> float | None:
        """Joules that flowed through the shunt; None without the firmware, whose own readings are the truth."""
        return self.meter.meter.true_j(start_s, end_s) if isinstance(self.agent.meter, BodyMeter) else None

    def stop(self) -> None:
        """End the agent, which settles what can be settled; the meter can still be asked."""
        if not self._stopped:
            self._stopped = True
            self.agent.close()

    def close(self) -> None:
        """End the agent and free the meter; a second call does nothing."""
        self.stop()
        self.agent.meter.close()

"""The kinds of body that come with this package, and the keys of [platform] that each has."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from circadia.errors import ConfigError
from circadia.platforms.clocks import SimulatedClock, SystemClock
from circadia.plugs import PlatformConfig, PlatformPlug
from circadia.ranges import not_negative, positive

if TYPE_CHECKING:
    from circadia.platforms.linux import LinuxPlatform
    from circadia.platforms.simulated import SimulatedMeter, SimulatedPlatform
    from circadia.plugs import PlatformContext
    from circadia.ports import Clock
    from circadia.types import LastTick


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulatedConfig(PlatformConfig):
    """[platform] of a simulated body."""

    kind: str = "simulated"
    scenario: str = ""
    """`phone` or `board`; empty: the one that fits the profile."""
    seed: int = 0
    initial_soc: float = 0.8
    epoch_s: float | None = None
    """Reading of the machine's monotonic clock at the simulated midnight; absent: now, or where the store ends."""
    scale: float = 1.0
    """Simulated seconds per second. At 1, and without an epoch, the device lives in real time."""

    def __post_init__(self) -> None:
        positive("platform", scale=self.scale)
        not_negative("platform", seed=self.seed)
        if not 0 <= self.initial_soc <= 1:
            raise ConfigError(f"platform.initial_soc is {self.initial_soc}; it must lie in [0, 1]")


@dataclass(frozen=True, slots=True, kw_only=True)
class LinuxConfig(PlatformConfig):
    """[platform] of a Linux machine."""

    kind: str = "linux"
    mains: bool = False
    """It has no battery."""


def _simulated(config: SimulatedConfig, context: PlatformContext) -> SimulatedPlatform:
    from circadia.physics.scenario import scenario_for, scenario_named
    from circadia.platforms.simulated import SimulatedPlatform

    scenario = scenario_named(config.scenario) if config.scenario else scenario_for(context.profile)
    body = SimulatedPlatform(
        context.profile,
        scenario,
        config.seed,
        initial_soc=config.initial_soc,
        midnight_s=context.midnight_s,
    )
    if (last := context.last) is not None:
        body.resume(last.t_s, last.observation, last.phases)
    # Lays out the day, or the first one where it has not begun yet, which would make the first tick late.
    body.link_at(max(context.clock.now_s(), context.midnight_s))
    return body


def _simulated_clock(config: SimulatedConfig, last: LastTick | None) -> tuple[Clock, float]:
    """A simulated day starts at midnight, or goes on where the store ends."""
    epoch_s = config.epoch_s
    if epoch_s is None and config.scale == 1:
        return SystemClock(), float(time.timezone)
    if epoch_s is None:
        epoch_s = time.monotonic() - (last.t_s if last else 0.0) / config.scale
    return SimulatedClock(epoch_s, config.scale), 0.0


def _own_meter(body: SimulatedPlatform) -> SimulatedMeter:
    from circadia.platforms.simulated import SimulatedMeter

    return SimulatedMeter(body)


def _linux(config: LinuxConfig, context: PlatformContext) -> LinuxPlatform:
    from circadia.platforms.linux import LinuxPlatform

    return LinuxPlatform(context.profile, mains=config.mains)


SIMULATED = PlatformPlug(
    config=SimulatedConfig, build=_simulated, clock=_simulated_clock, meter=_own_meter, virtual=True
)
LINUX = PlatformPlug(config=LinuxConfig, build=_linux)

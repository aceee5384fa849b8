"""Where a period is played: on this device in real time, or with a simulated body under a simulated meter in virtual time."""

from __future__ import annotations

import math
import os
import select
import signal
import time
from dataclasses import dataclass
from importlib.metadata import entry_points
from typing import TYPE_CHECKING, Any, Protocol

from circadia.errors import CircadiaError, PlatformUnavailable
from circadia.wiring import build

if TYPE_CHECKING:
    from collections.abc import Callable

    from circadia.agent import Agent
    from circadia.config import DeviceConfig
    from circadia_field.application import Application
    from circadia_field.virtual_device import Measure, VirtualDevice

STAGES = "circadia.field.stages"
"""The entry-point group of functions that make a stage."""
BODY = "body"
ENDS = (signal.SIGTERM, signal.SIGINT)
LONGEST_WAIT_S, LONGEST_TICK_S = 5.0, 600.0
LOOK_S = 0.05
SETTLE_S = 2.0
"""By the agent's clock: after a moment the meter has told all about it."""


class BrokenOff(Exception):
    """Somebody ended it in the middle of a period: a signal, or who takes part."""


class Player(Protocol):
    """A device that plays one period."""

    @property
    def agent(self) -> Agent:
        """Of this period."""
        ...

    @property
    def errors(self) -> int:
        """Parts of the agent that failed so far."""
        ...

    @property
    def chosen(self) -> dict[str, Any]:
        """What the person chose over the plan's configuration, as JSON has it: a period's log says so."""
        ...

    def live(self, until_s: float, application: Application) -> None:
        """Until that reading of the agent's clock. `BrokenOff` when somebody ends it, `CircadiaError` if the agent ends by itself."""
        ...

    def finish(self) -> None:
        """Until the tick that is going on has ended, and the meter has told its joules. `BrokenOff` as `live`."""
        ...

    def stop(self) -> None:
        """End the agent; its store is whole then."""
        ...

    def true_j(self, start_s: float, end_s: float) -> float | None:
        """What truly flowed, where that is known; after `stop`, before `close`."""
        ...

    def close(self) -> None:
        """Let go of everything; a second call does nothing."""
        ...


class Stage(Protocol):
    """Makes players."""

    def begin(self, config: DeviceConfig, start_h: float) -> Player:
        """Of a configuration; `start_h`: hours of the plan before this period's washout."""
        ...


class Waits(Protocol):
    """Lets time pass."""

    def wait(self, wait_s: float) -> None:
        """For that long at most. `BrokenOff` if it is to end, now or before."""
        ...


class Running(Protocol):
    """An agent that runs in a thread of its own: a `Runtime`, or what has one."""

    @property
    def agent(self) -> Agent:
        """What it runs."""
        ...

    @property
    def ticks(self) -> int:
        """So far."""
        ...

    @property
    def errors(self) -> int:
        """Parts that failed so far."""
        ...

    @property
    def failure(self) -> BaseException | None:
        """What ended it, if nobody did."""
        ...

    def start(self) -> object:
        """Tick from now on."""
        ...

    def stop(self) -> None:
        """All is stored and closed then; a second call does nothing."""
        ...


class Ends:
    """Signals that end the process wait here until somebody asks; for the main thread.

    A pipe, for no mask would reach the threads that numpy has started already, and polling would cost joules.
    """

    def __init__(self) -> None:
        self._heard, written = os.pipe()
        for end in (self._heard, written):
            os.set_blocking(end, False)
        signal.set_wakeup_fd(written, warn_on_full_buffer=False)
        for number in ENDS:
            signal.signal(number, lambda *_: None)

    def wait(self, wait_s: float) -> None:
        """For that long at most. `BrokenOff` if a signal came, now or before."""
        if select.select([self._heard], [], [], min(max(wait_s, 0.0), LONGEST_WAIT_S))[0]:
            raise BrokenOff


class RealPlayer:
    """This device, in real time."""

    def __init__(self, running: Running, ends: Waits, chosen: dict[str, Any] | None = None) -> None:
        """`running`: not started yet."""
        self._ends, self._running = ends, running
        self._started = False
        self.chosen = chosen or {}

    @property
    def agent(self) -> Agent:
        """As `Player`."""
        return self._running.agent

    @property
    def errors(self) -> int:
        """Parts of the agent that failed so far."""
        return self._running.errors

    def live(self, until_s: float, application: Application) -> None:
        """As `Player`."""
        if not self._started:
            self._started = True
            self._running.start()
        clock = self.agent.clock
        while (now_s := clock.now_s()) < until_s:
            application.advance(now_s)
            self._wait(clock.wall_s(min(application.due_s, until_s) - now_s))

    def _wait(self, wait_s: float) -> None:
        self._ends.wait(wait_s)
        if (failure := self._running.failure) is not None:
            raise CircadiaError(
                f"the agent ended by an error, {type(failure).__name__}: {failure}; run the test again to go on with it"
            ) from failure

    def finish(self) -> None:
        """As `Player`; a device that does not tick any more is given up after a while."""
        ticks, last_s = self._running.ticks, time.monotonic() + LONGEST_TICK_S
        clock = self.agent.clock
        self.agent.wake()
        while self._running.ticks == ticks and time.monotonic() < last_s:
            self._wait(LOOK_S)
        self._wait(min(clock.wall_s(SETTLE_S), SETTLE_S))

    def stop(self) -> None:
        """As `Player`."""
        self._running.stop()

    def true_j(self, start_s: float, end_s: float) -> float | None:
        """Nobody knows."""

    def close(self) -> None:
        """As `Player`."""
        self.stop()


class RealStage:
    """This device. Signals do not end the process any more, but the period that is going on."""

    def __init__(self) -> None:
        self._ends = Ends()

    def begin(self, config: DeviceConfig, start_h: float) -> RealPlayer:  # noqa: ARG002 - the port's names
        """Now."""
        return RealPlayer(build(config), self._ends)


@dataclass(frozen=True, slots=True, kw_only=True)
class VirtualStage:
    """Bodies in virtual time, measured by themselves, by a plug-in's meter, or by what `measure` makes: days in seconds."""

    measure: Callable[[DeviceConfig, float], Measure] | None = None
    """Of a device's configuration and the time at which it is switched on."""
    morning_s: float = 9 * 3600.0
    """Time of day at which the plan begins."""

    def begin(self, config: DeviceConfig, start_h: float) -> VirtualDevice:
        """At that time of the plan."""
        from circadia_field.virtual_device import VirtualDevice

        start_s = math.fsum([self.morning_s, start_h * 3600])
        measure = self.measure(config, start_s) if self.measure else None
        return VirtualDevice(config, start_s=start_s, measure=measure)


def stage_named(name: str) -> Stage:
    """This device for an empty name; `body`, or what a package brings: `PlatformUnavailable` if there is none."""
    if not name:
        return RealStage()
    if name == BODY:
        return VirtualStage()
    for point in entry_points(group=STAGES, name=name):
        made: Stage = point.load()()
        return made
    raise PlatformUnavailable(
        f"--virtual={name}: the meter's firmware on a simulated board comes with the workbench: pip install "
        f"'./tools' in a checkout; --virtual={BODY} needs none"
    )

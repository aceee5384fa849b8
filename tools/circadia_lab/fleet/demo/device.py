"""One device of the demonstration, in a process of its own: an application that embeds the agent.

    python -m circadia_lab.fleet.demo.device CONFIG --seed S --devices N --index I --fleet F --day-s D

It says `ready` on standard output, reads the epoch (a reading of the machine's monotonic clock) from standard
input, and plays its day to the agent. Then it comes onto an unmetered link, and ends after the spool is drained.
SIGTERM ends the day early. Status 3 says that it went on after errors, which stand in its log.
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import logging
import signal
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from circadia.config import load_config
from circadia.platforms.kinds import SimulatedConfig
from circadia.platforms.simulated import SimulatedPlatform
from circadia.wiring import build
from circadia_lab.data.day.plan import FLEETS, Plan
from circadia_lab.data.day.user import User
from circadia_lab.data.day.world import world_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from circadia.agent import Agent
    from circadia_lab.data.day.world import Event

ERRORS = 3
"""Exit status of a device that went on after errors; they stand in its log."""


class DayOver(Exception):
    """A signal ended the day."""


class Day:
    """Plays a stream of events to an agent at their times; labels come back some time after the answers."""

    def __init__(self, agent: Agent, events: Sequence[Event], day_s: float) -> None:
        self._clock = agent.clock
        self._day_s = day_s
        self._user = User(agent, events)

    def play(self) -> None:
        """Return at the end of the day."""
        while True:
            t_s = min(self._user.next_s, self._day_s)
            wait_s = self._clock.wall_s(t_s - self._clock.now_s())
            if wait_s > 0:
                time.sleep(wait_s)
            elif t_s >= self._day_s:
                return
            else:
                self._user.happen()


def main(argv: Sequence[str] | None = None) -> int:
    """Run the process."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("config", type=Path)
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--devices", type=int, required=True)
    parser.add_argument("--index", type=int, required=True)
    parser.add_argument("--fleet", choices=tuple(FLEETS), required=True)
    parser.add_argument("--day-s", type=float, required=True)
    args = parser.parse_args(argv)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(levelname)s %(message)s")
    config = load_config(args.config)
    plan = Plan(seed=args.seed, devices=args.devices, fleet=args.fleet)
    events = world_of(plan).stream(args.index)
    print("ready", flush=True)
    epoch_s = float(sys.stdin.readline())
    assert isinstance(config.platform, SimulatedConfig)
    config = dataclasses.replace(config, platform=dataclasses.replace(config.platform, epoch_s=epoch_s))
    runtime = build(config)
    day = Day(runtime.agent, events, args.day_s)
    with runtime as agent:
        with contextlib.suppress(DayOver):
            _on_signals(_end)
            day.play()
            _on_signals(signal.SIG_IGN)
        if isinstance(agent.platform, SimulatedPlatform):
            agent.platform.dock()
    return ERRORS if runtime.errors else 0


def _end(*_: object) -> None:
    """Break off whatever the main thread does; a second signal changes nothing."""
    _on_signals(signal.SIG_IGN)
    raise DayOver


def _on_signals(handler: Any) -> None:
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, handler)


if __name__ == "__main__":
    sys.exit(main())

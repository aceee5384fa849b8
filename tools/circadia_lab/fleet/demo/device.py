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
import heapq
import itertools
import logging
import math
import signal
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from circadia.config import load_config
from circadia.errors import CircadiaError
from circadia.platforms.kinds import SimulatedConfig
from circadia.platforms.simulated import SimulatedPlatform
from circadia.wiring import build
from circadia_lab.data.day.plan import FLEETS, Plan
from circadia_lab.data.day.world import ExampleEvent, RequestEvent, world_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from circadia.agent import Agent
    from circadia.inbox import Answer
    from circadia_lab.data.day.world import Event

log = logging.getLogger(__name__)

ERRORS = 3
"""Exit status of a device that went on after errors; they stand in its log."""


class DayOver(Exception):
    """A signal ended the day."""


@dataclasses.dataclass(frozen=True, slots=True)
class Feedback:
    """The user's word on an answer; requests that expired get none."""

    answer: Answer
    label: int


class Day:
    """Plays a stream of events to an agent at their times; labels come back some time after the answers."""

    def __init__(self, agent: Agent, events: Sequence[Event], day_s: float) -> None:
        self._agent = agent
        self._day_s = day_s
        self._order = itertools.count()
        self._due: list[tuple[float, int, Event | Feedback]] = []
        # A device that was killed missed what happened while it was away.
        resumed = not math.isnan(agent.resumed_at_s)
        now_s = agent.clock.now_s()
        for event in events:
            if not resumed or event.t_s >= now_s:
                self._schedule(event.t_s, event)

    def _schedule(self, t_s: float, event: Event | Feedback) -> None:
        heapq.heappush(self._due, (t_s, next(self._order), event))

    def play(self) -> None:
        """Return at the end of the day."""
        clock = self._agent.clock
        while True:
            t_s = min(self._due[0][0] if self._due else self._day_s, self._day_s)
            wait_s = clock.wall_s(t_s - clock.now_s())
            if wait_s > 0:
                time.sleep(wait_s)
            elif t_s >= self._day_s:
                return
            else:
                self._happen(heapq.heappop(self._due)[2])

    def _happen(self, event: Event | Feedback) -> None:
        try:
            match event:
                case RequestEvent():
                    self._request(event)
                case ExampleEvent():
                    self._agent.add_example(event.image, event.label)
                case Feedback(answer, label) if answer.done() and answer.exception() is None:
                    self._agent.feedback(answer.request_id, label)
        except CircadiaError as error:
            log.warning("%s", error)

    def _request(self, event: RequestEvent) -> None:
        answer = self._agent.submit(event.image, event.deadline_s)
        if event.feedback_after_s is not None:
            t_s = event.t_s + event.deadline_s + event.feedback_after_s
            self._schedule(t_s, Feedback(answer=answer, label=event.label))


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

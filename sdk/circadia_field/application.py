"""The application of a field test: it asks and teaches at times that were drawn before, the same for both arms of a pair."""

from __future__ import annotations

import heapq
import itertools
import json
import logging
import math
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from circadia.errors import CircadiaError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from circadia.agent import Agent
    from circadia.inbox import Answer
    from circadia_field.examples import Examples
    from circadia_field.plan import Period, Plan

log = logging.getLogger(__name__)

ASKED_SHARE = 0.5
"""Of the examples, those that are only asked, never taught unasked."""
FEEDBACK_SHARE, FEEDBACK_S = 0.5, 30.0
"""So many requests' labels come back, so long after the deadline."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asks:
    """A request."""

    t_s: float
    """Since the period's washout began."""
    row: int
    """Of the examples."""
    feedback: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Teaches:
    """A labelled example."""

    t_s: float
    row: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Tells:
    """The label of an answer."""

    answer: Answer
    row: int


Event = Asks | Teaches


def events(plan: Plan, period: Period, examples: int) -> list[Event]:
    """Of one period and its washout, in order of time: Poisson, drawn from the plan's seed and the pair."""
    rng = np.random.default_rng([plan.seed, period.comparison, period.pair])
    rows = np.random.default_rng(plan.seed).permutation(examples)
    asked, taught = np.split(rows, [round(ASKED_SHARE * examples)])
    whole_s = (plan.washout_h + period.hours) * 3600
    found: list[Event] = [
        Asks(t_s=t_s, row=int(rng.choice(asked)), feedback=bool(rng.random() < FEEDBACK_SHARE))
        for t_s in _poisson(rng, plan.requests_per_h, whole_s)
    ]
    found += [
        Teaches(t_s=t_s, row=int(rng.choice(taught))) for t_s in _poisson(rng, plan.examples_per_h, whole_s)
    ]
    return sorted(found, key=lambda event: event.t_s)


def _poisson(rng: np.random.Generator, per_h: float, whole_s: float) -> list[float]:
    times: list[float] = np.sort(rng.uniform(0, whole_s, rng.poisson(per_h * whole_s / 3600))).tolist()
    return times


def _whole_lines(path: Path) -> Path:
    """End a last line that a power cut left half written, or the next one would be lost with it."""
    if path.is_file() and not (b"\n" + path.read_bytes()).endswith(b"\n"):
        with path.open("ab") as file:
            file.write(b"\n")
    return path


def asked_ids(path: Path) -> set[int]:
    """The requests that the lines of a file tell of, those that a power cut left half written not; none where it is not there."""
    lines = path.read_text(encoding="ascii", errors="replace").splitlines() if path.is_file() else []
    found = set()
    for line in lines:
        with suppress(ValueError, KeyError, TypeError):
            found.add(int(json.loads(line)["request_id"]))
    return found


class Application:
    """Plays events to an agent, and keeps what it asked as lines of JSON: request_id, t_s, label."""

    def __init__(
        self,
        agent: Agent,
        events: Sequence[Event],
        examples: Examples,
        *,
        start_s: float,
        deadline_s: float,
        asked: Path,
    ) -> None:
        """Events count from `start_s` of the agent's clock; those before now were missed, while the device was off."""
        self._agent, self._examples, self._deadline_s = agent, examples, deadline_s
        self._order = itertools.count()
        self._due: list[tuple[float, int, Event | Tells]] = []
        self._asked = _whole_lines(asked).open("a", encoding="ascii")
        now_s = agent.clock.now_s()
        for event in events:
            if start_s + event.t_s >= now_s:
                self._schedule(start_s + event.t_s, event)

    def _schedule(self, t_s: float, event: Event | Tells) -> None:
        heapq.heappush(self._due, (t_s, next(self._order), event))

    @property
    def due_s(self) -> float:
        """When something happens next; ∞ after the last event."""
        return self._due[0][0] if self._due else math.inf

    def advance(self, now_s: float) -> None:
        """All that is due by then happens."""
        while self.due_s <= now_s:
            t_s, _, event = heapq.heappop(self._due)
            try:
                self._happen(t_s, event)
            except CircadiaError as error:
                log.warning("%s", error)

    def _happen(self, t_s: float, event: Event | Tells) -> None:
        x, label = self._examples.x[event.row], int(self._examples.y[event.row])
        match event:
            case Asks():
                answer = self._agent.submit(x, self._deadline_s)
                line = {"request_id": answer.request_id, "t_s": self._agent.clock.now_s(), "label": label}
                print(json.dumps(line), file=self._asked, flush=True)
                if event.feedback:
                    self._schedule(t_s + self._deadline_s + FEEDBACK_S, Tells(answer=answer, row=event.row))
            case Teaches():
                self._agent.add_example(x, label)
            case Tells(answer=answer) if answer.done() and answer.exception() is None:
                self._agent.feedback(answer.request_id, label)

    def close(self) -> None:
        """Close the file."""
        with suppress(OSError):
            self._asked.close()

"""The user and the application of a device: requests and examples at their times, labels some time after the answers."""

from __future__ import annotations

import heapq
import itertools
import logging
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from circadia.errors import CircadiaError
from circadia_lab.data.day.world import ExampleEvent, RequestEvent

if TYPE_CHECKING:
    from collections.abc import Sequence

    from circadia.agent import Agent
    from circadia.inbox import Answer
    from circadia_lab.data.day.world import Event

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Feedback:
    """The user's word on an answer; requests that expired get none."""

    answer: Answer
    label: int


class Asked(NamedTuple):
    """A request, and what it truly showed."""

    answer: Answer
    label: int


class User:
    """Plays a stream of events to an agent; whoever owns it moves time."""

    def __init__(self, agent: Agent, events: Sequence[Event]) -> None:
        self.asked: list[Asked] = []
        """Every request so far, in order of time."""
        self._agent = agent
        self._order = itertools.count()
        self._due: list[tuple[float, int, Event | Feedback]] = []
        # A device that was killed missed what happened while it was away.
        resumed = not math.isnan(agent.resumed_at_s)
        now_s = agent.clock.now_s()
        for event in events:
            if not resumed or event.t_s >= now_s:
                self._schedule(event.t_s, event)

    @property
    def next_s(self) -> float:
        """When something happens next; infinite when nothing does any more."""
        return self._due[0][0] if self._due else math.inf

    def happen(self) -> None:
        """Let the next thing happen now. What the agent refuses is logged."""
        _, _, event = heapq.heappop(self._due)
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

    def _schedule(self, t_s: float, event: Event | Feedback) -> None:
        heapq.heappush(self._due, (t_s, next(self._order), event))

    def _request(self, event: RequestEvent) -> None:
        answer = self._agent.submit(event.image, event.deadline_s)
        self.asked.append(Asked(answer, event.label))
        if event.feedback_after_s is not None:
            t_s = event.t_s + event.deadline_s + event.feedback_after_s
            self._schedule(t_s, Feedback(answer=answer, label=event.label))

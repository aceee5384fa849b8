"""What an agent tells of itself: it notes what happens, tells the listeners, and answers how the device is doing."""

from __future__ import annotations

import dataclasses
import math
from typing import TYPE_CHECKING

from circadia.events import Answered, Decided, Installed, LimitReached, Rejected
from circadia.listeners import Listeners
from circadia.status import AgentStatus, Joules, State, UpdateCounts
from circadia.types import Link

if TYPE_CHECKING:
    from collections.abc import Iterable

    from circadia.types import EnergyReading, Preference, Served, Source, TickRecord

CONSTANT = frozenset({"platform"})
"""Limits that are never reached: what the body cannot do, it cannot do all the time."""

MOST_UNSETTLED = 128
"""Ticks whose joules are waited for; without a meter they never come."""


class Reporter:
    """Noting belongs to the agent's thread; `status` to any: it reads values that are swapped whole."""

    def __init__(self, *, device: str = "", version: int = 0, updates: UpdateCounts | None = None) -> None:
        """`updates`: those of earlier runs."""
        self.device = device
        self.listeners = Listeners()
        self.state = State.READY
        """But for a pause and a failure, which it passes over."""
        self.queue = 0
        self.next_wake_s = math.nan
        self.updates = updates or UpdateCounts()
        self._version = version
        self._last: TickRecord | None = None
        self._limits: frozenset[str] = frozenset()
        self._failures: dict[str, str] = {}
        self._actions: dict[int, str] = {}
        """Of ticks without joules."""
        self._joules: dict[tuple[str, Source], tuple[float, int]] = {}

    # From any thread

    def status(self, *, paused: bool, inbox: int, preference: Preference) -> AgentStatus:
        """How the device is doing now."""
        last, failures = self._last, dict(self._failures)
        decision = last.decision if last else None
        link = last.observation.link if last else math.nan
        return AgentStatus(
            device=self.device,
            state=self._state(paused=paused, failing=bool(failures)),
            failure="; ".join(f"{what}: {how}" for what, how in failures.items()),
            action=decision.action.name if decision else "",
            why=decision.why if decision else "",
            decided_s=last.t_s if last else math.nan,
            limits=tuple(limit for limit, _ in decision.masked) if decision else (),
            changed_by=decision.changed_by if decision else (),
            queue=self.queue,
            inbox=inbox,
            version=self._version,
            link=None if math.isnan(link) else Link(int(link)),
            connected=False,
            trouble="",
            updates=self.updates,
            preference=preference,
            joules=tuple(
                Joules(action=action, source=source, energy_j=energy_j, ticks=ticks)
                for (action, source), (energy_j, ticks) in self._joules.copy().items()
            ),
            listener_errors=self.listeners.errors,
            next_wake_s=self.next_wake_s,
            sleep=decision.sleep if decision else None,
        )

    def _state(self, *, paused: bool, failing: bool) -> State:
        if self.state is State.ENDED:
            return State.ENDED
        if paused:
            return State.PAUSED
        return State.FAILING if failing else self.state

    # For the agent's thread

    def failed(self, what: str, error: BaseException) -> None:
        """A part of the device fails, until `worked` says otherwise."""
        self._failures[what] = f"{type(error).__name__}: {error}"

    def worked(self, what: str) -> None:
        """That part works."""
        self._failures.pop(what, None)

    def ticked(self, tick_id: int, record: TickRecord) -> None:
        """A tick is stored under that id."""
        self._last = record
        self._actions[tick_id] = record.decision.action.name
        if len(self._actions) > MOST_UNSETTLED:
            del self._actions[next(iter(self._actions))]
        if record.outcome.update is not None:
            self.updates = dataclasses.replace(self.updates, made=self.updates.made + 1)
        self.listeners.tell(Decided(record=record))
        self._tell_limits(record)

    def _tell_limits(self, record: TickRecord) -> None:
        masked = record.decision.masked
        before, self._limits = self._limits, frozenset(limit for limit, _ in masked) - CONSTANT
        for limit, forbids in masked:
            if limit in self._limits - before:
                self.listeners.tell(LimitReached(limit=limit, forbids=forbids, t_s=record.t_s))

    def settled(self, tick_id: int, reading: EnergyReading) -> None:
        """A tick's joules are known. Those of ticks before the device started are not counted."""
        if (action := self._actions.pop(tick_id, None)) is None:
            return
        energy_j, ticks = self._joules.get((action, reading.source), (0.0, 0))
        self._joules[action, reading.source] = (energy_j + reading.energy_j, ticks + 1)

    def answered(self, answers: Iterable[Served]) -> None:
        """Requests were answered."""
        for served in answers:
            self.listeners.tell(Answered(served=served))

    def installed(self, version: int, published_s: float) -> None:
        """Another version of the model is stored and in use."""
        if version != self._version:
            self._version = version
            self.listeners.tell(Installed(version=version, published_s=published_s))

    def verdict(self, update_id: str, *, accepted: bool, reason: str) -> None:
        """What became of an update; it is stored. What is accepted is no longer held."""
        counts = dataclasses.replace(self.updates, put_off="")
        if accepted:
            self.updates = dataclasses.replace(counts, accepted=counts.accepted + 1, held="")
            return
        self.updates = dataclasses.replace(counts, rejected=counts.rejected + 1, last_rejection=reason)
        self.listeners.tell(Rejected(update_id=update_id, reason=reason))

    def put_off(self, reason: str) -> None:
        """The aggregator cannot take an update yet."""
        self.updates = dataclasses.replace(self.updates, put_off=reason)

    def held(self, reason: str) -> None:
        """No update is sent for a while; with an empty reason they are sent again."""
        self.updates = dataclasses.replace(self.updates, held=reason)

    def close(self) -> None:
        """The agent has ended."""
        self.state = State.ENDED
        self.listeners.close()

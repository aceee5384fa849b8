"""What may be answered between two ticks, and how it is recorded: as the work of the tick in which it falls."""

from __future__ import annotations

import dataclasses
import logging
import math
from typing import TYPE_CHECKING

import numpy as np

from circadia.actions import CATALOGUE
from circadia.inferences import Leave
from circadia.stopwatch import Took
from circadia.types import Mode, Units, in_words
from circadia.vigil import REQUESTS, in_the_way

if TYPE_CHECKING:
    from collections.abc import Sequence

    from circadia.bounds import Bounds
    from circadia.inferences import Done, Inferences
    from circadia.ports import Platform, Store
    from circadia.types import Action, Decision, Phase, Served

log = logging.getLogger(__name__)

EVERYTHING = np.ones(len(CATALOGUE), bool)
LEAST_WORK_S = 1.0
"""Inferences of so much work need no other look at the body: a joule or two, a hundredth of a kelvin."""


class BetweenTicks:
    """Of the agent's thread."""

    def __init__(self, *, platform: Platform, bounds: Bounds, store: Store, inferences: Inferences) -> None:
        self._platform, self._bounds, self._store, self._inferences = platform, bounds, store, inferences
        self._leaves: dict[tuple[tuple[str, tuple[str, ...]], ...], Leave] = {}
        """By what is masked."""

    def allow(self, decision: Decision, t_s: float) -> None:
        """What may be inferred until the next look at the body."""
        if decision.masked not in self._leaves:
            self._leaves[decision.masked] = self._leave_under(decision)
        leave, work_s, busy_s = self._leaves[decision.masked], math.inf, 0.0
        if self._platform.stopwatch is None:  # it is not looked at again while it is foretold to be busy
            busy_s = self._bounds.at_most_s[decision.action.name]
        elif leave.action is not None:
            work_s = max(self._bounds.at_most_s[leave.action.name], LEAST_WORK_S)
        self._inferences.allow(dataclasses.replace(leave, t_s=t_s, work_s=work_s, busy_s=busy_s))

    def _leave_under(self, decision: Decision) -> Leave:
        action, why = serving_under(decision)
        answer_s = math.nan
        if action is not None and self._platform.stopwatch is None:
            answer_s = sum(phase.duration_s for phase in self._platform.phases(action, Units(answers=1), 0))
        return Leave(t_s=math.nan, action=action, why=why, answer_s=answer_s)

    def record(self, tick_id: int) -> Sequence[Served]:
        """What was answered since the last call belongs to that tick: its work, its joules, its answers."""
        done = self._inferences.take()
        if done.action is None:
            return ()
        if lost := done.count - len(done.served):
            log.warning("%d answers at once came too fast to be recorded one by one; their work is", lost)
        phases = self._phases(done, done.action)
        self._store.amend(tick_id, phases, done.served)
        self._platform.spend(phases)
        return done.served

    def _phases(self, done: Done, action: Action) -> tuple[Phase, ...]:
        if self._platform.stopwatch is None:
            return self._platform.phases(action, Units(answers=done.count), 0)
        if done.paced:
            self._bounds.measured(action, done.longest_s, done.paced)
        return Took(done.awake_s, done.asleep_s).phases(action.load)


def serving_under(decision: Decision) -> tuple[Action | None, str]:
    """The largest action of serving that no limit forbids, or None and the limits in words; the policy has no say in it."""
    forbidden = {name for _, names in decision.masked for name in names}
    for action in reversed(CATALOGUE):
        if action.mode is Mode.SERVE and not action.syncs and action.name not in forbidden:
            return action, ""
    return None, in_words(in_the_way(decision, REQUESTS, EVERYTHING))

"""Between two wakes: until when a device sleeps, what ends it, and whether its body powers down. Of the agent's thread.

    next wake = end of work + length                                           of a sleep that the policy chose
              = start of work + pace                                           of a policy that says nothing of sleep
    or before, but never before the end of work:
        at once                           a request was answered and others wait; somebody calls `wake`, pauses, resumes or
                                          changes the preference; a request came before the work was over
        at once                           a request comes, under REQUEST
        first deadline − margin           a request waits, under DEADLINE and REQUEST
        half of what is left to it        it still waits, and less than the margin is left
        end of work + 30 s                work of the wake is away

The margin is what serving takes at most, with its wake-up, and a share of the usual deadline. Under DUE requests wait.
A body of a policy that says nothing of sleep is woken by requests as it can be.
"""

from __future__ import annotations

import logging
import math
from typing import TYPE_CHECKING

from circadia.actions import CATALOGUE, FACTS
from circadia.pacing import RETRY_S, margin_s, sleep_s
from circadia.ports import PowersDown
from circadia.types import Preference, WakeOn

if TYPE_CHECKING:
    from circadia.agent import Agent
    from circadia.application import Call
    from circadia.types import TickRecord

log = logging.getLogger(__name__)

LATE_S, LATE_SHARE = 5.0, 0.05
"""A body that wakes so much, and so much of its sleep, beside its time is said to."""
SHORT_S = 1.0
"""So little is waited awake."""
EXCHANGE_S = 30.0
"""A body stays up so long at most for what it asked of the federation, before it powers down."""
STRONGEST = (WakeOn.REQUEST, WakeOn.DEADLINE, WakeOn.DUE)


class Rest:
    """What follows the last wake."""

    def __init__(self, agent: Agent) -> None:
        self._agent = agent
        self.due_s = 0.0
        """When the next wake is due."""
        self.free_s = 0.0
        """When the last one's work is over."""
        self.chosen = False
        """Whether the policy has said how long."""
        self._now_s = -math.inf
        self._wake_on = self._usual = next(kind for kind in STRONGEST if kind in agent.wakes_on)
        self._preference = agent.application.preference
        self._exchange_s, self._pulls = -math.inf, False
        self._trusted = True
        """Whether the body is asked to power down."""
        self._slept_s = math.inf
        """Since when the body was powered down before it woke."""

    @property
    def wake_on(self) -> WakeOn:
        """What may end it."""
        return self._wake_on

    def retry(self, free_s: float, due_s: float) -> None:
        """After a wake that failed."""
        self.free_s, self.due_s, self.chosen, self._wake_on = free_s, due_s, False, self._usual

    def begin(self, record: TickRecord, free_s: float, pace_s: float) -> None:
        """After a wake whose work is over at `free_s`; `pace_s` from its start, where the policy says nothing of sleep."""
        sleep, now_s = record.decision.sleep, self._agent.clock.now_s()
        self.free_s, self._now_s, self.chosen = free_s, now_s, sleep is not None
        self._trusted, self._slept_s = True, math.inf
        if sleep is None:
            self._wake_on, self.due_s = self._usual, max(record.t_s + pace_s, free_s)
            return
        seen = record.observation
        self._preference = Preference(
            accuracy=seen.preference_accuracy, latency=seen.preference_latency, energy=seen.preference_energy
        )
        end_s = max(free_s, now_s)
        action = record.decision.action
        self._exchange_s, self._pulls = end_s + EXCHANGE_S if action.syncs else -math.inf, action.pull
        self._wake_on = sleep.wake_on
        rest = sleep_s(
            length_s=sleep.length_s,
            answered=len(record.outcome.served),
            waiting=self._agent.workload.waiting,
            hears=sleep.wake_on is not WakeOn.DUE,
            deadline_s=self._deadline_s(now_s) - end_s,
            margin_s=self._margin_s(),
        )
        self.due_s = end_s + float(rest)
        if self._agent.workload.busy:
            self.due_s = min(self.due_s, end_s + RETRY_S)

    def _deadline_s(self, now_s: float) -> float:
        """The first deadline of those that wait; infinite without any."""
        seen = self._agent.workload.observe(now_s)
        if not seen.get("queue_length", 0.0) > 0:
            return math.inf
        return now_s + seen.get("queue_slack_s", 0.0)

    def _margin_s(self) -> float:
        """Before a deadline; serving all that one wake can takes so long at most, at the faster clock."""
        at_most_s = self._agent.bounds.at_most_s
        takes = [at_most_s[action.name] for action in SERVING if self._agent.platform.supports(action)]
        return float(margin_s(min(takes, default=0.0), self._agent.application.recent.deadline_s))

    def look(self, now_s: float) -> None:
        """The clock and the preference may have changed meanwhile."""
        if now_s < self._now_s:
            back_s = self._now_s - now_s
            log.warning("the clock went back by %.0f s: what is left of the sleep counts from here", back_s)
            self.due_s, self.free_s = self.due_s - back_s, self.free_s - back_s
        self._now_s = now_s
        if self.chosen and self._agent.application.preference != self._preference:
            self._at_once(now_s)

    def _at_once(self, now_s: float) -> None:
        self.due_s = min(self.due_s, max(self.free_s, now_s))

    def called(self, call: Call, now_s: float) -> None:
        """Somebody wants a tick: it comes before its time, if that may end the sleep."""
        if call.asked or call.earliest_s < self.free_s or self._wake_on is WakeOn.REQUEST:
            self._at_once(now_s)
        elif self._wake_on is WakeOn.DEADLINE:
            held_s = self._deadline_s(now_s) - self._margin_s()
            self.due_s = min(self.due_s, max(self.free_s, now_s, held_s))
        waited_s = now_s - max(call.earliest_s, self._slept_s)
        if self._wake_on is WakeOn.REQUEST and math.isfinite(waited_s) and waited_s > LATE_S:
            log.warning("a request waited %.0f s for a body that says that requests wake it", waited_s)

    def power_down(self, until_s: float) -> bool:
        """Let the body sleep until then; False: nothing of that, wait awake, until `looks_s` at most.

        What was learnt, done and heard is stored when this is called.
        """
        agent, now_s = self._agent, self._agent.clock.now_s()
        body = agent.platform
        if not (self.chosen and self._trusted and isinstance(body, PowersDown)):
            return False
        if until_s - now_s < SHORT_S or agent.inbox.rung or self._exchanging(now_s):
            return False
        if not body.sleep(until_s, self._wake_on):
            return False
        self._slept_s = now_s
        self._judge(now_s, until_s)
        return True

    def distrust(self) -> None:
        """The body is not asked to power down any more in this sleep."""
        self._trusted = False

    def looks_s(self, until_s: float) -> float:
        """Until when to wait awake at most: what keeps the body up may be over, or a request's deadline."""
        if not self.chosen:
            return until_s
        now_s = self._agent.clock.now_s()
        waits = self._trusted and isinstance(self._agent.platform, PowersDown) and self._exchanging(now_s)
        return min(until_s, self._deadline_s(now_s), self._exchange_s if waits else math.inf)

    def _exchanging(self, now_s: float) -> bool:
        """Whether what was asked of the federation is still awaited, the connection to it included."""
        agent = self._agent
        if now_s >= self._exchange_s or agent.federation is None or not agent.online:
            return False
        awaited = not agent.federation.connected or not agent.answered
        behind = self._pulls and agent.workload.observe(now_s).get("versions_behind", 0.0) > 0
        return awaited or behind or bool(agent.workload.spooled)

    def _judge(self, began_s: float, until_s: float) -> None:
        """A body that wakes when it should not is told of, and waited out awake if it does so of itself."""
        now_s = self._agent.clock.now_s()
        beside_s, length_s = now_s - until_s, until_s - began_s
        late_s = max(LATE_S, LATE_SHARE * length_s)
        early_s = max(min(LATE_S, length_s / 2), LATE_SHARE * length_s)
        if beside_s > late_s:
            log.warning("the body woke %.0f s late from a sleep of %.0f s", beside_s, length_s)
        elif -beside_s > early_s and not self._agent.inbox.rung:
            self.distrust()
            log.warning(
                "the body woke %.0f s early from a sleep of %.0f s, and nobody had called: the rest is waited awake",
                -beside_s,
                length_s,
            )


SERVING = [
    action
    for action, serves, works in zip(CATALOGUE, FACTS.serves, FACTS.trains | FACTS.syncs, strict=True)
    if serves and not works and action.serve is not None and action.serve.value == "large"
]
"""What answers most and does nothing else."""

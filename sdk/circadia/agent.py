"""The agent: one tick in a straight line, and the application's three calls."""

from __future__ import annotations

import dataclasses
import logging
import math
from collections import deque
from typing import TYPE_CHECKING

from circadia.actions import INDEX, action_named
from circadia.errors import ArtifactError, CircadiaError, ConnectionLost, DeadlineExpired, StoreError
from circadia.federation.device.events import (
    Corruption,
    ManifestSeen,
    ModelArrived,
    UpdateAcknowledged,
    UpdatePutOff,
)
from circadia.inbox import Answer, Example, Inbox, Item, Labelled, Submitted
from circadia.observation import DAY_S, values
from circadia.serving.queue import Request
from circadia.serving.server import check_input
from circadia.types import Decision, Link, Observation, Outcome, Preference, TickRecord

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np
    from numpy.typing import NDArray

    from circadia.federation.device.events import DeviceEvent
    from circadia.ports import Clock, EnergyMeter, Federation, Platform, Policy, Store
    from circadia.shield import Shield
    from circadia.workload import LearningWorkload

log = logging.getLogger(__name__)

MOST_LESSONS = 1024
"""Examples that wait while the store refuses them."""
DELIVERY = action_named("sleep/sync-int8")
"""What sending the last updates amounts to."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Lesson:
    """An example that is not stored yet; of a request, when its label came back."""

    x: NDArray[np.float32]
    label: int
    t_s: float
    request_id: int | None = None


class Agent:
    """Decides, works, records. All methods but `submit`, `feedback`, `add_example` and `wake` belong to one thread."""

    def __init__(
        self,
        *,
        clock: Clock,
        platform: Platform,
        policy: Policy,
        shield: Shield,
        workload: LearningWorkload,
        store: Store,
        meter: EnergyMeter,
        draw: Callable[[], float],
        inbox: Inbox,
        federation: Federation | None = None,
        preference: Preference | None = None,
        period_s: float = 60.0,
        deadline_s: float = 60.0,
    ) -> None:
        self.clock = clock
        self.platform = platform
        self.policy = policy
        self.shield = shield
        self.workload = workload
        self.store = store
        self.meter = meter
        self.draw = draw
        self.inbox = inbox
        self.federation = federation
        self.period_s = period_s
        self.deadline_s = deadline_s
        self.preference = preference or Preference()
        self.delivering = False
        """Whether the last updates are on their way."""
        self._least_link = Link.FREE if shield.limits.sync_only_unmetered else Link.METERED
        self._woken = False
        self._lessons: deque[_Lesson] = deque(maxlen=MOST_LESSONS)
        self.lessons_lost = 0
        """Examples that a store which refuses them pushed out of memory."""
        self._events: deque[DeviceEvent] = deque()
        self._answers: dict[int, Answer] = {}
        self.put_off: dict[str, str] = {}
        """Updates that the aggregator cannot read or use yet, and why."""
        last = store.last_tick()
        self._last_t_s = self.resumed_at_s = last.t_s if last else math.nan
        """When the last tick of an earlier run began; NaN for a new store."""

    # For the application, from any thread

    def submit(self, x: NDArray[np.float32], deadline_s: float | None = None) -> Answer:
        """Ask for an inference: x of the task's input shape, `deadline_s` from now. → a Future of `Served`.

        `ConfigError` for a wrong shape or NaN; the future raises `DeadlineExpired` when nobody served it in time.
        """
        x = check_input(self.workload.task, x)
        now_s = self.clock.now_s()
        answer = self.inbox.new_answer()
        wait_s = self.deadline_s if deadline_s is None else deadline_s
        self.inbox.put(Submitted(answer=answer, x=x, submitted_s=now_s, deadline_s=now_s + wait_s))
        return answer

    def feedback(self, request_id: int, label: int | str) -> None:
        """The true label of a served request: it becomes an example. Unknown requests are logged and dropped."""
        item = Labelled(request_id=request_id, label=self._index(label), t_s=self.clock.now_s())
        self.inbox.put(item)

    def add_example(self, x: NDArray[np.float32], label: int | str) -> None:
        """A labelled example to learn from."""
        x = check_input(self.workload.task, x)
        self.inbox.put(Example(x=x, label=self._index(label), t_s=self.clock.now_s()))

    def wake(self) -> None:
        """Ask for a tick now."""
        self._woken = True
        self.inbox.ring()

    def _index(self, label: int | str) -> int:
        return self.workload.task.label_index(label)

    # For the thread that owns the agent

    def tick(self) -> TickRecord:
        """Observe, decide, work, record."""
        t_s = self.clock.now_s()
        observation = self.observe(t_s)
        self._settle()
        x = values(observation)
        decision = self.shield.decide(x, self.policy.scores(x), self.draw())
        outcome = self._work(decision, t_s)
        record = TickRecord(
            t_s=t_s,
            observation=observation,
            decision=decision,
            outcome=outcome,
            version=self.workload.model.version,
        )
        self._keep(record)
        self._sync(record)
        return record

    def observe(self, t_s: float) -> Observation:
        """The body's sensors and the workload's state as one observation."""
        angle = 2 * math.pi * (self.platform.local_time_s(t_s) % DAY_S) / DAY_S
        preference = self.preference
        observation = dataclasses.replace(
            self.platform.observe(t_s),
            dt_s=t_s - self._last_t_s,
            day_sine=math.sin(angle),
            day_cosine=math.cos(angle),
            preference_accuracy=preference.accuracy,
            preference_latency=preference.latency,
            preference_energy=preference.energy,
            **self.workload.observe(t_s),
        )
        self._last_t_s = t_s
        if self.federation is not None:
            self.federation.set_online(observation.link >= self._least_link)
        return observation

    def _work(self, decision: Decision, t_s: float) -> Outcome:
        outcome = self.workload.run(decision.action, t_s)
        self.platform.spend(outcome.phases)
        late_s = self.clock.now_s() - t_s - max(outcome.busy_s, self.period_s)
        return dataclasses.replace(outcome, overrun_s=max(late_s, 0.0))

    def _keep(self, record: TickRecord) -> None:
        """One transaction decides what happened; without it the training is forgotten, answers still go out."""
        try:
            self.store.commit(record)
        except StoreError:
            self.workload.abandon(record.outcome)
            raise
        else:
            self.workload.adopt(record.outcome)
        finally:
            self._answer(record.outcome)

    def _answer(self, outcome: Outcome) -> None:
        for served in outcome.served:
            if answer := self._answers.pop(served.request_id, None):
                answer.set_result(served)
        for request_id in outcome.expired:
            if answer := self._answers.pop(request_id, None):
                answer.set_exception(
                    DeadlineExpired(f"request {request_id} was not served before its deadline")
                )

    def _sync(self, record: TickRecord) -> None:
        action = record.decision.action
        if self.federation is None or not action.syncs:
            return
        push = tuple(self.workload.spool.values()) if action.push else ()
        self.federation.request(push, pull=action.pull)

    def _settle(self) -> None:
        for tick_id, start_s, end_s in self.store.unsettled():
            reading = self.meter.read(start_s, end_s)
            if reading is not None:
                self.store.settle(tick_id, reading)

    def _settle_last(self) -> None:
        """The last tick ends here, not with a next one."""
        last, now_s = self.store.last_tick(), self.clock.now_s()
        if last is None:
            return
        self.platform.observe(now_s)
        self._settle()
        if (reading := self.meter.read(last.t_s, now_s)) is not None:
            self.store.settle(last.tick_id, reading)

    def ingest(self) -> bool:
        """Take in what other threads left; True when a request came or `wake` was called: worth a tick."""
        items = self.inbox.take()
        for item in items:
            self._take(item)
        woken, self._woken = self._woken, False
        return woken or any(isinstance(item, Submitted) for item in items)

    def _take(self, item: Item) -> None:
        match item:
            case Submitted():
                self._enqueue(item)
            case Example():
                self._remember(_Lesson(x=item.x, label=item.label, t_s=item.t_s))
            case Labelled():
                self._hear_label(item)

    def _enqueue(self, item: Submitted) -> None:
        answer = item.answer
        if not answer.set_running_or_notify_cancel():
            return
        request = Request(
            request_id=answer.request_id, x=item.x, submitted_s=item.submitted_s, deadline_s=item.deadline_s
        )
        try:
            self.workload.requests.put(request)
        except CircadiaError as error:
            answer.set_exception(error)
        else:
            self._answers[answer.request_id] = answer

    def _hear_label(self, item: Labelled) -> None:
        x = self.workload.answered.label(item.request_id)
        if x is None:
            log.warning(
                "feedback for request %d, which was not served or is long ago: dropped", item.request_id
            )
            return
        self._remember(_Lesson(x=x, label=item.label, t_s=item.t_s, request_id=item.request_id))

    def _remember(self, lesson: _Lesson) -> None:
        if len(self._lessons) == MOST_LESSONS:
            self.lessons_lost += 1
            log.warning("%d examples lost: the store has refused them for too long", self.lessons_lost)
        self._lessons.append(lesson)

    def learn(self) -> None:
        """Served requests whose label arrived, and labelled examples, join the buffer in one transaction.

        After a `StoreError` they wait for the next call; the oldest go when there are more than `MOST_LESSONS`.
        """
        if not self._lessons:
            return
        lessons = list(self._lessons)
        ids = self.store.add_examples(
            [(lesson.x, lesson.label, lesson.t_s) for lesson in lessons],
            {lesson.request_id: lesson.label for lesson in lessons if lesson.request_id is not None},
        )
        self._lessons.clear()
        evicted = [
            gone
            for example_id, lesson in zip(ids, lessons, strict=True)
            for gone in self.workload.examples.add(example_id, lesson.x, lesson.label, lesson.t_s)
        ]
        if evicted:
            self.store.mark_evicted(evicted)

    def hear(self) -> None:
        """Act on what the federation sent; after an error, what is left waits for the next call.

        A link that has died of an error is reported once; the device goes on without a federation.
        """
        if self.federation is None:
            return
        try:
            self._events.extend(self.federation.poll())
        except ConnectionLost:
            self.federation = None
            raise
        while self._events:
            self._hear(self._events[0])
            self._events.popleft()

    def _hear(self, event: DeviceEvent) -> None:
        workload = self.workload
        match event:
            case ManifestSeen():
                self._saw(event.version)
            case ModelArrived() if event.version != workload.model.version:
                self._install(event)
            case UpdateAcknowledged():
                self.store.acknowledge(event.update_id, event.accepted, event.reason)
                workload.forget_update(event.update_id)
                self.put_off.pop(event.update_id, None)
            case UpdatePutOff():
                self._put_off(event)
            case Corruption():
                log.warning("federation: %s", event.what)

    def _saw(self, version: int) -> None:
        if version < self.workload.known_version:
            log.warning(
                "federation: it has gone back from version %d to %d, and so does this device",
                self.workload.known_version,
                version,
            )
        self.workload.saw_version(version)

    def _install(self, event: ModelArrived) -> None:
        workload = self.workload
        # A federation on another clock must not make the model younger than new.
        published_s = min(event.published_s, self.clock.now_s())
        try:
            model = workload.with_version(event.version, published_s, event.weights)
        except ArtifactError as error:
            log.warning("federation: version %d is not installed: %s", event.version, error)
            workload.saw_version(workload.model.version)  # there is nothing to fetch
            return
        self.store.save_model(model)
        workload.install(model)

    def _put_off(self, event: UpdatePutOff) -> None:
        """Said once an update, not at each try."""
        if event.update_id not in self.put_off:
            log.warning(
                "federation: update %s waits, the aggregator cannot take it now: %s; it is tried again, at least hourly",
                event.update_id,
                event.reason,
            )
        self.put_off[event.update_id] = event.reason

    def deliver(self) -> None:
        """Send what the spool holds, for the device is about to end, unless a hard limit forbids it."""
        if self.federation is None or not self.workload.spool:
            return
        x = values(self.observe(self.clock.now_s()))
        if self.shield.forbidden(x)[:, INDEX[DELIVERY.name]].any():
            log.info(
                "%d updates stay in the store: a limit forbids to send them now", len(self.workload.spool)
            )
            return
        sent = tuple(self.workload.spool.values())
        self.platform.spend(self.platform.phases(DELIVERY, 0, sum(len(update.payload) for update in sent)))
        self.federation.request(sent, pull=False)
        self.delivering = True

    def close(self) -> None:
        """Let nobody wait for an answer, settle what can be settled, close the store."""
        waiting = [item.answer for item in self.inbox.close() if isinstance(item, Submitted)]
        for answer in (*self._answers.values(), *waiting):
            if not answer.done():
                answer.set_exception(CircadiaError("the agent ended before it served this request"))
        self._answers.clear()
        try:
            self._settle_last()
        finally:
            self.store.close()

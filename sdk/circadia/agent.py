"""The agent: one tick in a straight line, and what the federation says between two of them."""

from __future__ import annotations

import dataclasses
import logging
import math
from collections import deque
from collections.abc import Callable
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any, TypeVar, overload

import numpy as np

from circadia.actions import INDEX, NAMES, SLEEP, action_named
from circadia.between_ticks import BetweenTicks
from circadia.errors import CircadiaError, ConnectionLost, LocalProtocolError, StoreError
from circadia.federation.device.events import (
    Corruption,
    ManifestSeen,
    ModelArrived,
    UpdateAcknowledged,
    UpdatePutOff,
    UpdatesHeld,
)
from circadia.listeners import MOST_EVENTS
from circadia.observation import DAY_S, HOUR_S, values
from circadia.policy.sleeps import draw_one
from circadia.ports import CountsTraffic, HintsClock, SleepingPolicy, TellsLate, wakes_on
from circadia.sensors import SENSORS, answering
from circadia.stopwatch import Stopwatch
from circadia.types import (
    Decision,
    Link,
    Load,
    Observation,
    Outcome,
    Preference,
    TickRecord,
    Units,
    WakeOn,
    in_words,
)
from circadia.vigil import REQUESTS, Vigil, in_the_way

if TYPE_CHECKING:
    from collections.abc import Sequence
    from contextlib import AbstractContextManager

    from numpy.typing import NDArray

    from circadia.application import Application, Call
    from circadia.bounds import Bounds
    from circadia.events import Event
    from circadia.federation.device.events import DeviceEvent
    from circadia.inbox import Answer
    from circadia.listeners import EventStream
    from circadia.policy.sleeps import SleepOptions
    from circadia.ports import Clock, EnergyMeter, Federation, Platform, Policy, Store, Workload
    from circadia.shield import Shield
    from circadia.status import AgentStatus
    from circadia.types import Action, EnergyReading, ModelUpdate, Phase, Served

log = logging.getLogger(__name__)

DELIVERY = action_named("sleep/sync-int8")
"""What sending the last updates amounts to."""
PAUSED = ("paused", NAMES[1:])
"""What the pause forbids, as a limit is told: everything but sleep."""

WAKING = {WakeOn.DUE: 0, WakeOn.DEADLINE: 1, WakeOn.REQUEST: 2}
"""How an observation says it."""
Wait = Callable[[Callable[[], bool], float], None]
"""Hears what the federation sends until that says so, or so many seconds of the agent's time are over, or before."""
ANSWERS = (ManifestSeen, ModelArrived, UpdateAcknowledged)
"""By what the federation answers."""

E = TypeVar("E", bound="Event")


class Agent:
    """Decides, works, records. All methods of the application's side are for any thread, the others for one."""

    def __init__(
        self,
        *,
        clock: Clock,
        platform: Platform,
        policy: Policy,
        bounds: Bounds,
        workload: Workload,
        store: Store,
        meter: EnergyMeter,
        draw: Callable[[], float],
        application: Application,
        federation: Federation | None = None,
        period_s: float = 60.0,
        longest_sleep_s: float = 6 * HOUR_S,
    ) -> None:
        """`period_s`: between two ticks of a policy that says nothing of sleep; `longest_sleep_s`: of any other's sleep."""
        self.clock = clock
        self.platform = platform
        self._hints = platform if isinstance(platform, HintsClock) else None
        self.policy = policy
        self.bounds = bounds
        self.between = BetweenTicks(
            platform=platform, bounds=bounds, store=store, inferences=application.inferences
        )
        self.vigil = Vigil(bounds.shield.names, platform.looks_at, federated=federation is not None)
        self.workload = workload
        self.store = store
        self.meter = meter
        self.draw = draw
        self.application = application
        self.inbox = application.inbox
        self.federation = federation
        self.period_s = period_s
        self.longest_sleep_s = longest_sleep_s
        self.wakes_on = wakes_on(platform)
        """The sleeps that the body can do."""
        self._chooses = _choosing(policy)
        self._admitted = (
            np.flatnonzero(self._chooses[0].mask(self.wakes_on)).tolist() if self._chooses else []
        )
        """Places of the sleeps that the body can do."""
        self._wake_on_request = float(max(WAKING[wake_on] for wake_on in self.wakes_on))
        self.online = False
        """Whether the link to the federation may be up, as of the last look at the body."""
        self.delivering = False
        """Whether the last updates are on their way."""
        limits = bounds.shield.limits
        self._least_link = Link.FREE if limits.sync_only_unmetered else Link.METERED
        self._blind = "network" in limits.lacking
        """It cannot tell which network there is, so it tries."""
        self._sensors = store.sensors()
        self._tick_id: int | None = None
        """The last one that the store has."""
        self._events: deque[DeviceEvent] = deque()
        self._decision: Decision | None = None
        """The last tick's."""
        self._last_complaint = ""
        self._meterless = False
        self._asked_s = -math.inf
        """When something was last asked of the federation."""
        self.put_off: dict[str, str] = {}
        """Updates that the aggregator cannot read or use yet, and why."""
        last = store.last_tick()
        self._last_t_s = self.resumed_at_s = last.t_s if last else math.nan
        """When the last tick of an earlier run began; NaN for a new store."""

    @property
    def shield(self) -> Shield:
        """With the bounds of now."""
        return self.bounds.shield

    @property
    def answered(self) -> bool:
        """Whether the federation has answered since something was last asked of it."""
        return self._asked_s == -math.inf or self.application.recent.contact_s >= self._asked_s

    # For the application, from any thread

    def submit(self, x: NDArray[np.float32], deadline_s: float | None = None) -> Answer:
        """As `Application.submit`: ask for an inference → a Future of `Served`."""
        return self.application.submit(x, deadline_s)

    def infer(self, x: NDArray[np.float32]) -> Served:
        """As `Application.infer`: the answer at once."""
        return self.application.infer(x)

    def feedback(self, request_id: int, label: int | str) -> None:
        """As `Application.feedback`: the true label of a served request."""
        self.application.feedback(request_id, label)

    def add_example(self, x: NDArray[np.float32], label: int | str) -> None:
        """As `Application.add_example`: a labelled example to learn from."""
        self.application.add_example(x, label)

    def set_preference(self, preference: Preference) -> None:
        """As `Application.set_preference`: what the user cares about."""
        self.application.set_preference(preference)

    def pause(self) -> None:
        """As `Application.pause`: only sleep until `resume`."""
        self.application.pause()

    def resume(self) -> None:
        """As `Application.resume`: decide freely again."""
        self.application.resume()

    def status(self) -> AgentStatus:
        """How the device is doing. Cheap: nothing is read from the disk or asked of a sensor."""
        status, federation = self.application.status(), self.federation
        if federation is None:
            return status
        traffic = federation.traffic if isinstance(federation, CountsTraffic) else None
        return dataclasses.replace(
            status, connected=federation.connected, trouble=federation.trouble, traffic=traffic
        )

    def on(self, kind: type[E], call: Callable[[E], object]) -> Callable[[], None]:
        """As `Application.on`: call it with each event of a kind → a function that ends this."""
        return self.application.on(kind, call)

    @overload
    def events(self, kind: type[E], /, *, most: int = ...) -> EventStream[E]: ...

    @overload
    def events(self, *kinds: type[Event], most: int = ...) -> EventStream[Event]: ...

    def events(self, *kinds: type[Any], most: int = MOST_EVENTS) -> EventStream[Any]:
        """As `Application.events`: events for `async for`."""
        return self.application.events(*kinds, most=most)

    def wake(self) -> None:
        """Ask for a tick now."""
        self.application.wake()

    # For the thread that owns the agent

    def tick(self, wait: Wait | None = None) -> TickRecord:
        """Observe, decide, pull, work, record. Without `wait`, what is pulled is heard between two ticks."""
        self._record_inferences()
        t_s = self.clock.now_s()
        observation = self.observe(t_s)
        self._settle()
        x = values(observation)
        u = self.draw()
        free = self.shield.decide(x, self.policy.scores(x), u)
        self.between.allow(free, t_s)  # the pause is looked at with each inference: it may end at any time
        decision = self._with_sleep(dataclasses.replace(self._unless_paused(free), draw=u), x)
        waited = self._pull(decision.action, observation, wait)
        outcome = self._work(decision, t_s, waited or ())
        record = TickRecord(
            t_s=t_s,
            observation=observation,
            decision=decision,
            outcome=outcome,
            version=self.workload.version,
            paces=self.bounds.news(),
        )
        self._decision = decision
        tick_id = self._keep(record)
        self._sync(decision.action, pulls=decision.action.pull and waited is None)
        self.application.reporter.ticked(tick_id, record)
        return record

    def _unless_paused(self, decision: Decision) -> Decision:
        """The pause is a limit of the user's: told as one, and nothing but sleep passes it."""
        if not self.application.paused:
            return decision
        return dataclasses.replace(decision, action=SLEEP, masked=(*decision.masked, PAUSED), feasible=True)

    def _with_sleep(self, decision: Decision, x: NDArray[np.float32]) -> Decision:
        """What follows, where the policy says so and the body can do any of it; at most the longest sleep."""
        if self._chooses is None:
            return decision
        options, policy = self._chooses
        u = self.draw()
        drawn = draw_one(policy.sleep_scores(x), self._admitted, u)
        if drawn is None:
            return decision
        due_s = policy.due_s(x, decision.action) if options.until_due(drawn[0]) else ()
        sleep = options.sleep(*drawn, due_s)
        if sleep.length_s > self.longest_sleep_s:
            sleep = dataclasses.replace(sleep, length_s=self.longest_sleep_s)
        return dataclasses.replace(decision, sleep=sleep, sleep_draw=u)

    def observe(self, t_s: float) -> Observation:
        """The body's sensors and the workload's state as one observation."""
        angle = 2 * math.pi * (self.platform.local_time_s(t_s) % DAY_S) / DAY_S
        preference = self.application.preference
        observation = dataclasses.replace(
            self.platform.observe(t_s),
            dt_s=0.0 if t_s < self._last_t_s else t_s - self._last_t_s,  # a clock that was set back
            day_sine=math.sin(angle),
            day_cosine=math.cos(angle),
            preference_accuracy=preference.accuracy,
            preference_latency=preference.latency,
            preference_energy=preference.energy,
            wake_on_request=self._wake_on_request,
            **self.application.recent.fields(t_s),
            **self.workload.observe(t_s),
        )
        self._last_t_s = t_s
        self.vigil.look(t_s, observation)
        if self.federation is not None:
            linked = self._blind or observation.link >= self._least_link
            self.online = linked and not self.application.paused
            self.federation.set_online(self.online)
        return observation

    def _pull(self, action: Action, observation: Observation, wait: Wait | None) -> tuple[Phase, ...] | None:
        """Ask for the newest version ahead of the work, and wait for it → what that took, on a body that measures.

        None: nothing is asked. An answer that the queue's first deadline, or a tick that has to fit its period, leaves no
        time for is not waited for, nor is a federation that cannot be reached.
        """
        federation = self.federation
        if wait is None or federation is None or not self.online:
            return None
        left_s = self._spare_s(action, observation)
        unreachable = federation.trouble and not federation.connected
        if not action.pull or unreachable or left_s <= 0:
            return None
        measures = self.platform.stopwatch
        watch = None if measures is None else Stopwatch(self.clock, measures)
        began = watch.begin() if watch else None
        self._request(federation, (), pull=True)
        wait(self._is_newest, left_s)
        return watch.since(began).phases(Load.AWAKE) if watch and began else ()

    def _spare_s(self, action: Action, observation: Observation) -> float:
        """Until the work has to begin."""
        slack_s = observation.queue_slack_s - self.bounds.at_most_s[action.name]
        fits_s = math.inf if self.platform.stopwatch is not None else self.period_s / 4
        return min(fits_s, slack_s) if math.isfinite(slack_s) else fits_s

    def _is_newest(self) -> bool:
        """Whether the model in service is the federation's newest, as the answer says."""
        behind = self.workload.observe(self.clock.now_s()).get("versions_behind", 0.0)
        return self.answered and not behind > 0

    def _work(self, decision: Decision, t_s: float, waited: tuple[Phase, ...]) -> Outcome:
        try:
            with self._at_clock(decision.action):
                outcome = self.workload.run(decision.action, t_s)
        except Exception:
            self.workload.settle(stored=False)
            raise
        if outcome.training is not None:
            self.application.recent.trained(outcome.training, t_s)
        self.platform.spend(outcome.phases)
        if self.platform.stopwatch is not None:
            self.bounds.saw(decision.action, outcome)
            return dataclasses.replace(outcome, phases=(*waited, *outcome.phases))
        late_s = self.clock.now_s() - t_s - max(outcome.busy_s, self.period_s)
        return dataclasses.replace(outcome, overrun_s=max(late_s, 0.0))

    def _at_clock(self, action: Action) -> AbstractContextManager[None]:
        """Around its work, on a body that can be told how fast it should be done."""
        return self._hints.at_clock(action.clock) if self._hints and action.works else nullcontext()

    def _keep(self, record: TickRecord) -> int:
        """One transaction decides what happened; without it the training is forgotten, answers still go out."""
        why_not = self.vigil.judge(record, self.policy.offered)
        try:
            self._tick_id = tick_id = self.store.commit(record)
        except StoreError:
            self.workload.settle(stored=False)
            raise
        else:
            self.workload.settle(stored=True)
            self.bounds.kept(record.paces)
            self._know_sensors(record.observation)
        finally:
            self.application.answer(record.outcome, why_not)
        return tick_id

    def _know_sensors(self, observation: Observation) -> None:
        """Those of a real body: a simulated one's say nothing of this machine."""
        if self.platform.stopwatch is None:
            return
        if len(self._sensors) < len(SENSORS) and (new := answering(observation) - self._sensors):
            try:
                self.store.note_sensors(new)
            except StoreError as error:  # the tick is stored already; the next one says it again
                log.warning("the store does not know yet that %s answer: %s", ", ".join(sorted(new)), error)
            else:
                self._sensors |= new

    def _record_inferences(self) -> None:
        """What was answered since the last tick belongs to it."""
        if self._tick_id is not None:
            self.application.reporter.answered(self.between.record(self._tick_id))

    def _sync(self, action: Action, *, pulls: bool) -> None:
        push = tuple(self.workload.spooled) if action.push else ()
        if self.federation is not None and (push or pulls):
            self._request(self.federation, push, pull=pulls)

    def _request(self, federation: Federation, push: Sequence[ModelUpdate], *, pull: bool) -> None:
        """An update that no message can carry is given up: it would keep all others from going."""
        self._asked_s = self.clock.now_s()
        try:
            federation.request(push, pull=pull)
        except LocalProtocolError:
            federation.request((), pull=pull)
            for update in push:
                try:
                    federation.request((update,), pull=False)
                except LocalProtocolError as error:
                    given_up = UpdateAcknowledged(
                        update_id=update.update_id, accepted=False, reason=str(error)
                    )
                    self._act_on(given_up, heard=False)

    def _settle(self) -> None:
        for tick_id, start_s, end_s in self.store.unsettled():
            reading = self._joules(start_s, end_s)
            if reading is not None:
                self.store.settle(tick_id, reading)
                self.application.reporter.settled(tick_id, reading)

    def _joules(self, start_s: float, end_s: float) -> EnergyReading | None:
        """None as well from a meter that fails: a device works without joules. Said once, until it answers again."""
        try:
            reading = self.meter.read(start_s, end_s)
        except CircadiaError as error:
            if not self._meterless:
                log.warning("no joules: %s", error)
            self._meterless = True
            return None
        self._meterless = False
        return reading

    def _settle_last(self) -> None:
        """The last tick ends here, not with a next one."""
        self._record_inferences()
        last, now_s = self.store.last_tick(), self.clock.now_s()
        if last is None:
            return
        self.platform.observe(now_s)
        self._settle()
        if (reading := self._joules(last.t_s, now_s)) is not None:
            self.store.settle(last.tick_id, reading)
            self.application.reporter.settled(last.tick_id, reading)

    def ingest(self) -> Call | None:
        """As `Application.ingest`: take in what other threads left → for what a tick is wanted, if it is."""
        return self.application.ingest()

    def expire(self, now_s: float) -> None:
        """Tell whoever waits for what can be told late between two ticks; the next one records it."""
        if not isinstance(self.workload, TellsLate) or not (late := self.workload.late(now_s)):
            return
        decision = self._decision
        limits = () if decision is None else in_the_way(decision, REQUESTS, self.policy.offered)
        self.application.expire(late, in_words(limits))

    def learn(self) -> None:
        """Record what was answered at once, then as `Application.learn`: store the examples that came."""
        self._record_inferences()  # the labels may be of these
        self.application.learn()

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
        match event:
            case Corruption():
                self._complain(event.what)
            case UpdatePutOff():
                self._put_off(event)
            case UpdatesHeld():
                self._act_on(event)
                self._held(event)
            case _:
                self._act_on(event)

    def _act_on(self, event: DeviceEvent, *, heard: bool = True) -> None:
        """One transaction decides, as for a tick: what the store refuses is heard again. Not `heard`: said by nobody else."""
        now_s = self.clock.now_s()
        model = self.workload.hear(event, now_s)
        if heard and isinstance(event, ANSWERS):
            self.application.recent.contacted(now_s)
        ours = isinstance(event, UpdateAcknowledged) and event.update_id in self._spooled_ids()
        try:
            if model is not None:
                self.store.save_model(model)
            if isinstance(event, UpdateAcknowledged):
                self.store.acknowledge(event.update_id, event.accepted, event.reason)
                self.put_off.pop(event.update_id, None)
        except StoreError:
            self.workload.settle(stored=False)
            raise
        self.workload.settle(stored=True)
        if model is not None:
            self.application.reporter.installed(model.version, model.published_s)
        if ours and isinstance(event, UpdateAcknowledged):
            self._verdict(event)

    def _spooled_ids(self) -> set[str]:
        return {update.update_id for update in self.workload.spooled}

    def _verdict(self, event: UpdateAcknowledged) -> None:
        if not event.accepted:
            log.warning("federation: update %s was rejected: %s", event.update_id, event.reason)
        self.application.reporter.verdict(event.update_id, accepted=event.accepted, reason=event.reason)

    def _held(self, event: UpdatesHeld) -> None:
        self.application.reporter.held(event.reason)
        if not event.reason:
            log.info("federation: updates are sent again")
            return
        self.delivering = False
        log.warning(
            "federation: %d updates in a row were rejected (%s); the others wait in the store, and one is tried in %.0f s",
            event.rejected,
            event.reason,
            event.retry_s,
        )

    def _complain(self, what: str) -> None:
        """A flood of the same is one line."""
        if what != self._last_complaint:
            self._last_complaint = what
            log.warning("federation: %s", what)

    def _put_off(self, event: UpdatePutOff) -> None:
        """Said once an update, not at each try."""
        self.application.recent.contacted(self.clock.now_s())
        if event.update_id not in self.put_off:
            log.warning(
                "federation: update %s waits, the aggregator cannot take it now: %s; it is tried again, at least hourly",
                event.update_id,
                event.reason,
            )
        self.put_off[event.update_id] = event.reason
        self.application.reporter.put_off(event.reason)

    def deliver(self) -> None:
        """Send what the spool holds, for the device is about to end, unless a hard limit forbids it or it is held."""
        if self.federation is None or not self.workload.spooled or self.application.paused:
            return
        if why := self.application.status().updates.held:
            log.info("%d updates stay in the store, they are held: %s", len(self.workload.spooled), why)
            return
        x = values(self.observe(self.clock.now_s()))
        if self.shield.forbidden(x)[:, INDEX[DELIVERY.name]].any():
            log.info(
                "%d updates stay in the store: a limit forbids to send them now", len(self.workload.spooled)
            )
            return
        sent = tuple(self.workload.spooled)
        self.platform.spend(
            self.platform.phases(DELIVERY, Units(), sum(len(update.payload) for update in sent))
        )
        self._request(self.federation, sent, pull=False)
        self.delivering = True

    def close(self) -> None:
        """Let nobody wait for an answer, settle what can be settled, close the store."""
        self.application.close()
        try:
            self._settle_last()
            self.store.reserve_request_ids(self.inbox.next_id)
        finally:
            self.store.close()


def _choosing(policy: Policy) -> tuple[SleepOptions, SleepingPolicy] | None:
    """What a policy chooses its sleeps from, and the policy; None: it does not."""
    if not isinstance(policy, SleepingPolicy) or policy.sleeps is None:
        return None
    return policy.sleeps, policy

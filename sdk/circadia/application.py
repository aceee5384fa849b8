"""The application's side of a device: what it asks, teaches, wishes and hears, from any thread."""

from __future__ import annotations

import logging
import math
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar, overload

from circadia.errors import CircadiaError, ConfigError, LimitError
from circadia.inbox import Answer, Example, Inbox, Item, Labelled, Submitted
from circadia.listeners import MOST_EVENTS
from circadia.promises import Promises
from circadia.ranges import is_real, is_whole
from circadia.recent import Recent
from circadia.reporter import Reporter
from circadia.serving.queue import Request
from circadia.serving.server import check_input
from circadia.types import Preference, in_words

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable

    import numpy as np
    from numpy.typing import NDArray

    from circadia.events import Event
    from circadia.inferences import Inferences
    from circadia.listeners import EventStream
    from circadia.ports import Clock, Store, Workload
    from circadia.status import AgentStatus
    from circadia.types import Outcome, Served

log = logging.getLogger(__name__)

MOST_LESSONS = 1024
"""Examples that wait while the store refuses them."""

E = TypeVar("E", bound="Event")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Lesson:
    """An example that is not stored yet; of a request, when its label came back."""

    x: NDArray[np.float32]
    label: int
    t_s: float
    request_id: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """Somebody wants a tick."""

    asked: bool
    """By `wake`, or what amounts to it."""
    earliest_s: float
    """When the first of the requests that came was submitted; infinite without one."""


class Application:
    """The first half of its methods belongs to any thread, the second to the agent's."""

    def __init__(
        self,
        *,
        clock: Clock,
        workload: Workload,
        store: Store,
        inbox: Inbox,
        inferences: Inferences,
        deadline_s: float = 60.0,
        preference: Preference | None = None,
        reporter: Reporter | None = None,
        promises: Promises | None = None,
        recent: Recent | None = None,
    ) -> None:
        """`deadline_s`: how long a request waits when the application does not say.

        `promises`: shared with a workload that answers before it has done all of a tick's work.

        `preference`: until `set_preference`, a third of each.
        """
        self.inbox = inbox
        self.preference = preference or Preference()
        """What the user cares about; swapped whole."""
        self.paused = False
        """Whether the device only sleeps."""
        self.reporter = reporter or Reporter()
        self.inferences = inferences
        self.recent = recent or Recent(deadline_s=deadline_s)
        """What the device remembers of late; of the agent's thread."""
        self.lessons_lost = 0
        """Examples that a store which refuses them pushed out of memory."""
        self._clock = clock
        self._workload = workload
        self._store = store
        self._deadline_s = deadline_s
        self._lessons: deque[_Lesson] = deque(maxlen=MOST_LESSONS)
        self._promises = promises or Promises()

    # From any thread

    def submit(self, x: NDArray[np.float32], deadline_s: float | None = None) -> Answer:
        """Ask for an inference: x of the task's input shape, `deadline_s` from now. → a Future of `Served`.

        `ConfigError` for a wrong shape or NaN, in `deadline_s` too; the future raises `DeadlineExpired` when nobody
        served it in time.
        """
        x = check_input(self._workload.task, x)
        wait_s = self._deadline_s if deadline_s is None else deadline_s
        if not is_real(wait_s) or wait_s < 0:
            raise ConfigError(
                f"deadline_s is {deadline_s!r}; it must be a number of seconds from now, 0 or more"
            )
        now_s = self._clock.now_s()
        answer = self.inbox.new_answer()
        self.inbox.put(Submitted(answer=answer, x=x, submitted_s=now_s, deadline_s=now_s + wait_s))
        return answer

    def infer(self, x: NDArray[np.float32]) -> Served:
        """The answer, at once: for an application that cannot wait for the policy to serve. x as for `submit`.

        The hard limits hold as the agent last saw the body: what it saw counts for two of its periods, at least a minute,
        and for as much work as one action of serving may take, at least a second; then it is woken to look again, which
        this waits for. A body that foretells is not looked at while it is foretold to be busy: there the time alone counts,
        from the end of that work. `LimitError` names the limit that forbids to serve. The answer, its work and its joules
        are those of the tick in which it falls; its id takes `feedback`. Answers since the last transaction go unrecorded
        if the process is killed.

        `ConfigError` as for `submit`; `CircadiaError` when the agent does not run, its work is done elsewhere and comes back
        ticks later, or a listener asks, whom the agent's thread waits for, and the body has to be looked at first.
        """
        if self.paused:
            raise LimitError(f"no inference now, serving is forbidden: {in_words(['paused'])}")
        return self.inferences.infer(x)

    def feedback(self, request_id: int, label: int | str) -> None:
        """The true label of a served request, `Answer.request_id`: it becomes an example.

        Requests that were not served, or long ago, are logged and dropped. `ConfigError` for what is no number of a
        request, or no label.
        """
        if not is_whole(request_id):
            raise ConfigError(f"request {request_id!r}: a request's number is its Answer's `request_id`")
        item = Labelled(request_id=int(request_id), label=self._index(label), t_s=self._clock.now_s())
        self.inbox.put(item)

    def add_example(self, x: NDArray[np.float32], label: int | str) -> None:
        """A labelled example to learn from; `ConfigError` for a wrong input, or a label that the task does not have."""
        x = check_input(self._workload.task, x)
        self.inbox.put(Example(x=x, label=self._index(label), t_s=self._clock.now_s()))

    def wake(self) -> None:
        """Ask for a tick now."""
        self.inbox.ask()

    def set_preference(self, preference: Preference) -> None:
        """What the user cares about, from the next tick on until the device ends; keep it in the application's settings.

        It ends a sleep that the policy chose.
        """
        if not isinstance(preference, Preference):
            raise ConfigError(f"preference {preference!r}: must be a circadia.Preference")
        self.preference = preference
        self.inbox.ring()  # a device that sleeps for hours looks at it

    def pause(self) -> None:
        """Only sleep: nothing is served, learned, sent or fetched until `resume`, and the broker is left.

        What is at work ends first. Requests may come, and expire. It is forgotten when the device ends: an application
        that keeps such a setting pauses again before it starts.
        """
        self.paused = True
        self.wake()

    def resume(self) -> None:
        """Decide freely again, at once."""
        self.paused = False
        self.wake()

    def status(self) -> AgentStatus:
        """How the device is doing; cheap. The agent adds what it knows of the link."""
        return self.reporter.status(paused=self.paused, inbox=self.inbox.waiting, preference=self.preference)

    def on(self, kind: type[E], call: Callable[[E], object]) -> Callable[[], None]:
        """Call it with each event of a kind of `circadia.events` → a function that ends this: see `Listeners.on`."""
        return self.reporter.listeners.on(kind, call)

    @overload
    def events(self, kind: type[E], /, *, most: int = ...) -> EventStream[E]: ...

    @overload
    def events(self, *kinds: type[Event], most: int = ...) -> EventStream[Event]: ...

    def events(self, *kinds: type[Any], most: int = MOST_EVENTS) -> EventStream[Any]:
        """Events of these kinds, of all without one, for `async for`: see `EventStream`."""
        return self.reporter.listeners.stream(kinds, most)

    def _index(self, label: int | str) -> int:
        return self._workload.task.label_index(label)

    # For the agent's thread

    def ingest(self) -> Call | None:
        """Take in what other threads left → for what a tick is wanted, if it is."""
        items, asked = self.inbox.take()
        self._note(self.inferences.remember())  # before the labels of what they answered
        for item in items:
            self._take(item)
        if items:
            self.reporter.queue = self._workload.waiting
        requests = [item for item in items if isinstance(item, Submitted)]
        if not (asked or requests):
            return None
        return Call(asked=asked, earliest_s=min((one.submitted_s for one in requests), default=math.inf))

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
            self._workload.ask(request)
        except CircadiaError as error:
            answer.set_exception(error)
        else:
            self._promises.add(answer)
            self.recent.asked(item.submitted_s, item.deadline_s)

    def _hear_label(self, item: Labelled) -> None:
        x = self._workload.recall(item.request_id)
        if x is None:
            log.warning(
                "feedback for request %d, which was not served or is long ago: dropped", item.request_id
            )
            return
        self.recent.labelled(item.request_id, item.label, item.t_s)
        self._remember(_Lesson(x=x, label=item.label, t_s=item.t_s, request_id=item.request_id))

    def _note(self, answers: Iterable[Served]) -> None:
        for answer in answers:
            self.recent.answered(answer.request_id, answer.label)

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
        ids = self._store.add_examples(
            [(lesson.x, lesson.label, lesson.t_s) for lesson in lessons],
            {lesson.request_id: lesson.label for lesson in lessons if lesson.request_id is not None},
        )
        self._lessons.clear()
        evicted = [
            gone
            for example_id, lesson in zip(ids, lessons, strict=True)
            for gone in self._workload.learn(example_id, lesson.x, lesson.label, lesson.t_s)
        ]
        if evicted:
            self._store.mark_evicted(evicted)

    def answer(self, outcome: Outcome, why_not: str = "") -> None:
        """Whoever waits for what was served or has expired hears of it, however many ticks ago it was asked.

        `why_not`: the limits that kept this device from serving.
        """
        self._note(outcome.served)
        self._promises.keep(outcome.served)
        self.expire(outcome.expired, why_not)
        self.reporter.answered(outcome.served)

    def expire(self, request_ids: Collection[int], why_not: str = "") -> None:
        """Whoever waits for these hears that their deadlines have passed; `why_not` as for `answer`."""
        self.reporter.queue = self._workload.waiting
        self._promises.expire(request_ids, f": serving is forbidden by {why_not}" if why_not else "")

    def close(self) -> None:
        """Take nothing in from now on, and let nobody wait for an answer."""
        self.inferences.close()
        self._promises.close(item.answer for item in self.inbox.close() if isinstance(item, Submitted))
        self.reporter.close()

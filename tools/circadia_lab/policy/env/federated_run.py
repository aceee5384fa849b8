"""A federation's life in simulated time, without processes or a broker: the agents' own workloads on the demo's world.

Learning is real: the task's signatures, example buffers, int8 updates, the federation's buffered averaging. When
devices train, push and pull is drawn: a habit of the whole fleet, and each device's own departure from it.
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from circadia.actions import action_named
from circadia.energy.profile_file import shipped_profile
from circadia.errors import ConfigError
from circadia.federation.aggregate.averaging import Buffer
from circadia.federation.aggregate.records import Version
from circadia.federation.codecs import decode
from circadia.federation.device.events import ManifestSeen, ModelArrived, UpdateAcknowledged
from circadia.learning.examples import ExampleBuffer
from circadia.learning.personal import Personalisation
from circadia.learning.trainer import Trainer
from circadia.physics.scenario import scenario_for
from circadia.platforms.clocks import HandClock
from circadia.platforms.simulated import SimulatedPlatform
from circadia.serving.feedback import AnsweredInputs
from circadia.serving.queue import RequestQueue
from circadia.serving.server import Server
from circadia.types import Load, Model, Work
from circadia.workload import LearningWorkload
from circadia_lab.data.day.accuracy import Examiner
from circadia_lab.data.day.plan import BUFFER, BUFFER_TIMEOUT_S, DAY_S, EXAMPLES, RATE
from circadia_lab.data.day.world import RequestEvent, World

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from circadia.federation.device.events import DeviceEvent
    from circadia.learning.task import Task
    from circadia.types import Action, ModelUpdate
    from circadia_lab.data.day.world import Event

    Weights = NDArray[np.float32]

DEVICES = 8
DAYS = 4
RECORD_S = 1800.0
"""Between two looks at every device."""
TRAIN_S, PUSH_S, PULL_S = (300.0, 36 * 3600.0), (900.0, 36 * 3600.0), (900.0, 36 * 3600.0)
"""Between which the mean time from one training, push or pull of a fleet to the next lies, log-uniform."""
DEPARTURE = 0.6
"""Standard deviation of the logarithm of a device's own intervals about the fleet's."""
UNEVEN = (0.4, 1.6)
"""Two intervals of a device differ by so much about their mean."""
FIELDS = (
    "model_age_s",
    "fresh_age_s",
    "unsent_examples",
    "versions_behind",
    "fresh_examples",
    "practice",
    "newest_age_s",
)
"""What is recorded of a `State`."""

PUSH, PULL = action_named("sleep/sync-int8"), action_named("sleep/sync-pull")
TRAIN = {work: action_named(f"train/high/{work.value}") for work in Work}


class Schedule(NamedTuple):
    """Mean time from one to the next, seconds; and how much is trained at a time."""

    train_s: float
    push_s: float
    pull_s: float
    large_share: float
    """Of the trainings, those that do the larger number of steps, in [0, 1]."""

    def intervals(self) -> dict[str, float]:
        """By what happens after each."""
        return {"train": self.train_s, "push": self.push_s, "pull": self.pull_s}


class Record(NamedTuple):
    """A look at one device."""

    t_s: float
    device: int
    features: tuple[float, ...]
    """(fields,) as a `State` of the physics has them."""
    accuracy: float
    """Of the weights in service, on the device's own held-out images as it sees them now."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Run:
    """One fleet's days."""

    schedule: Schedule
    """The fleet's."""
    records: tuple[Record, ...]

    @property
    def features(self) -> NDArray[np.float64]:
        """(records, fields)"""
        return np.array([record.features for record in self.records])

    @property
    def accuracy(self) -> NDArray[np.float64]:
        """(records,)"""
        return np.array([record.accuracy for record in self.records])


def draw_schedules(random: np.random.Generator, devices: int) -> tuple[Schedule, list[Schedule]]:
    """The fleet's habit and what each device makes of it."""
    ranges = np.log([TRAIN_S, PUSH_S, PULL_S])
    fleet = random.uniform(ranges[:, 0], ranges[:, 1])
    own = np.exp(fleet + random.normal(0, DEPARTURE, (devices, len(ranges))))
    share = random.random()
    return _schedule(np.exp(fleet), share), [_schedule(row, share) for row in own]


def _schedule(intervals_s: NDArray[np.float64], large_share: float) -> Schedule:
    train_s, push_s, pull_s = intervals_s.tolist()
    return Schedule(train_s, push_s, pull_s, large_share)


def play(task: Task, seed: int, *, days: int = DAYS, devices: int = DEVICES) -> Run:
    """One run from the task's first weights on: a drift at a random time of each day, schedules of its own.

    All of it is fixed by the seed. `ConfigError` for fewer days than one.
    """
    if days < 1:
        raise ConfigError(f"federated run of {days} days: needs one or more")
    random = np.random.default_rng([seed, 1])
    drifts_s = (np.arange(days) + random.random(days)) * DAY_S
    world = World(seed, devices, drifts_s=drifts_s.tolist(), days=days)
    fleet, own = draw_schedules(random, devices)
    return Run(schedule=fleet, records=tuple(Federation(task, world, own, random).live()))


class _Aggregator:
    """The averaging of `circadia.federation.aggregate.aggregator`, with the demonstration's settings and no messages."""

    def __init__(self, weights: Weights) -> None:
        self.version = Version(number=1, published_s=0.0, weights=weights)
        self._buffer = Buffer(weights.size)
        self._flush_s = math.inf

    def take(self, update: ModelUpdate, now_s: float) -> None:
        delta = decode(update.payload, self.version.weights.size, update.codec)
        staleness = self.version.number - update.base_version
        self._buffer.add(delta, examples=update.examples, staleness=staleness)
        self._flush_s = min(self._flush_s, now_s + BUFFER_TIMEOUT_S)
        if self._buffer.updates >= BUFFER:
            self._flush(now_s)

    def tick(self, now_s: float) -> None:
        if now_s >= self._flush_s:
            self._flush(self._flush_s)

    def _flush(self, now_s: float) -> None:
        weights = self._buffer.apply(self.version.weights, RATE)
        self.version = Version(number=self.version.number + 1, published_s=now_s, weights=weights)
        self._buffer, self._flush_s = Buffer(weights.size), math.inf


class Federation:
    """The devices' workloads and their aggregator; one pass over time."""

    def __init__(
        self,
        task: Task,
        world: World,
        schedules: Sequence[Schedule],
        random: np.random.Generator,
        *,
        personal: bool = False,
        alone: bool = False,
    ) -> None:
        """`personal`: devices have answers of their own; `alone`: they hear of no version, and learn by themselves."""
        self._personal, self._alone = personal, alone
        self._task, self._world, self._random = task, world, random
        self._trainer, self._server = Trainer(task), Server(task)
        self._aggregator = _Aggregator(task.initial_weights)
        self._examiner = Examiner(world, self._trainer)
        self._end_s = world.days * DAY_S
        self.training_s = 0.0
        """That all devices spent on training, by their profile."""
        self.workloads = [self._workload(device) for device in range(world.devices)]
        self._lessons = [deque(lessons(world.stream(device))) for device in range(world.devices)]
        self._schedules = schedules
        self._acts = deque(
            sorted(
                (t_s, device, what)
                for device, schedule in enumerate(schedules)
                for t_s, what in self._timetable(schedule)
            )
        )

    def live(self) -> Iterator[Record]:
        """Every device's records, in order of time."""
        for now_s in np.arange(RECORD_S, self._end_s + 1, RECORD_S).tolist():
            self.go_on(now_s)
            for device in range(self._world.devices):
                yield self._look(device, now_s)

    def go_on(self, until_s: float) -> None:
        """All that happens up to a time; times rise."""
        while self._acts and self._acts[0][0] <= until_s:
            self._act(*self._acts.popleft())
        self._aggregator.tick(until_s)

    @property
    def published(self) -> Weights:
        """(parameters,) the newest version."""
        return self._aggregator.version.weights

    def _workload(self, device: int) -> LearningWorkload:
        profile = shipped_profile("pixel-3")
        first = self._aggregator.version
        return LearningWorkload(
            task=self._task,
            model=Model(
                version=first.number, published_s=first.published_s, base=first.weights, weights=first.weights
            ),
            trainer=self._trainer,
            server=self._server,
            examples=ExampleBuffer(EXAMPLES, len(self._task.labels)),
            requests=RequestQueue(1),
            answered=AnsweredInputs(1),
            platform=SimulatedPlatform(profile, scenario_for(profile), device),
            random=self._random,
            new_id=lambda: "",
            personalisation=self._own_answers(),
            clock=HandClock(),
        )

    def _own_answers(self) -> Personalisation | None:
        if not self._personal:
            return None
        return Personalisation(task=self._task, trainer=self._trainer, server=self._server)

    def _timetable(self, schedule: Schedule) -> Iterator[tuple[float, str]]:
        for what, mean_s in schedule.intervals().items():
            count = math.ceil(self._end_s / (mean_s * UNEVEN[0])) + 1
            gaps = mean_s * self._random.uniform(*UNEVEN, count)
            gaps[0] *= self._random.random()
            times = np.cumsum(gaps)
            for t_s in times[times < self._end_s].tolist():
                yield t_s, what

    def _act(self, t_s: float, device: int, what: str) -> None:
        self._aggregator.tick(t_s)
        self._learn_of(device, t_s)
        workload = self.workloads[device]
        newest = self._aggregator.version
        outcome = workload.run(self._action(what, device), t_s)
        workload.settle(stored=True)
        self.training_s += sum(phase.duration_s for phase in outcome.phases if phase.load is Load.TRAIN_HIGH)
        if outcome.update is not None:
            self._aggregator.take(outcome.update, t_s)
            self._tell(workload, UpdateAcknowledged(update_id=outcome.update.update_id, accepted=True), t_s)
        # The push pulls as well, what there was when it began.
        if what != "train" and not self._alone and newest.number > workload.model.version:
            arrived = ModelArrived(
                version=newest.number, published_s=newest.published_s, weights=newest.weights
            )
            self._tell(workload, arrived, t_s)

    def _tell(self, workload: LearningWorkload, event: DeviceEvent, now_s: float) -> None:
        workload.hear(event, now_s)
        workload.settle(stored=True)

    def _action(self, what: str, device: int) -> Action:
        if what == "train":
            large = self._random.random() < self._schedules[device].large_share
            return TRAIN[Work.LARGE if large else Work.SMALL]
        return PUSH if what == "push" else PULL

    def _learn_of(self, device: int, now_s: float) -> None:
        """The examples that arrived by now go into the buffer."""
        lessons, buffer = self._lessons[device], self.workloads[device].examples
        while lessons and lessons[0].t_s <= now_s:
            lesson = lessons.popleft()
            buffer.add(lesson.number, lesson.image, lesson.label, lesson.t_s)

    def _look(self, device: int, now_s: float) -> Record:
        self._learn_of(device, now_s)
        workload, newest = self.workloads[device], self._aggregator.version
        seen = ManifestSeen(version=newest.number, published_s=newest.published_s)
        self._tell(workload, seen, now_s)
        state = workload.observe(now_s) | {"newest_age_s": now_s - newest.published_s}
        accuracy = self._examiner.accuracy(workload.model.weights, now_s, device)
        return Record(now_s, device, tuple(state[field] for field in FIELDS), accuracy)


class Lesson(NamedTuple):
    """A labelled image on its way to a device's example buffer."""

    t_s: float
    number: int
    image: NDArray[np.float32]
    label: int


def lessons(events: Sequence[Event]) -> list[Lesson]:
    """What a device hears of labels, in order of time: examples, and feedback, as if all requests were served."""
    heard = []
    for event in events:
        t_s = event.t_s
        if isinstance(event, RequestEvent):
            t_s += math.nan if event.feedback_after_s is None else event.deadline_s + event.feedback_after_s
        if not math.isnan(t_s):
            heard.append((t_s, event))
    heard.sort(key=lambda pair: pair[0])
    return [Lesson(t_s, number, event.image, event.label) for number, (t_s, event) in enumerate(heard)]

"""A fleet's days on one clock that is moved: real runtimes, training, serving and federation, simulated bodies.

Everything is what `./tools/run` starts (the devices' configuration, stores, protocol cores, ledger), but for the
processes, the broker and the waiting: messages arrive at once, and what a seed does not fix is nothing.
"""

from __future__ import annotations

import math
import tomllib
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, NamedTuple, Self

from circadia.config import parse_config
from circadia.federation.aggregate.aggregator import Aggregator, AggregatorSettings, first_version
from circadia.federation.aggregate.ledger import Ledger
from circadia.federation.aggregate.service import LedgerSink
from circadia.learning.task_file import load_task
from circadia.learning.trainer import Trainer
from circadia.platforms.clocks import HandClock
from circadia.platforms.simulated import SimulatedPlatform
from circadia.wiring import Parts, build
from circadia.workload import LearningWorkload
from circadia_lab.data.day.accuracy import Examiner
from circadia_lab.data.day.device_file import device_file
from circadia_lab.data.day.plan import BUFFER, BUFFER_TIMEOUT_S, DAY_S, FEDERATION, RATE
from circadia_lab.data.day.result import Joules
from circadia_lab.data.day.user import User
from circadia_lab.data.day.world import world_of
from circadia_lab.life.post import Post, PostLink

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from circadia.federation.device.endpoint import DeviceEndpoint
    from circadia.learning.task import Task
    from circadia.ports import Policy
    from circadia.runtime import Runtime
    from circadia.types import TickRecord
    from circadia_lab.data.day.plan import Plan
    from circadia_lab.data.day.world import World

LOOK_S = 1800.0
"""Between two looks at every device."""
NOBODY = 1
"""A broker's port that nobody listens at: none is asked."""


class Look(NamedTuple):
    """What there is to see of a device at a time."""

    t_s: float
    device: int
    workload: dict[str, float]
    """As the workload tells the observation, with `newest_age_s`, the age of the federation's newest version, and `newest`, its
    number."""
    version: int
    """That the device has."""
    accuracy: float
    """Of the installed weights, on the common held-out images of that time."""
    accuracy_own: float
    """On the device's own, as it sees them."""


@dataclass(slots=True, eq=False)
class Device:
    """One of the fleet."""

    index: int
    runtime: Runtime
    link: PostLink
    body: SimulatedPlatform
    workload: LearningWorkload
    user: User
    config: str
    """Its file."""
    trained: list[int]
    """Steps of each training."""
    joules: Joules = field(default_factory=Joules)
    """At the end of the last day."""

    @property
    def steps(self) -> int:
        """Of training, in all."""
        return sum(self.trained)

    def turn(self) -> None:
        """What a bell or the time calls for, and what the federation answers to it."""
        self.runtime.turn()
        while self.link.waiting:
            self.runtime.turn()


class Life:
    """A context: a fleet that plays its days once. One thread."""

    def __init__(
        self,
        plan: Plan,
        policy: Callable[[], Policy],
        folder: Path,
        *,
        policy_name: str = "",
        world: World | None = None,
        end_s: float = math.inf,
    ) -> None:
        """`policy` makes each device's own, `folder` takes stores and ledger.

        `policy_name`: what the devices' files call it, if not as it calls itself; `world`: if not the plan's own; `end_s`: less
        than all of its days.
        """
        self.plan, self.folder = plan, folder
        self.world = world or world_of(plan)
        self.end_s = min(end_s, self.world.days * DAY_S)
        """When the last day ends."""
        self.clock = HandClock()
        self.task: Task = load_task("digits")
        self.examiner = Examiner(self.world, Trainer(self.task))
        self._policy_name = policy_name
        self._opened = ExitStack()
        self._post = Post(self.clock)
        with ExitStack() as opened:
            folder.mkdir(parents=True, exist_ok=True)
            self.ledger = opened.enter_context(closing(self._ledger()))
            self.aggregator = self._aggregator()
            self.devices = [self._device(index, policy(), opened) for index in range(plan.devices)]
            self._opened = opened.pop_all()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._opened.close()

    # What there is

    def _ledger(self) -> Ledger:
        task = self.task
        return Ledger(
            self.folder / "ledger.db", task=task.digest, parameters=task.parameters, identity=task.identity
        )

    def _aggregator(self) -> Aggregator:
        first = first_version(self.task.initial_weights, self.clock.now_s())
        self.ledger.claim(FEDERATION)
        self.ledger.keep_version(first)
        self.ledger.commit()
        aggregator = Aggregator(
            settings=AggregatorSettings(
                federation=FEDERATION,
                task=self.task.digest,
                identity=self.task.identity.digest,
                buffer=BUFFER,
                rate=RATE,
                timeout_s=BUFFER_TIMEOUT_S,
            ),
            version=first,
            buffered=(),
            verdicts=self.ledger.verdict,
            stamp=lambda now_s: now_s,
        )
        self._post.connect(self._post.join(aggregator, LedgerSink(self.ledger, lambda _: None)))
        return aggregator

    def _device(self, index: int, policy: Policy, opened: ExitStack) -> Device:
        links: list[PostLink] = []

        def link(endpoint: DeviceEndpoint) -> PostLink:
            links.append(PostLink(self._post, endpoint))
            return links[-1]

        store = self.folder / f"{self.plan.name(index)}.db"
        text = device_file(
            self.plan, index, policy=self._policy_name or policy.name, store=store, port=NOBODY, drain_s=0.0
        )
        parts = Parts(clock=self.clock, policy=policy, task=self.task, link=link)
        trained: list[int] = []
        runtime = build(
            parse_config(tomllib.loads(text)), parts=parts, observers=[partial(_note_steps, trained)]
        )
        opened.callback(runtime.stop)
        body, workload = runtime.agent.platform, runtime.agent.workload
        assert isinstance(body, SimulatedPlatform)
        assert isinstance(workload, LearningWorkload)
        user = User(runtime.agent, self.world.stream(index))
        return Device(index, runtime, links[0], body, workload, user, text, trained)

    # Time passes

    def play(self) -> Iterator[Look]:
        """To the end of the last day: every device's looks, in order of time."""
        for look in range(math.ceil(self.end_s / LOOK_S) + 1):
            t_s = min(look * LOOK_S, self.end_s)
            self._go_on(t_s)
            for device in self.devices:
                yield self._look(device, t_s)
        for device in self.devices:
            self._end(device)

    def _go_on(self, until_s: float) -> None:
        """All that happens before a time."""
        while True:
            device = min(self.devices, key=_next_s)
            t_s = max(min(_next_s(device), self._post.due_s), self.clock.t_s)
            if t_s >= until_s:
                self.clock.t_s = until_s
                return
            self.clock.t_s = t_s
            if self._post.due_s <= t_s:
                self._post.tick()
            else:
                self._happen(device)
            self._hear()

    def _happen(self, device: Device) -> None:
        if device.user.next_s <= self.clock.t_s:
            while device.user.next_s <= self.clock.t_s:
                device.user.happen()
        device.turn()

    def _hear(self) -> None:
        """A new version is announced to all that are connected."""
        for device in self.devices:
            if device.link.waiting:
                device.turn()

    def _look(self, device: Device, t_s: float) -> Look:
        newest, workload = self.aggregator.version, device.workload
        seen = workload.observe(t_s)
        seen |= {"newest": float(newest.number), "newest_age_s": t_s - newest.published_s}
        weights = workload.model.weights
        return Look(
            t_s,
            device.index,
            seen,
            workload.version,
            self.examiner.accuracy(weights, t_s),
            self.examiner.accuracy(weights, t_s, device.index),
        )

    def _end(self, device: Device) -> None:
        """As the runtime ends: take in, deliver, hear the verdicts; on an unmetered link, as the demonstration's devices are."""
        device.body.observe(self.clock.t_s)
        device.joules = Joules(**device.body.account._asdict())
        device.body.dock()
        agent = device.runtime.agent
        agent.ingest()
        agent.learn()
        agent.hear()
        agent.deliver()
        agent.hear()


def _note_steps(steps: list[int], record: TickRecord) -> None:
    if record.outcome.training is not None:
        steps.append(record.outcome.training.steps)


def _next_s(device: Device) -> float:
    return min(device.user.next_s, device.runtime.due_s)

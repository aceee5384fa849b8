"""The composition root: a configuration → a runtime. The only place that chooses an implementation."""

from __future__ import annotations

import logging
import math
import time
import uuid
from contextlib import ExitStack
from dataclasses import dataclass, replace
from itertools import takewhile
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from circadia.actions import FACTS, units_of
from circadia.agent import Agent
from circadia.application import Application
from circadia.bounds import Bounds
from circadia.config import DeviceConfig, load_config
from circadia.energy.pace import Paces
from circadia.energy.profile_file import load_profile, shipped_profile
from circadia.energy.work import at_least, with_work, work_of
from circadia.errors import ArtifactError, ConfigError, PlatformUnavailable
from circadia.federation.codecs import FLOAT32, INT8, POLL_BYTES, largest_payload
from circadia.federation.device.patience import Patience
from circadia.federation.device.rejections import Rejections
from circadia.federation.wire.topics import checked_id
from circadia.inbox import Inbox
from circadia.inferences import Inferences
from circadia.learning.examples import ExampleBuffer
from circadia.learning.personal import Personalisation, most_steps
from circadia.learning.task_file import load_task
from circadia.learning.trainer import Trainer
from circadia.platforms.clocks import SystemClock
from circadia.plugs import METERS, PLATFORMS, BlamedMeter, MeterContext, PlatformContext
from circadia.ports import Federation, sound_wakes_on
from circadia.promises import Promises
from circadia.recent import Recent
from circadia.reporter import Reporter
from circadia.runtime import Runtime
from circadia.sensors import all_told, needed
from circadia.serving.feedback import AnsweredInputs
from circadia.serving.queue import RequestQueue
from circadia.serving.server import Server
from circadia.shield import foretold
from circadia.status import UpdateCounts
from circadia.store.sqlite import SqliteStore
from circadia.tflite.interpreter import open_interpreter
from circadia.types import Model, Units
from circadia.workload import SPOOL_LIMIT, LearningWorkload

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    from circadia.config import FederationConfig
    from circadia.energy.profile import DeviceProfile
    from circadia.federation.device.endpoint import DeviceEndpoint
    from circadia.federation.transport.device_link import DeviceLink
    from circadia.learning.task import Task
    from circadia.plugs import Found, PlatformConfig, PlatformPlug
    from circadia.ports import Clock, EnergyMeter, OpenModel, Platform, Policy, Store, Workload
    from circadia.store.rows import StoredUpdate
    from circadia.types import Action, Away, LastTick, Observation, TickRecord


log = logging.getLogger(__name__)


class ClosableFederation(Federation, Protocol):
    """A link that is let go of in the end."""

    def close(self) -> None:
        """Leave."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Parts:
    """Ready-made parts, in the place of those that a configuration names."""

    clock: Clock | None = None
    """Its 0 is a local midnight."""
    platform: Platform | None = None
    meter: EnergyMeter | None = None
    measure: Callable[[Any], EnergyMeter] | None = None
    """Makes the meter of the body, whichever that is."""
    policy: Policy | None = None
    task: Task | None = None
    store: Store | None = None
    """Open; the runtime closes it."""
    workload: Callable[[LearningWorkload, Sequence[Away]], Workload] | None = None
    """Makes another out of the one that learns and serves here, and of what was away when the device ended."""
    open_model: OpenModel = open_interpreter
    """Opens .tflite models: what trains, serves and decides."""
    link: Callable[[DeviceEndpoint], ClosableFederation] | None = None
    """Joins the device's end of its federation to the aggregator's without a broker; the runtime closes it."""


def build(
    config: DeviceConfig,
    *,
    parts: Parts | None = None,
    observers: Sequence[Callable[[TickRecord], None]] = (),
) -> Runtime:
    """Everything a device needs, put together; errors name what is missing or wrong.

    Each of `observers` hears of every tick: see `Runtime`.
    """
    given = parts or Parts()
    task = given.task or load_task(config.agent.task, given.open_model)
    policy = given.policy or make_policy(config.agent.policy, given.open_model)
    profile = profile_of(config.platform, task)
    with ExitStack() as opened:  # or a second attempt would find the store in use
        store = given.store or SqliteStore(config.store.path, config.store.retention)
        opened.callback(store.close)
        runtime = _assemble(config, given, task, policy, profile, store, observers, opened)
        opened.pop_all()
    return runtime


def _assemble(
    config: DeviceConfig,
    parts: Parts,
    task: Task,
    policy: Policy,
    profile: DeviceProfile,
    store: Store,
    observers: Sequence[Callable[[TickRecord], None]],
    opened: ExitStack,
) -> Runtime:
    device = named_device(config, store)
    store.check_task(task.identity, task.parameters)
    verdicts = store.verdicts()
    last = store.last_tick()
    random = np.random.default_rng([config.agent.seed, last.tick_id if last else 0])
    bodies = PLATFORMS.find(config.platform.kind)
    clock, midnight_s = (parts.clock, 0.0) if parts.clock else _clock(bodies, config.platform, last)
    context = PlatformContext(profile=profile, clock=clock, midnight_s=midnight_s, last=last)
    body = parts.platform or _body(bodies, config, context)
    opened.callback(body.close)
    inbox, promises = Inbox(first_request_id=store.next_request_id()), Promises()
    meter = _meter(parts, bodies, config, MeterContext(profile=profile, clock=clock, platform=body))
    opened.callback(meter.close)
    counts = counts_of(verdicts)
    learning = _workload(
        config, parts, task, body, store, random, clock, inbox, promises, held=bool(counts.held)
    )
    workload = learning if parts.workload is None else parts.workload(learning, store.away())
    with bodies.blamed("what it says of the actions"):
        most = foretold(body, profile, most_sync_bytes(task.parameters), units=most_units(config, task))
    if not most.supported[FACTS.serves | FACTS.trains].any():
        raise ConfigError(
            f"platform.profile {config.platform.profile!r}: such a device can do nothing that a body of kind "
            f"{config.platform.kind!r} can (its clocks are {', '.join(level.value for level in profile.clocks) or 'none'}); "
            "name the profile of this class of device"
        )
    bounds = Bounds(config.limits, most, Paces.of(store.paces(), task.infer_batch))
    if body.stopwatch is not None:
        with bodies.blamed("looking at it"):
            seen = body.observe(clock.now_s())
        check_sensors(bounds.shield.names, seen, store.sensors(), body)
    rejected = rejected_since(verdicts)
    link = _federation(config, parts, device, task, workload.version, rejected, inbox.ring)
    if link is not None:
        opened.callback(link.close)
    agent = Agent(
        clock=clock,
        platform=body,
        policy=policy,
        bounds=bounds,
        workload=workload,
        store=store,
        meter=meter,
        draw=random.random,
        application=Application(
            clock=clock,
            workload=workload,
            store=store,
            inbox=inbox,
            inferences=_inferences(config, clock, workload, body, inbox),
            deadline_s=config.agent.deadline_s,
            preference=config.agent.preference,
            promises=promises,
            reporter=Reporter(device=device, version=workload.version, updates=counts),
            recent=Recent(deadline_s=config.agent.deadline_s, federated=link is not None, last=last),
        ),
        federation=link,
        period_s=config.agent.period_s,
        longest_sleep_s=config.agent.longest_sleep_s,
    )
    drain_s, pull_wait_s = (
        (config.federation.drain_s, config.federation.pull_wait_s) if config.federation else (0.0, 0.0)
    )
    closing = (link, meter) if link else (meter,)
    runtime = Runtime(agent, closing=closing, drain_s=drain_s, pull_wait_s=pull_wait_s, observers=observers)
    _keep(config, store, device, task, inbox.next_id)
    return runtime


def _keep(config: DeviceConfig, store: Store, device: str, task: Task, next_id: int) -> None:
    """The store is this device's and this task's from now on: nothing refuses to start any more."""
    store.claim(task.identity, task.parameters)
    if config.federation is not None and not store.device():
        store.keep_device(device)
    store.reserve_request_ids(next_id + MOST_REQUESTS)
    kept = store.load_model()
    if not _is_personal(config) and kept is not None and kept.personal is not None:
        store.save_model(replace(kept, personal=None))  # the store says what the device answers with


def _inferences(
    config: DeviceConfig, clock: Clock, workload: Workload, body: Platform, inbox: Inbox
) -> Inferences:
    return Inferences(
        clock=clock,
        workload=workload,
        stopwatch=body.stopwatch,
        new_id=inbox.new_id,
        ask=inbox.ask,
        fresh_s=max(2 * config.agent.period_s, 60.0),
    )


def check_sensors(acting: Collection[str], seen: Observation, known: Collection[str], body: Platform) -> None:
    """`PlatformUnavailable` names every sensor that a limit needs, that does not answer, and that is not `known` to have.

    Without it the device would never do anything. One that is known may be late: then the limits wait for it.
    """
    silent = [s for s in needed(acting) if s.silent(seen) and s.key not in known]
    if silent:
        raise PlatformUnavailable(all_told(silent, acting, body.looks_at))


def named_profile(name: str) -> DeviceProfile:
    """A shipped device profile by its name, or the path of a TOML file."""
    return load_profile(name) if name.endswith(".toml") else shipped_profile(name)


def profile_of(config: PlatformConfig, task: Task) -> DeviceProfile:
    """The profile that the configuration names, with the durations of the task's work if it asks for them.

    `ConfigError`, or `ArtifactError` of the task's file, for a task whose work cannot be foretold on that device.
    """
    profile = named_profile(config.profile)
    if config.work == "profile":
        return profile
    put = with_work if PLATFORMS.find(config.kind).plug.virtual else at_least
    try:
        return put(profile, work_of(task.name, task.model, task.infer_batch))
    except (ConfigError, ArtifactError) as error:
        raise type(error)(f'platform.work = "task": {error}; or say platform.work = "profile"') from error


def make_policy(name: str, open_model: OpenModel = open_interpreter) -> Policy:
    """The policy of a name: `default`, `separate`, a rule, or the path of a policy file.

    Where the shipped file fails, the rule `due` takes its place, and the log says so; a file that the user named is an
    `ArtifactError`.
    """
    from circadia.policy.rules import RULES

    if name in RULES:
        return RULES[name]()
    from circadia.policy.artifact import load_policy, shipped_policy
    from circadia.policy.network import NetworkPolicy
    from circadia.policy.separate import SeparatePolicy

    if name in ("default", "separate"):
        try:
            shipped = NetworkPolicy(load_policy(shipped_policy(), open_model), open_model)
        except ArtifactError as error:
            log.error("the policy that comes with Circadia cannot be used, the rule `due` decides: %s", error)  # noqa: TRY400  the message says it
            return RULES["due"]()
        return shipped if name == "default" else SeparatePolicy(shipped)
    if not name.endswith(".tflite"):
        raise ConfigError(
            f"agent.policy {name!r} is neither `default`, `separate`, a rule ({', '.join(RULES)}) nor a .tflite file"
        )
    return NetworkPolicy(load_policy(Path(name), open_model), open_model)


def launch(config: Path | str | DeviceConfig | None = None, *, task: Task | None = None) -> Runtime:
    """Put a device together from a TOML file; without one, a lone simulated Pixel 3.

    `task` is learned instead of the one that the file names. `with launch("device.toml") as agent:` runs it in a thread
    of its own.
    """
    parts = Parts(task=task)
    if config is None:
        return build(DeviceConfig(), parts=parts)
    return build(config if isinstance(config, DeviceConfig) else load_config(Path(config)), parts=parts)


MOST_REQUESTS = 2**40
"""Of one run, whose ids are reserved at its start: a label that comes after a SIGKILL meets no other request."""
LEGACY_DEVICE = "device"
"""What every device was called that was given no name, before stores kept one; what one that learns alone is called."""


def named_device(config: DeviceConfig, store: Store) -> str:
    """The device's name: in a federation the store's, which keeps it from the first start in one.

    `ConfigError` where the configuration says another: the federation would take it for another device, and what it has
    judged of this one for not judged. A device that learns alone may be called anything.
    """
    kept = store.device()
    if config.federation is None:
        return config.device or kept or LEGACY_DEVICE
    if kept and config.device and config.device != kept:
        raise ConfigError(
            f"device {config.device!r}: the store {config.store.path} began as {kept!r}, and keeps that name in its "
            f"federation; write device = {kept!r}, or name another [store] path to begin as {config.device!r}"
        )
    if kept:
        return kept
    drawn = LEGACY_DEVICE if _was_federated(store) else f"device-{uuid.uuid4().hex[:12]}"
    return checked_id("device", config.device or drawn)


def _was_federated(store: Store) -> bool:
    """Whether a federation knows the device already, under the name that nobody gave it."""
    model = store.load_model()
    judged = any(update.accepted is not None for update in store.verdicts())
    return judged or (model is not None and model.version > 0)


def rejected_since(verdicts: Sequence[StoredUpdate]) -> tuple[str, ...]:
    """Why the newest updates were rejected, the oldest first, none accepted since."""
    judged = [update for update in verdicts if update.accepted is not None]
    newest = takewhile(lambda update: not update.accepted, reversed(judged))
    return tuple(update.reason for update in newest)[::-1]


def counts_of(verdicts: Sequence[StoredUpdate]) -> UpdateCounts:
    """What became of the updates of earlier runs."""
    rejections = [update.reason for update in verdicts if update.accepted is False]
    held = Rejections(Patience(), rejected_since(verdicts)).held
    return UpdateCounts(
        made=len(verdicts),
        accepted=sum(update.accepted is True for update in verdicts),
        rejected=len(rejections),
        last_rejection=rejections[-1] if rejections else "",
        held=rejections[-1] if held else "",
    )


def _clock(bodies: Found[PlatformPlug], config: PlatformConfig, last: LastTick | None) -> tuple[Clock, float]:
    """The agent's clock, and its reading at a local midnight."""
    if bodies.plug.clock is None:
        return SystemClock(), float(time.timezone)
    with bodies.blamed("its clock"):
        return bodies.plug.clock(config, last)


def _body(bodies: Found[PlatformPlug], config: DeviceConfig, context: PlatformContext) -> Platform:
    with bodies.blamed("building it"):
        body = bodies.plug.build(config.platform, context)
    if bodies.where:
        with bodies.blamed("looking at it"):
            body.observe(context.clock.now_s())  # what fails at each call is refused now, not at every tick
            _ = body.stopwatch, body.looks_at("battery_soc"), sound_wakes_on(body)
    return body


def _meter(
    parts: Parts, bodies: Found[PlatformPlug], config: DeviceConfig, context: MeterContext
) -> EnergyMeter:
    """The one of that name; without a name the body's own, or none."""
    if parts.meter is not None:
        return parts.meter
    if parts.measure is not None:
        return parts.measure(context.platform)
    if not config.meter.kind and parts.platform is None and bodies.plug.meter is not None:
        with bodies.blamed("its own meter"):
            return bodies.plug.meter(context.platform)
    meters = METERS.find(config.meter.kind)
    with meters.blamed("building it"):
        meter = meters.plug.build(config.meter, context)
    if not meters.where:
        return meter
    blamed, now_s = BlamedMeter(meter=meter, found=meters), context.clock.now_s()
    blamed.about()
    blamed.read(now_s, now_s)
    return blamed


def most_sync_bytes(parameters: int) -> int:
    """A full spool and one more update up, a question and a model down."""
    down = POLL_BYTES + largest_payload(parameters, FLOAT32)
    return (SPOOL_LIMIT + 1) * largest_payload(parameters, INT8) + down


def most_units(config: DeviceConfig, task: Task) -> Callable[[Action], Units]:
    """How many requests and steps an action works through at most."""

    def most(action: Action) -> Units:
        units = units_of(action)
        if units.steps and _is_personal(config):
            return units._replace(steps=units.steps + most_steps(units.steps, task.batch))
        return units

    return most


def _is_personal(config: DeviceConfig) -> bool:
    """Alone there is nothing to depart from."""
    return config.learning.personal and config.federation is not None


def _workload(
    config: DeviceConfig,
    parts: Parts,
    task: Task,
    platform: Platform,
    store: Store,
    random: np.random.Generator,
    clock: Clock,
    inbox: Inbox,
    promises: Promises,
    *,
    held: bool,
) -> LearningWorkload:
    initial = task.initial_weights
    model = store.load_model() or Model(version=0, published_s=math.nan, base=initial, weights=initial)
    trainer, server = Trainer(task, parts.open_model), Server(task, parts.open_model)
    personal = _is_personal(config)
    return LearningWorkload(
        task=task,
        model=model if personal else replace(model, personal=None),
        trainer=trainer,
        server=server,
        examples=_examples(config, task, store),
        requests=RequestQueue(config.learning.requests),
        answered=AnsweredInputs(config.learning.answered),
        platform=platform,
        random=random,
        new_id=lambda: uuid.uuid4().hex,
        personalisation=Personalisation(task=task, trainer=trainer, server=server) if personal else None,
        clock=clock,
        wanted=lambda: inbox.wanted,
        tell=promises.keep,
        spooled=store.spooled(),
        lost=store.away() if parts.workload is None else (),
        held=held,
    )


def _examples(config: DeviceConfig, task: Task, store: Store) -> ExampleBuffer:
    buffer = ExampleBuffer(config.learning.examples, len(task.labels))
    for example in store.examples():
        x = example.x.reshape(task.input_shape)
        store.mark_evicted(buffer.add(example.example_id, x, example.label, example.t_s))
        if example.used:
            buffer.mark_used([example.example_id])
    return buffer


def _federation(
    config: DeviceConfig,
    parts: Parts,
    device: str,
    task: Task,
    version: int,
    rejected: Sequence[str],
    ring: Callable[[], None],
) -> ClosableFederation | None:
    federation = config.federation
    if federation is None:
        return None
    from circadia.federation.device.endpoint import DeviceEndpoint

    endpoint = DeviceEndpoint(
        device_id=device,
        federation=federation.name,
        task_digest=task.digest,
        identity=task.identity.digest,
        parameters=task.parameters,
        installed_version=version,
        patience=federation.patience,
        rejected=rejected,
    )
    return parts.link(endpoint) if parts.link else _over_broker(federation, endpoint, ring)


def _over_broker(
    federation: FederationConfig, endpoint: DeviceEndpoint, ring: Callable[[], None]
) -> DeviceLink:
    from circadia.federation.transport.address import BrokerAddress
    from circadia.federation.transport.device_link import DeviceLink
    from circadia.federation.transport.link import LinkSettings

    settings = LinkSettings(
        keepalive_s=federation.keepalive_s,
        first_retry_s=federation.first_retry_s,
        longest_retry_s=federation.longest_retry_s,
    )
    return DeviceLink(
        address=BrokerAddress.parse(federation.broker),
        endpoint=endpoint,
        random=Random(),
        settings=settings,
        on_event=ring,
        online=False,
    )

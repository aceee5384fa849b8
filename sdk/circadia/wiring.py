"""The composition root: a configuration → a runtime. The only place that chooses an implementation."""

from __future__ import annotations

import math
import time
import uuid
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any

import numpy as np

from circadia.agent import Agent
from circadia.application import Application
from circadia.config import DeviceConfig, load_config
from circadia.energy.profile_file import load_profile, shipped_profile
from circadia.errors import ConfigError
from circadia.federation.codecs import FLOAT32, INT8, largest_payload
from circadia.inbox import Inbox
from circadia.learning.examples import ExampleBuffer
from circadia.learning.personal import Personalisation
from circadia.learning.task_file import load_task
from circadia.learning.trainer import Trainer
from circadia.platforms.clocks import SystemClock
from circadia.plugs import METERS, PLATFORMS, BlamedMeter, MeterContext, PlatformContext
from circadia.runtime import Runtime
from circadia.serving.feedback import AnsweredInputs
from circadia.serving.queue import RequestQueue
from circadia.serving.server import Server
from circadia.shield import Shield, action_costs
from circadia.store.sqlite import SqliteStore
from circadia.tflite.interpreter import open_interpreter
from circadia.types import Model
from circadia.workload import SPOOL_LIMIT, LearningWorkload

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from circadia.energy.profile import DeviceProfile
    from circadia.federation.transport.device_link import DeviceLink
    from circadia.learning.task import Task
    from circadia.plugs import Found, PlatformConfig, PlatformPlug
    from circadia.ports import Clock, EnergyMeter, OpenModel, Platform, Policy, Store, Workload
    from circadia.types import Away, LastTick, TickRecord


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
    store: Store | None = None
    """Open; the runtime closes it."""
    workload: Callable[[LearningWorkload, Sequence[Away]], Workload] | None = None
    """Makes another out of the one that learns and serves here, and of what was away when the device ended."""
    open_model: OpenModel = open_interpreter
    """Opens .tflite models: what trains, serves and decides."""


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
    task = load_task(config.agent.task, given.open_model)
    policy = given.policy or make_policy(config.agent.policy, given.open_model)
    profile = named_profile(config.platform.profile)
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
    last = store.last_tick()
    random = np.random.default_rng([config.agent.seed, last.tick_id if last else 0])
    bodies = PLATFORMS.find(config.platform.kind)
    clock, midnight_s = (parts.clock, 0.0) if parts.clock else _clock(bodies, config.platform, last)
    context = PlatformContext(profile=profile, clock=clock, midnight_s=midnight_s, last=last)
    body = parts.platform or _body(bodies, config, context)
    opened.callback(body.close)
    meter = _meter(parts, bodies, config, MeterContext(profile=profile, clock=clock, platform=body))
    opened.callback(meter.close)
    learning = _workload(config, parts, task, body, store, random)
    workload = learning if parts.workload is None else parts.workload(learning, store.away())
    inbox = Inbox(first_request_id=store.next_request_id())
    with bodies.blamed("what it says of the actions"):
        costs = action_costs(body, profile, _most_sync_bytes(task.parameters), units=learning.most_units)
    link = _federation(config, task, workload.version, inbox.ring)
    if link is not None:
        opened.callback(link.close)
    agent = Agent(
        clock=clock,
        platform=body,
        policy=policy,
        shield=Shield(config.limits, costs),
        workload=workload,
        store=store,
        meter=meter,
        draw=random.random,
        application=Application(
            clock=clock, workload=workload, store=store, inbox=inbox, deadline_s=config.agent.deadline_s
        ),
        federation=link,
        preference=config.agent.preference,
        period_s=config.agent.period_s,
    )
    drain_s = config.federation.drain_s if config.federation else 0.0
    closing = (link, meter) if link else (meter,)
    return Runtime(agent, closing=closing, drain_s=drain_s, observers=observers)


def named_profile(name: str) -> DeviceProfile:
    """A shipped device profile by its name, or the path of a TOML file."""
    return load_profile(name) if name.endswith(".toml") else shipped_profile(name)


def make_policy(name: str, open_model: OpenModel = open_interpreter) -> Policy:
    """The policy of a name: `default`, `separate`, a rule, or the path of a policy file."""
    from circadia.policy.rules import RULES

    if name in RULES:
        return RULES[name]()
    from circadia.policy.artifact import load_policy, shipped_policy
    from circadia.policy.network import NetworkPolicy
    from circadia.policy.separate import SeparatePolicy

    if name == "default":
        return NetworkPolicy(load_policy(shipped_policy(), open_model), open_model)
    if name == "separate":
        return SeparatePolicy(NetworkPolicy(load_policy(shipped_policy(), open_model), open_model))
    if not name.endswith(".tflite"):
        raise ConfigError(
            f"agent.policy {name!r} is neither `default`, `separate`, a rule ({', '.join(RULES)}) nor a .tflite file"
        )
    return NetworkPolicy(load_policy(Path(name), open_model), open_model)


def launch(config: Path | str | DeviceConfig | None = None) -> Runtime:
    """Put a device together from a TOML file; without one, a lone simulated Pixel 3.

    `with launch("device.toml") as agent:` runs it in a thread of its own.
    """
    if config is None:
        return build(DeviceConfig())
    return build(config if isinstance(config, DeviceConfig) else load_config(Path(config)))


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


def _most_sync_bytes(parameters: int) -> int:
    """A full spool and one more update up, a model down."""
    return (SPOOL_LIMIT + 1) * largest_payload(parameters, INT8) + largest_payload(parameters, FLOAT32)


def _workload(
    config: DeviceConfig,
    parts: Parts,
    task: Task,
    platform: Platform,
    store: Store,
    random: np.random.Generator,
) -> LearningWorkload:
    initial = task.initial_weights
    model = store.load_model() or Model(version=0, published_s=math.nan, base=initial, weights=initial)
    if model.weights.size != task.parameters:
        raise ConfigError(
            f"{config.store.path}: holds weights of another task ({model.weights.size} parameters, {task.name} has "
            f"{task.parameters}); name another [store] path"
        )
    trainer, server = Trainer(task, parts.open_model), Server(task, parts.open_model)
    personal = config.learning.personal and config.federation is not None
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
        spooled=store.spooled(),
        lost=store.away() if parts.workload is None else (),
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
    config: DeviceConfig, task: Task, version: int, ring: Callable[[], None]
) -> DeviceLink | None:
    federation = config.federation
    if federation is None:
        return None
    from circadia.federation.device.endpoint import DeviceEndpoint
    from circadia.federation.transport.address import BrokerAddress
    from circadia.federation.transport.device_link import DeviceLink
    from circadia.federation.transport.link import LinkSettings

    endpoint = DeviceEndpoint(
        device_id=config.device,
        federation=federation.name,
        task_digest=task.digest,
        parameters=task.parameters,
        installed_version=version,
        patience=federation.patience,
    )
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

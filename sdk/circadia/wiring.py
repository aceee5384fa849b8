"""The composition root: a configuration → a runtime. The only place that chooses an implementation."""

from __future__ import annotations

import math
import time
import uuid
from importlib.metadata import entry_points
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

import numpy as np

from circadia.agent import Agent
from circadia.config import DeviceConfig, load_config
from circadia.energy.no_meter import NoMeter
from circadia.energy.profile_file import load_profile, shipped_profile
from circadia.errors import ConfigError
from circadia.federation.codecs import FLOAT32, INT8, largest_payload
from circadia.inbox import Inbox
from circadia.learning.examples import ExampleBuffer
from circadia.learning.task_file import load_task
from circadia.learning.trainer import Trainer
from circadia.physics.scenario import scenario_for, scenario_named
from circadia.platforms.clocks import SimulatedClock, SystemClock
from circadia.platforms.linux import LinuxPlatform
from circadia.platforms.simulated import SimulatedMeter, SimulatedPlatform
from circadia.runtime import Runtime
from circadia.serving.feedback import AnsweredInputs
from circadia.serving.queue import RequestQueue
from circadia.serving.server import Server
from circadia.shield import Shield, action_costs
from circadia.store.sqlite import SqliteStore
from circadia.types import Model
from circadia.workload import SPOOL_LIMIT, LearningWorkload

if TYPE_CHECKING:
    from collections.abc import Callable

    from circadia.energy.profile import DeviceProfile
    from circadia.federation.transport.device_link import DeviceLink
    from circadia.learning.task import Task
    from circadia.ports import Clock, EnergyMeter, Platform, Policy
    from circadia.types import LastTick, TickRecord


METERS = "circadia.meters"
"""The entry-point group of meters: functions of ([meter], clock)."""


def build(
    config: DeviceConfig,
    *,
    on_tick: Callable[[TickRecord], None] | None = None,
    clock: Clock | None = None,
    measure: Callable[[SimulatedPlatform], EnergyMeter] | None = None,
) -> Runtime:
    """Everything a device needs, put together; errors name what is missing or wrong.

    For simulations: `clock` in the place of the configuration's, its 0 at a local midnight, and a meter of a body.
    """
    task = load_task(config.agent.task)
    policy = make_policy(config.agent.policy)
    profile = named_profile(config.platform.profile)
    store = SqliteStore(config.store.path, config.store.retention)
    try:
        return _assemble(config, task, policy, profile, store, on_tick, clock, measure)
    except BaseException:
        store.close()  # or a second attempt would find it in use
        raise


def _assemble(
    config: DeviceConfig,
    task: Task,
    policy: Policy,
    profile: DeviceProfile,
    store: SqliteStore,
    on_tick: Callable[[TickRecord], None] | None,
    own_clock: Clock | None,
    measure: Callable[[SimulatedPlatform], EnergyMeter] | None,
) -> Runtime:
    last = store.last_tick()
    random = np.random.default_rng([config.agent.seed, last.tick_id if last else 0])
    clock, midnight_s = (own_clock, 0.0) if own_clock else _clock(config, last)
    body = _body(config, profile, midnight_s, last)
    if isinstance(body, SimulatedPlatform):
        body.link_at(clock.now_s())  # lays out the day, which would make the first tick late
    workload = _workload(config, task, body, store, random)
    inbox = Inbox(first_request_id=store.next_request_id())
    link = _federation(config, task, workload.model.version, inbox.ring)
    costs = action_costs(body, profile, _most_sync_bytes(task.parameters))
    try:
        meter = _meter(config, body, clock, measure)
    except BaseException:
        if link is not None:
            link.close()
        raise
    agent = Agent(
        clock=clock,
        platform=body,
        policy=policy,
        shield=Shield(config.limits, costs),
        workload=workload,
        store=store,
        meter=meter,
        draw=random.random,
        inbox=inbox,
        federation=link,
        preference=config.agent.preference,
        period_s=config.agent.period_s,
        deadline_s=config.agent.deadline_s,
    )
    drain_s = config.federation.drain_s if config.federation else 0.0
    closing = (link, meter) if link else (meter,)
    return Runtime(agent, closing=closing, drain_s=drain_s, on_tick=on_tick)


def named_profile(name: str) -> DeviceProfile:
    """A shipped device profile by its name, or the path of a TOML file."""
    return load_profile(name) if name.endswith(".toml") else shipped_profile(name)


def make_policy(name: str) -> Policy:
    """The policy of a name: `default`, `separate`, a rule, or the path of a policy file."""
    from circadia.policy.rules import RULES

    if name in RULES:
        return RULES[name]()
    from circadia.policy.artifact import load_policy, shipped_policy
    from circadia.policy.network import NetworkPolicy
    from circadia.policy.separate import SeparatePolicy

    if name == "default":
        return NetworkPolicy(load_policy(shipped_policy()))
    if name == "separate":
        return SeparatePolicy(NetworkPolicy(load_policy(shipped_policy())))
    if not name.endswith(".tflite"):
        raise ConfigError(
            f"agent.policy {name!r} is neither `default`, `separate`, a rule ({', '.join(RULES)}) nor a .tflite file"
        )
    return NetworkPolicy(load_policy(Path(name)))


def launch(config: Path | str | DeviceConfig | None = None) -> Runtime:
    """Put a device together from a TOML file; without one, a lone simulated Pixel 3.

    `with launch("device.toml") as agent:` runs it in a thread of its own.
    """
    if config is None:
        return build(DeviceConfig())
    return build(config if isinstance(config, DeviceConfig) else load_config(Path(config)))


def _clock(config: DeviceConfig, last: LastTick | None) -> tuple[Clock, float]:
    """The agent's clock, and its reading at a local midnight.

    A simulated day starts at midnight, or goes on where the store ends.
    """
    platform = config.platform
    if platform.epoch_s is None and platform.scale == 1:
        return SystemClock(), float(time.timezone)
    epoch_s = platform.epoch_s
    if epoch_s is None:
        epoch_s = time.monotonic() - (last.t_s if last else 0.0) / platform.scale
    return SimulatedClock(epoch_s, platform.scale), 0.0


def _body(
    config: DeviceConfig, profile: DeviceProfile, midnight_s: float, last: LastTick | None
) -> SimulatedPlatform | LinuxPlatform:
    platform = config.platform
    if platform.kind == "linux":
        return LinuxPlatform(profile, mains=platform.mains)
    scenario = scenario_named(platform.scenario) if platform.scenario else scenario_for(profile)
    body = SimulatedPlatform(
        profile, scenario, platform.seed, initial_soc=platform.initial_soc, midnight_s=midnight_s
    )
    if last is not None:
        body.resume(last.t_s, last.observation, last.phases)
    return body


def _meter(
    config: DeviceConfig,
    body: SimulatedPlatform | LinuxPlatform,
    clock: Clock,
    measure: Callable[[SimulatedPlatform], EnergyMeter] | None,
) -> EnergyMeter:
    """The one of that name; without a name a simulated body has its own, and a real one none."""
    if measure is not None and isinstance(body, SimulatedPlatform):
        return measure(body)
    if not config.meter.kind:
        return SimulatedMeter(body) if isinstance(body, SimulatedPlatform) else NoMeter()
    found = {point.name: point for point in entry_points(group=METERS)}
    if config.meter.kind not in found:
        known = ", ".join(sorted(found)) or "none is installed (pip install circadia[meter])"
        raise ConfigError(f"meter.kind {config.meter.kind!r}: there are {known}")
    meter: EnergyMeter = found[config.meter.kind].load()(config.meter, clock)
    return meter


def _most_sync_bytes(parameters: int) -> int:
    """A full spool and one more update up, a model down."""
    return (SPOOL_LIMIT + 1) * largest_payload(parameters, INT8) + largest_payload(parameters, FLOAT32)


def _workload(
    config: DeviceConfig, task: Task, platform: Platform, store: SqliteStore, random: np.random.Generator
) -> LearningWorkload:
    initial = task.initial_weights
    model = store.load_model() or Model(version=0, published_s=math.nan, base=initial, weights=initial)
    if model.weights.size != task.parameters:
        raise ConfigError(
            f"{store.path}: holds weights of another task ({model.weights.size} parameters, {task.name} has "
            f"{task.parameters}); name another [store] path"
        )
    return LearningWorkload(
        task=task,
        model=model,
        trainer=Trainer(task),
        server=Server(task),
        examples=_examples(config, task, store),
        requests=RequestQueue(config.learning.requests),
        answered=AnsweredInputs(config.learning.answered),
        platform=platform,
        random=random,
        new_id=lambda: uuid.uuid4().hex,
        spooled=store.spooled(),
    )


def _examples(config: DeviceConfig, task: Task, store: SqliteStore) -> ExampleBuffer:
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

"""Devices and an aggregator back to back, through a channel that loses, doubles, reorders, damages, and is not alone."""

from __future__ import annotations

import dataclasses
import math
import tempfile
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any

import cbor2
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from circadia.errors import RemoteProtocolError
from circadia.federation.aggregate import averaging
from circadia.federation.aggregate.aggregator import Aggregator, AggregatorSettings, first_version
from circadia.federation.aggregate.ledger import Ledger
from circadia.federation.aggregate.records import KeepUpdate, KeepVersion, PutOff
from circadia.federation.codecs import decode, encode
from circadia.federation.device.endpoint import DeviceEndpoint
from circadia.federation.device.events import ModelArrived, UpdateAcknowledged
from circadia.federation.device.patience import Patience
from circadia.federation.wire import messages
from circadia.federation.wire.corruption import Corruption
from circadia.federation.wire.effects import Publish, Subscribe, Unsubscribe
from circadia.types import ModelUpdate

if TYPE_CHECKING:
    from numpy.typing import NDArray

TASK = "5a" * 32
PARAMETERS = 70_000  # two chunks an update, five a model
PATIENCE = Patience(chunk_s=5, acknowledgement_s=20, longest_s=60, longest_not_now_s=60)
WEIGHTS = np.random.default_rng(0).normal(size=PARAMETERS).astype(np.float32)
PAYLOADS = [
    encode(np.random.default_rng(i).normal(0, 0.01, PARAMETERS).astype(np.float32)) for i in range(1, 7)
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Faults:
    """Chances for each message, and how many crashes there are."""

    lose: float = 0.0
    double: float = 0.0
    damage: float = 0.0
    hostile: float = 0.0
    """Somebody adds garbage, messages of a later version, contradictions and forged manifests."""
    shuffle: bool = False
    broker_crashes: int = 0
    aggregator_crashes: int = 0


@dataclass(slots=True)
class Device:
    endpoint: DeviceEndpoint
    spool: dict[str, ModelUpdate]
    verdicts: dict[str, list[UpdateAcknowledged]] = field(default_factory=dict)
    models: dict[int, NDArray[np.float32]] = field(default_factory=dict)

    def hear(self, event: object) -> None:
        if isinstance(event, UpdateAcknowledged):
            self.verdicts.setdefault(event.update_id, []).append(event)
            self.spool.pop(event.update_id, None)
        elif isinstance(event, ModelArrived):
            self.models[event.version] = event.weights


class World:
    """A broker with retained messages, the ends, the ledger, and virtual time."""

    def __init__(self, folder: Path, updates: list[list[ModelUpdate]], seed: int, *, buffer: int = 2) -> None:
        self.random = Random(seed)
        self.now_s = 0.0
        self.faults = Faults()
        self.settings = AggregatorSettings(federation="home", task=TASK, buffer=buffer, timeout_s=100)
        self.ledger = Ledger(folder / "ledger.db", task=TASK, parameters=PARAMETERS)
        self.ledger.keep_version(first_version(WEIGHTS, 0.0))
        self.ledger.commit()
        self.devices = {
            f"d{i}": Device(
                DeviceEndpoint(
                    device_id=f"d{i}",
                    federation="home",
                    task_digest=TASK,
                    parameters=PARAMETERS,
                    patience=PATIENCE,
                ),
                {update.update_id: update for update in mine},
            )
            for i, mine in enumerate(updates)
        }
        self.aggregator = self.fresh_aggregator()
        self.patterns: dict[str, set[str]] = {name: set() for name in (*self.devices, "aggregator")}
        self.retained: dict[str, bytes] = {}
        self.queue: list[tuple[str, str, bytes]] = []

    def fresh_aggregator(self) -> Aggregator:
        version = self.ledger.newest()
        assert version is not None
        return Aggregator(
            settings=self.settings,
            version=version,
            buffered=self.ledger.buffered(),
            verdicts=self.ledger.verdict,
            stamp=lambda now_s: now_s,
        )

    # The broker

    def connect_all(self) -> None:
        for name in self.patterns:
            self.patterns[name].clear()
        for name in ("aggregator", *self.devices):
            self.do(name, self.end(name).connected(self.now_s))

    def disconnect_all(self) -> None:
        self.queue.clear()
        for name in self.patterns:
            self.do(name, self.end(name).disconnected(self.now_s))

    def end(self, name: str) -> Any:
        return self.aggregator if name == "aggregator" else self.devices[name].endpoint

    def do(self, name: str, steps: tuple[Any, ...]) -> None:
        kept = [step for step in steps if isinstance(step, KeepUpdate | KeepVersion)]
        for step in kept:
            if isinstance(step, KeepUpdate):
                self.ledger.keep_update(step.record)
            else:
                self.ledger.keep_version(step.version)
        self.ledger.commit()
        for step in steps:
            self.do_one(name, step)

    def do_one(self, name: str, step: object) -> None:
        match step:
            case Subscribe(pattern=pattern):
                self.patterns[name].add(pattern)
                for topic, payload in self.retained.items():
                    if matches(pattern, topic):
                        self.send(name, topic, payload)
            case Unsubscribe(pattern=pattern):
                self.patterns[name].discard(pattern)
            case Publish():
                self.publish(step)
            case Corruption():
                assert not step.ours
            case KeepUpdate() | KeepVersion() | PutOff():
                pass
            case _:
                self.devices[name].hear(step)

    def publish(self, step: Publish) -> None:
        if step.retain and step.payload:
            self.retained[step.topic] = step.payload
        elif step.retain:
            self.retained.pop(step.topic, None)
        for name, patterns in self.patterns.items():
            if any(matches(pattern, step.topic) for pattern in patterns):
                self.send(name, step.topic, step.payload)

    def send(self, name: str, topic: str, payload: bytes) -> None:
        faults, draw = self.faults, self.random.random
        if draw() < faults.lose:
            return
        if payload and draw() < faults.damage:
            broken = bytearray(payload)
            broken[self.random.randrange(len(broken))] ^= self.random.randrange(1, 256)
            payload = bytes(broken)
        self.queue += [(name, topic, payload)] * (2 if draw() < faults.double else 1)
        if payload and draw() < faults.hostile:
            self.queue.append((name, topic, self.hostile(topic, payload)))

    # Somebody else

    def hostile(self, topic: str, payload: bytes) -> bytes:
        """In place of a message, or beside it."""
        kind = self.random.randrange(5 if "/update/" in topic or topic.endswith("manifest") else 3)
        if kind == 0:
            return self.random.randbytes(50)
        if kind == 1:
            return sealed({"kind": 1 << 20_000}, 1)
        if kind == 2:
            return sealed({"kind": "later", "anything": [1]}, 2)
        return self.contradiction(payload)

    def contradiction(self, payload: bytes) -> bytes:
        """A sound message that says something else. Only the first chunk of an update: two would be another update."""
        try:
            message = messages.decode(payload)
        except RemoteProtocolError:
            return payload
        match message:
            case messages.Manifest():
                version = self.random.choice([1, message.version, message.version + 1, 2**31 - 1])
                return messages.encode(dataclasses.replace(message, version=version, sha256=bytes(32)))
            case messages.UpdateChunk(chunk=0):
                return messages.encode(dataclasses.replace(message, examples=message.examples + 1))
        return payload

    # Time

    def run(self, until_s: float) -> None:
        """Deliver and tick until then, or until nothing is left to do."""
        while self.now_s < until_s:
            while self.queue:
                at = self.random.randrange(len(self.queue)) if self.faults.shuffle else 0
                name, topic, payload = self.queue.pop(at)
                self.do(name, self.end(name).receive(topic, payload, self.now_s))
            due_s = min(self.end(name).due_s for name in self.patterns)
            if math.isinf(due_s):
                return
            self.now_s = max(self.now_s, due_s)
            for name in self.patterns:
                if self.end(name).due_s <= self.now_s:
                    self.do(name, self.end(name).tick(self.now_s))

    def ask(self) -> None:
        """As agents do every now and then."""
        for name, device in self.devices.items():
            self.do(name, device.endpoint.push(tuple(device.spool.values()), self.now_s))
            self.do(name, device.endpoint.pull(self.now_s))

    def crash_broker(self) -> None:
        self.disconnect_all()
        self.retained.clear()
        self.connect_all()

    def crash_aggregator(self) -> None:
        self.patterns["aggregator"].clear()
        self.queue = [item for item in self.queue if item[0] != "aggregator"]
        self.aggregator = self.fresh_aggregator()
        self.do("aggregator", self.aggregator.connected(self.now_s))


def sealed(values: dict[str, Any], schema: int) -> bytes:
    body = cbor2.dumps(values)
    return cbor2.dumps([schema, body, sha256(bytes([schema]) + body).digest(), None])


def matches(pattern: str, topic: str) -> bool:
    one, other = pattern.split("/"), topic.split("/")
    return len(one) == len(other) and all(a in {"+", b} for a, b in zip(one, other, strict=True))


def update(device: int, number: int, **changes: Any) -> ModelUpdate:
    values: dict[str, Any] = {
        "update_id": f"{device:016x}{number:016x}",
        "task": TASK,
        "base_version": 0,
        "examples": 10 + number,
        "codec": "int8",
        "payload": PAYLOADS[(3 * device + number) % len(PAYLOADS)],
        "created_s": 0.0,
    }
    return ModelUpdate(**{**values, **changes})


chances = st.floats(0, 0.35)
any_faults = st.builds(
    Faults,
    lose=chances,
    double=chances,
    damage=chances,
    hostile=st.just(0.0) | chances,
    shuffle=st.booleans(),
    broker_crashes=st.integers(0, 2),
    aggregator_crashes=st.integers(0, 2),
)


@pytest.mark.slow
@settings(max_examples=40)
# A forged manifest under the right version, whose size no true chunk fits.
@example(Faults(lose=0.3359375, double=0.0625, hostile=0.35, shuffle=True), [1, 0, 2], 1048577, 1)
@given(
    any_faults, st.lists(st.integers(0, 3), min_size=1, max_size=3), st.integers(0, 2**32), st.integers(1, 3)
)
def test_every_update_counts_exactly_once_and_models_arrive_bit_equal(
    faults: Faults, counts: list[int], seed: int, buffer: int
) -> None:
    updates = [[update(i, k) for k in range(count)] for i, count in enumerate(counts)]
    with tempfile.TemporaryDirectory() as folder:
        world = World(Path(folder), updates, seed, buffer=buffer)
        suffer(world, faults)
        recover(world)
        check_outcome(world, [u for mine in updates for u in mine])
        world.ledger.close()


def suffer(world: World, faults: Faults) -> None:
    world.connect_all()
    world.faults = faults
    crashes = [world.crash_broker] * faults.broker_crashes + [
        world.crash_aggregator
    ] * faults.aggregator_crashes
    world.random.shuffle(crashes)
    for crash in (lambda: None, *crashes):
        world.ask()
        world.run(world.now_s + world.random.uniform(1, 60))
        crash()
    world.run(world.now_s + 60)


def recover(world: World) -> None:
    world.faults = Faults()
    world.crash_broker()
    world.ask()
    world.run(world.now_s + 1000)
    world.ask()
    world.run(world.now_s + 1000)


def check_outcome(world: World, updates: list[ModelUpdate]) -> None:
    records = world.ledger.updates()
    assert sorted(record.update_id for record in records) == sorted(u.update_id for u in updates)
    assert all(record.verdict.accepted for record in records)
    assert world.ledger.buffered() == []
    newest = world.ledger.newest()
    assert newest is not None
    made = [world.ledger.version(number) for number in range(2, newest.number + 1)]
    assert sum(version.updates for version in made) == len(updates)
    for device in world.devices.values():
        assert not device.spool
        assert all(verdict.accepted for heard in device.verdicts.values() for verdict in heard)
        assert newest.number == 1 or newest.number in device.models
        for number, weights in device.models.items():
            assert weights.tobytes() == world.ledger.version(number).weights.tobytes()


def test_the_mean_is_weighted_by_examples_and_staleness() -> None:
    updates = [[update(0, 0), update(0, 1)], [update(1, 0)]]
    with tempfile.TemporaryDirectory() as folder:
        world = World(Path(folder), updates, seed=1, buffer=1)
        world.connect_all()
        world.ask()
        world.run(1000)
        w = WEIGHTS.astype(np.float32)
        for staleness, record in enumerate(world.ledger.updates()):
            assert record.staleness == staleness
            sent = next(u for mine in updates for u in mine if u.update_id == record.update_id)
            w = (w + decode(sent.payload, PARAMETERS).astype(np.float64)).astype(np.float32)
        newest = world.ledger.newest()
        assert newest is not None
        np.testing.assert_allclose(newest.weights, w, atol=1e-6)
        world.ledger.close()
    buffer = averaging.Buffer(1)
    buffer.add(np.array([1.0], np.float32), examples=8, staleness=3)  # 8 / 2
    buffer.add(np.array([4.0], np.float32), examples=2, staleness=0)  # 2
    assert buffer.apply(np.array([10.0], np.float32)) == np.float32(12.0)  # 10 + (4 · 1 + 2 · 4) / 6


def test_nothing_is_left_to_do_at_rest() -> None:
    with tempfile.TemporaryDirectory() as folder:
        world = World(Path(folder), [[update(0, 0)]], seed=1)
        world.connect_all()
        world.ask()
        world.run(1000)
        assert all(math.isinf(world.end(name).due_s) for name in world.patterns)
        assert not world.queue
        world.ledger.close()


def test_old_versions_leave_the_broker() -> None:
    updates = [[update(0, k) for k in range(5)]]
    with tempfile.TemporaryDirectory() as folder:
        world = World(Path(folder), updates, seed=1, buffer=1)
        world.connect_all()
        world.ask()
        world.run(1000)
        newest = world.ledger.newest()
        assert newest is not None
        assert newest.number == 6
        kept = {topic.split("/")[4] for topic in world.retained if "/model/" in topic}
        assert kept == {"manifest", "4", "5", "6"}
        world.ledger.close()

"""Devices and an aggregator over real brokers."""

from __future__ import annotations

import logging
import os
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from hashlib import sha256
from random import Random
from typing import TYPE_CHECKING, Any

import cbor2
import numpy as np
import pytest

from circadia.errors import ConfigError, LocalProtocolError, StoreError
from circadia.federation.aggregate.aggregator import AggregatorSettings
from circadia.federation.aggregate.ledger import Ledger
from circadia.federation.aggregate.records import PutOff
from circadia.federation.aggregate.service import AggregatorService
from circadia.federation.codecs import encode as pack
from circadia.federation.device.endpoint import DeviceEndpoint
from circadia.federation.device.events import ManifestSeen, ModelArrived, UpdateAcknowledged, UpdatesHeld
from circadia.federation.device.patience import Patience
from circadia.federation.transport.address import BrokerAddress
from circadia.federation.transport.broker import Broker, find_mosquitto
from circadia.federation.transport.device_link import DeviceLink
from circadia.federation.transport.link import LinkSettings
from circadia.federation.transport.mqtt import MqttLink, check_packet
from circadia.federation.wire.corruption import Corruption
from circadia.federation.wire.effects import Publish, Subscribe
from circadia.federation.wire.messages import Manifest, ModelChunk, Status, decode_as, encode
from circadia.federation.wire.topics import HIGHEST_NUMBER, shard_of
from circadia.types import ModelUpdate
from circadia_lab.bench._terminator import Identity, Terminator

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from numpy.typing import NDArray

NO_MOSQUITTO = pytest.mark.skipif(find_mosquitto() is None, reason="mosquitto is not installed")

TASK = "ab" * 32
N = 70_000
WEIGHTS = np.random.default_rng(0).normal(size=N).astype(np.float32)
DELTA = pack(np.random.default_rng(1).normal(0, 0.01, N).astype(np.float32))
FAST = LinkSettings(first_retry_s=0.05, longest_retry_s=0.2)
PATIENCE = Patience(chunk_s=0.5, acknowledgement_s=0.5, longest_s=2, not_now_s=0.5, longest_not_now_s=2)
SHARD = shard_of("phone")


def until(condition: Callable[[], Any], what: str, limit_s: float = 30.0) -> Any:
    """Wait for something that has to come; the limit only ends a broken run."""
    end_s = time.monotonic() + limit_s
    while time.monotonic() < end_s:
        if found := condition():
            return found
        time.sleep(0.005)
    pytest.fail(f"waited {limit_s:g} s in vain for {what}")


def update(update_id: str, base_version: int = 1) -> ModelUpdate:
    return ModelUpdate(
        update_id=update_id, task=TASK, base_version=base_version, examples=10, codec="int8", payload=DELTA, created_s=0.0
    )  # fmt: skip


class Device:
    """A link and everything that came out of it."""

    def __init__(self, port: int, name: str = "phone", **options: Any) -> None:
        self.ring = threading.Event()
        endpoint = DeviceEndpoint(
            device_id=name,
            federation="home",
            task_digest=TASK,
            parameters=N,
            patience=options.pop("patience", PATIENCE),
        )
        settings = options.pop("settings", FAST)
        self.link = DeviceLink(
            address=BrokerAddress(host="127.0.0.1", port=port),
            endpoint=endpoint,
            random=Random(name),
            settings=settings,
            on_event=self.ring.set,
            **options,
        )
        self.events: list[Any] = []

    def poll(self) -> Device:
        self.events += self.link.poll()
        return self

    @property
    def models(self) -> dict[int, NDArray[np.float32]]:
        return {e.version: e.weights for e in self.poll().events if isinstance(e, ModelArrived)}

    @property
    def verdicts(self) -> dict[str, bool]:
        return {e.update_id: e.accepted for e in self.poll().events if isinstance(e, UpdateAcknowledged)}

    def has(self, version: int) -> bool:
        return version in self.models

    def has_one(self) -> bool:
        return bool(self.models)

    def accepted(self, update_id: str) -> bool:
        return self.verdicts.get(update_id, False)

    def knows(self, version: int) -> bool:
        return self.seen == version

    def is_connected(self, wanted: bool) -> bool:
        return self.link.connected is wanted

    @property
    def last_seen(self) -> int:
        return next((e.version for e in reversed(self.poll().events) if isinstance(e, ManifestSeen)), 0)

    @property
    def seen(self) -> int:
        return max((e.version for e in self.poll().events if isinstance(e, ManifestSeen)), default=0)


def tuple_of(step: Publish, _now_s: float) -> tuple[Publish]:
    return (step,)


class Home:
    """A broker, an aggregator in a thread, devices; all ended together."""

    def __init__(self, folder: Path, *, embedded: bool) -> None:
        self.folder = folder
        self.broker = Broker(embedded=embedded)
        self.devices: list[Device] = []
        self.reports: list[Any] = []
        self.ledger: Ledger | None = None
        self._service: AggregatorService | None = None
        self._thread: threading.Thread | None = None

    def device(self, name: str = "phone", **options: Any) -> Device:
        self.devices.append(Device(self.broker.port, name, **options))
        return self.devices[-1]

    def aggregate(
        self, buffer: int = 2, most_bytes: int | None = None, norm_limit: float = 10.0
    ) -> AggregatorService:
        self.ledger = Ledger(self.folder / "ledger.db", task=TASK, parameters=N, most_bytes=most_bytes)
        self._service = AggregatorService(
            address=BrokerAddress(host="127.0.0.1", port=self.broker.port),
            ledger=self.ledger,
            settings=AggregatorSettings(
                federation="home", task=TASK, buffer=buffer, gap_s=0.3, norm_limit=norm_limit
            ),
            initial_weights=WEIGHTS,
            stamp=float,
            random=Random(1),
            report=self.reports.append,
            link_settings=FAST,
            store_pause_s=0.1,
        )
        self._thread = threading.Thread(target=self._service.run)
        self._thread.start()
        return self._service

    def stop_aggregator(self) -> None:
        if self._service and self._thread and self.ledger:
            self._service.stop()
            self._thread.join(10)
            assert not self._thread.is_alive()
            self.ledger.close()
            self._service = None

    def read_ledger(self) -> Ledger:
        return Ledger(self.folder / "ledger.db", task=TASK, parameters=N, read_only=True)

    def close(self) -> None:
        for device in self.devices:
            device.link.close()
        self.stop_aggregator()
        self.broker.stop()


@pytest.fixture(params=[pytest.param("mosquitto", marks=NO_MOSQUITTO), "iotcore"])
def home(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Home]:
    place = Home(tmp_path, embedded=request.param == "iotcore")
    place.broker.start()
    yield place
    place.close()


class Ear:
    """Listens to one pattern with a link of its own."""

    due_s = float("inf")

    def __init__(self, pattern: str) -> None:
        self.pattern = pattern
        self.heard: list[tuple[str, bytes]] = []
        self.ready = False

    def will(self) -> Publish:
        return Publish(topic="test/gone", payload=b"")

    farewell = will

    def connected(self, now_s: float) -> tuple[Any, ...]:  # noqa: ARG002
        self.ready = True
        return (Subscribe(pattern=self.pattern),)

    def disconnected(self, now_s: float) -> tuple[Any, ...]:  # noqa: ARG002
        return ()

    def receive(self, topic: str, payload: bytes, now_s: float) -> tuple[Any, ...]:  # noqa: ARG002
        self.heard.append((topic, payload))
        return ()

    def tick(self, now_s: float) -> tuple[Any, ...]:  # noqa: ARG002
        return ()

    def take(self, step: object) -> None: ...

    def commit(self) -> None: ...


@contextmanager
def listening(port: int, pattern: str) -> Iterator[Ear]:
    ear = Ear(pattern)
    link = MqttLink(
        address=BrokerAddress(host="127.0.0.1", port=port), client_id="ear", endpoint=ear, sink=ear, random=Random(0)
    )  # fmt: skip
    thread = threading.Thread(target=link.run)
    thread.start()
    until(lambda: ear.ready, "the listener")
    yield ear
    link.stop()
    thread.join(10)


def test_updates_that_are_rejected_for_one_reason_are_held_and_tried_one_by_one(home: Home) -> None:
    home.aggregate(norm_limit=1e-9)
    patience = replace(PATIENCE, rejected_s=0.6, longest_rejected_s=60.0)
    device = home.device(patience=patience)
    device.link.request([update(f"u{i}") for i in range(20)], pull=False)

    def pauses() -> list[float]:
        return [event.retry_s for event in device.poll().events if isinstance(event, UpdatesHeld)]

    until(lambda: len(pauses()) == 2, "the second pause")
    assert pauses() == [0.6, 1.2]
    # Up to four are on the way when the third is rejected; one is tried after the first pause.
    assert 4 <= len(device.verdicts) <= 7
    assert not any(device.verdicts.values())


def test_a_round_trip_ends_bit_equal_everywhere(home: Home) -> None:
    home.aggregate(buffer=2)
    devices = [home.device(f"d{i}") for i in range(2)]
    for device in devices:
        device.link.request((), pull=True)
    for device in devices:
        until(partial(device.has, 1), "version 1")
        assert device.models[1].tobytes() == WEIGHTS.tobytes()
        assert device.ring.is_set()
    for i, device in enumerate(devices):
        device.link.request([update(f"u{i}")], pull=True)
    for i, device in enumerate(devices):
        until(partial(device.accepted, f"u{i}"), "a verdict")
        until(partial(device.knows, 2), "the announcement of version 2")
        device.link.request((), pull=True)
        until(partial(device.has, 2), "version 2")
    ledger = home.read_ledger()
    for device in devices:
        assert device.models[2].tobytes() == ledger.version(2).weights.tobytes()
        assert device.link.dropped == 0
        counted = device.link.traffic
        assert len(DELTA) < counted.sent_bytes < len(DELTA) + 5000
        assert counted.received_bytes > N  # two versions, a byte a number at least
        assert counted.messages > 1
        assert counted.other_messages == 0
    ledger.close()


def test_a_message_that_is_no_update_question_or_status_is_counted_apart(home: Home) -> None:
    device = home.device("d0")
    until(lambda: device.link.connected, "a connection")
    before = device.link.traffic
    device.link.link.post(lambda _now_s: (Publish(topic="circadia/1/home/examples/d0", payload=b"x" * 100),))
    until(lambda: device.link.traffic.other_messages, "the message to be counted")
    assert device.link.traffic.less(before).sent_bytes >= 100


def test_updates_wait_for_a_broker_that_is_not_there(home: Home) -> None:
    home.broker.stop()
    device = home.device()
    device.link.request([update("u1")], pull=True)
    time.sleep(0.3)
    assert not device.link.connected
    assert device.poll().events == []
    home.broker.start()
    home.aggregate()
    until(lambda: device.verdicts.get("u1"), "the verdict")
    until(lambda: 1 in device.models, "version 1")


def test_a_broker_killed_in_the_middle_of_a_push_loses_and_doubles_nothing(home: Home) -> None:
    home.aggregate(buffer=3)
    device = home.device()
    until(lambda: device.seen == 1, "the manifest")
    names = [f"u{i}" for i in range(12)]
    device.link.request([update(name) for name in names], pull=True)
    until(lambda: device.verdicts, "a first verdict")
    home.broker.kill()
    until(lambda: not device.link.connected, "the loss to be noticed")
    home.broker.start()
    until(lambda: len(device.verdicts) == len(names), "all verdicts")
    late = home.device("late")
    late.link.request((), pull=True)
    until(lambda: late.models, "a model from a broker that had forgotten everything")
    home.stop_aggregator()
    ledger = home.read_ledger()
    assert sorted(r.update_id for r in ledger.updates()) == sorted(names)
    newest = ledger.newest()
    assert newest is not None
    assert newest.number == 5
    assert sum(ledger.version(n).updates for n in range(2, 6)) == len(names)
    ledger.close()


AGGREGATOR_THAT_DIES = """
import os, signal, sys
from pathlib import Path
from random import Random
import numpy as np
from circadia.federation.transport.address import BrokerAddress
from circadia.federation.aggregate.aggregator import AggregatorSettings
from circadia.federation.aggregate.ledger import Ledger
from circadia.federation.aggregate.records import KeepUpdate
from circadia.federation.aggregate.service import AggregatorService

port, path, task, n = int(sys.argv[1]), Path(sys.argv[2]), sys.argv[3], int(sys.argv[4])

def die(report):
    # Reports come after the commit and before anything is sent.
    if isinstance(report, KeepUpdate):
        os.kill(os.getpid(), signal.SIGKILL)

AggregatorService(
    address=BrokerAddress(host="127.0.0.1", port=port),
    ledger=Ledger(path, task=task, parameters=n),
    settings=AggregatorSettings(federation="home", task=task, buffer=1),
    initial_weights=np.zeros(n, np.float32),
    stamp=float, random=Random(0), report=die,
).run()
"""


def test_an_aggregator_killed_between_keeping_and_acknowledging_counts_once(home: Home) -> None:
    command = [sys.executable, "-c", AGGREGATOR_THAT_DIES, str(home.broker.port)]
    victim = subprocess.Popen([*command, str(home.folder / "ledger.db"), TASK, str(N)])
    device = home.device()
    until(lambda: device.seen == 1, "the manifest")
    device.link.request([update("u1")], pull=False)
    assert victim.wait(30) == -signal.SIGKILL
    ledger = home.read_ledger()
    assert [r.update_id for r in ledger.updates()] == ["u1"]
    ledger.close()
    assert device.verdicts == {}
    home.aggregate(buffer=1)
    until(lambda: device.verdicts.get("u1"), "the verdict of the next aggregator")
    home.stop_aggregator()
    ledger = home.read_ledger()
    assert [r.update_id for r in ledger.updates()] == ["u1"]
    assert ledger.buffered() == []
    assert sum(ledger.version(number).updates for number in ledger.kept()) == 1
    ledger.close()


DEVICE_THAT_DIES = """
import os, signal, sys, time
from random import Random
from circadia.federation.transport.address import BrokerAddress
from circadia.federation.device.endpoint import DeviceEndpoint
from circadia.federation.transport.device_link import DeviceLink
from circadia.federation.device.events import UpdateAcknowledged
from circadia.types import ModelUpdate
from circadia_lab.bench._terminator import Identity, Terminator

port, task, n, payload = int(sys.argv[1]), sys.argv[2], int(sys.argv[3]), sys.stdin.buffer.read()
link = DeviceLink(
    address=BrokerAddress(host="127.0.0.1", port=port), random=Random(0),
    endpoint=DeviceEndpoint(device_id="phone", federation="home", task_digest=task, parameters=n),
)
link.request([ModelUpdate(update_id="u1", task=task, base_version=1, examples=10, codec="int8", payload=payload,
                          created_s=0.0)], pull=False)
while not any(isinstance(event, UpdateAcknowledged) for event in link.poll()):
    time.sleep(0.001)
os.kill(os.getpid(), signal.SIGKILL)  # before the agent could delete it from its spool
"""


def test_a_device_killed_before_it_noted_the_verdict_sends_again_and_counts_once(home: Home) -> None:
    home.aggregate(buffer=1)
    with listening(home.broker.port, "circadia/1/home/status/phone") as ear:
        command = [sys.executable, "-c", DEVICE_THAT_DIES, str(home.broker.port), TASK, str(N)]
        died = subprocess.run(command, input=DELTA, check=False, timeout=60)
        assert died.returncode == -signal.SIGKILL
        statuses = until(lambda: ear.heard if len(ear.heard) >= 2 else None, "the last will")
        assert [decode_as(Status, payload).online for _, payload in statuses] == [True, False]
    device = home.device()
    device.link.request([update("u1")], pull=False)
    until(lambda: device.verdicts.get("u1"), "the verdict again")
    home.stop_aggregator()
    ledger = home.read_ledger()
    assert sum(ledger.version(number).updates for number in ledger.kept()) == 1
    ledger.close()


def test_a_full_disk_acknowledges_nothing_until_there_is_room(home: Home) -> None:
    home.aggregate(buffer=10, most_bytes=480_000)
    device = home.device()
    until(lambda: device.seen == 1, "the manifest")
    device.link.request([update(f"u{i}") for i in range(4)], pull=False)
    error = until(lambda: [r for r in home.reports if isinstance(r, StoreError)], "the store's complaint")[0]
    assert "ledger.db" in str(error)
    assert "full" in str(error)
    assert len(device.verdicts) < 4
    assert home.ledger is not None
    home.ledger._db.execute("PRAGMA max_page_count = 100000")
    until(lambda: len(device.verdicts) == 4, "the verdicts")
    assert all(device.verdicts.values())


def test_a_radio_that_is_off_leaves_the_broker_in_order(home: Home) -> None:
    home.aggregate()
    device = home.device(online=False)
    with listening(home.broker.port, "circadia/1/home/status/phone") as ear:
        device.link.request((), pull=True)
        time.sleep(0.2)
        assert (device.link.connected, ear.heard) == (False, [])
        for wanted in (True, False, True):
            ear.heard.clear()
            device.link.set_online(wanted)
            until(lambda: ear.heard, "the status")
            assert decode_as(Status, ear.heard[-1][1]).online is wanted
            until(partial(device.is_connected, wanted), "the link to follow")
    until(lambda: 1 in device.models, "what was asked for while the radio was off")


@pytest.mark.slow
def test_a_silent_broker_is_left_and_found_again(home: Home) -> None:
    settings = LinkSettings(keepalive_s=1, first_retry_s=0.05, longest_retry_s=0.2, connect_timeout_s=1)
    device = home.device(settings=settings)
    until(lambda: device.link.connected, "the connection")
    assert home.broker.pid is not None
    os.kill(home.broker.pid, signal.SIGSTOP)
    until(lambda: not device.link.connected, "the silence to be noticed")
    os.kill(home.broker.pid, signal.SIGCONT)
    until(lambda: device.link.connected, "the connection to come back")


@pytest.mark.slow
def test_a_connection_at_rest_is_kept_alive(home: Home) -> None:
    device = home.device(settings=LinkSettings(keepalive_s=1))
    until(lambda: device.link.connected, "the connection")
    time.sleep(3.5)
    assert device.link.connected
    assert device.link.link.connections == 1


@pytest.mark.slow
def test_nothing_wakes_a_link_at_rest(home: Home) -> None:
    home.aggregate()
    device = home.device()
    device.link.request((), pull=True)
    until(lambda: device.models, "version 1")
    time.sleep(0.3)
    before = device.link.link.wakeups
    time.sleep(1.5)
    assert device.link.link.wakeups == before


def test_nonsense_from_others_changes_nothing(home: Home) -> None:
    home.aggregate(buffer=1)
    device = home.device()
    until(lambda: device.seen == 1, "the manifest")
    link = device.link.link
    for topic in ("model/manifest", "update/1/x/y/0", "ack/phone", "model/want/phone", "model/1/0"):
        junk = Publish(topic=f"circadia/1/home/{topic}", payload=b"\xff" * 50)
        link.post(partial(tuple_of, junk))
    device.link.request([update("u1")], pull=True)
    until(lambda: device.verdicts.get("u1"), "the verdict")
    until(lambda: device.models, "a model")


def huge(kind: object, key: object) -> bytes:
    """A sealed message with an integer of kilobytes in it."""
    body = cbor2.dumps({"kind": kind, key: 1})
    return cbor2.dumps([1, body, sha256(b"\x01" + body).digest(), None])


HUGE = (huge(1 << 20_000, "version"), huge("want", 1 << 20_000))


@pytest.mark.parametrize("payload", HUGE)
def test_huge_integers_kept_by_the_broker_end_neither_end(home: Home, payload: bytes) -> None:
    attacker = home.device("attacker").link.link
    until(lambda: attacker.connected, "the attacker")
    topics = (
        "model/manifest",
        "ack/phone",
        "status/aggregator",
        "model/want/phone",
        f"update/{SHARD}/phone/u1/0",
    )
    for topic in topics:
        attacker.post(
            partial(tuple_of, Publish(topic=f"circadia/1/home/{topic}", payload=payload, retain=True))
        )
    device = home.device()
    until(lambda: [e for e in device.poll().events if isinstance(e, Corruption)], "the complaint")
    home.aggregate(buffer=1)
    until(lambda: [r for r in home.reports if isinstance(r, Corruption)], "the aggregator's complaint")
    assert [r.reason for r in home.reports if isinstance(r, PutOff)]
    device.link.request([update("u1")], pull=True)
    until(lambda: device.verdicts.get("u1"), "the verdict")
    until(partial(device.knows, 2), "the announcement of version 2")
    device.link.request((), pull=True)
    until(partial(device.has, 2), "version 2")
    home.stop_aggregator()
    home.aggregate(buffer=1)
    device.link.request([update("u2", base_version=2)], pull=True)
    until(lambda: device.verdicts.get("u2"), "the verdict of an aggregator that started on all of it")


@pytest.mark.slow
def test_a_forged_manifest_does_not_hold_a_device_for_ever(home: Home) -> None:
    home.aggregate(buffer=1)
    device = home.device()
    device.link.request((), pull=True)
    until(partial(device.has, 1), "version 1")
    forged = np.full(N, 1e20, np.float32)
    packed = pack(forged, "float32")
    assert len(packed) < 1000
    chunk = ModelChunk(version=HIGHEST_NUMBER, chunk=0, data=packed)
    manifest = Manifest(
        task=TASK, version=HIGHEST_NUMBER, published_s=0.0, parameters=N, sha256=sha256(packed).digest(),
        size=len(packed), chunks=1, codec="float32",
    )  # fmt: skip
    attacker = home.device("attacker").link.link
    until(lambda: attacker.connected, "the attacker")
    for topic, message in ((f"model/{HIGHEST_NUMBER}/0", chunk), ("model/manifest", manifest)):
        forgery = Publish(topic=f"circadia/1/home/{topic}", payload=encode(message), retain=True)
        attacker.post(partial(tuple_of, forgery))
    until(partial(device.knows, HIGHEST_NUMBER), "the forged manifest")
    until(lambda: device.last_seen == 1, "the device to believe the aggregator again")
    late = home.device("late")
    until(partial(late.knows, 1), "the true manifest, kept by the broker")
    device.link.request([update("u1")], pull=True)
    until(lambda: device.last_seen == 2, "the announcement of version 2")
    device.link.request((), pull=True)
    until(partial(device.has, 2), "version 2")
    assert [r for r in home.reports if isinstance(r, Corruption)]


CONNACK = b"\x20\x02\x00\x00"
JUNK = [
    b"\x20\x00", b"\x20\x01\x00", b"\x20\x02\x00\x63", b"\x30\x00", b"\x30\x02\x00\x09", b"\x30\x04\x00\x02\xff\xff",
    b"\x32\x03\x00\x01a", b"\x36\x05\x00\x01a\x00\x01", b"\x40\x01\x00", b"\x40\x02\xff\xff", b"\x62\x00", b"\x90\x00",
    b"\x90\x02\x00\x01", b"\x90\x03\x00\x01\x07", b"\xb0\x00", b"\xd0\x05hello", b"\xe0\x00", b"\xf0\x00", b"\x00\x00",
    b"\x30\xff\xff\xff\xff\xff",
]  # fmt: skip


def test_a_broker_that_talks_nonsense_ends_connections_and_not_the_link() -> None:
    random = Random(0)
    junk = [CONNACK + piece for piece in JUNK] + [CONNACK + random.randbytes(40) for _ in range(20)] + JUNK
    with socket.create_server(("127.0.0.1", 0)) as server:
        settings = LinkSettings(first_retry_s=0.001, longest_retry_s=0.001, connect_timeout_s=5)
        device = Device(server.getsockname()[1], settings=settings)
        server.settimeout(20)
        for piece in junk:
            connection, _ = server.accept()
            with connection:
                connection.recv(4096)
                connection.sendall(piece)
                connection.shutdown(socket.SHUT_WR)
        server.accept()[0].close()  # it came back after the last
        device.poll()
        device.link.close()


@pytest.fixture
def identity(tmp_path: Path) -> Identity:
    return Identity(tmp_path)


def test_decrypted_bytes_that_wait_are_read(home: Home, identity: Identity) -> None:
    home.aggregate()
    with Terminator(home.broker.port, identity.server()) as proxy:
        for i in range(3):
            device = Device(proxy.port, f"d{i}", tls=identity.client(), patience=Patience())
            home.devices.append(device)
            start_s = time.monotonic()
            device.link.request((), pull=True)
            until(device.has_one, "a model")
            # A device that sleeps on what is there asks again after 5 s.
            assert time.monotonic() - start_s < 4
            device.link.request([update(f"u{i}")], pull=False)
            until(partial(device.accepted, f"u{i}"), "the verdict")
            device.link.close()


# paho leaves the socket of a handshake that failed to the collector.
@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_broker_without_the_right_certificate_is_not_talked_to(
    home: Home, identity: Identity, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO), Terminator(home.broker.port, identity.server()) as proxy:
        stranger = Device(proxy.port, tls=ssl.create_default_context())
        home.devices.append(stranger)
        until(lambda: "CERTIFICATE_VERIFY_FAILED" in caplog.text, "the refusal")
        assert not stranger.link.connected
        stranger.link.close()


def test_a_packet_that_brokers_refuse_is_refused_before(home: Home) -> None:
    with pytest.raises(LocalProtocolError, match="packet"):
        check_packet(Publish(topic="a", payload=bytes(70_000)), 65_536)
    with pytest.raises(LocalProtocolError, match="packet"):
        check_packet(Publish(topic="a" * 257, payload=b""), 65_536)
    device = home.device()
    with pytest.raises(LocalProtocolError, match="bytes"):
        device.link.request([ModelUpdate(
            update_id="u", task=TASK, base_version=1, examples=1, codec="int8", payload=bytes(62_000_000), created_s=0.0
        )], pull=False)  # fmt: skip


def test_full_queues_drop_and_count() -> None:
    device = Device(1, settings=LinkSettings(most_queued=3), online=False)
    link = device.link.link
    device.link.close()
    for _ in range(5):
        device.link.request((), pull=True)
    assert link.dropped == 2


def test_closing_without_a_broker_is_quick_and_twice_is_once() -> None:
    device = Device(1)
    device.link.request([update("u1")], pull=True)
    device.link.close()
    device.link.close()
    assert not device.link.connected


@pytest.mark.parametrize(
    ("text", "host", "port"),
    [("pi", "pi", 1883), ("pi:99", "pi", 99), ("[::1]:99", "::1", 99), ("[::1]", "::1", 1883)],
)
def test_broker_addresses(text: str, host: str, port: int) -> None:
    assert BrokerAddress.parse(text) == BrokerAddress(host=host, port=port)


@pytest.mark.parametrize("text", ["", ":1883", "pi:", "pi:x", "pi:0", "pi:99999"])
def test_bad_broker_addresses(text: str) -> None:
    with pytest.raises(ConfigError, match="broker"):
        BrokerAddress.parse(text)

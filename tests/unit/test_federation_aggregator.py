from __future__ import annotations

import dataclasses
import math
from hashlib import sha256
from typing import Any

import cbor2
import numpy as np
import pytest

from circadia.errors import ConfigError, StoreError
from circadia.federation.aggregate.aggregator import Aggregator, AggregatorSettings, first_version
from circadia.federation.aggregate.records import KeepUpdate, KeepVersion, PutOff, UpdateRecord, Verdict
from circadia.federation.codecs import decode
from circadia.federation.codecs import encode as pack
from circadia.federation.wire.assembly import cut
from circadia.federation.wire.corruption import Corruption
from circadia.federation.wire.effects import Publish, Subscribe
from circadia.federation.wire.messages import Acknowledgement, Manifest, UpdateChunk, Want, decode_as, encode
from circadia.federation.wire.topics import HIGHEST_NUMBER, UpdateTopic, build

TASK = "ab" * 32
N = 70_000
WEIGHTS = np.random.default_rng(0).normal(size=N).astype(np.float32)
DELTA = np.random.default_rng(1).normal(0, 0.01, N).astype(np.float32)
ROOT = "circadia/1/home"


class Bench:
    """An aggregator whose verdicts are remembered as a ledger would."""

    def __init__(self, **changes: Any) -> None:
        self.records: dict[tuple[str, str], UpdateRecord] = {}
        self.settings = AggregatorSettings(federation="home", task=TASK, **changes)
        self.aggregator: Any = Aggregator(
            settings=self.settings,
            version=first_version(WEIGHTS, 0.0),
            buffered=(),
            verdicts=self.verdict,
            stamp=lambda now_s: now_s + 1000,
        )
        self.first: tuple[Any, ...] = self.aggregator.connected(0.0)

    def verdict(self, device: str, update_id: str) -> Verdict | None:
        record = self.records.get((device, update_id))
        return record.verdict if record else None

    def hear(self, topic: str, payload: bytes, now_s: float = 0.0) -> tuple[Any, ...]:
        return self.take(self.aggregator.receive(topic, payload, now_s))

    def take(self, steps: tuple[Any, ...]) -> tuple[Any, ...]:
        for step in steps:
            if isinstance(step, KeepUpdate):
                self.records[step.record.device, step.record.update_id] = step.record
        return steps

    def send(self, now_s: float = 0.0, only: tuple[int, ...] = (0, 1), **changes: Any) -> tuple[Any, ...]:
        steps: tuple[Any, ...] = ()
        for chunk in only:
            steps += self.hear(*message(chunk, **changes), now_s)
        return steps


def message(
    chunk: int, payload: bytes | None = None, topic_id: str | None = None, **changes: Any
) -> tuple[str, bytes]:
    payload = pack(DELTA) if payload is None else payload
    pieces = cut(payload)
    values: dict[str, Any] = {
        "device": "phone", "update_id": "u1", "task": TASK, "base_version": 1, "examples": 5, "codec": "int8",
        "created_s": 0.0, "sha256": sha256(payload).digest(), "size": len(payload), "chunks": len(pieces),
        "chunk": chunk, "data": pieces[chunk],
    }  # fmt: skip
    sent = UpdateChunk(**{**values, **changes})
    topic = UpdateTopic(device=sent.device, update_id=topic_id or sent.update_id, chunk=chunk)
    return build("home", topic), encode(sent)


def acks(steps: tuple[Any, ...]) -> list[Acknowledgement]:
    sent = [step for step in steps if isinstance(step, Publish) and "/ack/" in step.topic]
    return [decode_as(Acknowledgement, step.payload) for step in sent]


def published(steps: tuple[Any, ...]) -> list[str]:
    return [step.topic.removeprefix(f"{ROOT}/") for step in steps if isinstance(step, Publish)]


def test_connecting_listens_and_publishes_what_the_broker_may_have_forgotten() -> None:
    steps = Bench().first
    assert [step.pattern for step in steps if isinstance(step, Subscribe)] == [
        f"{ROOT}/update/+/+/+/+",
        f"{ROOT}/model/want/+",
        f"{ROOT}/model/manifest",
    ]
    chunks = [f"model/1/{i}" for i in range(len(cut(pack(WEIGHTS, "float32"))))]
    assert published(steps) == ["status/aggregator", *chunks, "model/manifest"]
    assert all(step.retain for step in steps if isinstance(step, Publish))
    told = decode_as(Manifest, steps[-1].payload)
    assert (told.version, told.published_s, told.parameters, told.task) == (1, 0.0, N, TASK)


def test_the_verdict_is_kept_before_it_is_sent_and_the_version_before_it_is_published() -> None:
    bench = Bench(buffer=1)
    kept, ack, version, *rest = bench.send(5.0)
    assert isinstance(kept, KeepUpdate)
    assert (kept.record.verdict.accepted, kept.record.staleness, kept.record.received_s) == (True, 0, 1005.0)
    assert acks((ack,)) == [Acknowledgement(update_id="u1", status="accepted")]
    assert isinstance(version, KeepVersion)
    assert (version.version.number, version.version.published_s) == (2, 1005.0)
    sent = decode(pack(DELTA), N)
    np.testing.assert_array_equal(
        version.version.weights, (WEIGHTS + sent.astype(np.float64)).astype(np.float32)
    )
    assert published(tuple(rest))[-1] == "model/manifest"


def test_chunks_may_come_in_any_order_and_twice() -> None:
    bench = Bench()
    assert len(acks(bench.send(only=(1, 1, 0)))) == 1


def test_a_known_update_gets_its_verdict_again_and_counts_once() -> None:
    bench = Bench()
    bench.send()
    again = bench.send()
    assert [ack.status for ack in acks(again)] == ["accepted", "accepted"]
    assert not any(isinstance(step, KeepUpdate) for step in again)
    assert bench.aggregator.waiting == 1


def test_two_devices_may_use_the_same_update_id() -> None:
    bench = Bench()
    bench.send()
    bench.send(device="board")
    assert bench.aggregator.waiting == 2


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"payload": pack(np.zeros(N - 1, np.float32))}, "needs exactly"),
        ({"payload": pack(DELTA[:100])}, "needs exactly"),
        ({"payload": np.random.default_rng(1).bytes(50)}, "damaged"),
        ({"payload": pack(np.full(N, 1e9, np.float32))}, "norm"),
    ],
)
def test_a_whole_update_that_is_no_good_is_rejected_with_a_reason(
    changes: dict[str, Any], reason: str
) -> None:
    bench = Bench(buffer=1)
    kept, ack = bench.send(only=(0,), **changes)
    assert isinstance(kept, KeepUpdate)
    assert not kept.record.verdict.accepted
    (told,) = acks((ack,))
    assert told.status == "rejected"
    assert reason in told.reason
    assert bench.aggregator.due_s == math.inf


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"task": "cd" * 32}, "task"),
        ({"base_version": 2}, "base_version: 2 is in the future"),
        ({"codec": "float32"}, "codec"),
        ({"payload": bytes(200_000)}, "size"),
        ({"sha256": bytes(32), "payload": pack(DELTA[:100])}, "SHA-256"),
    ],
)
def test_what_may_be_otherwise_tomorrow_is_not_now_and_no_verdict(
    changes: dict[str, Any], reason: str
) -> None:
    bench = Bench(buffer=1)
    event, ack = bench.send(only=(0,), **changes)
    assert isinstance(event, PutOff)
    assert (event.device, event.update_id) == ("phone", "u1")
    (told,) = acks((ack,))
    assert told.status == "not-now"
    assert reason in told.reason
    assert reason in event.reason
    assert bench.records == {}
    assert bench.aggregator.due_s == math.inf
    assert acks(bench.send())[-1].status == "accepted"


def newer(kind: object, schema: int = 1, **values: Any) -> bytes:
    body = cbor2.dumps({"kind": kind, **values})
    return cbor2.dumps([schema, body, sha256(bytes([schema]) + body).digest(), None])


UNREADABLE = {
    "schema": newer("update-chunk", schema=2, anything=[1, 2]),
    "kind": newer("update-stream", device="phone"),
    "fields missing": newer("update-chunk", device="phone"),
    "codec": newer(
        "update-chunk", **{**dataclasses.asdict(decode_as(UpdateChunk, message(0)[1])), "codec": "zstd"}
    ),
    "limit": bytes(70_000),
    "kind: none that is a text": newer(1 << 60),
    "tag": newer("update-chunk", examples=1 << 20_000),
}


@pytest.mark.parametrize("reason", sorted(UNREADABLE))
@pytest.mark.parametrize("first", [True, False])
def test_what_this_version_cannot_read_is_not_now_and_spoils_nothing(reason: str, first: bool) -> None:
    bench = Bench()
    before = () if first else bench.send(only=(0,))
    corruption, event, ack = bench.hear(message(0)[0], UNREADABLE[reason])
    assert isinstance(corruption, Corruption)
    assert isinstance(event, PutOff)
    assert acks((ack,))[0].status == "not-now"
    assert reason in acks((ack,))[0].reason
    assert bench.records == {}
    assert acks(before) == []
    assert acks(bench.send(only=(0, 1) if first else (1,)))[-1].status == "accepted"
    corruption, ack = bench.hear(message(0)[0], UNREADABLE[reason])
    assert acks((ack,))[0].status == "accepted"  # the verdict stands


def test_not_now_is_said_once_for_many_chunks_and_again_after_a_while() -> None:
    bench = Bench(repeat_s=1)
    said = [bench.send(t, only=(0, 1), base_version=7) for t in (0.0, 0.5, 1.0)]
    assert [len(acks(steps)) for steps in said] == [1, 0, 1]


def test_a_forged_header_does_not_spoil_the_true_update() -> None:
    bench = Bench()
    bench.send(1.0, only=(0,))
    for i in range(10):
        bench.send(2.0 + i, only=(0,), examples=100 + i)
    assert acks(bench.send(20.0, only=(1,)))[-1].status == "accepted"
    assert bench.records["phone", "u1"].examples == 5
    assert (
        bench.aggregator.due_s == 620.0
    )  # the forged parts are gone with it: only the version's time is left


def test_chunks_with_forged_data_delay_the_update_and_reject_nothing() -> None:
    bench = Bench()
    forged = cut(bytes(len(pack(DELTA))))[0]
    bench.send(only=(0,), data=forged)
    event, ack = bench.send(only=(1,))
    assert "SHA-256" in event.reason
    assert acks((ack,))[0].status == "not-now"
    assert acks(bench.send(5.0))[-1].status == "accepted"


@pytest.mark.parametrize("payload", [b"", b"x", message(0)[1][:-1]])
def test_damage_is_no_verdict_and_no_answer(payload: bytes) -> None:
    bench = Bench()
    (event,) = bench.hear(message(0)[0], payload)
    assert isinstance(event, Corruption)
    assert acks(bench.send())[-1].status == "accepted"


def test_a_chunk_in_the_topic_of_another_update_is_no_word_about_either() -> None:
    bench = Bench()
    (event,) = bench.send(only=(0,), topic_id="other")
    assert isinstance(event, Corruption)
    assert "topic" in event.what


@pytest.mark.parametrize(
    "topic",
    ["", "elsewhere", "circadia/1/away/update/0/phone/u1/0", f"{ROOT}/ack/phone", f"{ROOT}/model/1/0"],
)
def test_messages_for_others_are_named_and_dropped(topic: str) -> None:
    (event,) = Bench().hear(topic, message(0)[1])
    assert isinstance(event, Corruption)


def test_a_fault_of_ours_is_logged_with_its_traceback_and_counted_apart(
    caplog: pytest.LogCaptureFixture,
) -> None:
    def broken(_device: str, _update_id: str) -> Verdict | None:
        raise KeyError("a bug")

    def full(_device: str, _update_id: str) -> Verdict | None:
        raise StoreError("the disk is full")

    bench = Bench()
    bench.aggregator._verdicts = broken
    (event,) = bench.hear(*message(0))
    assert isinstance(event, Corruption)
    assert event.ours
    assert caplog.records[0].exc_info is not None
    bench.aggregator._verdicts = full
    with pytest.raises(StoreError):
        bench.hear(*message(0))


def test_weights_cannot_be_driven_beyond_what_a_version_can_carry() -> None:
    bench = Bench(buffer=1)
    rejected, change = None, 5.0
    for i in range(50):
        payload = pack(np.full(N, change, np.float32))
        (ack,) = acks(bench.send(float(i), only=(0,), update_id=f"u{i}", payload=payload))
        rejected = ack.reason if ack.status == "rejected" else None
        if rejected:
            break
        change = 5 * float(np.abs(bench.aggregator.version.weights).mean())
    assert "norm" in str(rejected)
    assert np.abs(bench.aggregator.version.weights).max() > 1e26
    assert acks(bench.send(100.0, update_id="small"))[-1].status == "accepted"


def test_after_the_last_version_there_is_no_next_one_and_nothing_breaks() -> None:
    bench = Bench(buffer=1)
    bench.send()
    last = dataclasses.replace(first_version(WEIGHTS, 0.0), number=HIGHEST_NUMBER)
    again = Aggregator(
        settings=bench.settings, version=last, buffered=list(bench.records.values()), verdicts=lambda *_: None, stamp=float
    )  # fmt: skip
    again.connected(0.0)
    assert again.tick(1e6) == ()
    (ack,) = acks(again.receive(*message(0, update_id="u2"), 1.0))
    assert (ack.status, "new id" in ack.reason) == ("not-now", True)


def test_missing_chunks_are_asked_for_once_and_then_forgotten() -> None:
    bench = Bench(gap_s=2, forget_s=120)
    bench.send(10.0, only=(1,))
    assert bench.aggregator.due_s == 12.0
    (ack,) = acks(bench.aggregator.tick(12.0))
    assert (ack.status, ack.missing) == ("incomplete", (0,))
    assert bench.aggregator.due_s == 130.0
    bench.aggregator.tick(130.0)
    assert bench.aggregator.due_s == math.inf


def test_memory_for_parts_is_bounded_and_the_one_silent_longest_goes() -> None:
    size = len(pack(DELTA))
    bench = Bench(partial_bytes=2 * size)
    for i in range(3):
        bench.send(float(i), only=(0,), update_id=f"u{i}")
    assert acks(bench.send(4.0, only=(1,), update_id="u0")) == []
    assert acks(bench.send(5.0, only=(1,), update_id="u2"))[0].status == "accepted"


def test_a_timeout_makes_a_version_of_what_is_there() -> None:
    bench = Bench(buffer=10, timeout_s=100)
    bench.send(5.0)
    assert bench.aggregator.due_s == 105.0
    version, *_ = bench.aggregator.tick(105.0)
    assert isinstance(version, KeepVersion)
    assert (version.version.number, version.version.updates, version.version.examples) == (2, 1, 5)


def test_a_stale_update_weighs_less() -> None:
    bench = Bench(buffer=1)
    bench.send(update_id="a")
    bench.send(update_id="b", base_version=1)
    assert bench.records["phone", "b"].staleness == 1
    bench.send(update_id="c", base_version=0)
    assert bench.records["phone", "c"].staleness == 2


def test_a_want_repairs_the_broker_but_not_in_a_flood() -> None:
    bench = Bench(repeat_s=1)
    want = encode(Want(version=1, chunks=(0, 2, 900)))
    topic = f"{ROOT}/model/want/phone"
    assert published(bench.hear(topic, want, 0.0)) == ["model/1/0", "model/1/2"]
    assert published(bench.hear(topic, want, 0.5)) == []
    assert published(bench.hear(topic, want, 1.0)) == ["model/1/0", "model/1/2"]
    assert published(bench.hear(topic, encode(Want(version=9, chunks=(0,))), 5.0)) == ["model/manifest"]
    assert published(bench.hear(topic, b"x", 9.0)) == []


def test_what_somebody_else_announces_is_put_right() -> None:
    bench = Bench(repeat_s=1)
    own = next(step.payload for step in bench.first if getattr(step, "topic", "").endswith("manifest"))
    topic = f"{ROOT}/model/manifest"
    assert bench.hear(topic, own, 0.0) == ()
    forged = dataclasses.replace(decode_as(Manifest, own), version=HIGHEST_NUMBER)
    for now_s, times in ((1.0, 1), (1.5, 0), (3.0, 1)):
        event, *said = bench.hear(topic, encode(forged), now_s)
        assert isinstance(event, Corruption)
        assert [step.payload for step in said] == [own] * times
    assert [step.payload for step in bench.hear(topic, b"", 5.0)] == [own]
    bench.send(6.0)
    bench.send(6.0, update_id="u2")
    assert bench.hear(topic, own, 7.0) == ()


def test_accepted_updates_survive_a_restart() -> None:
    bench = Bench(buffer=2)
    bench.send()
    (record,) = bench.records.values()
    again = Aggregator(
        settings=bench.settings,
        version=first_version(WEIGHTS, 0.0),
        buffered=[record],
        verdicts=bench.verdict,
        stamp=float,
    )
    again.connected(0.0)
    assert again.waiting == 1
    assert again.due_s == 600.0
    steps: tuple[Any, ...] = ()
    for chunk in (0, 1):
        steps += again.receive(*message(chunk, device="board"), 1.0)
    assert any(isinstance(step, KeepVersion) and step.version.updates == 2 for step in steps)


def test_a_full_buffer_is_averaged_right_after_a_restart() -> None:
    bench = Bench(buffer=2)
    bench.send()
    settings = dataclasses.replace(bench.settings, buffer=1)
    again = Aggregator(
        settings=settings,
        version=first_version(WEIGHTS, 0.0),
        buffered=list(bench.records.values()),
        verdicts=bench.verdict,
        stamp=float,
    )
    steps = again.connected(0.0)
    assert any(isinstance(step, KeepVersion) for step in steps)
    assert published(steps).count("model/manifest") == 1


def test_a_damaged_kept_update_is_named() -> None:
    record = UpdateRecord(
        device="phone", update_id="u1", verdict=Verdict(accepted=True), received_s=0.0, staleness=0,
        examples=1, codec="int8", payload=b"x",
    )  # fmt: skip
    settings = AggregatorSettings(federation="home", task=TASK)
    with pytest.raises(StoreError, match="u1 of phone"):
        Aggregator(
            settings=settings,
            version=first_version(WEIGHTS, 0.0),
            buffered=[record],
            verdicts=lambda *_: None,
            stamp=float,
        )


@pytest.mark.parametrize("bad", [{"buffer": 0}, {"timeout_s": 0.0}, {"rate": -1.0}])
def test_settings_are_checked(bad: dict[str, Any]) -> None:
    with pytest.raises(ConfigError):
        AggregatorSettings(federation="home", task=TASK, **bad)


def test_initial_weights_are_checked() -> None:
    for bad in (np.zeros((2, 2)), np.zeros(0), np.array([np.nan])):
        with pytest.raises(ConfigError, match="initial weights"):
            first_version(bad.astype(np.float32), 0.0)

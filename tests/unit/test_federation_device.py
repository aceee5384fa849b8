from __future__ import annotations

import dataclasses
import math
import zlib
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from circadia.errors import ConfigError, LocalProtocolError
from circadia.federation.codecs import encode as pack
from circadia.federation.device.endpoint import DeviceEndpoint
from circadia.federation.device.events import (
    Corruption,
    ManifestSeen,
    ModelArrived,
    UpdateAcknowledged,
    UpdatePutOff,
)
from circadia.federation.device.patience import Patience
from circadia.federation.wire.assembly import cut
from circadia.federation.wire.effects import Publish, Subscribe, Unsubscribe
from circadia.federation.wire.messages import (
    Acknowledgement,
    Manifest,
    Message,
    ModelChunk,
    Status,
    UpdateChunk,
    Want,
    decode_as,
    encode,
)
from circadia.types import ModelUpdate

if TYPE_CHECKING:
    from numpy.typing import NDArray

TASK = "ab" * 32
N = 70_000
WEIGHTS = np.random.default_rng(0).normal(size=N).astype(np.float32)
ROOT = "circadia/1/home"


def endpoint(**changes: Any) -> Any:
    values: dict[str, Any] = {
        "device_id": "phone",
        "federation": "home",
        "task_digest": TASK,
        "parameters": N,
        "patience": Patience(chunk_s=5, acknowledgement_s=20, longest_s=60),
    }
    return DeviceEndpoint(**{**values, **changes})


def online(**changes: Any) -> Any:
    device = endpoint(**changes)
    device.connected(0.0)
    assert device.receive(*aggregator(True), 0.0) == ()
    return device


def aggregator(present: bool) -> tuple[str, bytes]:
    return f"{ROOT}/status/aggregator", encode(Status(device="aggregator", online=present))


def update(update_id: str = "u1", **changes: Any) -> ModelUpdate:
    values: dict[str, Any] = {
        "update_id": update_id, "task": TASK, "base_version": 1, "examples": 5, "codec": "int8",
        "payload": pack(WEIGHTS), "created_s": 0.0,
    }  # fmt: skip
    return ModelUpdate(**{**values, **changes})


def manifest(version: int = 1, weights: NDArray[np.float32] = WEIGHTS, **changes: Any) -> Manifest:
    packed = pack(weights, "float32")
    values: dict[str, Any] = {
        "task": TASK, "version": version, "published_s": 7.0, "parameters": N, "sha256": sha256(packed).digest(),
        "size": len(packed), "chunks": len(cut(packed)), "codec": "float32",
    }  # fmt: skip
    return Manifest(**{**values, **changes})


def chunk_messages(version: int = 1, weights: NDArray[np.float32] = WEIGHTS) -> list[tuple[str, bytes]]:
    return [
        (f"{ROOT}/model/{version}/{i}", encode(ModelChunk(version=version, chunk=i, data=data)))
        for i, data in enumerate(cut(pack(weights, "float32")))
    ]


def hear(device: DeviceEndpoint, topic: str, message: Message, now_s: float = 0.0) -> Any:
    return device.receive(f"{ROOT}/{topic}", encode(message), now_s)


def chunks_sent(steps: tuple[Any, ...]) -> list[tuple[str, int]]:
    sent = [step for step in steps if isinstance(step, Publish) and "/update/" in step.topic]
    return [
        (chunk.update_id, chunk.chunk) for chunk in (decode_as(UpdateChunk, step.payload) for step in sent)
    ]


def corruption(steps: tuple[Any, ...]) -> str:
    (event,) = (step for step in steps if isinstance(step, Corruption))
    return str(event.what)


def test_connecting_subscribes_and_shows_the_device_online() -> None:
    steps = endpoint().connected(0.0)
    assert [step.pattern for step in steps if isinstance(step, Subscribe)] == [
        f"{ROOT}/ack/phone",
        f"{ROOT}/status/aggregator",
        f"{ROOT}/model/manifest",
    ]
    (status,) = (step for step in steps if isinstance(step, Publish))
    assert status.retain
    assert status.topic == f"{ROOT}/status/phone"


def test_a_pull_subscribes_takes_chunks_in_any_order_and_unsubscribes() -> None:
    device = online()
    assert device.pull(0.0) == ()
    steps = hear(device, "model/manifest", manifest())
    assert steps == (ManifestSeen(version=1, published_s=7.0), Subscribe(pattern=f"{ROOT}/model/1/+"))
    messages = chunk_messages()
    for topic, payload in [*reversed(messages[1:]), messages[1]]:
        assert device.receive(topic, payload, 1.0) == ()
    stop, arrived = device.receive(*messages[0], 1.0)
    assert stop == Unsubscribe(pattern=f"{ROOT}/model/1/+")
    assert isinstance(arrived, ModelArrived)
    assert arrived.weights.tobytes() == WEIGHTS.tobytes()
    assert (device.installed_version, device.pulling, device.due_s) == (1, False, math.inf)


def test_an_installed_version_is_not_fetched_again() -> None:
    device = online(installed_version=1)
    hear(device, "model/manifest", manifest())
    assert device.pull(0.0) == (ManifestSeen(version=1, published_s=7.0),)
    assert not device.pulling


def test_missing_chunks_are_asked_for_with_growing_waits() -> None:
    device = online()
    device.pull(0.0)
    hear(device, "model/manifest", manifest())
    messages = chunk_messages()
    device.receive(*messages[0], 1.0)
    assert device.due_s == 6.0
    (want,) = device.tick(6.0)
    assert want.topic == f"{ROOT}/model/want/phone"
    assert decode_as(Want, want.payload) == Want(version=1, chunks=tuple(range(1, len(messages))))
    assert device.due_s == 16.0
    device.tick(16.0)
    assert device.due_s == 36.0


def test_without_a_manifest_the_device_asks_for_it() -> None:
    device = online()
    device.pull(0.0)
    (want,) = device.tick(5.0)
    assert decode_as(Want, want.payload) == Want(version=0)


def test_a_new_version_during_a_pull_starts_over_on_it() -> None:
    device = online()
    device.pull(0.0)
    hear(device, "model/manifest", manifest(1))
    device.receive(*chunk_messages(1)[0], 0.0)
    steps = hear(device, "model/manifest", manifest(2, -WEIGHTS))
    assert steps[1:] == (Unsubscribe(pattern=f"{ROOT}/model/1/+"), Subscribe(pattern=f"{ROOT}/model/2/+"))
    for message in (*chunk_messages(1), *chunk_messages(2, -WEIGHTS)):
        steps = device.receive(*message, 0.0)
    assert steps[-1].version == 2
    assert steps[-1].weights.tobytes() == (-WEIGHTS).tobytes()


def test_a_pull_goes_on_after_a_lost_connection() -> None:
    device = online()
    device.pull(0.0)
    hear(device, "model/manifest", manifest())
    messages = chunk_messages()
    device.receive(*messages[0], 0.0)
    device.disconnected(1.0)
    assert device.due_s == math.inf
    assert device.tick(100.0) == ()
    assert Subscribe(pattern=f"{ROOT}/model/1/+") in device.connected(100.0)
    for message in messages[1:]:
        steps = device.receive(*message, 101.0)
    assert isinstance(steps[-1], ModelArrived)


def test_a_model_that_does_not_fit_its_digest_is_fetched_again() -> None:
    device = online()
    device.pull(0.0)
    hear(device, "model/manifest", manifest(sha256=bytes(32)))
    for message in chunk_messages():
        steps = device.receive(*message, 0.0)
    assert "damaged" in corruption(steps)
    assert device.pulling
    (want,) = device.tick(5.0)
    assert len(decode_as(Want, want.payload).chunks) == len(chunk_messages())


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"task": "cd" * 32}, "task"),
        ({"parameters": N + 1}, "parameters"),
        ({"size": 10 * N, "chunks": 12}, "size"),
    ],
)
def test_a_manifest_for_others_is_named_and_ignored(changes: dict[str, Any], field: str) -> None:
    device = online()
    device.pull(0.0)
    assert f"manifest.{field}" in corruption(hear(device, "model/manifest", manifest(**changes)))
    assert not any(isinstance(step, Subscribe) for step in device.pull(1.0))


def test_a_version_that_goes_back_is_doubted_and_asked_about() -> None:
    device = online(installed_version=5)
    assert "came after 5" in corruption(hear(device, "model/manifest", manifest(4), 1.0))
    assert "came after 5" in corruption(hear(device, "model/manifest", manifest(4), 2.0))
    assert device.due_s == 6.0
    (want,) = device.tick(6.0)
    assert decode_as(Want, want.payload) == Want(version=0)
    assert hear(device, "model/manifest", manifest(5), 6.1) == (ManifestSeen(version=5, published_s=7.0),)
    assert device.tick(device.due_s) == ()
    assert device.due_s == math.inf
    assert "came after 5" in corruption(hear(device, "model/manifest", manifest(4), 1000.0))


def test_an_aggregator_that_says_so_again_is_followed_back() -> None:
    device = online(installed_version=5)
    hear(device, "model/manifest", manifest(4), 1.0)
    device.tick(6.0)
    assert hear(device, "model/manifest", manifest(4), 6.1) == (ManifestSeen(version=4, published_s=7.0),)
    assert hear(device, "model/manifest", manifest(4), 6.2) == (ManifestSeen(version=4, published_s=7.0),)
    assert device.pull(7.0) == (Subscribe(pattern=f"{ROOT}/model/4/+"),)
    for message in chunk_messages(4):
        steps = device.receive(*message, 8.0)
    assert isinstance(steps[-1], ModelArrived)
    assert (device.installed_version, device.due_s) == (4, math.inf)


def test_nobody_is_asked_for_ever() -> None:
    device = online(installed_version=5)
    hear(device, "model/manifest", manifest(4), 0.0)
    asked = 0
    while math.isfinite(device.due_s):
        asked += len(device.tick(device.due_s))
        assert asked < 20
    assert asked > 2


def test_a_forged_manifest_of_the_right_version_gives_way_to_the_true_one() -> None:
    device = online()
    device.pull(0.0)
    hear(device, "model/manifest", manifest(sha256=bytes(32)))
    for message in chunk_messages():
        steps = device.receive(*message, 0.0)
    assert "damaged" in corruption(steps)
    assert decode_as(Want, steps[-1].payload) == Want(version=0)
    hear(device, "model/manifest", manifest(), 0.1)
    device.tick(5.0)
    assert Subscribe(pattern=f"{ROOT}/model/1/+") in hear(device, "model/manifest", manifest(), 5.1)
    for message in chunk_messages():
        steps = device.receive(*message, 6.0)
    assert steps[-1].weights.tobytes() == WEIGHTS.tobytes()


def test_who_asks_and_has_the_newest_version_hears_so() -> None:
    device = online(installed_version=1)
    hear(device, "model/manifest", manifest())
    seen = (ManifestSeen(version=1, published_s=7.0),)
    assert device.pull(1.0) == seen
    assert device.pull(2.0) == seen
    device.disconnected(3.0)
    assert device.pull(3.0) == ()


def test_a_model_that_is_whole_and_no_weights_is_fetched_once() -> None:
    device = online()
    device.pull(0.0)
    infinite = zlib.compress(np.full(N, np.inf, "<f4").view(np.uint8).reshape(-1, 4).T.tobytes())
    told = manifest(9, sha256=sha256(infinite).digest(), size=len(infinite), chunks=1)
    hear(device, "model/manifest", told)
    chunk = ModelChunk(version=9, chunk=0, data=infinite)
    assert "NaN" in corruption(hear(device, "model/9/0", chunk))
    assert device.installed_version == 0
    assert device.pull(1.0) == ()
    assert device.due_s == math.inf


@pytest.mark.parametrize(
    ("topic", "payload"),
    [
        (f"{ROOT}/model/manifest", b"nonsense"),
        (f"{ROOT}/ack/phone", b""),
        (f"{ROOT}/ack/phone", encode(Want(version=1))),
        (f"{ROOT}/ack/other", encode(Acknowledgement(update_id="u1", status="accepted"))),
        ("circadia/1/away/ack/phone", encode(Acknowledgement(update_id="u1", status="accepted"))),
        ("circadia/2/home/ack/phone", b""),
        ("", b""),
    ],
)
def test_nonsense_is_an_event(topic: str, payload: bytes) -> None:
    (event,) = online().receive(topic, payload, 0.0)
    assert isinstance(event, Corruption)


def test_cleared_retained_messages_are_silence() -> None:
    assert online().receive(f"{ROOT}/model/manifest", b"", 0.0) == ()
    assert online().receive(f"{ROOT}/model/1/0", b"", 0.0) == ()


def test_an_update_is_sent_until_its_verdict_with_growing_waits() -> None:
    device = online()
    assert chunks_sent(device.push([update()], 0.0)) == [("u1", 0), ("u1", 1)]
    assert device.push([update()], 1.0) == ()
    assert device.due_s == 20.0
    assert chunks_sent(device.tick(20.0)) == [("u1", 0), ("u1", 1)]
    assert device.due_s == 60.0
    (verdict,) = hear(device, "ack/phone", Acknowledgement(update_id="u1", status="rejected", reason="no"))
    assert verdict == UpdateAcknowledged(update_id="u1", accepted=False, reason="no")
    assert (device.pushing, device.due_s) == (0, math.inf)


def test_updates_wait_for_the_link_and_are_sent_again_after_it_broke() -> None:
    device = endpoint()
    for start_s in (0.0, 1000.0):
        assert device.push([update()], start_s) == ()
        assert chunks_sent(device.connected(start_s)) == []
        assert chunks_sent(device.receive(*aggregator(True), start_s)) == [("u1", 0), ("u1", 1)]
        device.disconnected(start_s + 2)
        assert device.tick(start_s + 500) == ()
        assert device.due_s == math.inf


def test_nothing_is_sent_to_an_aggregator_that_is_gone_and_all_again_when_it_is_back() -> None:
    device = online()
    device.push([update()], 0.0)
    assert device.receive(*aggregator(False), 1.0) == ()
    assert device.push([update("u2")], 2.0) == ()
    assert device.tick(50.0) == ()
    steps = device.receive(*aggregator(True), 51.0)
    assert chunks_sent(steps) == [("u1", 0), ("u1", 1), ("u2", 0), ("u2", 1)]


def test_a_silent_aggregator_is_tried_in_the_end() -> None:
    device = endpoint()
    device.push([update()], 0.0)
    device.connected(0.0)
    assert device.due_s == 5.0
    assert chunks_sent(device.tick(5.0)) == [("u1", 0), ("u1", 1)]
    device.receive(*aggregator(False), 6.0)
    assert device.due_s == 66.0
    assert chunks_sent(device.tick(66.0)) == [("u1", 0), ("u1", 1)]


def test_only_missing_chunks_are_sent_when_the_aggregator_names_them() -> None:
    device = online()
    device.push([update()], 0.0)
    ack = Acknowledgement(update_id="u1", status="incomplete", missing=(1, 900))
    assert chunks_sent(hear(device, "ack/phone", ack, 3.0)) == [("u1", 1)]


def not_now(update_id: str = "u1") -> Acknowledgement:
    return Acknowledgement(update_id=update_id, status="not-now", reason="schema: 2 is unknown")


def test_not_now_is_tried_again_with_growing_pauses_at_least_hourly() -> None:
    device = online()
    device.push([update()], 0.0)
    pauses, now_s = [], 0.0
    for _ in range(12):
        event = hear(device, "ack/phone", not_now(), now_s)[0]
        assert isinstance(event, UpdatePutOff)
        assert event.reason == "schema: 2 is unknown"
        assert device.due_s == now_s + event.retry_s
        assert hear(device, "ack/phone", not_now(), now_s + 1) == ()  # said again: the pause stays
        pauses.append(event.retry_s)
        now_s = device.due_s
        assert chunks_sent(device.tick(now_s)) == [("u1", 0)]  # one chunk asks
    assert pauses[:3] == [20, 40, 80]
    assert pauses[-1] == 3600
    assert device.put_off == device.pushing == 1
    ack = Acknowledgement(update_id="u1", status="incomplete", missing=(1,))
    hear(device, "ack/phone", not_now(), now_s)
    assert chunks_sent(hear(device, "ack/phone", ack, now_s)) == [
        ("u1", 1)
    ]  # the time has come: no pause any more
    device.push([update("u2")], now_s)
    assert device.due_s == now_s + 20
    hear(device, "ack/phone", Acknowledgement(update_id="u2", status="accepted"), now_s)
    verdict, status = hear(device, "ack/phone", Acknowledgement(update_id="u1", status="accepted"), now_s)
    assert verdict == UpdateAcknowledged(update_id="u1", accepted=True)
    assert decode_as(Status, status.payload).details == {}
    assert device.due_s == math.inf


def test_the_number_of_updates_put_off_is_in_the_devices_status() -> None:
    device = online()
    device.push([update()], 0.0)
    event, status = hear(device, "ack/phone", not_now())
    assert isinstance(event, UpdatePutOff)
    told = decode_as(Status, status.payload)
    assert (status.topic, told.online, told.details) == (f"{ROOT}/status/phone", True, {"put_off": 1})


def test_what_is_put_off_holds_up_nothing_behind_it() -> None:
    device = online()
    device.push([update(f"u{i}") for i in range(6)], 0.0)
    event, *sent, _status = hear(device, "ack/phone", not_now("u0"))
    assert isinstance(event, UpdatePutOff)
    assert chunks_sent(tuple(sent)) == [("u4", 0), ("u4", 1)]


def test_a_pause_outlives_the_connection() -> None:
    device = online()
    device.push([update()], 0.0)
    hear(device, "ack/phone", not_now(), 1.0)
    device.disconnected(2.0)
    assert device.due_s == math.inf
    device.connected(3.0)
    assert device.receive(*aggregator(True), 3.0) == ()
    assert device.due_s == 21.0
    assert chunks_sent(device.tick(21.0)) == [("u1", 0)]


def test_not_now_about_an_unknown_update_is_ignored() -> None:
    assert hear(online(), "ack/phone", not_now("who")) == ()


def test_few_updates_are_on_the_way_at_once() -> None:
    device = online()
    sent = chunks_sent(device.push([update(f"u{i}") for i in range(6)], 0.0))
    assert [name for name, chunk in sent if chunk == 0] == ["u0", "u1", "u2", "u3"]
    steps = hear(device, "ack/phone", Acknowledgement(update_id="u1", status="accepted"))
    assert chunks_sent(steps) == [("u4", 0), ("u4", 1)]


@pytest.mark.parametrize(
    "bad",
    [
        {"payload": b""}, {"payload": bytes(62_000_000)}, {"update_id": "a/b"}, {"examples": 0},
        {"base_version": -1}, {"created_s": math.nan}, {"codec": "zip"},
    ],
)  # fmt: skip
def test_an_update_that_no_message_can_carry_is_refused_here(bad: dict[str, Any]) -> None:
    device = online()
    with pytest.raises(LocalProtocolError):
        device.push([update("good"), dataclasses.replace(update(), **bad)], 0.0)
    assert device.pushing == 0


def test_ids_are_checked() -> None:
    with pytest.raises(LocalProtocolError, match="device"):
        endpoint(device_id="a b")
    with pytest.raises(ConfigError, match="aggregator"):
        endpoint(device_id="aggregator")

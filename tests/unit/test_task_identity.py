"""What makes two tasks the same, and who asks: an aggregator, a device, a ledger, a store; old and new."""

from __future__ import annotations

import dataclasses
import json
import shutil
import sqlite3
from contextlib import closing
from hashlib import sha256
from pathlib import Path
from typing import Any

import cbor2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from circadia.errors import ConfigError, StoreError
from circadia.federation.aggregate.aggregator import Aggregator, AggregatorSettings, first_version
from circadia.federation.aggregate.ledger import LEDGER, Ledger
from circadia.federation.codecs import encode as pack
from circadia.federation.device.endpoint import DeviceEndpoint
from circadia.federation.device.events import ManifestSeen
from circadia.federation.wire.corruption import Corruption
from circadia.federation.wire.effects import Publish
from circadia.federation.wire.envelope import load, unseal
from circadia.federation.wire.messages import (
    Acknowledgement,
    Manifest,
    Status,
    UpdateChunk,
    decode_as,
    encode,
)
from circadia.learning.identity import TaskIdentity
from circadia.learning.task_file import load_task
from circadia.store.sqlite import SqliteStore
from circadia.types import ModelUpdate

OLD = Path(__file__).parents[1] / "formats" / "0.1.0.dev0"
TASK = load_task("digits-head")
REVERSED = dataclasses.replace(TASK, labels=TASK.labels[::-1])
ROOT = "circadia/1/home"
OTHERS = {
    "labels": dataclasses.replace(TASK.identity, labels=TASK.labels[::-1]),
    "input of shape": dataclasses.replace(TASK.identity, input_shape=(64,)),
    "input of type": dataclasses.replace(TASK.identity, input_dtype="int8"),
    "scaling": dataclasses.replace(TASK.identity, scaling="x / 16"),
    "model file": dataclasses.replace(TASK.identity, model="ab" * 32),
}


def test_the_digest_is_for_ever() -> None:
    identity = TaskIdentity(model="ab" * 32, labels=("nö", "ja"), input_shape=(2, 3), scaling="x / 2")
    assert identity.text == (
        f'{{"input_dtype":"float32","input_shape":[2,3],"labels":["nö","ja"],"model":"{"ab" * 32}","scaling":"x / 2"}}'
    )
    assert identity.digest == "0ca6a42fb7aac76f72971f964b91d0c941e16ab99460d3b45f094e16b00aa6d6"
    assert TASK.identity.model == TASK.digest


@pytest.mark.parametrize("what", OTHERS)
def test_everything_in_it_makes_another_task_and_is_named(what: str) -> None:
    other = OTHERS[what]
    assert other.digest != TASK.identity.digest
    assert TASK.identity.differences(other).startswith(what)
    assert not TASK.identity.differences(TaskIdentity.parse(TASK.identity.text))


def test_name_weights_and_rate_do_not() -> None:
    other = dataclasses.replace(
        TASK, name="mine", initial_weights=TASK.initial_weights + 1, learning_rate=0.5
    )
    assert other.identity == TASK.identity


@given(st.lists(st.text(), max_size=5), st.lists(st.integers(1, 999), max_size=4), st.text())
def test_it_is_read_as_it_was_written(labels: list[str], shape: list[int], scaling: str) -> None:
    identity = TaskIdentity(model="cd" * 32, labels=tuple(labels), input_shape=tuple(shape), scaling=scaling)
    assert TaskIdentity.parse(identity.text) == identity
    assert TaskIdentity.parse(json.dumps(json.loads(identity.text) | {"later": 1})) == identity


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"labels": 1, "input_shape": []}', "\x00"])
def test_a_damaged_one_is_named(text: str) -> None:
    with pytest.raises(StoreError, match="identity of a task is damaged"):
        TaskIdentity.parse(text)


# Between an aggregator and devices


def aggregator(identity: str = TASK.identity.digest) -> Any:
    core = Aggregator(
        settings=AggregatorSettings(federation="home", task=TASK.digest, identity=identity),
        version=first_version(TASK.initial_weights, 0.0),
        buffered=(),
        verdicts=lambda _device, _update: None,
        stamp=lambda now_s: now_s,
    )
    return core, core.connected(0.0)


def device(identity: str = TASK.identity.digest) -> Any:
    core = DeviceEndpoint(
        device_id="phone",
        federation="home",
        task_digest=TASK.digest,
        identity=identity,
        parameters=TASK.parameters,
    )
    core.connected(0.0)
    core.receive(f"{ROOT}/status/aggregator", encode(Status(device="aggregator", online=True)), 0.0)
    return core


def pushed(core: Any) -> list[Publish]:
    payload = pack(np.full(TASK.parameters, 0.01, np.float32))
    update = ModelUpdate(
        update_id="u1",
        task=TASK.digest,
        base_version=1,
        examples=5,
        codec="int8",
        payload=payload,
        created_s=0.0,
    )
    return [step for step in core.push([update], 1.0) if isinstance(step, Publish)]


def told(steps: Any) -> Acknowledgement:
    [ack] = [
        decode_as(Acknowledgement, step.payload)
        for step in steps
        if isinstance(step, Publish) and "/ack/" in step.topic
    ]
    return ack


def answer(aggregating: Any, sent: list[Publish]) -> Acknowledgement:
    return told([step for one in sent for step in aggregating.receive(one.topic, one.payload, 2.0)])


def body(message: Publish) -> dict[str, Any]:
    values = load(unseal(message.payload))
    assert isinstance(values, dict)
    return values


def announced(steps: Any) -> Publish:
    return next(step for step in steps if isinstance(step, Publish) and step.topic.endswith("manifest"))


@pytest.mark.parametrize("identity", [TASK.identity.digest, ""], ids=["today's", "release 0.1's"])
def test_a_device_of_the_same_task_is_served(identity: str) -> None:
    core, said = aggregator()
    assert answer(core, pushed(device(identity))).status == "accepted"
    manifest = announced(said)
    assert any(
        isinstance(step, ManifestSeen)
        for step in device(identity).receive(manifest.topic, manifest.payload, 1.0)
    )


def test_a_device_of_today_goes_with_an_aggregator_of_release_0_1() -> None:
    core, said = aggregator(identity="")
    assert answer(core, pushed(device())).status == "accepted"
    manifest = announced(said)
    assert any(
        isinstance(step, ManifestSeen) for step in device().receive(manifest.topic, manifest.payload, 1.0)
    )


def test_release_0_1_finds_its_digest_where_it_was_and_passes_over_the_rest() -> None:
    manifest = announced(aggregator()[1])
    assert body(manifest) == {
        **body(announced(aggregator(identity="")[1])),
        "identity": TASK.identity.digest,
    }
    assert decode_as(Manifest, manifest.payload).task == TASK.digest == sha256(TASK.model).hexdigest()
    (chunk,) = pushed(device())
    assert decode_as(UpdateChunk, chunk.payload).task == TASK.digest
    assert "identity" not in body(pushed(device(""))[0])


def test_what_an_aggregator_of_release_0_1_left_on_the_broker_is_put_right_without_complaint() -> None:
    core, said = aggregator()
    before = announced(aggregator(identity="")[1])
    assert core.receive(before.topic, before.payload, 1.0) == (announced(said),)
    forged = announced(aggregator(identity=REVERSED.identity.digest)[1])
    assert any(isinstance(step, Corruption) for step in core.receive(forged.topic, forged.payload, 9.0))


def test_reversed_labels_are_put_off_by_name_and_not_learned() -> None:
    core, said = aggregator()
    reversing = device(REVERSED.identity.digest)
    ack = answer(core, pushed(reversing))
    assert (ack.status, core.waiting) == ("not-now", 0)
    assert (
        ack.reason
        == "task: update for the same model with other labels or another input; give both the same task"
    )
    manifest = announced(said)
    (what,) = reversing.receive(manifest.topic, manifest.payload, 1.0)
    assert isinstance(what, Corruption)
    assert "this model with other labels or another input; give both the same task" in what.what


@pytest.mark.parametrize("identity", ["ab", "AB" * 32, 7, None, "ab" * 33])
def test_an_identity_that_is_none_is_no_ground_for_a_verdict(identity: object) -> None:
    core, _ = aggregator()
    (sent,) = pushed(device())
    values = body(sent) | {"identity": identity}
    packed = cbor2.dumps(values, canonical=True)
    wire = cbor2.dumps([1, packed, sha256(b"\1" + packed).digest(), None])
    assert told(core.receive(sent.topic, wire, 1.0)).status == "not-now"


# In a ledger


def ledger(path: Path, identity: TaskIdentity | None = TASK.identity, **options: Any) -> Ledger:
    return Ledger(path, task=TASK.digest, parameters=TASK.parameters, identity=identity, **options)


def kept_identity(path: Path) -> Any:
    with closing(sqlite3.connect(path)) as db:
        return db.execute("SELECT identity FROM federation").fetchone()[0]


def test_a_ledger_of_release_0_1_is_adopted_once_by_the_same_file(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    shutil.copyfile(OLD / "ledger.sqlite", path)
    ledger(path, read_only=True).close()
    with pytest.raises(StoreError, match="belongs to task"):
        Ledger(path, task="ab" * 32, parameters=TASK.parameters, identity=OTHERS["model file"])
    adopted = ledger(path)
    assert adopted.newest() is not None
    adopted.close()
    assert kept_identity(path) == TASK.identity.text
    with pytest.raises(
        StoreError, match=r"belongs to another task: labels 9, 8, 7, 6, 5, 4, … \(10\) instead of 0, 1, "
    ):
        ledger(path, REVERSED.identity)
    with pytest.raises(StoreError, match="labels 9, 8"):
        ledger(path, REVERSED.identity, read_only=True)
    ledger(path).close()
    ledger(path, None, read_only=True).close()  # who only looks need not know
    assert kept_identity(path) == TASK.identity.text


def test_a_new_ledger_belongs_to_its_first_task(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    ledger(path).close()
    with pytest.raises(StoreError, match="scaling 'x / 16' instead of ''"):
        ledger(path, OTHERS["scaling"])
    assert LEDGER.version == 3


# In a store


def test_a_store_of_release_0_1_is_adopted_once_by_the_same_file(tmp_path: Path) -> None:
    path = tmp_path / "device.db"
    shutil.copyfile(OLD / "device.sqlite", path)
    with SqliteStore(path) as store:
        with pytest.raises(ConfigError, match="its last update is for the model file"):
            store.claim(OTHERS["model file"], TASK.parameters)
        store.claim(TASK.identity, TASK.parameters)
    with closing(sqlite3.connect(path)) as db:
        row = db.execute("SELECT digest, identity, adopted FROM task").fetchall()
    assert row == [(TASK.identity.digest, TASK.identity.text, 1)]
    with SqliteStore(path) as store:
        with pytest.raises(ConfigError, match="belongs to another task: labels 9, 8, 7"):
            store.claim(REVERSED.identity, TASK.parameters)
        store.claim(TASK.identity, TASK.parameters)
        assert store.load_model() is not None


def test_a_new_store_is_not_adopted_but_begun(tmp_path: Path) -> None:
    path = tmp_path / "device.db"
    with SqliteStore(path) as store:
        store.claim(TASK.identity, TASK.parameters)
    with closing(sqlite3.connect(path)) as db:
        assert db.execute("SELECT adopted FROM task").fetchall() == [(0,)]

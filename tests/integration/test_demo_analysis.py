"""The analysis of an arm: two devices in this process with real agents, training, stores and ledger, for half a day."""

from __future__ import annotations

import json
import logging
import shutil
import sqlite3
from collections import Counter
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from circadia.actions import CATALOGUE, INDEX
from circadia.config import parse_config
from circadia.energy.profile_file import shipped_profile
from circadia.errors import StoreError
from circadia.federation.aggregate.aggregator import first_version
from circadia.federation.aggregate.averaging import Buffer
from circadia.federation.aggregate.ledger import Ledger
from circadia.federation.aggregate.records import UpdateRecord, Verdict, Version
from circadia.federation.codecs import decode
from circadia.federation.device.events import ModelArrived, UpdateAcknowledged
from circadia.physics.scenario import scenario_for
from circadia.platforms.clocks import HandClock
from circadia.platforms.simulated import SimulatedPlatform
from circadia.wiring import Parts, build
from circadia_lab.data.day.plan import Plan
from circadia_lab.data.day.run import Run, judged
from circadia_lab.data.day.world import RequestEvent, World
from circadia_lab.fleet.demo.analysis import analyse, grid
from circadia_lab.fleet.demo.body import played
from circadia_lab.fleet.demo.device_log import read_log
from circadia_lab.fleet.demo.summary import KIND_ROWS, ROWS, arm_summary, run_summary, summary

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from circadia.agent import Agent
    from circadia.inbox import Answer
    from circadia_lab.data.day.result import ArmResult, Drift
    from circadia_lab.data.day.world import Event

pytestmark = pytest.mark.slow

DEVICES, PERIOD_S, DAY_S = 2, 900.0, 12.25 * 3600
ACTIONS = ("serve/high/large", "train/low/small", "serve/low/large", "train/high/large/sync-int8")


class Turns:
    """The policy port, with one action after the other."""

    name = "turns"
    offered = np.ones(len(CATALOGUE), bool)

    def __init__(self) -> None:
        self._count = 0

    def scores(self, _x: NDArray[np.float32]) -> NDArray[np.float32]:
        scores = np.full(len(CATALOGUE), -100.0, np.float32)
        scores[INDEX[ACTIONS[self._count % len(ACTIONS)]]] = 100.0
        self._count += 1
        return scores


@dataclass
class Device:
    """A device and what its user knows."""

    name: str
    store: Path
    profile: str = "pixel-3"
    restarts: int = 0
    seed: int = 0
    asked: list[tuple[Answer, int]] = field(default_factory=list)

    def body(self) -> SimulatedPlatform:
        profile = shipped_profile(self.profile)
        return SimulatedPlatform(profile, scenario_for(profile), self.seed, initial_soc=0.9)

    @property
    def right(self) -> int:
        return sum(answer.result().label == label for answer, label in self.answered)

    @property
    def answered(self) -> list[tuple[Answer, int]]:
        return [(a, label) for a, label in self.asked if a.done() and a.exception() is None]


@dataclass
class Arm:
    """What the analysis is given."""

    ledger: Path
    devices: list[Device]
    plan: Plan = field(default_factory=lambda: Plan(devices=DEVICES, seed=0))
    name: str = "circadia"
    policy: str = "turns"
    incidents: list[Drift] = field(default_factory=list)


def open_agent(device: Device, index: int) -> Agent:
    config = {"agent": {"policy": "charging-only", "seed": index}, "store": {"path": str(device.store)}}
    parts = Parts(clock=HandClock(), policy=Turns())
    return build(parse_config(config | {"platform": {"initial_soc": 0.9, "seed": index}}), parts=parts).agent


def live(agent: Agent, device: Device, events: list[Event], until_s: float) -> None:
    """What happens to a device until a tick."""
    assert isinstance(agent.clock, HandClock)
    while events and events[0].t_s < until_s:
        event = events.pop(0)
        agent.clock.t_s = event.t_s
        if isinstance(event, RequestEvent):
            device.asked.append((agent.submit(event.image, 1500.0), event.label))
        else:
            agent.add_example(event.image, event.label)
    agent.clock.t_s = until_s
    agent.ingest()
    agent.learn()
    agent.hear()


def tell(agent: Agent, device: Device, told: set[int]) -> None:
    """Every other answer gets its label, once."""
    for answer, label in device.answered:
        if answer.request_id % 2 and answer.request_id not in told:
            told.add(answer.request_id)
            agent.feedback(answer.request_id, label)


def federate(ledger: Ledger, version: Version, agents: list[Agent], arm: Arm, now_s: float) -> Version:
    """Average what waits, publish, deliver; the aggregator's part without a broker."""
    buffer, size = Buffer(version.weights.size), version.weights.size
    for agent, device in zip(agents, arm.devices, strict=True):
        for update in list(agent.workload.spooled):
            buffer.add(decode(update.payload, size), examples=update.examples, staleness=0)
            ledger.keep_update(
                UpdateRecord(
                    device=device.name,
                    update_id=update.update_id,
                    verdict=Verdict(accepted=True),
                    received_s=now_s,
                )
            )
            agent._hear(UpdateAcknowledged(update_id=update.update_id, accepted=True, reason=""))
    if not buffer.updates:
        return version
    new = Version(number=version.number + 1, published_s=now_s, weights=buffer.apply(version.weights))
    ledger.keep_version(new)
    ledger.commit()
    for agent in agents:
        agent._hear(ModelArrived(version=new.number, published_s=now_s, weights=new.weights))
    return new


@pytest.fixture(scope="module")
def arm(tmp_path_factory: pytest.TempPathFactory) -> Arm:
    folder = tmp_path_factory.mktemp("arm")
    arm = Arm(
        ledger=folder / "ledger.db",
        devices=[Device(name=f"pixel-3-{i}", store=folder / f"{i}.db", seed=i) for i in range(DEVICES)],
    )
    world = World(arm.plan.seed, DEVICES)
    streams = [world.stream(i) for i in range(DEVICES)]
    agents = [open_agent(device, i) for i, device in enumerate(arm.devices)]
    told: list[set[int]] = [set() for _ in range(DEVICES)]
    task = agents[0].workload.task
    ledger = Ledger(arm.ledger, task=task.digest, parameters=task.parameters)
    version = first_version(task.initial_weights, 0.0)
    ledger.keep_version(version)
    for tick in range(1, int(DAY_S // PERIOD_S) + 1):
        for i, agent in enumerate(agents):
            tell(agent, arm.devices[i], told[i])
            live(agent, arm.devices[i], streams[i], tick * PERIOD_S)
            agent.tick()
        version = federate(ledger, version, agents, arm, tick * PERIOD_S)
    for agent in agents:
        agent.close()
    ledger.commit()
    ledger.close()
    return arm


@pytest.fixture(scope="module")
def result(arm: Arm) -> ArmResult:
    return analyse(arm, day_s=DAY_S, wall_s=1.0, complete=False)


def test_the_log_replays_to_the_stored_weights(arm: Arm, caplog: pytest.LogCaptureFixture) -> None:
    told: list[tuple[float, str]] = []
    with caplog.at_level(logging.WARNING):
        analyse(
            arm,
            day_s=DAY_S,
            wall_s=1.0,
            complete=False,
            progress=lambda share, what: told.append((share, what)),
        )
    assert not caplog.records
    shares = [share for share, _ in told]
    assert shares == sorted(shares)
    assert shares[-1] == 1.0


def test_answers_are_judged_by_what_the_images_showed(arm: Arm, result: ArmResult) -> None:
    for device, found in zip(arm.devices, result.devices, strict=True):
        assert found.served == len(device.answered) == len(found.latency_s) > 50
        assert found.served_correct == device.right
        assert 0 < found.expired <= len(device.asked) - found.served
    assert result.served == sum(found.served for found in result.devices)


def test_training_and_federation_show(result: ArmResult) -> None:
    assert result.updates_made > 10
    assert result.updates_lost == 0
    assert result.versions.value == [float(n + 1) for n in range(len(result.versions.value))]
    assert all(device.training_steps > 300 for device in result.devices)
    assert result.accuracy.t_s == grid(DAY_S)
    assert result.accuracy.value[0] < 0.3
    assert result.accuracy.value[-1] == pytest.approx(result.federated_accuracy)
    assert 0.5 < result.federated_accuracy <= 1
    assert result.centralised_accuracy > result.own_accuracy > 0.2
    for device in result.devices:
        assert device.updates["made"] == device.updates["accepted"]
        assert max(device.version.value) > 5
        assert min(device.staleness_s.value) >= 0


def test_energy_adds_up(arm: Arm, result: ArmResult) -> None:
    for device, found in zip(arm.devices, result.devices, strict=True):
        (settled,) = sqlite3.connect(device.store).execute("SELECT sum(energy_j) FROM ticks").fetchone()
        assert settled > 0
        assert sum(found.energy_j.values()) == pytest.approx(settled)
        assert sum(found.energy_by_load_j.values()) == pytest.approx(settled)
        assert found.cumulative_j.value[-1] == pytest.approx(settled)
        assert sum(stay.duration_s for stay in found.stays) == pytest.approx(DAY_S - PERIOD_S)
    assert result.joules.value[-1] == pytest.approx(sum(result.energy_j.values()))


def test_the_body_is_played_again_as_it_was(
    arm: Arm, result: ArmResult, caplog: pytest.LogCaptureFixture
) -> None:
    for device, found in zip(arm.devices, result.devices, strict=True):
        joules = found.joules
        assert joules.work_j + joules.rest_j == pytest.approx(sum(found.energy_j.values()), rel=1e-3)
        assert 0 < joules.battery_work_j < joules.work_j
        assert joules.battery_work_j < joules.battery_j < joules.device_j
        assert 0 < joules.battery_s < DAY_S  # plugged in till the morning
        assert found.battery_agent_j.value[-1] == joules.battery_work_j
        assert found.battery_agent_j.value == sorted(found.battery_agent_j.value)
        assert found.battery_hours == pytest.approx(
            found.capacity_j / joules.battery_j * joules.battery_s / 3600
        )
        day = read_log(device.store)
        with caplog.at_level(logging.WARNING):
            played(day, replace(device, seed=device.seed + 5).body(), DAY_S)
        assert "its battery is played again with" in caplog.text  # another seed's body is not this one
        caplog.clear()


def test_the_drift_is_seen(result: ArmResult) -> None:
    (drift,) = result.drifts
    at = result.accuracy.t_s.index(drift.t_s)
    assert result.accuracy.value[at] < result.accuracy.value[at - 1] - 0.05


def test_the_summary_is_plain_json(result: ArmResult) -> None:
    run = Run(plan=Plan(devices=DEVICES), arms=judged([result]))
    found = summary([run], Path("report.html"))
    again = json.loads(json.dumps(found, allow_nan=False))
    arm = again["arms"]["circadia"]
    assert arm["federated_accuracy"] == result.federated_accuracy
    assert arm["complete"] is False
    assert arm["energy_total_j"] == pytest.approx(sum(arm["energy_j"].values()))
    assert again["energy_source"] == "simulated"
    assert all(cell(arm) for _, cell in ROWS)
    (kind,) = arm["kinds"].values()
    assert all(cell(kind) for _, cell in KIND_ROWS)
    assert kind["served"] == arm["served"] == sum(device["served"] for device in arm["by_device"].values())
    assert kind["mean_accuracy"] == pytest.approx(arm["mean_accuracy"])
    assert 0 < arm["federated_of_central"] < 2
    assert again["arms"] == again["runs"][0]["arms"]


def copied(arm: Arm, folder: Path) -> Arm:
    """The same arm in another folder, to damage."""
    devices = [replace(device, store=Path(shutil.copy(device.store, folder))) for device in arm.devices]
    return replace(arm, ledger=Path(shutil.copy(arm.ledger, folder)), devices=devices)


def test_an_update_that_the_ledger_does_not_know_is_lost(arm: Arm, tmp_path: Path) -> None:
    damaged = copied(arm, tmp_path)
    with sqlite3.connect(damaged.ledger) as db:
        db.execute("DELETE FROM updates WHERE id IN (SELECT id FROM updates ORDER BY id LIMIT 3)")
    db.close()
    result = analyse(damaged, day_s=DAY_S, wall_s=1.0, complete=True)
    assert result.updates_lost == 3
    assert Counter(result.devices[0].updates) + Counter(result.devices[1].updates) >= Counter(waiting=3)


def test_a_device_that_never_ticked(arm: Arm, tmp_path: Path) -> None:
    idle = Device(name="idle", store=tmp_path / "idle.db", seed=1)
    open_agent(idle, 1).close()
    result = analyse(replace(arm, devices=[arm.devices[0], idle]), day_s=DAY_S, wall_s=1.0, complete=False)
    assert result.devices[1].served == result.devices[1].training_steps == 0
    assert set(result.devices[1].accuracy_common.value[:20]) == {result.accuracy.value[0]}
    assert arm_summary(result, [result])["served"] == result.devices[0].served


def test_an_arm_stopped_at_once(arm: Arm, tmp_path: Path) -> None:
    devices = [Device(name=f"d{i}", store=tmp_path / f"{i}.db", seed=i) for i in range(DEVICES)]
    for i, device in enumerate(devices):
        open_agent(device, i).close()
    result = analyse(replace(arm, devices=devices), day_s=0.0, wall_s=1.0, complete=False)
    assert result.recovery_s is None
    assert result.drifts == []
    found = run_summary(Run(plan=arm.plan, arms=judged([result])))["arms"]["circadia"]
    assert found["served_accuracy"] is None
    assert all(cell(found) for _, cell in ROWS)
    assert all(cell(kind) for kind in found["kinds"].values() for _, cell in KIND_ROWS)


def test_a_missing_store_is_named(arm: Arm, tmp_path: Path) -> None:
    gone = replace(arm.devices[1], store=tmp_path / "gone.db")
    with pytest.raises(StoreError, match=r"gone\.db: there is no such store"):
        analyse(replace(arm, devices=[arm.devices[0], gone]), day_s=DAY_S, wall_s=1.0, complete=True)


def test_a_missing_ledger_is_named(arm: Arm, tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"gone\.db: there is no such ledger"):
        analyse(replace(arm, ledger=tmp_path / "gone.db"), day_s=DAY_S, wall_s=1.0, complete=True)


def test_a_damaged_store_is_named(arm: Arm, tmp_path: Path) -> None:
    damaged = copied(arm, tmp_path)
    store = damaged.devices[0].store
    store.write_bytes(store.read_bytes()[:5000])
    with pytest.raises(StoreError, match=rf"{store.name}: was cut off: 5000 of \d+ bytes"):
        analyse(damaged, day_s=DAY_S, wall_s=1.0, complete=True)
    store.write_bytes(b"something else entirely" * 100)
    with pytest.raises(StoreError, match=rf"{store.name}: is not a store"):
        analyse(damaged, day_s=DAY_S, wall_s=1.0, complete=True)


def test_the_store_of_another_schema_is_refused(arm: Arm, tmp_path: Path) -> None:
    damaged = copied(arm, tmp_path)
    with sqlite3.connect(damaged.devices[0].store) as db:
        db.execute("PRAGMA user_version = 99")
        db.execute("UPDATE schema SET readable_from = 99")
    db.close()
    with pytest.raises(StoreError, match="schema 99"):
        analyse(damaged, day_s=DAY_S, wall_s=1.0, complete=True)


def test_an_example_that_is_gone_is_named(arm: Arm, tmp_path: Path) -> None:
    damaged = copied(arm, tmp_path)
    with sqlite3.connect(damaged.devices[0].store) as db:
        db.execute("DELETE FROM examples WHERE id = 1")
    db.close()
    with pytest.raises(StoreError, match=r"0\.db: example 1 was trained on and is gone"):
        analyse(damaged, day_s=DAY_S, wall_s=1.0, complete=True)


def test_a_version_that_the_ledger_lacks_is_named(arm: Arm, tmp_path: Path) -> None:
    damaged = copied(arm, tmp_path)
    with sqlite3.connect(damaged.ledger) as db:
        db.execute("UPDATE versions SET weights = NULL WHERE version = 3")
    db.close()
    with pytest.raises(StoreError, match="lacks version 3"):
        analyse(damaged, day_s=DAY_S, wall_s=1.0, complete=True)


def test_another_world_s_store_is_refused(arm: Arm) -> None:
    with pytest.raises(StoreError, match="not of this world"):
        analyse(replace(arm, plan=Plan(devices=DEVICES, seed=1)), day_s=DAY_S, wall_s=1.0, complete=True)

"""A whole device in one process: real task, real interpreter, real store, simulated body; only the clock is ours."""

from __future__ import annotations

import dataclasses
import sqlite3
from typing import TYPE_CHECKING

import numpy as np
import pytest
from numpy.typing import NDArray

from circadia.actions import CATALOGUE, INDEX
from circadia.config import AgentConfig, DeviceConfig, parse_config
from circadia.errors import ConfigError, DeadlineExpired, StoreError
from circadia.federation.codecs import decode
from circadia.federation.device.events import ModelArrived
from circadia.platforms.clocks import HandClock
from circadia.platforms.kinds import SimulatedConfig
from circadia.platforms.simulated import SimulatedPlatform
from circadia.practice import PRACTICE_S
from circadia.store.sqlite import SqliteStore
from circadia.types import Mode, TickRecord
from circadia.wiring import Parts, build
from circadia.workload import TAKEN, LearningWorkload

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from circadia.agent import Agent

Vector = NDArray[np.float32]


class Always:
    """The policy port with one action in mind."""

    name = "always"
    offered = np.ones(len(CATALOGUE), bool)

    def __init__(self, action: str) -> None:
        self.action = action

    def scores(self, _x: Vector) -> Vector:
        scores = np.full(len(CATALOGUE), -100.0, np.float32)
        scores[INDEX[self.action]] = 100.0
        return scores


def config(tmp_path: Path, **store: float) -> DeviceConfig:
    return parse_config(
        {
            "agent": {"policy": "charging-only", "period_s": 60.0},
            "store": {"path": str(tmp_path / "device.db"), "retention": store},
            "platform": {"initial_soc": 0.8},
        }
    )


def started(config: DeviceConfig, t_s: float = 0.0) -> Agent:
    return build(config, parts=Parts(clock=HandClock(t_s), policy=Always("sleep"))).agent


def work_of(agent: Agent) -> LearningWorkload:
    assert isinstance(agent.workload, LearningWorkload)
    return agent.workload


def store_of(agent: Agent) -> SqliteStore:
    assert isinstance(agent.store, SqliteStore)
    return agent.store


def path_of(agent: Agent) -> Path:
    return store_of(agent).path


def turn(agent: Agent, seconds: float) -> None:
    assert isinstance(agent.clock, HandClock)
    agent.clock.t_s += seconds


@pytest.fixture
def agent(tmp_path: Path) -> Iterator[Agent]:
    agent = started(config(tmp_path))
    yield agent
    agent.close()


def tick(agent: Agent, action: str, after_s: float = 60.0) -> TickRecord:
    turn(agent, after_s)
    agent.policy = Always(action)
    agent.ingest()
    agent.learn()
    return agent.tick()


def image(agent: Agent, seed: int = 0) -> Vector:
    shape = agent.workload.task.input_shape
    return np.random.default_rng(seed).random(shape).astype(np.float32)


def give_examples(agent: Agent, count: int = 40) -> None:
    for i in range(count):
        agent.add_example(image(agent, i), i % 10)


def test_a_request_is_answered_and_its_label_becomes_an_example(agent: Agent) -> None:
    answer = agent.submit(image(agent), deadline_s=300.0)
    record = tick(agent, "serve/high/small")
    served = answer.result(timeout=0)
    assert 0 <= served.label < 10
    assert served.latency_s == pytest.approx(60.0 + record.outcome.busy_s)
    agent.feedback(answer.request_id, 7)
    agent.feedback(answer.request_id, 7)  # said twice: counts once
    tick(agent, "sleep")
    (example,) = store_of(agent).examples()
    assert example.label == 7
    np.testing.assert_array_equal(example.x, image(agent).ravel())
    rows = sqlite3.connect(path_of(agent)).execute("SELECT label, truth FROM requests").fetchall()
    assert rows == [(served.label, 7)]


def test_a_request_that_nobody_served_expires(agent: Agent) -> None:
    answer = agent.submit(image(agent), deadline_s=30.0)
    record = tick(agent, "sleep", after_s=31.0)
    assert record.outcome.expired == (answer.request_id,)
    with pytest.raises(DeadlineExpired):
        answer.result(timeout=0)
    assert work_of(agent).requests.length == 0


@pytest.mark.parametrize("wrong", [np.zeros(3), np.full((8, 8, 1), np.nan), np.array("seven")])
def test_a_wrong_input_is_refused_where_it_is_given(agent: Agent, wrong: Vector) -> None:
    with pytest.raises(ConfigError, match="digits"):
        agent.submit(wrong)
    with pytest.raises(ConfigError, match="digits"):
        agent.add_example(wrong, 1)


def test_an_unknown_label_is_refused(agent: Agent) -> None:
    with pytest.raises(ConfigError, match="label"):
        agent.add_example(image(agent), 10)


def test_what_was_told_before_a_training_that_fails_is_over(
    agent: Agent, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object) -> None:
        raise OSError("out of memory")

    give_examples(agent)
    monkeypatch.setattr(work_of(agent)._trainer, "train", fails)
    answer = agent.submit(image(agent), deadline_s=600.0)
    with pytest.raises(OSError, match="memory"):
        tick(agent, "serve+train/high/small+small")
    assert answer.result(timeout=0).label >= 0
    assert agent.workload.waiting == 0
    agent.feedback(answer.request_id, 7)
    record = tick(agent, "sleep", after_s=1e4)
    assert record.outcome.expired == ()
    assert len(store_of(agent).examples()) == 41


def test_training_changes_the_weights_and_counts_the_examples(agent: Agent) -> None:
    give_examples(agent)
    before = work_of(agent).model.weights
    assert work_of(agent).examples.fresh_count == 0
    record = tick(agent, "train/high/large")
    assert record.observation.fresh_examples == 40
    training = record.outcome.training
    assert training is not None
    assert training.steps == 32
    assert not np.array_equal(work_of(agent).model.weights, before)
    assert work_of(agent).examples.fresh_count < 40
    stored = store_of(agent).load_model()
    assert stored is not None
    np.testing.assert_array_equal(stored.weights, work_of(agent).model.weights)


def test_a_push_leaves_the_quantisation_error_in_the_weights(agent: Agent) -> None:
    give_examples(agent)
    turn(agent, 3600.0)  # at night, on the charger, with a free link
    tick(agent, "train/high/small")
    record = tick(agent, "train/high/small/sync-int8")
    update = record.outcome.update
    assert update is not None
    assert update.examples == 40  # however often each was trained on
    model = work_of(agent).model
    assert model.unsent_examples == 0
    left = np.abs(model.weights - model.base).max()
    whole = np.abs(model.weights - agent.workload.task.initial_weights).max()
    assert 0 < left < whole / 100
    assert [u.update_id for u in store_of(agent).spooled()] == [update.update_id]
    stored = store_of(agent).load_model()
    assert stored is not None
    np.testing.assert_array_equal(stored.weights, model.weights)
    np.testing.assert_array_equal(stored.base, model.base)
    again = tick(agent, "sleep/sync-int8")
    assert again.outcome.update is None  # nothing new to say


def test_of_what_is_told_half_stays_until_the_next_version(agent: Agent) -> None:
    give_examples(agent)
    turn(agent, 3600.0)
    record = tick(agent, "train/high/large/sync-int8")
    assert record.outcome.training is not None
    assert record.outcome.update is not None
    model, first = work_of(agent).model, agent.workload.task.initial_weights
    told = decode(record.outcome.update.payload, first.size, "int8")
    trained = record.outcome.training.weights
    np.testing.assert_allclose(model.base, first + TAKEN * told, atol=1e-6)
    np.testing.assert_allclose(model.weights, trained - (1 - TAKEN) * told, atol=1e-6)
    assert np.abs(model.weights - first).max() < 0.51 * np.abs(trained - first).max()


def test_an_arriving_version_keeps_the_unsent_change(agent: Agent) -> None:
    give_examples(agent)
    tick(agent, "train/high/small")
    before = work_of(agent).model
    own = before.weights - before.base
    arrived = np.full_like(own, 0.25)
    newest = agent.clock.now_s() + 1.0  # by the federation's own clock
    model = agent.workload.hear(ModelArrived(version=4, published_s=newest, weights=arrived), 10.0)
    assert model is not None
    assert model.published_s == 10.0
    assert agent.workload.version == 0  # until the store has it
    agent.workload.settle(stored=True)
    assert work_of(agent).model is model
    np.testing.assert_allclose(model.weights, arrived + own, rtol=1e-6)
    np.testing.assert_array_equal(model.base, arrived)
    assert model.unsent_examples == before.unsent_examples
    assert model.practice == before.practice


def test_practice_is_what_all_training_steps_went_through_whatever_is_sent_or_fetched(agent: Agent) -> None:
    give_examples(agent)
    assert tick(agent, "sleep").observation.practice == 0
    begun = tick(agent, "train/high/small/sync-int8")
    training = begun.outcome.training
    assert training is not None
    rows = (training.batches >= 0).sum()
    arrived = ModelArrived(version=9, published_s=10.0, weights=work_of(agent).model.weights)
    agent.workload.hear(arrived, agent.clock.now_s())
    agent.workload.settle(stored=True)
    seen = tick(agent, "sleep")
    faded = np.exp(-(seen.t_s - begun.t_s) / PRACTICE_S)
    assert seen.observation.practice == pytest.approx(rows * faded)
    assert seen.observation.unsent_examples == 0


def test_a_restart_goes_on_where_the_store_ends(tmp_path: Path) -> None:
    first = started(config(tmp_path))
    give_examples(first)
    tick(first, "train/high/large")
    last = tick(first, "train/high/large/sync-int8")
    weights = work_of(first).model.weights
    store_of(first).close()  # the process is as good as killed
    second = started(config(tmp_path), t_s=first.clock.now_s())
    np.testing.assert_array_equal(work_of(second).model.weights, weights)
    assert set(work_of(second).spool) == set(work_of(first).spool)
    assert len(work_of(second).examples) == 40
    assert work_of(second).examples.fresh_count == work_of(first).examples.fresh_count
    record = tick(second, "sleep")
    assert record.observation.dt_s == 60.0
    assert record.observation.battery_soc == pytest.approx(last.observation.battery_soc, abs=0.02)
    assert record.observation.practice > 1.9 * last.observation.practice > 0
    second.close()


def test_a_full_store_forgets_the_training_but_answers(tmp_path: Path) -> None:
    agent = started(config(tmp_path, max_mb=0.2))
    give_examples(agent, 60)
    answer = None
    before = work_of(agent).model
    with pytest.raises(StoreError, match="full"):  # noqa: PT012 which tick fills the disk is not known
        for _ in range(500):
            before = work_of(agent).model
            answer = agent.submit(image(agent), deadline_s=600.0)
            tick(agent, "serve/high/small")
            tick(agent, "train/high/small")
    assert work_of(agent).model is before
    assert answer is not None
    assert answer.done()
    agent.store.close()


@pytest.mark.parametrize("sensor", ["battery_soc", "temperature_c"])
def test_an_absent_sensor_keeps_the_device_asleep(agent: Agent, sensor: str) -> None:
    body = agent.platform
    assert isinstance(body, SimulatedPlatform)
    agent.platform = SimulatedPlatform(body.profile, body.scenario, 0, broken=frozenset({sensor}))
    give_examples(agent)
    record = tick(agent, "train/high/large")
    assert record.decision.action.mode is Mode.SLEEP
    assert record.decision.proposed.name == "train/high/large"
    limit = {"battery_soc": "battery_floor", "temperature_c": "thermal"}[sensor]
    assert limit in dict(record.decision.masked)


def test_an_empty_battery_is_not_worked_below_its_floor(tmp_path: Path) -> None:
    low = config(tmp_path)
    assert isinstance(low.platform, SimulatedConfig)
    low = dataclasses.replace(low, platform=dataclasses.replace(low.platform, initial_soc=0.16))
    agent = started(low, t_s=12 * 3600.0)
    give_examples(agent)
    for _ in range(30):
        record = tick(agent, "train/high/large")
        if record.observation.charging == 0 and record.decision.action.mode is not Mode.SLEEP:
            assert record.observation.battery_soc >= low.limits.battery_floor
    assert record.decision.action.mode is Mode.SLEEP
    agent.close()


def test_energy_is_settled_tick_by_tick_and_adds_up(tmp_path: Path) -> None:
    agent = started(config(tmp_path))
    give_examples(agent)
    actions = ("train/high/small", "sleep", "train/low/small", "sleep")
    for action in actions:
        tick(agent, action)
    turn(agent, 30.0)
    agent.close()
    whole = agent.meter.read(60.0, 270.0)
    rows = (
        sqlite3.connect(tmp_path / "device.db")
        .execute("SELECT energy_j, energy_source, gap_s FROM ticks ORDER BY id")
        .fetchall()
    )
    assert len(rows) == len(actions)
    assert all(source == "simulated" and gap == 0 for _, source, gap in rows)
    assert whole is not None
    assert sum(energy for energy, _, _ in rows) == pytest.approx(whole.energy_j, rel=1e-9)
    assert rows[0][0] > 5 * rows[1][0]  # training costs, sleeping hardly


def test_a_store_of_another_task_is_named_and_let_go_of(tmp_path: Path) -> None:
    first = started(config(tmp_path))
    give_examples(first)
    tick(first, "train/high/small")
    first.close()
    other = dataclasses.replace(
        config(tmp_path), agent=AgentConfig(policy="charging-only", task="digits-head")
    )
    for _ in range(2):
        with pytest.raises(ConfigError, match=r"device\.db: belongs to another task: model file "):
            build(other)
    started(config(tmp_path), t_s=120.0).close()

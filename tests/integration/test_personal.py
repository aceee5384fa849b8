"""The device's own answer: a real task trained and served through TFLite; only time, draws and the federation are ours."""

from __future__ import annotations

import dataclasses
import itertools
import logging
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from circadia.actions import CATALOGUE, action_named, units_of
from circadia.config import parse_config
from circadia.energy.profile_file import shipped_profile
from circadia.federation.device.events import ModelArrived
from circadia.learning.examples import ExampleBuffer
from circadia.learning.personal import MOST_SCORED, SHARES, Personalisation, most_steps
from circadia.learning.task_file import load_task
from circadia.learning.trainer import Trainer
from circadia.physics.scenario import scenario_for
from circadia.platforms.clocks import HandClock
from circadia.platforms.simulated import SimulatedPlatform
from circadia.serving.feedback import AnsweredInputs
from circadia.serving.queue import Request, RequestQueue
from circadia.serving.server import Server
from circadia.types import Load, Model, Outcome, Personal
from circadia.wiring import build, most_units
from circadia.workload import LearningWorkload
from circadia_lab.data.tasks.digits_data import load_digits_split

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray

    from circadia.learning.task import Task

TRAIN_X, TRAIN_Y, TEST_X, TEST_Y = load_digits_split(seed=5)
OTHER_WAY = np.array([1, 0, 3, 2, 5, 4, 7, 6, 9, 8], np.int32)
"""What this device's user calls the digits."""
PROFILE = shipped_profile("pixel-3")
TRAIN, PUSH = action_named("train/high/large"), action_named("train/high/small/sync-int8")


@cache
def task() -> Task:
    return load_task("digits")


@cache
def trainer() -> Trainer:
    return Trainer(task())


@cache
def federated() -> NDArray[np.float32]:
    """What a federation would publish that has seen everybody's digits."""
    rows = np.random.default_rng(0).integers(0, len(TRAIN_X), (300, task().batch))
    return trainer().train(task().initial_weights, [(TRAIN_X[ids], TRAIN_Y[ids]) for ids in rows])[0]


def personalisation() -> Personalisation:
    return Personalisation(task=task(), trainer=trainer(), server=Server(task()))


class Measuring(SimulatedPlatform):
    """A body whose work takes what it takes."""

    stopwatch = staticmethod(lambda: 0.0)  # type: ignore[assignment]


def workload(
    *,
    personal: bool = True,
    body: type[SimulatedPlatform] = SimulatedPlatform,
    wanted: Callable[[], bool] = lambda: False,
) -> LearningWorkload:
    ids, weights = itertools.count(), federated()
    return LearningWorkload(
        task=task(),
        model=Model(version=1, published_s=0.0, base=weights, weights=weights),
        trainer=trainer(),
        server=Server(task()),
        examples=ExampleBuffer(256, 10),
        requests=RequestQueue(8),
        platform=body(PROFILE, scenario_for(PROFILE), seed=0),
        answered=AnsweredInputs(8),
        random=np.random.default_rng(7),
        new_id=lambda: f"{next(ids):032x}",
        personalisation=personalisation() if personal else None,
        clock=HandClock(),
        wanted=wanted,
    )


def teach(device: LearningWorkload, rows: range, labels: NDArray[np.int32] = TRAIN_Y) -> None:
    for i in rows:
        device.learn(i, TRAIN_X[i], int(labels[i]), float(i))


def do(device: LearningWorkload, name: Any, t_s: float) -> Outcome:
    outcome = device.run(name, t_s)
    device.settle(stored=True)
    return outcome


def arrive(device: LearningWorkload, version: int, weights: NDArray[np.float32]) -> None:
    device.hear(ModelArrived(version=version, published_s=0.0, weights=weights), 1.0)
    device.settle(stored=True)


def training_s(outcome: Outcome) -> float:
    return sum(phase.duration_s for phase in outcome.phases if phase.load is Load.TRAIN_HIGH)


def trained(personal: Personal | None, **given: Any) -> tuple[Personal, int]:
    batches = [(TRAIN_X[i : i + 16], TRAIN_Y[i : i + 16]) for i in range(0, 128, 16)]
    wanted: dict[str, Any] = {"before": federated(), "after": federated(), "batches": batches, "unseen": None}
    return personalisation().learn(personal, **(wanted | given))


def test_what_is_sent_is_the_same_with_and_without() -> None:
    on, off = workload(), workload(personal=False)
    for i in range(4):
        outcomes = []
        for device in (on, off):
            teach(device, range(40 * i, 40 * i + 40), OTHER_WAY[TRAIN_Y])
            outcomes.append((do(device, TRAIN, 60.0 * i), do(device, PUSH, 60.0 * i + 30)))
            arrive(device, 2 + i, federated() * np.float32(1 - 0.01 * i))
        (mine, sent), (plain, also_sent) = outcomes
        assert sent.update is not None
        assert also_sent.update is not None
        assert sent.update == also_sent.update
        assert plain.training is not None
        assert training_s(plain) < training_s(mine)
        np.testing.assert_array_equal(on.model.weights, off.model.weights)
        np.testing.assert_array_equal(on.model.base, off.model.base)
    assert off.model.personal is None
    assert off.answering is off.model.weights
    assert not np.array_equal(on.answering, on.model.weights)


def test_a_user_who_calls_things_otherwise_is_answered_so_right_after_a_new_version() -> None:
    device = workload()
    for i in range(8):
        teach(device, range(40 * i, 40 * i + 40), OTHER_WAY[TRAIN_Y])
        do(device, TRAIN, 60.0 * i)
        do(device, PUSH, 60.0 * i + 30)
        arrive(device, 2 + i, federated())
    plain = trainer().evaluate(device.model.weights, TEST_X, OTHER_WAY[TEST_Y]).accuracy
    own = trainer().evaluate(device.answering, TEST_X, OTHER_WAY[TEST_Y]).accuracy
    assert device.model.personal is not None
    assert device.model.personal.share == 1.0
    assert plain < 0.3
    assert own > 0.7
    x = TEST_X[0]
    device.ask(Request(request_id=1, x=x, submitted_s=0.0, deadline_s=1e6))
    (served,) = do(device, action_named("serve/high/small"), 999.0).served
    assert served.label == Server(task()).infer(device.answering, x[None])[0].argmax()


def test_where_the_own_weights_are_worse_the_federation_answers_and_draws_them_back() -> None:
    random = np.random.default_rng(1)
    lost = federated() + random.normal(0, 0.5, federated().size).astype(np.float32)
    personal = Personal(weights=lost, share=1.0, losses=(0.0, 0.0, 0.0))
    unseen = (TRAIN_X[200:216], TRAIN_Y[200:216])
    personal, _ = trained(personal, unseen=unseen)
    assert personal.share == 0.0
    np.testing.assert_array_equal(personal.mixed(federated()), federated())
    before = np.linalg.norm(lost - federated())
    assert np.linalg.norm(personal.weights - federated()) < 0.8 * before


def test_where_the_federation_is_no_help_the_device_learns_by_itself() -> None:
    random = np.random.default_rng(1)
    useless = random.normal(0, 0.5, federated().size).astype(np.float32)
    unseen = (TRAIN_X[200:216], TRAIN_Y[200:216])
    personal = Personal(weights=federated(), share=0.0, losses=(0.0, 0.0, 0.0))
    found, work = trained(personal, before=useless, after=useless, unseen=unseen)
    batches = [(TRAIN_X[i : i + 16], TRAIN_Y[i : i + 16]) for i in range(0, 128, 16)]
    alone, _ = trainer().train(federated(), batches)
    assert found.share == 1.0
    np.testing.assert_array_equal(found.weights, alone)
    assert work == 8 + 1  # all steps, and a batch's scores


def test_noise_does_not_switch() -> None:
    personal = Personal(weights=federated(), share=0.5, losses=(0.0, 0.0, 0.0))
    found, _ = trained(personal, unseen=(TRAIN_X[200:216], TRAIN_Y[200:216]))
    assert found.share == 0.5  # all three are one and the same
    assert found.losses[0] == pytest.approx(found.losses[2])
    nearly = dataclasses.replace(personal, losses=(1000.0, 1010.0, 1020.0), scored=50.0)
    assert trained(nearly, unseen=(TRAIN_X[200:201], TRAIN_Y[200:201]))[0].share == 0.5


@pytest.mark.parametrize("steps", [8, 32])
@pytest.mark.parametrize("unseen", [0, 1, 16, 17, 300])
def test_the_work_stays_below_its_bound(steps: int, unseen: int) -> None:
    batches = [(TRAIN_X[:16], TRAIN_Y[:16])] * steps
    worse = Personal(weights=federated(), share=0.5, losses=(900.0, 90.0, 9.0), scored=50.0)
    rows = (TRAIN_X[:unseen], TRAIN_Y[:unseen]) if unseen else None
    found, work = trained(worse, batches=batches, unseen=rows)
    assert steps / 4 <= work <= most_steps(steps, task().batch)
    assert found.scored <= 50.0 + MOST_SCORED
    assert len(found.losses) == len(SHARES)


def test_the_shield_s_bound_counts_it() -> None:
    lone, member = parse_config({}), parse_config({"federation": {"broker": "127.0.0.1:1"}})
    for action in CATALOGUE:
        units, alone = most_units(member, task())(action), most_units(lone, task())(action)
        assert (units.answers, alone) == (alone.answers, units_of(action))
        assert units.steps == alone.steps + (most_steps(alone.steps, task().batch) if action.train else 0)
    device = workload()
    teach(device, range(200))
    most = Outcome(phases=device._platform.phases(TRAIN, most_units(member, task())(TRAIN), 0))
    for i in range(3):
        assert training_s(do(device, TRAIN, 60.0 * i)) <= training_s(most) + 1e-9


def test_a_request_does_not_wait_for_it() -> None:
    """On a body that measures, where training yields between two steps."""
    asked = itertools.count()
    device = workload(body=Measuring, wanted=lambda: next(asked) >= 40)
    teach(device, range(64))
    do(device, TRAIN, 0.0)  # asked 31 times between its steps, then before and between its own
    assert next(asked) < 45
    first = device.model.personal
    assert first is not None
    training = do(device, TRAIN, 60.0).training
    assert training is not None
    assert training.steps == 1
    assert device.model.personal is first


def test_what_the_store_refuses_is_forgotten() -> None:
    device = workload()
    teach(device, range(40))
    new = device.model
    device.run(TRAIN, 0.0)
    device.settle(stored=False)
    assert device.model is new
    do(device, TRAIN, 60.0)
    kept = device.model
    assert kept.personal is not None
    answering = device.answering
    device.run(TRAIN, 120.0)
    device.settle(stored=False)
    assert device.model is kept
    assert device.answering is answering


def test_scores_for_other_shares_are_begun_anew() -> None:
    other = Personal(weights=federated(), share=0.3, losses=(5.0, 1.0), scored=40.0)
    found, _ = trained(other, unseen=(TRAIN_X[200:216], TRAIN_Y[200:216]))
    assert found.share in SHARES
    assert len(found.losses) == len(SHARES)
    assert found.scored < 16


def test_own_weights_that_diverge_begin_again(caplog: pytest.LogCaptureFixture) -> None:
    huge = Personal(weights=np.full_like(federated(), 1e30), share=1.0, losses=(9.0, 9.0, 9.0), scored=9.0)
    with caplog.at_level(logging.WARNING):
        found, _ = trained(huge)
    np.testing.assert_array_equal(found.weights, federated())
    assert found.share == 0.0
    assert "begin again from the federation's" in caplog.text


def test_own_answers_that_do_not_go_with_a_version_begin_anew(caplog: pytest.LogCaptureFixture) -> None:
    device = workload()
    huge = Personal(weights=np.full_like(federated(), 3e38), share=0.5, losses=(0.0, 0.0, 0.0))
    device.model = dataclasses.replace(device.model, personal=huge)
    arrive(device, 2, federated())
    assert device.version == 2
    assert device.model.personal is None
    assert "do not go with version 2" in caplog.text
    np.testing.assert_array_equal(device.answering, federated())


def test_an_update_counts_different_examples_however_often_they_were_trained_on() -> None:
    device = workload()
    teach(device, range(64))
    for i in range(17):
        do(device, TRAIN, 60.0 * i)
    assert device.observe(1e4)["unsent_examples"] == 17 * 32 * 16
    update = do(device, PUSH, 1e4).update
    assert update is not None
    assert update.examples == 64
    again = do(device, PUSH, 1.1e4).update
    assert again is not None
    assert again.examples <= 64  # of this one action, not of what was sent before
    assert device.model.unsent_ids == frozenset()


def test_examples_that_have_left_are_counted_and_not_remembered_by_id() -> None:
    device, rounds = workload(), 4
    for i in range(rounds):
        teach(device, range(256 * i, 256 * (i + 1)))
        for j in range(8):
            do(device, TRAIN, 60.0 * (8 * i + j))
    different = device.model.unsent_different
    assert len(device.model.unsent_ids) <= 256 < different <= 256 * rounds
    update = do(device, PUSH, 1e4).update
    assert update is not None
    assert different <= update.examples
    assert device.model.unsent_different == 0


@pytest.mark.parametrize(
    ("file", "wanted"),
    [
        ({}, False),  # alone there is nothing to depart from
        ({"federation": {"broker": "127.0.0.1:1"}}, True),
        ({"federation": {"broker": "127.0.0.1:1"}, "learning": {"personal": False}}, False),
    ],
)
def test_a_device_of_a_federation_has_one_unless_told_otherwise(
    tmp_path: Path, file: dict[str, Any], wanted: bool
) -> None:
    with build(parse_config({"store": {"path": str(tmp_path / "device.db")}, **file})) as agent:
        assert isinstance(agent.workload, LearningWorkload)
        assert (agent.workload._personalisation is not None) is wanted

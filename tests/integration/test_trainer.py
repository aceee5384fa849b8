from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest

from circadia.errors import ArtifactError, ConfigError
from circadia.learning.task_file import SHIPPED, load_task
from circadia.learning.trainer import Trainer
from circadia_lab.data.tasks.build import RECIPES
from circadia_lab.data.tasks.digits_data import load_digits_split
from circadia_lab.data.tasks.digits_numpy import DigitsNet

TASK = load_task("digits")
TRAIN_X, TRAIN_Y, TEST_X, TEST_Y = load_digits_split(seed=3)


@pytest.fixture(scope="module")
def trainer() -> Trainer:
    return Trainer(TASK)


def batches(steps: int, batch: int = 16) -> list[tuple[Any, Any]]:
    rows = np.random.default_rng(0).integers(0, len(TRAIN_X), (steps, batch))
    return [(TRAIN_X[ids], TRAIN_Y[ids]) for ids in rows]


@pytest.mark.parametrize("name", SHIPPED)
def test_a_few_hundred_steps_learn_real_digits(name: str) -> None:
    trainer, task = Trainer(load_task(name)), load_task(name)
    before = trainer.evaluate(task.initial_weights, TEST_X, TEST_Y)
    weights, loss = trainer.train(task.initial_weights, batches(400))
    after = trainer.evaluate(weights, TEST_X, TEST_Y)
    assert before.accuracy < 0.3
    assert after.accuracy >= {"digits": 0.93, "digits-head": 0.88}[name]
    assert after.loss < loss < before.loss


@pytest.mark.parametrize("size", [16, 5, 1])
def test_training_agrees_with_the_net_in_numpy(trainer: Trainer, size: int) -> None:
    net = DigitsNet(filters=RECIPES["digits"].filters, hidden=RECIPES["digits"].hidden)
    expected, losses = TASK.initial_weights, []
    for x, y in batches(20, size):
        loss, expected = net.step(x, y, np.ones(size, np.float32), TASK.learning_rate, expected)
        losses.append(loss)
    weights, loss = trainer.train(TASK.initial_weights, batches(20, size))
    assert np.abs(weights - expected).max() < 1e-4
    assert loss == pytest.approx(np.mean(losses), abs=1e-4)


def test_training_leaves_the_given_weights_alone(trainer: Trainer) -> None:
    given = TASK.initial_weights.copy()
    first, _ = trainer.train(given, batches(2))
    kept = first.copy()
    trainer.train(first, batches(2))
    assert (given == TASK.initial_weights).all()
    assert (first == kept).all()
    assert first.flags.writeable


def test_evaluation_counts_every_row_once(trainer: Trainer) -> None:
    weights, _ = trainer.train(TASK.initial_weights, batches(50))
    whole = trainer.evaluate(weights, TEST_X[:130], TEST_Y[:130])
    net = DigitsNet(filters=16, hidden=32)
    best = net.probabilities(TEST_X[:130], weights).argmax(1)
    assert whole.accuracy == pytest.approx((best == TEST_Y[:130]).mean())
    expected = net.loss(TEST_X[:130], TEST_Y[:130], np.ones(130, np.float32), weights)
    assert whole.loss == pytest.approx(expected, abs=1e-4)


X, Y = TRAIN_X[:4], TRAIN_Y[:4]
WRONG = {
    "too many rows": (TRAIN_X[:17], TRAIN_Y[:17]),
    "no rows": (X[:0], Y[:0]),
    "other shape": (X.reshape(4, 64), Y),
    "one x": (X[0], Y[:1]),
    "labels of another length": (X, Y[:3]),
    "label out of range": (X, Y * 0 + 10),
    "negative label": (X, Y * 0 - 1),
    "labels that are fractions": (X, Y + 0.5),
    "NaN": (X * np.nan, Y),
}


@pytest.mark.parametrize("wrong", WRONG.values(), ids=WRONG)
def test_a_wrong_batch_is_named_and_does_no_harm(trainer: Trainer, wrong: tuple[Any, Any]) -> None:
    with pytest.raises(ConfigError, match="training batch 1"):
        trainer.train(TASK.initial_weights, [(X, Y), wrong])
    expected, _ = Trainer(TASK).train(TASK.initial_weights, [(X, Y)])
    again, _ = trainer.train(TASK.initial_weights, [(X, Y)])
    assert (again == expected).all()


@pytest.mark.parametrize(
    "weights", [np.zeros(5129), np.zeros((1, 5130)), np.full(5130, np.nan)], ids=["short", "2-D", "NaN"]
)
def test_wrong_weights_are_refused(trainer: Trainer, weights: Any) -> None:
    with pytest.raises(ConfigError, match="weights"):
        trainer.train(weights, [(X, Y)])
    with pytest.raises(ConfigError, match="weights"):
        trainer.evaluate(weights, X, Y)


def test_weights_that_overflow_are_an_error_that_names_the_batch(trainer: Trainer) -> None:
    with pytest.raises(ArtifactError, match=r"task digits: training batch \d+ diverged"):
        trainer.train(TASK.initial_weights * np.float32(1e18), itertools.repeat((X, Y), 40))


def test_no_batches_and_no_rows_are_errors(trainer: Trainer) -> None:
    with pytest.raises(ConfigError, match="nothing to train on"):
        trainer.train(TASK.initial_weights, [])
    with pytest.raises(ConfigError, match="nothing to evaluate on"):
        trainer.evaluate(TASK.initial_weights, X[:0], Y[:0])
    with pytest.raises(ConfigError, match="4 inputs and 3 labels"):
        trainer.evaluate(TASK.initial_weights, X, Y[:3])

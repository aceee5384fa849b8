"""Training speed through the signature, against the same net in plain NumPy, in one run."""

from __future__ import annotations

import statistics
import time
from typing import TYPE_CHECKING

import numpy as np

from circadia.learning.task_file import load_task
from circadia.learning.trainer import Trainer
from circadia_lab.data.tasks.build import RECIPES
from circadia_lab.data.tasks.digits_data import load_digits_split
from circadia_lab.data.tasks.digits_numpy import DigitsNet

if TYPE_CHECKING:
    from collections.abc import Callable

NAME, STEPS, ROUNDS = "digits", 32, 31


def measure() -> dict[str, float]:
    """`samples_per_s`, `numpy_samples_per_s`, their ratio `over_numpy`: medians of interleaved rounds.

    A round is one large TRAIN action (32 steps of the task's batch) on real digits. The signature's side runs
    as on the device, shape checks and the test for NaN included.
    """
    task, recipe = load_task(NAME), RECIPES[NAME]
    x, y, _, _ = load_digits_split(recipe.seed)
    rows = np.random.default_rng(0).integers(0, len(x), (STEPS, task.batch))
    batches = [(x[ids], y[ids]) for ids in rows]
    trainer, net = Trainer(task), DigitsNet(filters=recipe.filters, hidden=recipe.hidden)
    mask = np.ones(task.batch, np.float32)

    def by_signature() -> None:
        trainer.train(task.initial_weights, batches)

    def by_numpy() -> None:
        w = task.initial_weights
        for part_x, part_y in batches:
            _, w = net.step(part_x, part_y, mask, task.learning_rate, w)

    times = [(_timed(by_signature), _timed(by_numpy)) for _ in range(ROUNDS)]
    signature, numpy = (rows.size / statistics.median(column) for column in zip(*times, strict=True))
    return {"samples_per_s": signature, "numpy_samples_per_s": numpy, "over_numpy": signature / numpy}


def _timed(work: Callable[[], None]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start

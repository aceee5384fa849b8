"""The benchmark of personal answers: its figures by hand, and a small federation played thrice."""

from __future__ import annotations

import numpy as np
import pytest

from circadia.learning.task_file import load_task
from circadia.learning.trainer import Trainer
from circadia_lab.bench.personal import ARMS, Arm, _figures, play
from circadia_lab.policy.env.federated_run import Schedule


def arm(*own: float, published: float = 0.5, training_s: float = 1.0) -> Arm:
    return Arm(own=np.array(own), common=0.25, published=published, training_s=training_s)


def test_the_figures_are_what_they_say() -> None:
    found = _figures(
        {
            "federated": [arm(0.5, 0.9), arm(0.7, 0.9)],
            "personal": [arm(0.7, 0.9, published=0.75, training_s=3.0), arm(0.8, 0.8, training_s=3.0)],
            "alone": [arm(0.8, 0.5), arm(0.6, 0.5)],
        }
    )
    assert found["own_over_best"] == pytest.approx(0.8 - 0.75)
    assert found["worst_device"] == pytest.approx(0.85 - 0.9)
    assert found["worst_once"] == pytest.approx(0.7 - 0.8)
    assert found["common_kept"] == pytest.approx(0.125)
    assert found["training_over_federated"] == 3.0


@pytest.mark.slow
def test_all_arms_have_the_same_days_and_publish_the_same() -> None:
    task = load_task("digits")
    habit = Schedule(train_s=4 * 3600.0, push_s=6 * 3600.0, pull_s=6 * 3600.0, large_share=0.5)
    found = {name: play(task, Trainer(task), 1, name, devices=2, habit=habit) for name in ARMS}
    assert found["personal"].published == found["federated"].published
    assert found["personal"].training_s > found["federated"].training_s == found["alone"].training_s
    assert found["personal"].own.shape == (2,)
    assert not np.array_equal(found["personal"].own, found["federated"].own)
    assert found["alone"].common < found["federated"].common

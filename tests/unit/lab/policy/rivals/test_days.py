from __future__ import annotations

import time

import numpy as np
import pytest

from circadia.actions import INDEX
from circadia_lab.policy.env.gym import MultiObjectiveEnv
from circadia_lab.policy.rivals.days import BALANCED, REWARD_SCALE, Days, TimeIsUp
from circadia_lab.policy.rivals.view import KEPT


def test_days_show_everything_but_the_preference_and_scale_rewards_alike() -> None:
    days, plain = Days("phone", seed=3), MultiObjectiveEnv("phone", BALANCED, days=1.0)
    first, _ = days.reset()
    expected, _ = plain.reset(seed=3)
    assert days.observation_space.contains(first)
    assert (first == expected[KEPT]).all()
    observed, reward, _, _, _ = days.step(INDEX["serve/low/small"])
    expected, whole, _, _, _ = plain.step(np.int64(INDEX["serve/low/small"]))
    assert (observed == expected[KEPT]).all()
    np.testing.assert_allclose(reward, REWARD_SCALE * np.asarray(whole))


def test_no_day_is_like_the_last() -> None:
    days = Days("phone", seed=3)
    assert (days.reset()[0] != days.reset()[0]).any()


def test_a_day_is_cut_off_and_never_terminates() -> None:
    days = Days("phone", seed=0)
    days.reset()
    over = cut = False
    while not cut:
        _, _, over, cut, _ = days.step(INDEX["sleep"])
        assert not over
    assert 100 < days.steps < 1000  # a queue that nobody serves is looked at again and again
    assert len(days.probes) == days.steps // 100


def test_time_that_is_up_ends_a_training() -> None:
    days = Days("phone", seed=0)
    days.reset()
    days.until_s = time.perf_counter()
    with pytest.raises(TimeIsUp):
        days.step(INDEX["sleep"])
    assert days.steps == 0

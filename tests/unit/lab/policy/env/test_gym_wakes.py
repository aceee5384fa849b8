"""Gymnasium's and MO-Gymnasium's view of chosen wakes: their own checkers, masks, durations, averages per time."""

from __future__ import annotations

import warnings
from typing import Any

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env
from mo_gymnasium.utils import make
from mo_gymnasium.wrappers.wrappers import LinearReward

from circadia.actions import CATALOGUE, INDEX
from circadia.errors import ConfigError
from circadia.types import WakeOn
from circadia_lab.policy.env import gym_wakes
from circadia_lab.policy.env.gym_wakes import NEXT_S, DiscreteWakes, MultiObjectiveWakes, ScalarWakes
from circadia_lab.policy.env.problem import find_problem

NORMALISED = "ignore:.*recommend using a symmetric and normalized"
SLEEP = INDEX["sleep"]


class Scalarised(LinearReward):
    """MO-Gymnasium's wrapper hands out one array of weights at every step, which Gymnasium's checker forbids."""

    def step(self, action: Any) -> Any:
        *rest, info = super().step(action)
        return (*rest, info | {"reward_weights": self.w.copy()})


def wish(work: str = "sleep", sleep_s: float = 600, **more: Any) -> dict[str, Any]:
    return {"work": INDEX[work], "sleep_s": np.array([sleep_s], np.float32), **more}


@pytest.mark.filterwarnings(NORMALISED)
@pytest.mark.parametrize("name", [n for n in gym_wakes.names() if "MO-" not in n])
def test_gymnasiums_checker_is_content(name: str) -> None:
    env = gymnasium.make(f"circadia_lab.env.gym:{name}")
    assert isinstance(env.unwrapped, ScalarWakes)
    check_env(env.unwrapped)


@pytest.mark.filterwarnings(NORMALISED)
@pytest.mark.parametrize("name", ["circadia/MO-Phone-v1", "circadia/MO-Board-v1"])
def test_mo_gymnasiums_convention_holds(name: str) -> None:
    env = make(f"circadia_lab.env.gym:{name}")
    one = env.unwrapped
    assert isinstance(one, MultiObjectiveWakes)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*different from the unwrapped version")
        check_env(Scalarised(one, weight=np.ones(3)), skip_render_check=True)
    one.reset(seed=1)
    for _ in range(20):
        _, reward, *_ = one.step(one.action_space.sample())
        assert reward in one.reward_space


@pytest.mark.filterwarnings(NORMALISED, "ignore:.*different from the unwrapped version")
def test_a_menu_of_sleeps_is_discrete_and_masked() -> None:
    env = DiscreteWakes(ScalarWakes("wake-phone"))
    check_env(env, skip_render_check=True)
    env.reset(seed=1)
    assert env.action_space == gymnasium.spaces.Discrete(len(CATALOGUE) * len(NEXT_S))
    masks = env.action_masks()
    works = env.unwrapped.action_masks()  # type: ignore[attr-defined]
    assert masks.reshape(len(CATALOGUE), -1).T.tolist() == [works.tolist()] * len(NEXT_S)
    said = env.action(len(NEXT_S) * 5 + 2)
    assert said["work"] == 5
    assert said["sleep_s"].tolist() == [NEXT_S[2]]
    assert said["wake_on"] == list(WakeOn).index(WakeOn.REQUEST)
    with pytest.raises(ConfigError, match="lengths_s"):
        DiscreteWakes(ScalarWakes("wake-phone"), lengths_s=(1.0,))


def test_a_body_that_is_off_has_no_choice_of_what_wakes_it() -> None:
    off, woken = ScalarWakes("wake-board"), ScalarWakes("wake-suspend")
    assert set(off.action_space.sample()) == {"work", "sleep_s"}
    assert set(woken.action_space.sample()) == {"work", "sleep_s", "wake_on"}
    assert off.reset(seed=1)[1]["wake_mask"].tolist() == [1, 0, 0]
    assert woken.reset(seed=1)[1]["wake_mask"].tolist() == [1, 1, 1]
    mixed = ScalarWakes("wake-mixture")
    mixed.reset(seed=1, options={"device": 1})
    *_, info = mixed.step(wish(sleep_s=4000, wake_on=2))
    assert info["forbidden"]
    assert info["wake_on"] == 0
    assert info["duration_s"] >= 4000


def test_the_sleep_lasts_as_asked_and_weighs_its_time() -> None:
    env = ScalarWakes("wake-board", preference=(0.2, 0.3, 0.5))
    env.reset(seed=3)
    for seconds in (4, 900, 21_600):
        _, reward, _, _, info = env.step(wish(sleep_s=seconds))
        boot = info["duration_s"] - seconds
        assert boot == pytest.approx(15, abs=0.01)
        assert info["weight"] == pytest.approx(info["duration_s"] / 300)
        assert reward == pytest.approx(info["vector_reward"] @ [0.2, 0.3, 0.5], rel=1e-5)
        assert 0 <= info["joules"]["agent_battery_j"] <= info["joules"]["device_battery_j"]
        assert info["joules"]["agent_j"] == pytest.approx(22.5, rel=1e-3)


def test_days_end_by_the_time_that_passed() -> None:
    env = ScalarWakes("wake-board", days=1)
    env.reset(seed=3)
    assert [env.step(wish(sleep_s=21_000))[3] for _ in range(5)] == [False, False, False, False, True]


def test_a_seed_and_a_device_fix_a_life() -> None:
    lives = []
    for _ in range(2):
        env = MultiObjectiveWakes("wake-mixture")
        env.reset(seed=5, options={"device": 2, "preference": (1, 0, 0)})
        lives.append([env.step(wish("sleep/sync-int8", 700, wake_on=1))[1].tolist() for _ in range(5)])
    assert lives[0] == lives[1]


def test_what_the_shield_forbids_is_not_done() -> None:
    env = ScalarWakes("wake-phone")
    env.reset(seed=3)
    for _ in range(30):
        forbidden = np.flatnonzero(~env.action_masks())
        work = forbidden[0] if len(forbidden) else SLEEP
        *_, info = env.step({"work": work, "sleep_s": np.array([300.0], np.float32), "wake_on": 0})
        assert info["action"] == SLEEP
        assert info["forbidden"] == (work != SLEEP)


def test_bad_input_is_named() -> None:
    env = ScalarWakes("wake-phone")
    with pytest.raises(gymnasium.error.ResetNeeded):
        env.step(wish(wake_on=0))
    env.reset(seed=0)
    with pytest.raises(ConfigError, match="sleep_s must lie in 4 to 21600"):
        env.step(wish(sleep_s=1, wake_on=0))
    with pytest.raises(ConfigError, match="needs"):
        env.step(wish())
    with pytest.raises(ConfigError, match="none of the action space"):
        env.step(wish(wake_on=3))
    with pytest.raises(ConfigError, match="ticks have a fixed length"):
        ScalarWakes(find_problem("phone"))
    with pytest.raises(ConfigError, match="no device 9"):
        env.reset(options={"device": 9})

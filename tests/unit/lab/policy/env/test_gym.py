"""Gymnasium's and MO-Gymnasium's view of the environment: their own checkers, one device and many, what is forbidden."""

from __future__ import annotations

import pickle
import warnings
from copy import deepcopy
from typing import Any

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env
from gymnasium.vector import AutoresetMode, VectorEnv
from mo_gymnasium.utils import make
from mo_gymnasium.wrappers.vector.wrappers import MOSyncVectorEnv
from mo_gymnasium.wrappers.wrappers import LinearReward

from circadia.errors import ConfigError
from circadia.observation import COLUMN, INPUT_SCALE
from circadia_lab.policy.env import gym
from circadia_lab.policy.env.chance import DRAWS
from circadia_lab.policy.env.fixed import CATALOGUE, INDEX, TABLE, WIDTH, encode
from circadia_lab.policy.env.gym import MultiObjectiveEnv, ScalarEnv
from circadia_lab.policy.env.gym_vector import MultiObjectiveVectorEnv, ScalarVectorEnv
from circadia_lab.policy.env.lives import BIRTHS
from circadia_lab.policy.env.problem import find_problem

pytestmark = pytest.mark.filterwarnings("ignore:.*is out of date. You should consider upgrading")
"""Gymnasium's word for a version beside which there is a later one; this one stays."""


class Dealt:
    """Stands in for a generator: hands out one device's rows of the uniforms that a whole batch got."""

    def __init__(self, rows: list[Any]) -> None:
        self._rows = iter(rows)

    def random(self, shape: int | tuple[int, int]) -> Any:
        row = next(self._rows)
        assert shape in (len(row), (1, len(row)))
        return row.reshape(shape)


class Noted:
    """A generator that keeps what it drew."""

    def __init__(self, seed: int) -> None:
        self._random = np.random.default_rng(seed)
        self.drawn: list[Any] = []

    def random(self, shape: tuple[int, int]) -> Any:
        self.drawn.append(self._random.random(shape))
        return self.drawn[-1]


def legal(mask: Any, random: np.random.Generator) -> Any:
    """(…, actions) mask → (…,) an admissible action, each as likely."""
    return np.where(mask, random.random(mask.shape), -1).argmax(-1)


@pytest.mark.parametrize("name", [n for n in gym.names() if "MO-" not in n])
def test_gymnasiums_checker_is_content(name: str) -> None:
    env = gymnasium.make(f"circadia_lab.env.gym:{name}")
    assert isinstance(env.unwrapped, ScalarEnv)
    check_env(env.unwrapped)


class Scalarised(LinearReward):
    """MO-Gymnasium's wrapper hands out one array of weights at every step, which Gymnasium's checker forbids."""

    def step(self, action: Any) -> Any:
        *rest, info = super().step(action)
        return (*rest, info | {"reward_weights": self.w.copy()})


@pytest.mark.parametrize("name", [n for n in gym.names() if "MO-" in n])
def test_mo_gymnasiums_convention_holds(name: str) -> None:
    """As its own tests do it: the vector in its space, and Gymnasium's checker on the linear reward."""
    env = make(f"circadia_lab.env.gym:{name}")
    one = env.unwrapped
    assert isinstance(one, MultiObjectiveEnv)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*different from the unwrapped version")
        check_env(Scalarised(one, weight=np.ones(3)), skip_render_check=True)
    one.reset(seed=1)
    for _ in range(20):
        _, reward, *_ = one.step(one.action_space.sample())
        assert reward in one.reward_space
        assert reward.dtype == one.reward_space.dtype


def test_every_problem_is_registered_twice_and_again_is_no_harm() -> None:
    gym.register()
    assert "circadia/Phone-v0" in gym.names()
    assert "circadia/MO-Default-v0" in gym.names()
    assert all(name in gymnasium.registry for name in gym.names())


def test_the_observation_is_the_networks_input_preference_included() -> None:
    env = ScalarEnv("phone", preference=(0.2, 0.3, 0.5))
    observation, info = env.reset(seed=3)
    assert observation.shape == (WIDTH,)
    assert observation.dtype == np.float32
    steps = observation / np.float32(INPUT_SCALE)
    assert steps == pytest.approx(steps.round(), abs=1e-4)
    first = COLUMN["preference_accuracy"]
    shares = (observation[first : first + 3] + 1) / 2
    assert shares == pytest.approx([0.2, 0.3, 0.5], abs=0.005)
    assert info["preference"].tolist() == [0.2, 0.3, 0.5]
    assert (observation[len(TABLE) :] == 1).all()
    life = env._life
    assert life is not None
    values = life.fleet.look(life.state, np.array([0.2, 0.3, 0.5])).astype(np.float32)
    np.testing.assert_array_equal(steps.round(), encode(values)[0, 0])
    np.testing.assert_array_equal(info["action_mask"], life.fleet.mask(values)[0, 0])
    np.testing.assert_array_equal(env.action_masks(), info["action_mask"])


def test_a_preference_is_drawn_fixed_or_said() -> None:
    drawn = MultiObjectiveEnv("phone")
    seen = np.array([drawn.reset(seed=i)[1]["preference"] for i in range(300)])
    assert seen.min() >= 0
    assert seen.sum(1) == pytest.approx(1)
    assert seen.mean(0) == pytest.approx(1 / 3, abs=0.05)
    fixed = MultiObjectiveEnv("phone", preference=(1, 0, 0))
    assert fixed.reset()[1]["preference"].tolist() == [1, 0, 0]
    assert fixed.reset(options={"preference": (0, 1, 0)})[1]["preference"].tolist() == [0, 1, 0]
    assert fixed.reset()[1]["preference"].tolist() == [1, 0, 0]


def test_the_scalar_is_the_preference_times_the_vector() -> None:
    env, scalar = (kind("board", preference=(0.2, 0.3, 0.5)) for kind in (MultiObjectiveEnv, ScalarEnv))
    env.reset(seed=1)
    scalar.reset(seed=1)
    for action in (0, 5, 12):
        _, vector, _, _, info = env.step(np.int64(action))
        _, number, _, _, told = scalar.step(np.int64(action))
        assert number == pytest.approx(vector @ [0.2, 0.3, 0.5])
        np.testing.assert_array_equal(told["vector_reward"], vector)
        assert info["cost"].shape == (3,)
        assert info["weight"] > 0


@pytest.mark.slow
def test_a_forbidden_action_becomes_sleep_and_is_told() -> None:
    hungry = INDEX["train/high/large/sync-int8"]
    env = MultiObjectiveEnv("phone")
    _, info = env.reset(seed=0)
    forbidden = 0
    for _ in range(200):
        admitted = bool(info["action_mask"][hungry])
        asleep = deepcopy(env).step(np.int64(INDEX["sleep"]))
        ours = env.step(np.int64(hungry))
        info = ours[-1]
        assert info["forbidden"] is not admitted
        assert info["action"] == (hungry if admitted else INDEX["sleep"])
        assert asleep[-1]["forbidden"] is False
        if not admitted:
            forbidden += 1
            np.testing.assert_array_equal(ours[0], asleep[0])
            np.testing.assert_array_equal(ours[1], asleep[1])
    assert 0 < forbidden < 200


def test_a_copy_goes_on_by_itself() -> None:
    env = ScalarEnv("phone")
    env.reset(seed=1)
    twin = pickle.loads(pickle.dumps(env))
    for _ in range(3):
        ours, theirs = env.step(np.int64(9)), twin.step(np.int64(9))
        np.testing.assert_array_equal(ours[0], theirs[0])
        assert ours[1] == theirs[1]


@pytest.mark.slow
def test_an_episode_is_truncated_when_its_days_are_over() -> None:
    env = ScalarEnv("phone", days=0.5)
    env.reset(seed=0)
    periods, cut, over = 0.0, False, False
    while not cut:
        assert periods < 144
        _, _, over, cut, info = env.step(np.int64(0))
        periods += info["weight"]
    assert not over
    assert periods >= 144
    endless = ScalarEnv("phone", days=None)
    endless.reset(seed=0)
    assert not any(endless.step(np.int64(0))[3] for _ in range(400))


def test_a_reset_draws_the_device_or_is_told() -> None:
    env = MultiObjectiveEnv("default")
    drawn = {env.reset(seed=i)[1]["device"] for i in range(20)}
    assert drawn == {0, 1}
    for device in (0, 1):
        _, info = env.reset(seed=1, options={"device": device})
        assert info["device"] == device
        alone = MultiObjectiveEnv(find_problem(("phone", "board")[device]))
        np.testing.assert_array_equal(
            env.reset(seed=1, options={"device": device})[0], alone.reset(seed=1)[0]
        )


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"preference": (0.5, 0.5, 0.5)}, "sums to 1.5, not to 1"),
        ({"preference": (0.5, 0.5)}, "needs three weights"),
        ({"preference": (1.5, -0.5, 0)}, "needs three weights of 0 or more"),
        ({"preference": np.full((2, 3), 1 / 3)}, r"preference of shape \(2, 3\)"),
        ({"preferences": (1, 0, 0)}, "unknown option 'preferences'"),
        ({"device": 1}, "problem phone: no device 1; it has 0 to 0"),
    ],
)
def test_wrong_options_are_told(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        MultiObjectiveEnv("phone").reset(options=options)


def test_wrong_arguments_are_told() -> None:
    with pytest.raises(ConfigError, match="sums to 2"):
        ScalarEnv("phone", preference=(1, 1, 0))
    with pytest.raises(ConfigError, match="an episode of 0 days"):
        ScalarEnv("phone", days=0)
    with pytest.raises(ConfigError, match="unknown problem 'fone'"):
        ScalarEnv("fone")
    with pytest.raises(ConfigError, match="problem default: 3 lives cannot be dealt to 2 devices"):
        ScalarVectorEnv("default", 3)


def test_wrong_calls_are_told() -> None:
    env, batch = ScalarEnv("phone"), ScalarVectorEnv("phone", 2)
    with pytest.raises(gymnasium.error.ResetNeeded):
        env.step(np.int64(0))
    with pytest.raises(gymnasium.error.ResetNeeded):
        batch.step(np.zeros(2, int))
    env.reset()
    batch.reset()
    with pytest.raises(ConfigError, match="0 to 18"):
        env.step(np.int64(len(CATALOGUE)))
    for actions in (np.zeros(3, int), np.zeros(2)):
        with pytest.raises(ConfigError, match="needs 2 whole numbers"):
            batch.step(actions)


# Many at once


@pytest.mark.parametrize("problem", ["phone", "recorded"])
def test_a_batch_of_one_is_the_single_environment(problem: str) -> None:
    one, batch = MultiObjectiveEnv(problem, days=0.2), MultiObjectiveVectorEnv(problem, 1, days=0.2)
    ours, theirs = one.reset(seed=4), batch.reset(seed=4)
    random = np.random.default_rng(1)
    for _ in range(300):
        np.testing.assert_array_equal(theirs[0][0], ours[0])
        for key, value in ours[1].items():
            np.testing.assert_array_equal(theirs[1][key][0], value, err_msg=key)
        action = legal(ours[1]["action_mask"], random)
        observation, reward, over, cut, info = one.step(action)
        many, rewards, overs, cuts, infos = batch.step(np.array([action]))
        np.testing.assert_array_equal(rewards[0], reward)
        assert (bool(overs[0]), bool(cuts[0])) == (over, cut)
        ours, theirs = (observation, info), (many, infos)
        if cut:
            break
    assert cut


@pytest.mark.slow
def test_a_batch_lives_as_its_devices_would_alone() -> None:
    """Through the first end of each one's days, from the draws of the batch."""
    count, steps = 6, 120
    batch = ScalarVectorEnv("default", count, days=0.15)
    batch.reset(seed=0)
    noted = Noted(8)
    batch.np_random = noted  # type: ignore[assignment]
    observed, info = batch.reset()
    singles = [ScalarEnv("default", days=0.15) for _ in range(count)]
    done = np.zeros(count, bool)
    ended = np.zeros(count, int)
    shown = [observed]
    infos = [info]
    story: list[Any] = []
    random = np.random.default_rng(3)
    for _ in range(steps):
        action = legal(infos[-1]["action_mask"], random)
        observed, reward, _, cut, info = batch.step(action)
        story.append((action, reward, cut))
        shown.append(observed)
        infos.append(info)
    births, *ticks = noted.drawn
    ticks = [u for u in ticks if u.shape == (count, DRAWS)]
    for i, single in enumerate(singles):
        single.reset(seed=0)
        single.np_random = Dealt([births[i], *(u[i] for u in ticks)])  # type: ignore[assignment]
        observation, told = single.reset(options={"device": int(infos[0]["device"][i])})
        np.testing.assert_array_equal(shown[0][i], observation)
        for k, (action, reward, cut) in enumerate(story):
            observation, number, _, over, told = single.step(action[i])
            np.testing.assert_array_equal(shown[k + 1][i], observation)
            assert reward[i] == pytest.approx(number)
            assert cut[i] == over
            for key, value in told.items():
                np.testing.assert_array_equal(infos[k + 1][key][i], value, err_msg=key)
            if over:
                ended[i] = k
                done[i] = True
                break
    assert done.all()
    assert len(set(ended.tolist())) > 1
    assert births.shape == (count, BIRTHS)


def test_who_is_done_begins_anew_in_the_next_step_and_nobody_else_does() -> None:
    batch = MultiObjectiveVectorEnv("phone", 64, days=0.1)
    assert batch.metadata["autoreset_mode"] is AutoresetMode.NEXT_STEP
    _, before = batch.reset(seed=2)
    cut, restarts = np.zeros(64, bool), 0
    for _ in range(60):
        lived = batch._lives.elapsed_s.copy()
        _, reward, over, after, info = batch.step(np.full(64, 9))
        assert not over.any()
        assert (reward[cut] == 0).all()
        assert (info["cost"][cut] == 0).all()
        assert (info["weight"] == 0).tolist() == cut.tolist()
        assert not info["forbidden"][cut].any()
        assert (batch._lives.elapsed_s[cut] == 0).all()
        assert (batch._lives.elapsed_s[~cut] > lived[~cut]).all()
        kept = (info["preference"] == before["preference"]).all(1)
        assert kept[~cut].all()
        assert not kept[cut].any()
        restarts += int(cut.sum())
        cut, before = after, info
    assert restarts > 64


def test_preferences_of_a_batch_are_said_for_all_or_for_each() -> None:
    batch = ScalarVectorEnv("phone", 2)
    corners = np.array([[1.0, 0, 0], [0, 0, 1]])
    _, info = batch.reset(options={"preference": corners})
    np.testing.assert_array_equal(info["preference"], corners)
    _, info = batch.reset(options={"preference": (0, 1, 0)})
    assert (info["preference"] == [0, 1, 0]).all()
    with pytest.raises(ConfigError, match="sums to 2"):
        batch.reset(options={"preference": [[1, 1, 0], [1, 0, 0]]})


@pytest.mark.parametrize("kind", ["", "MO-"])
def test_gymnasium_makes_the_batch_and_seeds_repeat_it(kind: str) -> None:
    name = f"circadia_lab.env.gym:circadia/{kind}Default-v0"
    runs = []
    for seed in (1, 1, 2):
        batch: VectorEnv[Any, Any, Any] = gymnasium.make_vec(name, num_envs=4)
        assert isinstance(batch, MultiObjectiveVectorEnv)
        observed, info = batch.reset(seed=seed)
        assert observed in batch.observation_space
        rewards = []
        for _ in range(5):
            observed, reward, *_, info = batch.step(legal(info["action_mask"], np.random.default_rng(0)))
            assert observed in batch.observation_space
            rewards.append(reward)
        runs.append(np.array(rewards))
    assert runs[0].shape == ((5, 4, 3) if kind else (5, 4))
    np.testing.assert_array_equal(runs[0], runs[1])
    assert (runs[0] != runs[2]).any()


def test_mo_gymnasiums_own_batch_takes_the_single_environment() -> None:
    batch = MOSyncVectorEnv(iter([lambda: MultiObjectiveEnv("phone") for _ in range(2)]))
    batch.reset(seed=0)
    _, rewards, *_, infos = batch.step(np.zeros(2, int))
    assert rewards.shape == (2, 3)
    assert infos["cost"].shape == (2, 3)

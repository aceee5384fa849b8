"""The full environment under Gymnasium's vector interface: one batch of NumPy arrays, no loop over devices.

`gym` tells names, observations, rewards and `info`. Here `info` holds arrays (num_envs, …), and a device whose days are
over begins anew in the next step (`AutoresetMode.NEXT_STEP`): that step's action is not looked at, its rewards, costs
and weight are 0.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from gymnasium import spaces
from gymnasium.error import ResetNeeded
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space

from circadia.errors import ConfigError
from circadia_lab.policy.env.chance import DRAWS
from circadia_lab.policy.env.fixed import CATALOGUE
from circadia_lab.policy.env.gym import observation_space
from circadia_lab.policy.env.gym_device import DAYS, Floats, reward_space
from circadia_lab.policy.env.interface import OBJECTIVES
from circadia_lab.policy.env.lives import BIRTHS, SLEEP, Lives, episode_days, known_options, wanted_preference
from circadia_lab.policy.env.problem import Problem, find_problem

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray


class MultiObjectiveVectorEnv(VectorEnv[Floats, Any, Any]):
    """`num_envs` devices, dealt out evenly among the problem's, in its order; rewards are (num_envs, 3).

    A device keeps its kind for ever; its state and, unless fixed, its preference are drawn at each beginning.
    `options` of a reset may say `preference`, one for all or one each: it stays until the next reset.
    """

    metadata: dict[str, Any] = {"render_modes": [], "autoreset_mode": AutoresetMode.NEXT_STEP}  # noqa: RUF012

    def __init__(
        self,
        problem: str | Problem,
        num_envs: int,
        preference: Sequence[float] | None = None,
        days: float | None = DAYS,
        render_mode: str | None = None,
    ) -> None:
        """`num_envs` is a multiple of the problem's devices; the rest as for one device."""
        self.problem = find_problem(problem) if isinstance(problem, str) else problem
        self.num_envs = num_envs
        self.render_mode = render_mode
        self.single_observation_space = observation_space()
        self.single_action_space = spaces.Discrete(len(CATALOGUE))
        self.observation_space = batch_space(self.single_observation_space, num_envs)
        self.action_space = batch_space(self.single_action_space, num_envs)
        self.reward_space = reward_space()
        self.reward_dim = len(OBJECTIVES)
        self.cost_limits = self.problem.costs.array
        self._lives = Lives(self.problem, num_envs, episode_days(days))
        self._fixed = self._wanted = wanted_preference({"preference": preference}, None, num_envs)
        self._over: NDArray[np.bool_] | None = None

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Floats, dict[str, Any]]:
        """New lives; → observations and info."""
        super().reset(seed=seed)
        said = known_options(options, ("preference",))
        self._wanted = wanted_preference(said, self._fixed, self.num_envs)
        self._begin(np.ones(self.num_envs, bool))
        self._over = np.zeros(self.num_envs, bool)
        device = np.repeat(np.arange(len(self.problem.devices)), self.num_envs // len(self.problem.devices))
        return self._lives.observation(), self._shown() | {"device": device}

    def step(self, actions: Any) -> tuple[Floats, Any, Any, Any, dict[str, Any]]:
        """One tick; → observations, (num_envs, 3) rewards, none terminated, whose days are over, info."""
        if self._over is None:
            raise ResetNeeded("devices live after reset() only")
        begins = self._over
        wish = np.where(begins, SLEEP, self._indices(actions))
        lived = self._lives.live(wish, self.np_random.random((self.num_envs, DRAWS)))
        if begins.any():
            self._begin(begins)
        self._over = lived.over & ~begins
        info = self._shown() | {
            "cost": _kept(lived.cost, begins),
            "weight": _kept(lived.weight, begins),
            "action": lived.action,
            "forbidden": lived.forbidden & ~begins,
        }
        reward = _kept(lived.reward, begins).astype(np.float32)
        return self._lives.observation(), reward, np.zeros_like(begins), self._over.copy(), info

    def _begin(self, where: NDArray[np.bool_]) -> None:
        u = np.zeros((self.num_envs, BIRTHS))
        u[where] = self.np_random.random((int(where.sum()), BIRTHS))
        self._lives.begin(u, self._wanted, where)

    def _indices(self, actions: Any) -> NDArray[np.int64]:
        wish = np.asarray(actions)
        if wish.shape != (self.num_envs,) or not np.issubdtype(wish.dtype, np.integer):
            raise ConfigError(
                f"actions of shape {wish.shape}, {wish.dtype}: needs {self.num_envs} whole numbers"
            )
        return wish.astype(np.int64)

    def _shown(self) -> dict[str, Any]:
        return {"action_mask": self._lives.mask.astype(np.int8), "preference": self._lives.preference.copy()}


class ScalarVectorEnv(MultiObjectiveVectorEnv):
    """The same with the rewards that the preferences make of the vectors, (num_envs,)."""

    def step(self, actions: Any) -> tuple[Floats, Any, Any, Any, dict[str, Any]]:
        """One tick; → observations, preference · reward, none terminated, whose days are over, info."""
        preference = self._lives.preference
        observation, reward, over, cut, info = super().step(actions)
        scalar = np.einsum("ij,ij->i", preference, reward)
        return observation, scalar, over, cut, info | {"vector_reward": reward}


def _kept(values: NDArray[Any], begins: NDArray[np.bool_]) -> NDArray[Any]:
    """(num_envs, …) the values, 0 for who begins anew."""
    return np.where(begins.reshape(-1, *(1 for _ in values.shape[1:])), 0, values)

"""The multi-objective environment as the rivals meet it: day after day, until their time is up."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import gymnasium
import numpy as np

from circadia_lab.policy.env.gym import MultiObjectiveEnv
from circadia_lab.policy.rivals.view import KEPT

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float32]

BALANCED = (1 / 3, 1 / 3, 1 / 3)
REWARD_SCALE = 0.1
"""Of all objectives alike: returns of a hundred ticks become numbers that a fresh network can learn."""


class TimeIsUp(Exception):
    """The way out of a training that only knows numbers of steps."""


class Days(gymnasium.Wrapper[Any, Any, Any, Any]):
    """Episodes of a day; observations without the preference, which these algorithms choose themselves."""

    def __init__(self, problem: str, seed: int) -> None:
        super().__init__(MultiObjectiveEnv(problem, BALANCED, days=1.0))
        self.observation_space = gymnasium.spaces.Box(-1.0, 1.0, KEPT.shape, np.float32)
        self.steps = 0
        self.until_s = float("inf")
        """On `time.perf_counter`."""
        self.probes: list[Floats] = []
        """Observations, one in a hundred."""
        self._seed: int | None = seed

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Floats, dict[str, Any]]:
        """The next day."""
        seed, self._seed = (self._seed if seed is None else seed), None
        observation, info = self.env.reset(seed=seed, options=options)
        return observation[KEPT], info

    def step(self, action: Any) -> tuple[Floats, Any, bool, bool, dict[str, Any]]:
        """One tick; `TimeIsUp` when it is."""
        if time.perf_counter() >= self.until_s:
            raise TimeIsUp
        observation, reward, over, cut, info = self.env.step(action)
        self.steps += 1
        if self.steps % 100 == 0:
            self.probes.append(observation[KEPT])
        return observation[KEPT], np.asarray(reward) * REWARD_SCALE, over, cut, info

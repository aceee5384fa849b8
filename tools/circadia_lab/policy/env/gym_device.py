"""One device of a problem under Gymnasium's interface: what environments of ticks and of wakes have in common."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import gymnasium
import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from circadia.errors import ConfigError
from circadia_lab.policy.env.interface import OBJECTIVES
from circadia_lab.policy.env.lives import BIRTHS, episode_days, known_options, wanted_preference
from circadia_lab.policy.env.problem import Problem, find_problem

if TYPE_CHECKING:
    from collections.abc import Sequence

DAYS = 7.0
"""Of an episode, if nothing else is said."""

Floats = NDArray[np.float32]


def reward_space() -> spaces.Box:
    """Freshness is 0 or more; latency and energy are what is lost."""
    low, high = np.array([0, -np.inf, -np.inf], np.float32), np.array([np.inf, 0, 0], np.float32)
    return spaces.Box(low, high, (len(OBJECTIVES),), np.float32)


class Birth(NamedTuple):
    """What a reset says and draws."""

    device: int
    """Index of the problem's device that lives."""
    preference: NDArray[np.float64] | None
    """(1, 3), or None: drawn."""
    u: NDArray[np.float64]
    """(BIRTHS,) uniforms, the first of which drew the device."""


class OneDevice(gymnasium.Env[Any, Any]):
    """A reset draws which of the problem's devices lives, in what state, and the preference unless one is fixed.

    `options` may say `preference` (three weights) and `device` (its index) for that episode.
    """

    metadata: dict[str, Any] = {"render_modes": []}  # noqa: RUF012  Gymnasium declares it so

    def __init__(
        self,
        problem: str | Problem,
        preference: Sequence[float] | None = None,
        days: float | None = DAYS,
        render_mode: str | None = None,
    ) -> None:
        """`problem` as `find_problem` takes it; `days` None for no end. `ConfigError` names what is wrong."""
        self.problem = find_problem(problem) if isinstance(problem, str) else problem
        self.render_mode = render_mode
        self.reward_space = reward_space()
        self.reward_dim = len(OBJECTIVES)
        self.days = episode_days(days)
        if not self.days > 0:
            raise ConfigError(f"an episode of {days} days; it must be more than 0, or None for no end")
        self._fixed = wanted_preference({"preference": preference}, None, 1)

    def _birth(self, seed: int | None, options: dict[str, Any] | None) -> Birth:
        """`ConfigError` for options that there are not."""
        super().reset(seed=seed)
        said = known_options(options, ("preference", "device"))
        preference = wanted_preference(said, self._fixed, 1)
        u = self.np_random.random(BIRTHS)
        count = len(self.problem.devices)
        device = said.get("device", int(u[0] * count))
        if device not in range(count):
            raise ConfigError(f"problem {self.problem.name}: no device {device!r}; it has 0 to {count - 1}")
        return Birth(int(device), preference, u)


class Scalarised(OneDevice):
    """Before another in a class's bases: the reward that the preference makes of its vector, Gymnasium's interface."""

    def step(self, action: Any) -> tuple[Floats, float, bool, bool, dict[str, Any]]:
        """→ observation, preference · reward, False, whether the days are over, info."""
        observation, reward, over, cut, info = super().step(action)
        return observation, float(info["preference"] @ reward), over, cut, info | {"vector_reward": reward}

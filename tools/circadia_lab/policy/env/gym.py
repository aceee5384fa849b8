"""The full environment under Gymnasium's and MO-Gymnasium's interfaces, one device at a time.

    gymnasium.make("circadia_lab.env.gym:circadia/Phone-v0")          scalar reward: preference · reward
    mo_gymnasium.make("circadia_lab.env.gym:circadia/MO-Phone-v0")    reward (accuracy, latency, energy)
    gymnasium.make_vec("circadia_lab.env.gym:circadia/Phone-v0", 64)  the same in one batch; see `gym_vector`

and so for every shipped problem. Importing this module registers them.

An observation is what the policy's network gets, the preference included. An episode is truncated after some days and
never terminates. `info` tells

    action_mask   (actions,) int8, 1 for what the shield admits in the state just observed; sleeping always is
    preference    (3,) whose weights the observation shows
    cost          (3,) of the tick: expired, stale, old; each has a limit on Σ cost / Σ weight (`cost_limits`)
    weight        the tick's length in periods: averages are Σ reward / Σ weight
    action        what was done: the action asked for, or sleeping if the shield did not admit it,
    forbidden     and whether it did
    vector_reward (3,) before the preference was applied (scalar variant)
    device        index of the problem's device that lives (at a reset)
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import gymnasium
import numpy as np
from gymnasium import spaces

from circadia_lab.policy.env.chance import DRAWS
from circadia_lab.policy.env.fixed import CATALOGUE, WIDTH
from circadia_lab.policy.env.gym_device import DAYS, OneDevice, Scalarised
from circadia_lab.policy.env.lives import Lives
from circadia_lab.policy.env.problem import Problem, shipped_problems

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from circadia_lab.policy.env.gym_device import Floats

NAMESPACE, VERSION = "circadia", 0


def observation_space() -> spaces.Box:
    """The network's input."""
    return spaces.Box(-1.0, 1.0, (WIDTH,), np.float32)


class MultiObjectiveEnv(OneDevice):
    """One device of a problem, with a vector of rewards: MO-Gymnasium's interface."""

    def __init__(
        self,
        problem: str | Problem,
        preference: Sequence[float] | None = None,
        days: float | None = DAYS,
        render_mode: str | None = None,
    ) -> None:
        """As `OneDevice`."""
        super().__init__(problem, preference, days, render_mode)
        self.observation_space = observation_space()
        self.action_space = spaces.Discrete(len(CATALOGUE))
        self.cost_limits = self.problem.costs.array
        self._kinds = [
            Lives(replace(self.problem, devices=(device,)), 1, self.days) for device in self.problem.devices
        ]
        self._life: Lives | None = None

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Floats, dict[str, Any]]:
        """A new life; → observation and info."""
        born = self._birth(seed, options)
        self._life = self._kinds[born.device]
        self._life.begin(born.u[None], born.preference, np.ones(1, bool))
        return self._life.observation()[0], self._shown(self._life) | {"device": born.device}

    def step(self, action: np.int64) -> tuple[Floats, Any, bool, bool, dict[str, Any]]:
        """One tick; → observation, (3,) reward, False, whether the days are over, info."""
        if self._life is None:
            raise gymnasium.error.ResetNeeded("a device lives after reset() only")
        lived = self._life.live(np.array([action]), self.np_random.random((1, DRAWS)))
        info = self._shown(self._life) | {
            "cost": lived.cost[0],
            "weight": float(lived.weight[0]),
            "action": int(lived.action[0]),
            "forbidden": bool(lived.forbidden[0]),
        }
        reward = lived.reward[0].astype(np.float32)
        return self._life.observation()[0], reward, False, bool(lived.over[0]), info

    def action_masks(self) -> NDArray[np.bool_]:
        """(actions,) what the shield admits now, where maskable algorithms look for it."""
        if self._life is None:
            raise gymnasium.error.ResetNeeded("a device lives after reset() only")
        mask: NDArray[np.bool_] = self._life.mask[0].copy()
        return mask

    @staticmethod
    def _shown(life: Lives) -> dict[str, Any]:
        return {"action_mask": life.mask[0].astype(np.int8), "preference": life.preference[0].copy()}


class ScalarEnv(Scalarised, MultiObjectiveEnv):
    """The same with the reward that the preference makes of the vector: Gymnasium's interface."""


def names() -> tuple[str, ...]:
    """The identifiers of all environments, sorted."""
    titles = [problem.title() for problem in shipped_problems()]
    return tuple(sorted(_identifier(kind, title) for title in titles for kind in ("", "MO-")))


def register() -> None:
    """Make the environments known to Gymnasium; again does no harm."""
    for problem in shipped_problems():
        for kind, single, batch in (
            ("", "gym:ScalarEnv", "gym_vector:ScalarVectorEnv"),
            ("MO-", "gym:MultiObjectiveEnv", "gym_vector:MultiObjectiveVectorEnv"),
        ):
            name = _identifier(kind, problem.title())
            if name not in gymnasium.registry:
                gymnasium.register(
                    name,
                    entry_point=f"circadia_lab.policy.env.{single}",
                    vector_entry_point=f"circadia_lab.policy.env.{batch}",
                    disable_env_checker=bool(kind),  # it takes scalar rewards only
                    kwargs={"problem": problem},
                )


def _identifier(kind: str, title: str) -> str:
    return f"{NAMESPACE}/{kind}{title}-v{VERSION}"


register()

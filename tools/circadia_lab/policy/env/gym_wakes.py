"""The environment of wakes under Gymnasium's and MO-Gymnasium's interfaces, one device at a time.

    gymnasium.make("circadia_lab.env.gym:circadia/Phone-v1")          scalar reward: preference · reward
    mo_gymnasium.make("circadia_lab.env.gym:circadia/MO-Phone-v1")    reward (accuracy, latency, energy)

and so for every shipped problem "wake-…". An action is

    {"work": index of the catalogue, "sleep_s": (1,) seconds after it, "wake_on": place in `WakeOn`}

the last only where a device of the problem has a choice. `info` tells what `gym` says it does, but

    duration_s    how long work and sleep took: the time to the next wake
    weight        the same in periods of the problem: averages over time are Σ reward / Σ weight
    cost          (3,) expired, model_age, data_age; the limits on Σ cost / Σ weight are `cost_limits`
    wake_mask     (3,) int8, 1 for the sleeps that the body can do
    joules        agent's and device's, in all and out of the battery

What the shield forbids is not done, and a sleep that the body cannot do is the most wakeful that it can: `forbidden`.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import gymnasium
import numpy as np
from gymnasium import spaces

from circadia.actions import CATALOGUE
from circadia.errors import ConfigError
from circadia.observation import DAY_S, INPUT_SCALE, WIDTH, encode
from circadia.policy.sleeps import LONGEST_S, SHORTEST_S
from circadia.types import WakeOn
from circadia_lab.policy.env.gym_device import DAYS, OneDevice, Scalarised
from circadia_lab.policy.env.interface import OBJECTIVES
from circadia_lab.policy.env.lives import drawn
from circadia_lab.policy.env.problem import WAKES, Problem, shipped_wakes
from circadia_lab.policy.env.sleeping import DRAWS, Asked
from circadia_lab.policy.env.wakes import WakeFleet

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from circadia_lab.policy.env.gym_device import Floats
    from circadia_lab.policy.env.wakes import Living

VERSION = 1
NEXT_S = (60.0, 300.0, 900.0, 3600.0, 10_800.0, LONGEST_S)
"""The sleeps of `DiscreteWakes`, if nothing else is said."""


class MultiObjectiveWakes(OneDevice):
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
        self._fleets = [
            WakeFleet(replace(self.problem, devices=(device,)), 1) for device in self.problem.devices
        ]
        self.observation_space = spaces.Box(-1.0, 1.0, (WIDTH,), np.float32)
        self._parts = self._actions()
        self.action_space = spaces.Dict(self._parts)
        self.cost_limits = self.problem.costs.of_wakes
        self._preference = np.full(len(OBJECTIVES), 1 / len(OBJECTIVES))
        self._fleet = self._fleets[0]
        self._living: Living | None = None
        self._elapsed_s = 0.0

    def _actions(self) -> dict[str, spaces.Space[Any]]:
        parts: dict[str, spaces.Space[Any]] = {
            "work": spaces.Discrete(len(CATALOGUE)),
            "sleep_s": spaces.Box(SHORTEST_S, LONGEST_S, (1,), np.float32),
        }
        if any(_can(fleet).sum() > 1 for fleet in self._fleets):
            parts["wake_on"] = spaces.Discrete(len(WakeOn))
        return parts

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Floats, dict[str, Any]]:
        """A new life; → observation and info."""
        born = self._birth(seed, options)
        drew = drawn(born.u[1 : len(OBJECTIVES)])
        self._preference = drew if born.preference is None else born.preference[0]
        self._fleet, self._elapsed_s = self._fleets[born.device], 0.0
        self._living = self._fleet.start(born.u[len(OBJECTIVES) :][None, None])
        return self._seen(self._living), self._shown() | {"device": born.device}

    def step(self, action: Mapping[str, Any]) -> tuple[Floats, Any, bool, bool, dict[str, Any]]:
        """To the next wake; → observation, (3,) reward, False, whether the days are over, info."""
        if self._living is None:
            raise gymnasium.error.ResetNeeded("a device lives after reset() only")
        work, length_s, kind = self._wish(action)
        done = work if self._mask[work] else 0
        able = _can(self._fleet)
        slept = kind if able[kind] else int(able.nonzero()[0][-1])
        asked = Asked(np.full((1, 1), length_s), np.full((1, 1), slept))
        u = self.np_random.random((1, 1, DRAWS))
        living, worth, woken = self._fleet.advance(self._living, np.full((1, 1), done), asked, u)
        self._living = self._fleet.wrapped(living)
        duration_s = float(woken.result.dt_s[0, 0])
        self._elapsed_s += duration_s
        observation = self._seen(self._living)
        info = self._shown() | {
            "cost": worth.cost[0, 0],
            "weight": float(worth.weight[0, 0]),
            "duration_s": duration_s,
            "action": done,
            "wake_on": slept,
            "forbidden": done != work or slept != kind,
            "joules": {name: float(x[0, 0]) for name, x in woken.paid._asdict().items()},
        }
        reward = worth.reward[0, 0].astype(np.float32)
        return observation, reward, False, self._elapsed_s >= self.days * DAY_S, info

    def action_masks(self) -> NDArray[np.bool_]:
        """(actions,) works that the shield admits now, where maskable algorithms look for it."""
        if self._living is None:
            raise gymnasium.error.ResetNeeded("a device lives after reset() only")
        return self._mask.copy()

    def _wish(self, action: Mapping[str, Any]) -> tuple[int, float, int]:
        """Work, seconds and kind of sleep; the most wakeful that the body can where it is not said."""
        if set(action) != set(self._parts):
            raise ConfigError(f"action {dict(action)}: needs {', '.join(self._parts)}")
        work, length_s = int(action["work"]), float(np.asarray(action["sleep_s"]).item())
        kind = int(action.get("wake_on", _can(self._fleet).nonzero()[0][-1]))
        if not (0 <= work < len(CATALOGUE) and 0 <= kind < len(WakeOn)):
            raise ConfigError(f"action {dict(action)}: work or wake_on is none of the action space")
        if not SHORTEST_S <= length_s <= LONGEST_S * (1 + 1e-6):
            raise ConfigError(f"action {dict(action)}: sleep_s must lie in {SHORTEST_S:g} to {LONGEST_S:g}")
        return work, length_s, kind

    def _seen(self, living: Living) -> Floats:
        values = self._fleet.look(living, self._preference).astype(np.float32)
        self._mask: NDArray[np.bool_] = np.asarray(self._fleet.mask(values))[0, 0]
        seen: Floats = encode(values[0, 0]).astype(np.float32) * np.float32(INPUT_SCALE)
        return seen

    def _shown(self) -> dict[str, Any]:
        return {
            "action_mask": self._mask.astype(np.int8),
            "wake_mask": _can(self._fleet).astype(np.int8),
            "preference": self._preference.copy(),
        }


class ScalarWakes(Scalarised, MultiObjectiveWakes):
    """The same with the reward that the preference makes of the vector: Gymnasium's interface."""


class DiscreteWakes(gymnasium.ActionWrapper[Any, Any, Any]):
    """Any environment of wakes with a menu of sleeps, for algorithms that know discrete actions alone.

    Action a does work a // n and sleeps the (a mod n)-th of n lengths. A menu costs joules: free lengths are better.
    """

    def __init__(
        self,
        env: gymnasium.Env[Any, Any],
        lengths_s: Sequence[float] = NEXT_S,
        wake_on: WakeOn = WakeOn.REQUEST,
    ) -> None:
        """`wake_on` where the body has that choice; another sleeps as wakefully as it can."""
        super().__init__(env)
        if not lengths_s or not SHORTEST_S <= min(lengths_s) <= max(lengths_s) <= LONGEST_S:
            raise ConfigError(
                f"lengths_s {list(lengths_s)}: one or more of {SHORTEST_S:g} to {LONGEST_S:g} seconds"
            )
        self._lengths_s = tuple(lengths_s)
        self._wake_on = list(WakeOn).index(wake_on)
        self._choice = isinstance(env.action_space, spaces.Dict) and "wake_on" in env.action_space.spaces
        self.action_space = spaces.Discrete(len(CATALOGUE) * len(self._lengths_s))

    def action(self, action: Any) -> dict[str, Any]:
        """What it stands for."""
        work, place = divmod(int(action), len(self._lengths_s))
        told = {"work": np.int64(work), "sleep_s": np.array([self._lengths_s[place]], np.float32)}
        choice = {"wake_on": np.int64(self._wake_on)}
        return told | (choice if self._choice else {})

    def action_masks(self) -> NDArray[np.bool_]:
        """(actions,) those whose work the shield admits now."""
        works: NDArray[np.bool_] = self.env.unwrapped.action_masks()  # type: ignore[attr-defined]
        return np.repeat(works, len(self._lengths_s))


def _can(fleet: WakeFleet) -> NDArray[np.bool_]:
    """(kinds,) the sleeps that its one device can do."""
    able: NDArray[np.bool_] = np.asarray(fleet.params.wakes_on)[0, 0] > 0
    return able


def names() -> tuple[str, ...]:
    """The identifiers of all environments, sorted."""
    return tuple(sorted(_identifier(kind, problem) for problem in shipped_wakes() for kind in ("", "MO-")))


def register() -> None:
    """Make the environments known to Gymnasium; again does no harm."""
    for problem in shipped_wakes():
        for kind, entry in (("", "ScalarWakes"), ("MO-", "MultiObjectiveWakes")):
            name = _identifier(kind, problem)
            if name not in gymnasium.registry:
                gymnasium.register(
                    name,
                    entry_point=f"circadia_lab.policy.env.gym_wakes:{entry}",
                    disable_env_checker=bool(kind),  # it takes scalar rewards only
                    kwargs={"problem": problem},
                )


def _identifier(kind: str, problem: str) -> str:
    return f"circadia/{kind}{problem.removeprefix(WAKES).title()}-v{VERSION}"


register()

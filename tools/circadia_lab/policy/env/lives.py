"""Devices as Gymnasium's environments know them: a flat NumPy batch, the shield between wish and deed, days that end.

What a caller asks for and the shield forbids is not done, nor what has nothing to do: the device sleeps on instead, as
it does when nothing is admissible. Chance comes in as uniforms.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from circadia.errors import ConfigError
from circadia.observation import DAY_S, INPUT_SCALE
from circadia_lab.policy.env.environment import STARTS, Fleet
from circadia_lab.policy.env.fixed import CATALOGUE, INDEX, encode
from circadia_lab.policy.env.interface import OBJECTIVES
from circadia_lab.policy.env.preferences import checked

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from numpy.typing import NDArray

    from circadia.physics.state import State
    from circadia_lab.policy.env.problem import Problem

SLEEP = INDEX["sleep"]
BIRTHS = 1 + (len(OBJECTIVES) - 1) + STARTS
"""Uniforms that a life's beginning takes: which device, which preference, which state."""


class Lived(NamedTuple):
    """A tick of every device."""

    reward: Any
    """(count, objectives)"""
    cost: Any
    """(count, costs)"""
    weight: Any
    """(count,) elapsed periods."""
    action: Any
    """(count,) index of what was done."""
    forbidden: Any
    """(count,) whether that is sleeping because the shield did not admit the wish."""
    over: Any
    """(count,) whether the days are over."""


class Lives:
    """`count` devices of a problem, dealt out evenly in its order, each with its own preference for its days."""

    def __init__(self, problem: Problem, count: int, days: float) -> None:
        """`count` is a multiple of the problem's number of devices; `days` above 0, infinity for no end."""
        devices = len(problem.devices)
        if count < devices or count % devices:
            raise ConfigError(f"problem {problem.name}: {count} lives cannot be dealt to {devices} devices")
        if not days > 0:
            raise ConfigError(f"an episode of {days:g} days; it must be more than 0, or math.inf for no end")
        self.count = count
        self.fleet = Fleet(problem, count // devices)
        self.length_s = days * DAY_S
        self.preference = np.full((count, len(OBJECTIVES)), 1 / len(OBJECTIVES))
        self.elapsed_s = np.zeros(count)
        self._state = self.fleet.start(self._dealt(np.zeros((count, STARTS))))
        self._look()

    def begin(
        self, u: NDArray[np.float64], preference: NDArray[np.float64] | None, where: NDArray[np.bool_]
    ) -> None:
        """(count, BIRTHS) uniforms, (count, objectives) preferences or None to draw them: anew where (count,) says."""
        wanted = drawn(u[:, 1 : len(OBJECTIVES)]) if preference is None else preference
        born = self.fleet.start(self._dealt(u[:, len(OBJECTIVES) :]))
        anew = self._dealt(where)
        self._state = type(born)(
            *(np.where(anew, new, old) for new, old in zip(born, self._state, strict=True))
        )
        self.preference = np.where(where[:, None], wanted, self.preference)
        self.elapsed_s = np.where(where, 0.0, self.elapsed_s)
        self._look()

    def live(self, wish: NDArray[np.int64], u: NDArray[np.float64]) -> Lived:
        """One tick: (count,) indices of the catalogue, (count, DRAWS) uniforms. `ConfigError` for another index."""
        if ((wish < 0) | (wish >= len(CATALOGUE))).any():
            raise ConfigError(
                f"action {wish.tolist()}: needs indices of the catalogue, 0 to {len(CATALOGUE) - 1}"
            )
        admitted = self.mask[np.arange(self.count), wish]
        action = np.where(admitted, wish, SLEEP)
        state, worth, result = self.fleet.advance(self._state, self._dealt(action), self._dealt(u))
        self._state = self.fleet.wrapped(state)
        self.elapsed_s = self.elapsed_s + result.dt_s.reshape(-1)
        self._look()
        return Lived(
            reward=worth.reward.reshape(self.count, -1),
            cost=worth.cost.reshape(self.count, -1),
            weight=worth.weight.reshape(-1),
            action=action,
            forbidden=~admitted,
            over=self.elapsed_s >= self.length_s,
        )

    def observation(self) -> NDArray[np.float32]:
        """(count, WIDTH) in [−1, 1]: the policy's int8 input times `INPUT_SCALE`."""
        encoded: NDArray[np.float32] = encode(self._values).astype(np.float32)
        return encoded * np.float32(INPUT_SCALE)

    @property
    def state(self) -> State:
        """Every field is (devices, count / devices)."""
        return self._state

    def _look(self) -> None:
        values = self.fleet.look(self._state, self._dealt(self.preference))
        self._values = values.astype(np.float32).reshape(self.count, -1)
        self.mask: NDArray[np.bool_] = self.fleet.mask(self._dealt(self._values)).reshape(self.count, -1)
        """(count, actions) what the shield admits."""

    def _dealt(self, flat: NDArray[Any]) -> NDArray[Any]:
        """(count, …) → (devices, count / devices, …)"""
        return flat.reshape(*self.fleet.shape, *flat.shape[1:])


def drawn(u: NDArray[np.float64]) -> NDArray[np.float64]:
    """(…, 2) uniforms → (…, 3) preferences, evenly from all there are: the gaps that they cut [0, 1] into."""
    edges = np.sort(u, axis=-1)
    return np.diff(edges, axis=-1, prepend=0.0, append=1.0)


def wanted_preference(options: Mapping[str, Any], fixed: Any, count: int) -> NDArray[np.float64] | None:
    """(count, 3) that of `options["preference"]`, else the fixed one; None where both leave it to chance.

    One for all or one each; `ConfigError` for weights that are none.
    """
    weights = options.get("preference", fixed)
    if weights is None:
        return None
    rows = np.asarray(weights, np.float64)
    if rows.ndim not in {1, 2} or (rows.ndim == 2 and len(rows) != count):
        raise ConfigError(f"preference of shape {rows.shape}: needs three weights, or {count} times three")
    return np.broadcast_to(np.stack([checked(row.tolist()) for row in np.atleast_2d(rows)]), (count, 3))


def known_options(options: Mapping[str, Any] | None, known: Collection[str]) -> Mapping[str, Any]:
    """The options of a reset; `ConfigError` for one that there is not."""
    for name in options or {}:
        if name not in known:
            raise ConfigError(f"unknown option {name!r} of a reset; known are {', '.join(known)}")
    return options or {}


def episode_days(days: float | None) -> float:
    """None means without end."""
    return math.inf if days is None else days

"""The simulated world of one device: who uses it, which link it has and how clear the sky is, minute by minute.

It depends on scenario, seed and time alone, never on what the device does or when it looks: two policies that are
compared meet the same world, and a device that restarts finds the one it left. Every midnight starts afresh from the
hour's shares, so that any day can be reached without those before it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from circadia.observation import DAY_S
from circadia.physics.dynamics import initial_state
from circadia.physics.state import Noise
from circadia.physics.surroundings import clearness_after, surroundings_after

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from circadia.physics.params import Params

CELL_S = 60.0
"""The world changes at multiples of this local time, and only there."""
CELLS_PER_DAY = int(DAY_S / CELL_S)
_FOREVER_S = 1e7 * DAY_S


class Surroundings(NamedTuple):
    """The world in one cell of time."""

    user_active: float
    link: float
    clearness: float


class World:
    """Days of surroundings, made when they are asked for; safe to ask from several threads."""

    def __init__(self, params: Params, seed: int) -> None:
        """`seed` ≥ 0 together with the parameters fixes everything."""
        self._params = params
        self._seed = seed
        self._days: dict[int, tuple[Surroundings, ...]] = {}

    def at(self, local_s: float) -> Surroundings:
        """The surroundings at that local time, in seconds since the first day's midnight."""
        cell = int(np.floor(local_s / CELL_S))
        day, index = divmod(cell, CELLS_PER_DAY)
        if day not in self._days:
            latest = [(d, cells) for d, cells in self._days.items() if abs(d - day) <= 1]
            self._days = {**dict(latest), day: self._made(day)}
        return self._days[day][index]

    def _made(self, day: int) -> tuple[Surroundings, ...]:
        random = np.random.default_rng([self._seed, day % 2**32])
        user_u, link_u = random.random((CELLS_PER_DAY, 2)).T
        cloud_z = random.standard_normal(CELLS_PER_DAY)
        dt_s = np.full(CELLS_PER_DAY, CELL_S)
        dt_s[0] = _FOREVER_S
        starts_s = np.float64(day * DAY_S) + CELL_S * np.maximum(np.arange(CELLS_PER_DAY) - 1, 0)
        state = initial_state(self._params, np.float64(0), starts_s)
        unknown = np.full(CELLS_PER_DAY, np.nan)
        moved = surroundings_after(
            state._replace(user_active=unknown, link=unknown),
            _noise(dt_s, user_u, link_u, cloud_z),
            self._params,
            np,
        )
        users, links = _held(moved.user_active), _held(moved.link)
        clearness = float(state.clearness)
        cells = []
        for step_s, z, user, link in zip(dt_s, cloud_z, users, links, strict=True):
            clearness = float(clearness_after(clearness, step_s, z, self._params, np))
            cells.append(Surroundings(user, link, clearness))
        return tuple(cells)


def _held(drawn: NDArray[np.float64]) -> list[float]:
    """What was drawn last, NaN where nothing was; the first is drawn."""
    places = np.where(np.isnan(drawn), 0, np.arange(len(drawn)))
    held: list[float] = drawn[np.maximum.accumulate(places)].tolist()
    return held


def _noise(dt_s: Any, user_u: Any, link_u: Any, cloud_z: Any) -> Noise:
    zero = 0.0
    return Noise(dt_s, zero, zero, zero, zero, zero, user_u, link_u, cloud_z, zero, zero)

"""The simulated world of one device: who uses it, which link it has and how clear the sky is, minute by minute.

It depends on scenario, seed and time alone, never on what the device does or when it looks: two policies that are
compared meet the same world, and a device that restarts finds the one it left. Every midnight starts afresh from the
hour's shares, so that any day can be reached without those before it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from circadia.observation import DAY_S
from circadia.physics.dynamics import initial_state
from circadia.physics.state import Noise, State
from circadia.physics.surroundings import surroundings_after

if TYPE_CHECKING:
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
        draws = zip(random.random((CELLS_PER_DAY, 2)), random.standard_normal(CELLS_PER_DAY), strict=True)
        state = initial_state(self._params, np.float64(0), day * DAY_S)
        cells = []
        for index, ((user_u, link_u), cloud_z) in enumerate(draws):
            dt_s = CELL_S if index else _FOREVER_S
            moved = surroundings_after(state, _noise(dt_s, user_u, link_u, cloud_z), self._params, np)
            state = moved._replace(time_s=day * DAY_S + index * CELL_S)
            cells.append(_seen(state))
        return tuple(cells)


def _seen(state: State) -> Surroundings:
    return Surroundings(float(state.user_active), float(state.link), float(state.clearness))


def _noise(dt_s: float, user_u: float, link_u: float, cloud_z: float) -> Noise:
    zero = 0.0
    return Noise(dt_s, zero, zero, zero, zero, zero, user_u, link_u, cloud_z, zero, zero)

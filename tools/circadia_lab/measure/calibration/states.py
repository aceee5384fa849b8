"""What a device saw of its battery and its user at both ends of every tick, read from its store without touching it."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from circadia.observation import COLUMN
from circadia.store.reading import StoreReader

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from circadia_field.ticks import Ticks


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class States:
    """N ticks in order of time, settled or not. NaN is what a device does not know."""

    t_s: NDArray[np.float64]
    """(N,) when each began."""
    end_s: NDArray[np.float64]
    """(N,) when the next began."""
    energy_j: NDArray[np.float64]
    """(N,) NaN without all of its joules."""
    soc: NDArray[np.float64]
    """(N, 2) state of charge at begin and end."""
    charging: NDArray[np.float64]
    """(N, 2) 1 while energy comes in."""
    user_active: NDArray[np.float64]
    """(N, 2) 1 while somebody uses the device."""

    @property
    def in_use(self) -> NDArray[np.bool_]:
        """(N,) whether somebody was seen to use the device at an end of the tick."""
        seen: NDArray[np.bool_] = (self.user_active > 0).any(axis=1)
        return seen


def read_states(path: Path) -> States:
    """Of a store; `StoreError` if it cannot be read."""
    with StoreReader(path) as store:
        ticks = store.ticks()
    ended = [(tick, after) for tick, after in pairwise(ticks) if after.tick_id == tick.tick_id + 1]
    seen = np.array([(tick.x, after.x) for tick, after in ended], float).reshape(-1, 2, len(COLUMN))
    return States(
        t_s=np.array([tick.t_s for tick, _ in ended], float),
        end_s=np.array([after.t_s for _, after in ended], float),
        energy_j=np.array([tick.energy_j if tick.lost_s == 0 else np.nan for tick, _ in ended], float),
        soc=seen[:, :, COLUMN["battery_soc"]],
        charging=seen[:, :, COLUMN["charging"]],
        user_active=seen[:, :, COLUMN["user_active"]],
    )


def quiet(ticks: Ticks, states: States) -> NDArray[np.bool_]:
    """(ticks,) those in which nobody was seen to use the device: a screen's watts are not the agent's."""
    return ~np.isin(ticks.t_s, states.t_s[states.in_use])

"""Whether the shield keeps its promise on a grid: no action that it admits leads below the battery's floor by itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from circadia.energy.battery import soc_of
from circadia.physics import dynamics
from circadia.physics.state import Noise, State
from circadia_lab.policy.env.fixed import FACTS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from circadia_lab.policy.oracle.grid import Grid


def avoidable_crossings(grid: Grid) -> NDArray[np.int64]:
    """(n, 2) states and admitted actions that end their own phases below the floor; sleeping is no such action.

    Exhaustive. The tick ends with the action's phases, so what the device loses asleep afterwards is not counted.
    """
    pairs = np.argwhere(grid.chain.mask & FACTS.works)
    states = State(*(x[pairs[:, 0]] for x in grid.states))
    none = np.zeros(len(pairs))
    noise = Noise(**dict.fromkeys(Noise._fields, none))._replace(deadline_s=none + grid.params.deadline_s)
    after, _ = dynamics.step(states, pairs[:, 1], noise, grid.params, np)
    below = soc_of(after.battery_j, grid.params.battery) < grid.spec.limits.battery_floor
    crossed: NDArray[np.int64] = pairs[below]
    return crossed

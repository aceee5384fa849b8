"""The optimum of a world, with a certified bracket: backward over the days until each adds the same.

With V_d the least cost of d days, for every state of a slot min (V_{d+1} − V_d) ≤ best average ≤ max (V_{d+1} − V_d)
(Odoni, Operations Research 17, 1969). A device that sleeps across midnight wakes in one of the slots that follow, so
the bracket is taken over the slots of a whole day.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from circadia.types import WakeOn
from circadia_lab.policy.regimes.worlds.play import Tables
from circadia_lab.policy.regimes.worlds.world import ASLEEP, WORKS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from circadia_lab.policy.regimes.worlds.world import World

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

MOST_DAYS = 400
TOLERANCE = 1e-3


class Best(NamedTuple):
    """The optimum."""

    lower: float
    """No policy's cost a day is below it …"""
    upper: float
    """… and that of this one is not above it."""
    work: Ints
    """(H, N)"""
    sleep: Ints
    """(H, N) after that work"""

    def tables(self) -> Tables:
        """As a policy to play."""
        slots, states = self.work.shape
        work = np.eye(len(WORKS))[self.work].transpose(0, 2, 1)
        options = int(self.sleep.max()) + 1
        if options == 1:
            return Tables(work, None)
        sleep = np.zeros((slots, len(WORKS), options, states))
        hour, state = np.indices(self.sleep.shape)
        sleep[hour, :, self.sleep, state] = 1
        return Tables(work, sleep)


def best(world: World, tolerance: float = TOLERANCE) -> Best:
    """Its optimum to a relative bracket of `tolerance`, or as near as `MOST_DAYS` come."""
    kinds = 1 if world.asked is None else 2
    longest = max(sleep.slots for sleep in world.sleeps)
    ahead = np.zeros((kinds, longest, world.states))
    last: Floats | None = None
    for _ in range(MOST_DAYS):
        work, sleep, values, ahead = _day(world, ahead)
        if last is not None:
            change = values - last
            lower, upper = float(change.min()), float(change.max())
            if upper - lower <= tolerance * abs(upper):
                break
        last = values
    return Best(lower, upper, work, sleep)


def _day(world: World, ahead: Floats) -> tuple[Ints, Ints, Floats, Floats]:
    """(kinds, longest, N) values at the start of the next day, by slots left asleep → those of this one, and the choices."""
    shape = (world.slots, world.states)
    work, sleep, values = np.zeros(shape, np.int64), np.zeros(shape, np.int64), np.zeros(shape)
    for slot in range(world.slots - 1, -1, -1):
        works, sleeps, now = _awake(world, slot, ahead)
        resting = _after(world, slot, ASLEEP, ahead)[:, :-1] + world.cost(slot, ASLEEP)
        ahead = np.concatenate([np.broadcast_to(now, (len(ahead), 1, world.states)), resting], axis=1)
        work[slot], sleep[slot], values[slot] = works, sleeps, now
    return work, sleep, values, ahead


def _after(world: World, slot: int, work: int, ahead: Floats) -> Floats:
    """(kinds, slots left after this one, N) what a slot with that work leads to; [:, 0] is awake next."""
    columns = ahead.reshape(-1, world.states).T
    found: Floats = (world.quiet[slot][work] @ columns).T.reshape(ahead.shape)
    if world.asked is None:
        return found
    came = (world.asked[slot][work] @ columns).T.reshape(ahead.shape)
    found[0] += came[0]
    found[1] += came[1, :1]
    return found


def _awake(world: World, slot: int, ahead: Floats) -> tuple[Ints, Ints, Floats]:
    totals, chosen = [], []
    for work in range(len(WORKS)):
        after = _after(world, slot, work, ahead)
        options = np.stack([after[int(s.wake_on is WakeOn.REQUEST), s.slots - 1] for s in world.sleeps])
        pick = options.argmin(axis=0)
        total = np.take_along_axis(options, pick[None], axis=0)[0] + world.cost(slot, work)
        totals.append(np.where(world.admitted[slot, work], total, np.inf))
        chosen.append(pick)
    table = np.stack(totals)
    works = table.argmin(axis=0)
    sleeps = np.take_along_axis(np.stack(chosen), works[None], axis=0)[0]
    return works, sleeps, table.min(axis=0)

"""A world: a finite chain over the slots of a day, in which a device that is awake works and then sleeps.

In slot h a device in state i is awake, or asleep until its time or until a request wakes it. Awake it does one of the
works, w, and picks one of the sleeps, all in that slot; the next state is drawn from row i of `quiet[h][w]` and of
`asked[h][w]`, which together sum to 1: the latter is the part in which a request came. Work `ASLEEP`, the last, is no
work: what an unwatched slot does. Sleeps are whole slots; a sleep of one slot is over at the next slot's start.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from circadia.errors import ConfigError
from circadia.observation import COLUMN, TABLE

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from circadia_lab.policy.regimes.chain import Sleep

    Floats = NDArray[np.float64]

ASLEEP = -1
"""Index of the last kernel."""


class Work(NamedTuple):
    """What is done in a wake."""

    serves: bool
    learns: bool
    """Trains and exchanges."""


WORKS = (Work(False, False), Work(True, False), Work(False, True), Work(True, True))
"""The order of works in every world."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class World:
    """H slots a day, N states, W works, L sleeps, M measures."""

    name: str
    slot_s: float
    sleeps: tuple[Sleep, ...]
    """The first is one slot, until due."""
    quiet: tuple[tuple[Any, ...], ...]
    """[H][W + 1] sparse (N, N)"""
    asked: tuple[tuple[Any, ...], ...] | None
    """[H][W + 1] sparse (N, N); none where requests wake nobody."""
    measures: tuple[str, ...]
    """A day."""
    counted: Floats
    """(H, W + 1, M, N) what each slot adds."""
    weights: Floats
    """(M,) cost of a unit of each measure."""
    admitted: NDArray[np.bool_]
    """(H, W, N); doing nothing always is."""
    observed: tuple[Mapping[str, Floats], ...]
    """[H] what a device that is awake observes: names of the observation table, (N,) each; others are absent."""
    axes: Mapping[str, NDArray[Any]]
    """(N,) each: what the states are, for rules."""

    @property
    def slots(self) -> int:
        """H"""
        return len(self.quiet)

    @property
    def states(self) -> int:
        """N"""
        return int(self.counted.shape[-1])

    def cost(self, slot: int, work: int) -> Floats:
        """(N,) of a slot with that work."""
        found: Floats = self.weights @ self.counted[slot, work]
        return found

    def observe(self, slot: int, preference: Floats | None = None) -> NDArray[np.float32]:
        """(N, features) of today's table, NaN where the world has no such thing or the table has no such row.

        `preference` (objectives,) instead of even weights.
        """
        values = np.full((self.states, len(TABLE)), np.nan, np.float32)
        for name, column in self.observed[slot].items():
            if name in COLUMN:
                values[:, COLUMN[name]] = column
        weights = np.full(3, 1 / 3) if preference is None else preference
        for name, weight in zip(("accuracy", "latency", "energy"), weights, strict=True):
            values[:, COLUMN[f"preference_{name}"]] = weight
        return values


def checked(world: World) -> World:
    """The world itself; `ConfigError` unless its probabilities sum to 1."""
    for slot in range(world.slots):
        for work in range(len(WORKS) + 1):
            rows = world.quiet[slot][work].sum(axis=1)
            if world.asked is not None:
                rows = rows + world.asked[slot][work].sum(axis=1)
            if np.abs(rows - 1).max() > 1e-9:
                raise ConfigError(f"world {world.name}: probabilities in slot {slot} do not sum to 1")
    if not world.admitted[:, 0].all():
        raise ConfigError(f"world {world.name}: doing nothing must always be admitted")
    return world

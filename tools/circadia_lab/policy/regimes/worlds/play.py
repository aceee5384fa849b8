"""Any policy in a world, exactly: what becomes of the devices' distribution over states, until it repeats every day."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import numpy as np
from scipy.sparse import csr_array, vstack

from circadia.errors import ConfigError
from circadia.types import WakeOn
from circadia_lab.policy.regimes.worlds.world import ASLEEP, WORKS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from circadia_lab.policy.regimes.chain import Sleep
    from circadia_lab.policy.regimes.worlds.world import World

    Floats = NDArray[np.float64]

MOST_DAYS, FEW_DAYS = 400, 80
SETTLED, ROUGHLY = 1e-7, 1e-4
"""Of the probability may still move from one day to the next."""


class Decided(NamedTuple):
    """What a policy does in n situations: it draws from these."""

    work: Floats
    """(n, W) weights in the order of `WORKS`; what is not admitted is left out and the rest made to sum to 1."""
    sleep: Floats | None = None
    """(n, L) or (n, W, L) probabilities of the world's sleeps; none: it is asked again in every slot."""


class Decide(Protocol):
    """A policy: a network, a rule."""

    def __call__(self, observed: NDArray[np.float32]) -> Decided:
        """`observed` (n, features) as `World.observe` makes it."""
        ...


class Played(NamedTuple):
    """Averages of a day."""

    cost: float
    measures: dict[str, float]
    days: int
    """Until a day repeated; `MOST_DAYS` if none did."""
    moved: float
    """What the cost still changed by: from the last day but one, or from the second half to the last quarter."""


class Tables(NamedTuple):
    """A policy by slot and state."""

    work: Floats
    """(H, W, N) sum to 1 over the works"""
    sleep: Floats | None
    """(H, W, L, N) sum to 1 over the sleeps; none: always the first"""


def play(world: World, decide: Decide, preference: Floats | None = None) -> Played:
    """The policy's averages when every device has long followed it. `ConfigError` if what it decides has no such shape."""
    return play_tables(world, tables_of(world, decide, preference))


def tables_of(world: World, decide: Decide, preference: Floats | None = None) -> Tables:
    """Ask it about every state in every slot."""
    asked = [_whole(world, decide(world.observe(slot, preference))) for slot in range(world.slots)]
    work = np.stack([decided.work.T for decided in asked]) * world.admitted
    total = work.sum(axis=1, keepdims=True)
    work = np.where(total > 0, work / np.where(total > 0, total, 1), _nothing(world))
    sleeps = [decided.sleep for decided in asked if decided.sleep is not None]
    sleep = np.stack([np.moveaxis(table, 0, -1) for table in sleeps]) if len(sleeps) == world.slots else None
    return Tables(work, sleep)


def _nothing(world: World) -> Floats:
    table = np.zeros((world.slots, len(WORKS), world.states))
    table[:, 0] = 1
    return table


def _whole(world: World, decided: Decided) -> Decided:
    n, works, sleeps = world.states, len(WORKS), len(world.sleeps)
    work = np.asarray(decided.work, np.float64)
    if work.shape != (n, works) or not (work >= 0).all():
        raise ConfigError(f"policy in {world.name}: weights of works must be ({n}, {works}) and not negative")
    if decided.sleep is None:
        return Decided(work)
    sleep = np.asarray(decided.sleep, np.float64)
    if sleep.shape == (n, sleeps):
        sleep = np.repeat(sleep[:, None], works, axis=1)
    if sleep.shape != (n, works, sleeps) or np.abs(sleep.sum(axis=-1) - 1).max() > 1e-5 or sleep.min() < 0:
        raise ConfigError(
            f"policy in {world.name}: probabilities of sleeps must be ({n}, {sleeps}) and sum to 1"
        )
    return Decided(work, sleep / sleep.sum(axis=-1, keepdims=True))


def play_tables(world: World, tables: Tables) -> Played:
    """Likewise, of a policy by slot and state."""
    return Stage(world).play(tables)


class Stage:
    """A world made ready for many policies."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._kinds = 1 if world.asked is None else 2
        self._longest = max(sleep.slots for sleep in world.sleeps)
        self._quiet = [[_entries(kernel) for kernel in row] for row in world.quiet]
        self._asked = [[_entries(kernel) for kernel in row] for row in world.asked or ()]
        self._resting = [self._asleep(slot) for slot in range(world.slots)]
        self._stacked = (
            [vstack(row[:ASLEEP], format="csr") for row in world.quiet] if self._places == 1 else []
        )

    @property
    def _places(self) -> int:
        """Awake, then each kind of sleep with 1, 2 … slots left when the slot begins."""
        return 1 + self._kinds * (self._longest - 1)

    def _place(self, kind: int, left: int) -> int:
        return 0 if left == 0 else 1 + kind * (self._longest - 1) + left - 1

    def play(self, tables: Tables, *, roughly: bool = False) -> Played:
        """The policy's averages of devices that begin awake, at the day's start, in all states alike.

        Of the day that repeats; where none does, as with timers that no day is a multiple of, of the second half.
        """
        world, settled = self._world, ROUGHLY if roughly else SETTLED
        moves = [self._moves(slot, tables) for slot in range(world.slots)]
        counts = [self._counts(slot, tables) for slot in range(world.slots)]
        mass = np.zeros(self._places * world.states)
        mass[: world.states] = 1 / world.states
        days: list[Floats] = []
        moved = 1.0
        while moved > settled and len(days) < (FEW_DAYS if roughly else MOST_DAYS):
            before, counted = mass, np.zeros(len(world.measures))
            for slot in range(world.slots):
                asleep = mass[world.states :].reshape(-1, world.states).sum(axis=0)
                counted += counts[slot] @ mass[: world.states] + world.counted[slot, ASLEEP] @ asleep
                mass = moves[slot] @ mass
            days.append(counted)
            moved = float(np.abs(mass - before).sum())
        return self._played(days, repeats=moved <= settled)

    def _played(self, days: list[Floats], *, repeats: bool) -> Played:
        half, quarter = days[len(days) // 2 :], days[3 * len(days) // 4 :]
        found = days[-1] if repeats else np.mean(half, axis=0)
        other = days[-2] if repeats and len(days) > 1 else np.mean(quarter, axis=0)
        weights, names = self._world.weights, self._world.measures
        error = abs(float(weights @ (found - other)))
        named = dict(zip(names, found.tolist(), strict=True))
        return Played(float(weights @ found), named, len(days), error)

    def _counts(self, slot: int, tables: Tables) -> Floats:
        """(M, N) what a device that is awake adds."""
        found: Floats = np.einsum("wmn,wn->mn", self._world.counted[slot, :ASLEEP], tables.work[slot])
        return found

    def _moves(self, slot: int, tables: Tables) -> Any:
        """Sparse (to, from): what the slot does to devices in all places."""
        if self._places == 1:
            return self._mixed(slot, tables)
        world, parts = self._world, [self._resting[slot]]
        for work in range(len(WORKS)):
            share = tables.work[slot, work]
            if not share.any():
                continue
            if tables.sleep is None:
                parts += self._drawn(slot, work, world.sleeps[0], share)
                continue
            for option in np.flatnonzero(tables.sleep[slot, work].any(axis=1)).tolist():
                drawn = share * tables.sleep[slot, work, option]
                parts += self._drawn(slot, work, world.sleeps[option], drawn)
        to, origin, chance = (np.concatenate(column) for column in zip(*parts, strict=True))
        size = self._places * world.states
        return csr_array((chance, (to, origin)), shape=(size, size))

    def _mixed(self, slot: int, tables: Tables) -> Any:
        """The same where every sleep is one slot."""
        n, works = self._world.states, len(WORKS)
        share = tables.work[slot].ravel()
        kept = np.flatnonzero(share)
        weights = csr_array((share[kept], (kept % n, kept)), shape=(n, works * n))
        return (weights @ self._stacked[slot]).T

    def _drawn(self, slot: int, work: int, sleep: Sleep, share: Floats) -> Iterator[_Entries]:
        """From awake, after a work, with a share of each state's devices that picks this sleep."""
        kind = int(sleep.wake_on is WakeOn.REQUEST)
        place = self._place(kind, sleep.slots - 1)
        for to, kernel in self._targets(slot, work, kind, place):
            kept = share[kernel.origin] > 0
            chance = kernel.chance[kept] * share[kernel.origin[kept]]
            yield _Entries(kernel.to[kept] + to * self._world.states, kernel.origin[kept], chance)

    def _targets(self, slot: int, work: int, kind: int, place: int) -> Iterator[tuple[int, _Entries]]:
        """Where devices go that are in `place` afterwards unless a request wakes them."""
        yield place, self._quiet[slot][work]
        if self._asked:
            yield 0 if kind else place, self._asked[slot][work]

    def _asleep(self, slot: int) -> _Entries:
        """What the slot does to devices that sleep through its start."""
        n, parts = self._world.states, [_NONE]
        for kind in range(self._kinds):
            for left in range(1, self._longest):
                origin = self._place(kind, left)
                for to, kernel in self._targets(slot, ASLEEP, kind, self._place(kind, left - 1)):
                    parts.append(_Entries(kernel.to + to * n, kernel.origin + origin * n, kernel.chance))
        return _Entries(*(np.concatenate(column) for column in zip(*parts, strict=True)))


class _Entries(NamedTuple):
    """Probabilities of moves."""

    to: NDArray[np.int64]
    origin: NDArray[np.int64]
    chance: Floats


_NONE = _Entries(np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0))


def _entries(kernel: Any) -> _Entries:
    found = kernel.tocoo()
    return _Entries(found.col.astype(np.int64), found.row.astype(np.int64), found.data)

"""A world with a day in it for `mirror`: what a network brings there, and what each of its choices is worth.

Values run backward over the days and devices forward until neither changes, from where they were for the policy before.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from circadia.due import Done, DueLimits
from circadia.observation import encode
from circadia.types import WakeOn
from circadia_lab.policy.regimes.worlds.world import ASLEEP, WORKS
from circadia_lab.policy.study.exact_chain import options_of, until_due
from circadia_lab.policy.study.mirror import Judged, Tables

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from circadia_lab.policy.regimes.worlds.play import Tables as Played
    from circadia_lab.policy.regimes.worlds.world import World

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

SETTLED = 1e-4
"""Of the probability, or of the cost, that may still move from one day to the next, …"""
MOST_DAYS = 12
"""… unless so many have passed."""
REPEATED, MOST_EXACT_DAYS = 1e-7, 400
"""The same where a policy is played exactly."""


class ExactWorld:
    """`mirror.Exact` of a world; its cost is the objective, nothing is limited. States are slots times the world's."""

    limits = 0

    def __init__(self, world: World, due: DueLimits) -> None:
        self.world, self.due = world, due
        self.sleep_options = options_of(world.sleeps, world.slot_s)
        self.options = self.sleep_options.count
        values = [world.observe(slot) for slot in range(world.slots)]
        self.encoded = encode(np.concatenate(values))
        self.admitted = np.moveaxis(world.admitted, 1, -1).reshape(-1, len(WORKS))
        done = [Done(work.serves, work.learns, work.learns) for work in WORKS]
        self._until = np.stack(
            [[until_due(row, self.sleep_options, due, one, world.slot_s) for one in done] for row in values]
        )
        """(H, W, N, kinds)"""
        self._kinds = [int(kind is WakeOn.REQUEST) for kind in self.sleep_options.wake_on]
        longest = self.sleep_options.bins
        shape = (1 if world.asked is None else 2, longest, world.states)
        self._ahead = np.zeros(shape)
        self._mass = np.zeros(shape)
        self._mass[0, 0] = 1 / world.states

    def judge(self, tables: Tables, prices: Floats) -> Judged:
        """The objective is told from where devices are."""
        del prices
        world = self.world
        work = tables.work.reshape(world.slots, world.states, -1)
        sleep = tables.sleep.reshape(world.slots, world.states, -1)
        cost, visits = self._forward(work, sleep)
        of_work, of_sleep = self._backward(work, sleep)
        awake = visits.sum()
        return Judged(
            cost=cost,
            over_limit=np.zeros(0),
            visits=visits.ravel() / awake,
            wake_cost=cost / awake,
            work=of_work.reshape(tables.work.shape),
            sleep=of_sleep.reshape(tables.sleep.shape),
        )

    def exactly(self, tables: Tables) -> float:
        """The cost of the day that repeats."""
        shape = (self.world.slots, self.world.states, -1)
        return self._forward(
            tables.work.reshape(shape), tables.sleep.reshape(shape), REPEATED, MOST_EXACT_DAYS
        )[0]

    def _backward(self, work: Floats, sleep: Floats) -> tuple[Floats, Floats]:
        world = self.world
        of_work, of_sleep = np.zeros(work.shape), np.zeros(sleep.shape)
        last: Floats | None = None
        for _ in range(MOST_DAYS):
            values = np.zeros((world.slots, world.states))
            for slot in range(world.slots - 1, -1, -1):
                worth = np.stack([self._worth(slot, w) for w in range(len(WORKS))])  # (W, O, N)
                of_work[slot] = np.einsum("won,no->nw", worth, sleep[slot])
                of_sleep[slot] = np.einsum("won,nw->no", worth, work[slot])
                now = (of_work[slot] * work[slot]).sum(-1)
                resting = self._after(slot, ASLEEP, self._ahead)[:, :-1] + world.cost(slot, ASLEEP)
                awake = np.broadcast_to(now, (len(self._ahead), 1, world.states))
                self._ahead = np.concatenate([awake, resting], axis=1)
                values[slot] = now
            if last is not None:
                change = values - last
                if change.max() - change.min() <= SETTLED * 10 * abs(change.max()):
                    break
            last = values
        level = self._ahead[0, 0].min()
        self._ahead -= level
        return of_work, of_sleep

    def _worth(self, slot: int, work: int) -> Floats:
        """(O, N) of the options after that work, which is paid."""
        world, options = self.world, self.sleep_options
        after = self._after(slot, work, self._ahead) + world.cost(slot, work)
        rows = np.arange(world.states)
        parts = []
        for k, kind in enumerate(self._kinds):
            due = after[kind, self._until[slot, work, :, k] - 1, rows]
            parts += [after[kind], due[None]]
        found: Floats = np.concatenate(parts)
        assert len(found) == options.count
        return found

    def _after(self, slot: int, work: int, ahead: Floats) -> Floats:
        """(kinds, slots left after this one, N)"""
        world = self.world
        columns = ahead.reshape(-1, world.states).T
        found: Floats = (world.quiet[slot][work] @ columns).T.reshape(ahead.shape)
        if world.asked is None:
            return found
        came = (world.asked[slot][work] @ columns).T.reshape(ahead.shape)
        found[0] += came[0]
        found[1] += came[1, :1]
        return found

    def _forward(
        self, work: Floats, sleep: Floats, settled: float = SETTLED, most: int = MOST_DAYS
    ) -> tuple[float, Floats]:
        """The cost of the last day, and (H, N) how many are awake when each slot begins."""
        world = self.world
        visits = np.zeros((world.slots, world.states))
        for _ in range(most):
            before, cost = self._mass.copy(), 0.0
            for slot in range(world.slots):
                cost += self._slot(slot, work[slot], sleep[slot], visits[slot])
            if np.abs(self._mass - before).sum() < settled:
                break
        return cost, visits

    def _slot(self, slot: int, work: Floats, sleep: Floats, visits: Floats) -> float:
        """A slot on; `visits` is filled, its cost told."""
        world, mass, longest = self.world, self._mass, self.sleep_options.bins
        rows = np.arange(world.states)
        visits[:] = mass[0, 0]
        asleep = mass.copy()
        asleep[0, 0] = 0
        cost = float(asleep.sum((0, 1)) @ world.cost(slot, ASLEEP))
        rested, new = self._moved(slot, ASLEEP, asleep)
        new[:, :-1] += rested[:, 1:]
        for w in range(len(WORKS)):
            does = visits * work[:, w]
            if not does.any():
                continue
            cost += float(does @ world.cost(slot, w))
            put = np.zeros_like(mass)
            for k, kind in enumerate(self._kinds):
                group = sleep[:, k * (longest + 1) : (k + 1) * (longest + 1)]
                put[kind] += (does[:, None] * group[:, :-1]).T
                put[kind, self._until[slot, w, :, k] - 1, rows] += does * group[:, -1]
            begun, woken = self._moved(slot, w, put)
            new += begun + woken
        new[0, 0] = new[:, 0].sum(0)
        new[1:, 0] = 0
        self._mass = new
        return cost

    def _moved(self, slot: int, work: int, mass: Floats) -> tuple[Floats, Floats]:
        """(kinds, slots left, N) where devices are, with as many slots left: those who sleep on, and those whom a request woke."""
        world = self.world
        columns, woken = mass.reshape(-1, world.states).T, np.zeros_like(mass)
        found = (world.quiet[slot][work].T @ columns).T.reshape(mass.shape)
        if world.asked is not None:
            came = (world.asked[slot][work].T @ columns).T.reshape(mass.shape)
            found[0] += came[0]
            woken[0, 0] = came[1:].sum((0, 1))
        return found, woken

    def tables(self, played: Played) -> tuple[Tables, Floats]:
        """A policy by slot as one by state, and where it wakes."""
        world, options = self.world, self.sleep_options
        work = np.moveaxis(played.work, 1, -1).reshape(-1, len(WORKS))
        sleep = np.zeros((world.slots, world.states, options.count))
        rows = np.arange(world.states)
        if played.sleep is None:
            sleep[..., options.bins] = 1
        else:
            for place, kept in enumerate(world.sleeps[: played.sleep.shape[2]]):
                share = np.einsum("hwn,hwn->hn", played.sleep[:, :, place], played.work)
                k = options.wake_on.index(kept.wake_on)
                due = self._until[:, :, :, k] == kept.slots  # (H, W, N)
                likely = np.take_along_axis(due, played.work.argmax(1)[:, None], 1)[:, 0]
                for slot in range(world.slots):
                    option = np.where(likely[slot], options.bins, kept.slots - 1) + k * options.group
                    sleep[slot, rows, option] += share[slot]
        found = Tables(work, sleep.reshape(len(work), -1))
        return found, self.judge(found, np.zeros(0)).visits

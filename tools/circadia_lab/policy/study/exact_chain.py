"""A regime's chain for `mirror`: what a network of works and sleeps brings in it, and what each of its choices is worth.

A bin of lengths is a slot, and *until due* has the limits of the rule that the network starts from.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.sparse import csr_array, eye_array
from scipy.sparse.linalg import splu

from circadia.due import Done, DueLimits, next_s
from circadia.observation import encode
from circadia.policy.sleeps import SleepOptions
from circadia.types import WakeOn
from circadia_lab.policy.regimes import playing
from circadia_lab.policy.regimes.chain import RESTART
from circadia_lab.policy.study.mirror import Judged, Tables

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from circadia_lab.policy.regimes.chain import Chain, Sleep
    from circadia_lab.policy.regimes.planning import Policy

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

LEFT_OUT = 3e-4
"""Chances below it are left out while training: the chain stays sparse."""
LEAST = 1e-12
SETTLED, MOST_TURNS = 1e-9, 100_000
"""Of the probability may still move from one wake to the next when a policy is played exactly."""


def options_of(sleeps: Sequence[Sleep], slot_s: float) -> SleepOptions:
    """The kinds of those sleeps, and a bin for each slot up to the longest."""
    kinds = tuple(kind for kind in WakeOn if any(sleep.wake_on is kind for sleep in sleeps))
    longest = max(sleep.slots for sleep in sleeps)
    return SleepOptions(wake_on=kinds, edges_s=tuple((k + 0.5) * slot_s for k in range(longest + 1)))


def until_due(
    values: NDArray[np.float32], options: SleepOptions, limits: DueLimits, done: Done, slot_s: float
) -> Ints:
    """(n, features) → (n, kinds) whole slots until something is due, one at least, none too many."""
    left = [
        next_s(values, heard=kind is not WakeOn.DUE, done=done, limits=limits) for kind in options.wake_on
    ]
    whole = np.floor(np.stack(left, -1).clip(0, options.bins * slot_s) / slot_s)
    found: Ints = whole.astype(np.int64).clip(1, options.bins)
    return found


class ExactChain:
    """`mirror.Exact` of a regime; the objective is the agent's joules."""

    def __init__(self, chain: Chain, due: DueLimits) -> None:
        self.chain, self.due = chain, due
        self.sleep_options = options_of(chain.sleeps, chain.regime.slot_s)
        self.options, self.limits = self.sleep_options.count, len(chain.limits)
        values = playing.observe(chain)
        self.encoded = encode(values)
        self.admitted = np.stack([work.admitted for work in chain.works], axis=1)
        self._until = [
            until_due(
                values, self.sleep_options, due, Done(w.serves, w.trains, w.exchanges), chain.regime.slot_s
            )
            for w in chain.works
        ]
        self._after = np.stack([work.after for work in chain.works], axis=1)
        self._place = np.stack(
            [self._places(work.after, until) for work, until in zip(chain.works, self._until, strict=True)], 1
        )
        late = len(chain.limits) > len(chain.aged)
        self._late = late
        costs = [[work.late] if late else [] for work in chain.works]
        none = np.zeros((len(chain.aged), chain.states))
        self._now = np.stack(
            [np.stack([w.joules, *c, *none, 0 * w.joules]) for w, c in zip(chain.works, costs, strict=True)],
            0,
        )
        """(W, joules + costs + slots, N)"""
        zero = np.zeros((1 + late, *chain.duration.shape))
        self._asleep = np.concatenate([zero, chain.aged, chain.duration[None]])
        """(joules + costs + slots, L, N)"""

    def _places(self, after: Ints, until: Ints) -> Ints:
        """(N, O) which sleep of the chain an option is after that work: as asked for, or else the next shorter."""
        chain, options = self.chain, self.sleep_options
        known = {sleep: i for i, sleep in enumerate(chain.sleeps)}
        rows = np.arange(chain.states)
        found = np.zeros((chain.states, options.count), np.int64)
        for k, kind in enumerate(options.wake_on):
            shorter = chain.admitted[:, after].argmax(axis=0)
            for slots in range(1, options.bins + 1):
                for name in (WakeOn.DUE, kind):
                    place = known.get((slots, name))  # type: ignore[call-overload]
                    if place is not None:
                        shorter = np.where(chain.admitted[place, after], place, shorter)
                found[:, k * options.group + slots - 1] = shorter
            found[:, k * options.group + options.bins] = found[rows, k * options.group + until[:, k] - 1]
        return found

    def judge(self, tables: Tables, prices: Floats) -> Judged:
        """All but what is less likely than `LEFT_OUT`."""
        chain, n = self.chain, self.chain.states
        gained, moves = self._wakes(tables, LEFT_OUT)
        system = splu((eye_array(n) - (1 - RESTART) * moves).tocsc())
        begun = np.zeros(n)
        begun[0] = RESTART
        visits = np.maximum(system.solve(begun, trans="T"), 0)
        visits /= visits.sum()
        means = visits @ gained
        joules, costs, slots = means[0], means[1:-1], means[-1]
        weights = np.array([1.0, *(prices * (joules / slots) / chain.limits)])
        totals = system.solve(np.stack([gained[:, :-1] @ weights, gained[:, -1]], axis=1))
        average = totals[0, 0] / totals[0, 1]
        values = totals[:, 0] - average * totals[:, 1]
        asleep = np.tensordot(weights, self._asleep[:-1], 1) - average * chain.duration
        asleep += (1 - RESTART) * (chain.moves @ values).reshape(asleep.shape)
        now = np.einsum("k,wkn->nw", weights, self._now[:, :-1])
        worth = now[:, :, None] + asleep[self._place, self._after[:, :, None]]
        return Judged(
            cost=joules / slots * chain.regime.slots_a_day,
            over_limit=costs / slots / chain.limits,
            visits=visits,
            wake_cost=joules,
            work=(worth * tables.sleep[:, None, :]).sum(-1),
            sleep=(worth * tables.work[:, :, None]).sum(1),
        )

    def exactly(self, tables: Tables) -> tuple[float, Floats]:
        """The objective a day and (C,) costs over limits, nothing left out."""
        gained, moves = self._wakes(tables, 0.0)
        turned = moves.T.tocsr()
        time = self.judge(tables, np.zeros(self.limits)).visits
        for _ in range(MOST_TURNS):
            after = (1 - RESTART) * (turned @ time)
            after[0] += RESTART
            # A cycle of wakes has no limit; half a step at a time it has, and it is the same.
            change = float(np.abs(after - time).sum())
            time = (time + after) / 2
            if change < SETTLED:
                break
        joules, *costs, slots = time @ gained
        return joules / slots * self.chain.regime.slots_a_day, np.array(costs) / slots / self.chain.limits

    def _wakes(self, tables: Tables, left_out: float) -> tuple[Floats, Any]:
        """(N, joules + costs + slots) of a wake and its sleep, sparse (N, N) the next wake."""
        chain, n = self.chain, self.chain.states
        both = tables.work[:, :, None] * tables.sleep[:, None, :]
        both = np.where(both > left_out, both, 0)
        both /= both.sum((1, 2), keepdims=True)
        state, work, option = np.nonzero(both)
        share, after, place = (
            both[state, work, option],
            self._after[state, work],
            self._place[state, work, option],
        )
        gained = [
            np.bincount(state, share * (self._now[work, k, state] + self._asleep[k, place, after]), n)
            for k in range(self._now.shape[1])
        ]
        moves = csr_array((share, (state, place * n + after)), shape=(n, len(chain.sleeps) * n)) @ chain.moves
        return np.stack(gained, axis=1), moves

    def tables(self, shares: Floats, policies: Sequence[Policy]) -> tuple[Tables, Floats]:
        """A mixture over time of deterministic policies as one random one, and the time it spends in each state.

        Where none of them comes, the one with the largest share decides. Work and sleep that go together are drawn apart.
        """
        n = self.chain.states
        work, sleep = np.zeros((n, len(self.chain.works))), np.zeros((n, self.options))
        rows = np.arange(n)
        order = np.argsort(shares)
        first = policies[order[-1]]
        for share, policy in [*((shares[j], policies[j]) for j in order), (LEAST, first)]:
            visits = np.full(n, LEAST) if policy is first and share == LEAST else share * self._visits(policy)
            np.add.at(work, (rows, policy.work), visits)
            np.add.at(sleep, (rows, self._option(policy)), visits)
        time = work.sum(-1)
        return Tables(work / time[:, None], sleep / sleep.sum(-1, keepdims=True)), time / time.sum()

    def _visits(self, policy: Policy) -> Floats:
        """(N,) wakes a slot in each state."""
        n = self.chain.states
        after = self._after[np.arange(n), policy.work]
        option = policy.sleep[after]
        moves = self.chain.moves[option * n + after]
        begun = np.zeros(n)
        begun[0] = RESTART
        found = splu((eye_array(n) - (1 - RESTART) * moves).tocsc()).solve(begun, trans="T")
        found = np.maximum(found, 0)
        per_slot: Floats = found / (found @ self.chain.duration[option, after])
        return per_slot

    def _option(self, policy: Policy) -> Ints:
        """(N,) which of the network's options its sleep is: until due if that is as long."""
        n, options = self.chain.states, self.sleep_options
        rows = np.arange(n)
        after = self._after[rows, policy.work]
        sleep = policy.sleep[after]
        kinds = np.array([options.wake_on.index(s.wake_on) for s in self.chain.sleeps])[sleep]
        slots = np.array([s.slots for s in self.chain.sleeps])[sleep]
        due = kinds * options.group + options.bins
        same = self._place[rows, policy.work, due] == sleep
        return np.where(same, due, kinds * options.group + slots - 1)

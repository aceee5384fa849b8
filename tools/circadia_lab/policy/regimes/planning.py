"""The best policy of a regime's chain for given prices, and a bound that no policy goes below.

Policy iteration on the average cost g a slot (Howard, Dynamic Programming and Markov Processes, 1960; for semi-Markov
chains Puterman, Markov Decision Processes, 1994, section 11.4). For any values V with V(0) = 0, and slots τ,

    δ(g) = min (c − g τ + (1 − ε) P V − V)   gives   best average  ≥  g + min(δ, 0) / min τ,

since then c − g′ τ + (1 − ε) P V ≥ V everywhere for g′ = g + min(δ, 0) / min τ; ε is the chance of beginning anew in
state 0, which adds ε V(0) = 0.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from scipy.sparse import eye_array
from scipy.sparse.csgraph import breadth_first_order
from scipy.sparse.linalg import splu

from circadia_lab.policy.regimes.chain import RESTART

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from circadia_lab.policy.regimes.chain import Chain

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

MOST_ROUNDS = 60
STALLED = 6
"""Rounds in a row without progress that end it: rounding alone moves the policy then."""
SAME = 1e-9
"""A policy is only changed for more than this."""
NEVER = 1e12
"""The value of what is not admitted."""


class Policy(NamedTuple):
    """Deterministic."""

    work: Ints
    """(N,) by the state at the wake"""
    sleep: Ints
    """(N,) by the state after the work"""


class Averages(NamedTuple):
    """Of a policy, a slot."""

    joules: float
    costs: Floats
    """(C,) as `Chain.limits`"""
    wakes: float
    sessions: float


class Plan(NamedTuple):
    """The best policy found."""

    policy: Policy
    averages: Averages
    lower: float
    """No policy's price · averages are below it."""


def averages_of(chain: Chain, policy: Policy) -> Averages:
    """Exact: ratios of what is spent to the time that passes until the device begins anew."""
    return averages_from(*_fixed(chain, policy))


def averages_from(gained: Floats, moves: Any) -> Averages:
    """The same of (N, joules, costs …, wakes, sessions, slots) for a wake and its sleep, and sparse (N, N) moves."""
    seen = breadth_first_order(moves, 0, return_predecessors=False)
    return _averages(_totals(gained[seen], moves[seen][:, seen]))


def plan(chain: Chain, prices: Floats, energy: float = 1.0, start: Policy | None = None) -> Plan:
    """Minimise energy · joules + prices · costs; `prices` (C,) a unit."""
    weights = np.array([energy, *prices])
    policy = _everything(chain) if start is None else start
    best: tuple[float, Policy, Floats] | None = None
    lower, stalled = -np.inf, 0
    for _ in range(MOST_ROUNDS):
        totals = _totals(*_fixed(chain, policy))
        spent, slots = totals[:, : len(weights)] @ weights, totals[:, -1]
        average = float(spent[0] / slots[0])
        stalled = 0 if best is None or average < best[0] - 1e-10 * abs(best[0]) else stalled + 1
        if best is None or average < best[0]:
            best = average, policy, totals
        improved, short = _improved(chain, weights, average, spent - average * slots, policy)
        lower = max(lower, average + min(short, 0.0))
        same = all(np.array_equal(a, b) for a, b in zip(improved, policy, strict=True))
        if same or stalled > STALLED:
            break
        policy = improved
    assert best is not None
    return Plan(best[1], _averages(best[2]), lower)


def _everything(chain: Chain) -> Policy:
    """Do all there is at each wake, then sleep as briefly as one can."""
    nothing = np.zeros(chain.states, np.int64)
    return Policy(nothing + len(chain.works) - 1, chain.admitted.argmax(axis=0))


def _fixed(chain: Chain, policy: Policy) -> tuple[Floats, Any]:
    """(N, joules, costs …, wakes, sessions, slots) of a wake and the sleep after it; sparse (N, N) the next wake."""
    states = np.arange(chain.states)

    def by_state(name: str) -> Any:
        return np.stack([getattr(work, name) for work in chain.works])[policy.work[states], states]

    after = by_state("after")
    option = policy.sleep[after]
    aged = chain.aged[:, option, after]
    late = [by_state("late")] if len(chain.limits) > len(aged) else []
    slots = chain.duration[option, after]
    gained = [by_state("joules"), *late, *aged, np.ones(len(states)), by_state("session"), slots]
    return np.stack(gained, axis=1), chain.moves[option * chain.states + after]


def _totals(gained: Floats, moves: Any) -> Floats:
    """What is gained until the device begins anew, from each state."""
    found: Floats = splu((eye_array(len(gained)) - (1 - RESTART) * moves).tocsc()).solve(gained)
    return found


def _averages(totals: Floats) -> Averages:
    joules, *costs, wakes, sessions = (totals[0, :-1] / totals[0, -1]).tolist()
    return Averages(joules, np.array(costs), wakes, sessions)


def _improved(
    chain: Chain, weights: Floats, average: float, values: Floats, policy: Policy
) -> tuple[Policy, float]:
    """The greedy policy, which changes nothing that is as good, and δ."""
    every = np.arange(chain.states)
    clocks = weights[len(weights) - len(chain.aged) :]
    asleep = np.tensordot(clocks, chain.aged, 1) - average * chain.duration
    asleep += (1 - RESTART) * (chain.moves @ values).reshape(asleep.shape)
    asleep[~chain.admitted] = NEVER
    sleep = asleep.argmin(axis=0)
    ahead = asleep[sleep, every]
    late = weights[1] if len(weights) > 1 + len(chain.aged) else 0.0
    awake = np.stack(
        [
            np.where(work.admitted, weights[0] * work.joules + late * work.late + ahead[work.after], np.inf)
            for work in chain.works
        ]
    )
    work = awake.argmin(axis=0)
    short = float((awake[work, every] - values).min())
    kept = awake[policy.work, every] <= awake[work, every] + SAME
    slept = asleep[policy.sleep, every] <= ahead + SAME
    return Policy(np.where(kept, policy.work, work), np.where(slept, policy.sleep, sleep)), short

"""The best policy of a constrained chain by column generation, certified (Dantzig and Wolfe, Operations Research 8, 1960).

A column is a deterministic policy's averages: returns R_j, costs C_j. The master programme mixes them,

    max Σ_j x_j (w · R_j)   with   Σ_j x_j C_j ≤ limits,   Σ_j x_j = 1,   x ≥ 0,

and its duals λ price the costs; planning on w·r − λ·c finds the best new column, and bounds the optimum from above:

    Σ_j x_j (w · R_j)  ≤  optimum  ≤  max_π (w·R − λ·C)(π) + λ · limits.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from circadia.errors import ConfigError
from circadia_lab.policy.env.interface import COSTS, OBJECTIVES
from circadia_lab.policy.oracle.evaluation import evaluate
from circadia_lab.policy.oracle.master import Master, Shortfall, mixed, nearest
from circadia_lab.policy.oracle.planning import plan

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from circadia_lab.policy.oracle.chain import Chain

    Floats = NDArray[np.float64]

TOLERANCE = 1e-3
MOST_COLUMNS = 200
"""New ones for one preference."""
PLAN_SHARE = 0.2
"""Of the gap that is left or allowed, whichever is larger, goes to planning's own."""
NOTHING = 1e-12


class InfeasibleProblem(ConfigError):
    """No policy keeps every cost within its limit."""


class Column(NamedTuple):
    """A deterministic policy and its averages."""

    returns: Floats
    costs: Floats
    actions: NDArray[np.int16]
    """(S,)"""
    distribution: Floats
    """(S,)"""


class Step(NamedTuple):
    """Progress of one solution."""

    columns: int
    lower: float
    upper: float


class Solution(NamedTuple):
    """A certified optimum."""

    preference: Floats
    """(objectives,)"""
    value: float
    """Of the mixture, which keeps the limits: w · returns, a lower bound of the optimum."""
    upper: float
    """No policy that keeps the limits has more."""
    gap: float
    """(upper − value) / Σ w |returns|."""
    returns: Floats
    """(objectives,)"""
    costs: Floats
    """(costs,)"""
    multipliers: Floats
    """(costs,) λ ≥ 0 of the last master: what a unit of each limit is worth."""
    mixture: Floats
    """(columns,) the share of devices that follow each of `columns`."""
    columns: tuple[Column, ...]
    """Those with a share."""
    policy: Floats
    """(S, A) the one stationary policy with the same averages."""
    planned: int
    """Columns that were generated for it."""


@dataclass(slots=True, kw_only=True)
class Pool:
    """Columns of one chain; they serve every preference, so later ones start from what earlier ones found."""

    chain: Chain
    columns: list[Column] = field(default_factory=list)
    values: Floats | None = None
    """Of the last planning."""

    def add(self, reward_weights: Floats, cost_weights: Floats, tolerance: float) -> float:
        """Plan on w·r − λ·c, add the policy's column → an upper bound of max (w·R − λ·C)."""
        objective = self.chain.objective(reward_weights, cost_weights)
        found = plan(self.chain, objective, tolerance=tolerance, values=self.values)
        self.values = found.values
        start = self.columns[-1].distribution if self.columns else None
        seen = evaluate(self.chain, found.actions, start=start)
        column = Column(seen.returns, seen.costs, found.actions.astype(np.int16), seen.distribution)
        self.columns.append(column)
        return found.upper


def solve(
    pool: Pool,
    preference: Floats,
    *,
    tolerance: float = TOLERANCE,
    progress: Callable[[Step], None] | None = None,
) -> Solution:
    """The optimum for one preference to a relative gap of `tolerance`, or as near as `MOST_COLUMNS` more come.

    `InfeasibleProblem` if no policy keeps the limits.
    """
    make_feasible(pool)
    upper, planned = np.inf, 0
    while True:
        master = _mix(pool, preference)
        size = _size(pool, master, preference)
        gap = (upper - master.value) / size
        if progress is not None:
            progress(Step(len(pool.columns), master.value, upper))
        if gap <= tolerance or planned >= MOST_COLUMNS:
            return _solution(pool, preference, master, upper, planned)
        allowed = PLAN_SHARE * size * max(tolerance, min(gap, 1) * PLAN_SHARE)
        found = pool.add(preference, master.multipliers, allowed)
        planned += 1
        upper = min(upper, found + float(master.multipliers @ pool.chain.limits))


def _size(pool: Pool, master: Master, preference: Floats) -> float:
    """Σ w |returns|: what a gap is relative to, since the value itself may be near 0."""
    returns = master.shares @ np.array([c.returns for c in pool.columns])
    return float(preference @ np.abs(returns)) + NOTHING


def _mix(pool: Pool, preference: Floats) -> Master:
    """The master programme; feasible after `make_feasible`."""
    gains = np.array([c.returns for c in pool.columns]) @ preference
    return mixed(gains, np.array([c.costs for c in pool.columns]), pool.chain.limits)


def _solution(pool: Pool, preference: Floats, master: Master, upper: float, planned: int) -> Solution:
    kept = np.flatnonzero(master.shares > NOTHING)
    columns = tuple(pool.columns[i] for i in kept)
    shares = master.shares[kept] / master.shares[kept].sum()
    returns, costs = (shares @ np.array([c[i] for c in columns]) for i in (0, 1))
    value = float(preference @ returns)
    return Solution(
        preference=preference,
        value=value,
        upper=upper,
        gap=(upper - value) / _size(pool, master, preference),
        returns=returns,
        costs=costs,
        multipliers=master.multipliers,
        mixture=shares,
        columns=columns,
        policy=stationary_policy(pool.chain, columns, shares),
        planned=planned,
    )


def stationary_policy(chain: Chain, columns: tuple[Column, ...], shares: Floats) -> Floats:
    """(S, A) the single randomised policy whose averages are those of the mixture.

    Shares of time add up, so x(s, a) = Σ_j x_j μ_j(s) [π_j(s) = a] is a possible occupation, and
    π(a | s) = x(s, a) / Σ_a x(s, a) attains it (Altman, Constrained Markov Decision Processes, 1999, theorem 4.1).
    A state that none of them visits follows the first.
    """
    every = np.arange(chain.states)
    occupied = np.zeros((chain.states, chain.actions))
    for column, share in zip(columns, shares, strict=True):
        occupied[every, column.actions] += share * np.maximum(column.distribution, 0)
    visits = occupied.sum(axis=1, keepdims=True)
    fallback = np.zeros_like(occupied)
    fallback[every, columns[0].actions] = 1
    return np.where(visits > NOTHING**2, occupied / np.maximum(visits, NOTHING**2), fallback)


# Whether there is any


def make_feasible(pool: Pool, tolerance: float = TOLERANCE) -> None:
    """Add columns until some mixture keeps every limit.

    Minimises the largest relative excess; `InfeasibleProblem` names the costs in the way when it is certainly positive.
    """
    limits, nothing = pool.chain.limits, np.zeros(len(OBJECTIVES))
    if not pool.columns:
        pool.add(nothing, 1 / limits, tolerance)
    most = -np.inf
    for _ in range(MOST_COLUMNS):
        nearest = _nearest(pool)
        if nearest.excess <= 0:
            return
        best = pool.add(nothing, nearest.prices / limits, PLAN_SHARE * tolerance)
        most = max(most, -best - 1)
        if most > 0:
            break
        if nearest.excess - most <= tolerance:
            break
    raise InfeasibleProblem(_explained(pool, _nearest(pool)))


def _nearest(pool: Pool) -> Shortfall:
    return nearest(np.array([c.costs for c in pool.columns]), pool.chain.limits)


def _explained(pool: Pool, nearest: Shortfall) -> str:
    parts = []
    for i in np.flatnonzero(nearest.prices > NOTHING):
        least = least_cost(pool, int(i))
        parts.append(
            f"{COSTS[i]} must average at most {pool.chain.limits[i]:.4g}, and {least:.4g} is its least"
        )
    return (
        f"no policy keeps every limit: {'; '.join(parts)} (alone); "
        f"the nearest exceeds its limit by {100 * nearest.excess:.3g} %: raise limits or lighten the load"
    )


def least_cost(pool: Pool, cost: int, tolerance: float = TOLERANCE) -> float:
    """The least average of one cost, whatever the others: an upper bound of it."""
    weights = np.eye(len(COSTS))[cost]
    pool.add(np.zeros(len(OBJECTIVES)), weights, tolerance * float(pool.chain.limits[cost]))
    return float(min(column.costs[cost] for column in pool.columns))

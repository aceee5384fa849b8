"""The best mixture of policies of a regime that keeps its limits, certified by column generation.

As `oracle.columns`, for the least joules:

    Σ_j x_j J_j  ≥  optimum  ≥  min_π (J + λ·C)(π) − λ · limits   for any λ ≥ 0.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from circadia_lab.policy.oracle.columns import InfeasibleProblem
from circadia_lab.policy.oracle.master import mixed, nearest
from circadia_lab.policy.regimes.planning import Averages, Policy, plan

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from circadia_lab.policy.regimes.chain import Chain

    Floats = NDArray[np.float64]

TOLERANCE = 1e-4
MOST_COLUMNS = 80
FIRST_PRICES = (20.0, 0.2, 2.0)
"""Of a wake with everything, for a late request; a clock's is a seventh of that a unit of its limit's slack."""
NOTHING = 1e-9


class Column(NamedTuple):
    """A deterministic policy and its averages."""

    policy: Policy
    averages: Averages


class Optimum(NamedTuple):
    """Averages are a day's."""

    joules: float
    """Of the mixture, which keeps the limits."""
    lower: float
    """No policy that keeps them spends less."""
    gap: float
    """(joules − lower) / joules"""
    costs: Floats
    """(C,) as `Chain.limits`: a slot."""
    prices: Floats
    """(C,) joules a slot for a unit of each limit."""
    wakes: float
    sessions: float
    shares: Floats
    """(columns,) of devices that follow each, or of the time."""
    columns: tuple[Column, ...]


def optimum(chain: Chain, tolerance: float = TOLERANCE) -> Optimum:
    """To a relative gap of `tolerance`, or as near as `MOST_COLUMNS` come. `InfeasibleProblem` if nobody keeps the limits."""
    columns: list[Column] = []

    def add(prices: Floats, energy: float = 1.0, start: Policy | None = None) -> float:
        found = plan(chain, prices, energy, start)
        columns.append(Column(found.policy, found.averages))
        return found.lower

    body = chain.regime.body
    whole = sum(part.value for part in (body.wake_j, body.serve_j, body.train_j, body.radio_j)) + NOTHING
    for scale in FIRST_PRICES:
        add(scale * whole / 7 / chain.limits)
    _make_feasible(chain, columns, add)
    lower = -np.inf
    while True:
        joules, costs = _tables(columns)
        master = mixed(-joules, costs, chain.limits)
        gap = (-master.value - lower) / -master.value
        if gap <= tolerance or len(columns) >= MOST_COLUMNS:
            return _gathered(chain, columns, master.shares, master.multipliers, lower)
        start = columns[int(master.shares.argmax())].policy
        found = add(master.multipliers, start=start)
        lower = max(lower, found - float(master.multipliers @ chain.limits))


def _tables(columns: list[Column]) -> tuple[Floats, Floats]:
    return np.array([c.averages.joules for c in columns]), np.array([c.averages.costs for c in columns])


def _make_feasible(chain: Chain, columns: list[Column], add: object) -> None:
    assert callable(add)
    for _ in range(MOST_COLUMNS):
        found = nearest(_tables(columns)[1], chain.limits)
        if found.excess <= 0:
            return
        least = add(found.prices / chain.limits, energy=0.0)
        if least > 1 + NOTHING or found.excess - (least - 1) <= NOTHING:
            break
    raise InfeasibleProblem(
        f"regime {chain.regime.name}, {chain.part.value}: no policy keeps every limit; "
        f"the nearest exceeds them by {100 * found.excess:.3g} %: raise limits or allow shorter sleeps"
    )


def _gathered(chain: Chain, columns: list[Column], shares: Floats, prices: Floats, lower: float) -> Optimum:
    kept = np.flatnonzero(shares > NOTHING)
    chosen = tuple(columns[i] for i in kept)
    shares = shares[kept] / shares[kept].sum()
    a_day = chain.regime.slots_a_day

    def mean(name: str) -> float:
        return float(shares @ np.array([getattr(c.averages, name) for c in chosen])) * a_day

    joules = mean("joules")
    return Optimum(
        joules=joules,
        lower=lower * a_day,
        gap=(joules - lower * a_day) / joules,
        costs=shares @ np.array([c.averages.costs for c in chosen]),
        prices=prices,
        wakes=mean("wakes"),
        sessions=mean("sessions"),
        shares=shares,
        columns=chosen,
    )

"""The master programme of column generation: the best mixture of columns, or the one that comes nearest to the limits."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from scipy.optimize import linprog

from circadia.errors import ConfigError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]


class Master(NamedTuple):
    """The best mixture of the columns there are."""

    value: float
    shares: Floats
    """(columns,)"""
    multipliers: Floats
    """(costs,) ≥ 0: what a unit of each limit is worth."""


class Shortfall(NamedTuple):
    """The mixture that comes nearest to the limits."""

    excess: float
    """Largest (cost − limit) / limit."""
    prices: Floats
    """(costs,) ≥ 0, sum to 1: which limits are in the way."""


def mixed(gains: Floats, costs: Floats, limits: Floats) -> Master:
    """(columns,) gains, (columns, costs) → max Σ x gains with Σ x costs ≤ limits; some mixture must keep them."""
    table = costs.T / limits[:, None]
    ones = np.ones(len(limits))
    answer = linprog(-gains, A_ub=table, b_ub=ones, A_eq=np.ones((1, len(gains))), b_eq=[1.0], method="highs")
    if answer.status != 0:
        raise ConfigError(f"the master programme of {len(gains)} columns: {answer.message}")
    multipliers = np.maximum(-answer.ineqlin.marginals, 0) / limits
    return Master(float(-answer.fun), np.maximum(answer.x, 0), multipliers)


def nearest(costs: Floats, limits: Floats) -> Shortfall:
    """(columns, costs) → min z with Σ_j x_j C_j / limits − 1 ≤ z."""
    over = costs.T / limits[:, None] - 1
    table = np.hstack([over, -np.ones((len(limits), 1))])
    answer = linprog(
        np.append(np.zeros(over.shape[1]), 1.0),
        A_ub=table,
        b_ub=np.zeros(len(limits)),
        A_eq=np.append(np.ones(over.shape[1]), 0.0)[None],
        b_eq=[1.0],
        bounds=[(0, None)] * over.shape[1] + [(None, None)],
        method="highs",
    )
    return Shortfall(float(answer.fun), np.maximum(-answer.ineqlin.marginals, 0))

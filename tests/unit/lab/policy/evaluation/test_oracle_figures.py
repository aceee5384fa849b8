"""Networks held against a certified optimum."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from circadia_lab.policy.evaluation.oracle_figures import NAIL, OracleFigures, oracle_figures
from circadia_lab.policy.oracle.optimum import Optimum, optimum

if TYPE_CHECKING:
    from circadia_lab.policy.oracle.grid import Grid

PREFERENCES = np.array([[1.0, 0.0, 0.0], [0.2, 0.4, 0.4], [0.0, 0.0, 1.0]])


@pytest.fixture(scope="module")
def found(grid: Grid) -> Optimum:
    return optimum(grid, PREFERENCES)


@pytest.fixture(scope="module")
def figures(grid: Grid, found: Optimum) -> OracleFigures:
    """Of two networks: one as good as the optimum, one half-way from chance; the latter breaks limits twice."""
    half = (found.returns + found.random_returns) / 2
    costs = np.tile(0.5 * grid.chain.limits, (2, 3, 1))
    costs[1, 0, 2], costs[1, 2, 0] = 2 * grid.chain.limits[2], 1.0001 * grid.chain.limits[0]
    return oracle_figures(
        found,
        [found.returns, half],
        costs,
        grid="coarse",
        states=grid.chain.states,
        limits=grid.chain.limits,
        distilled_reward=found.returns,
        distilled_cost=found.costs,
        coupling=np.array([0.1, 0.2, 0.3]),
    )


@pytest.mark.slow
def test_chance_is_0_and_the_optimum_1(figures: OracleFigures) -> None:
    chance = np.tile(figures.random_reward, (3, 1))
    assert figures.normalised(chance) == pytest.approx(0)
    assert figures.normalised(figures.optimum_reward) == pytest.approx(1)
    assert figures.normalised(figures.reward[1]) == pytest.approx(0.5)


def test_a_limit_reached_is_kept_but_for_rounding(figures: OracleFigures) -> None:
    at_limit = np.tile(figures.limits, (3, 1))
    assert not figures.violating(at_limit).any()
    assert not figures.violating(at_limit * (1 + NAIL / 2)).any()
    assert figures.violating(at_limit * (1 + 1e-6)).all()
    assert figures.violating(figures.cost).tolist() == [[False] * 3, [True, False, True]]


def test_the_optimum_s_own_volume_is_all_of_it(figures: OracleFigures) -> None:
    assert figures.hypervolume_ratio(figures.optimum_reward) == pytest.approx(1)
    assert figures.hypervolume_ratio(figures.reward[1]) < 1


def test_a_summary_is_flat_and_finite_of_medians_and_of_the_worst_for_limits(figures: OracleFigures) -> None:
    summary = figures.summary()
    assert all(isinstance(x, str | int) or math.isfinite(x) for x in summary.values())
    assert summary["normalised_mean"] == pytest.approx(0.75)
    assert summary["normalised_min"] == pytest.approx(0.75)
    assert (summary["normalised_mean_min"], summary["normalised_mean_max"]) == pytest.approx((0.5, 1))
    assert summary["violating_fraction"] == pytest.approx(2 / 3)
    assert summary["violating_fraction_median"] == pytest.approx(1 / 3)
    spread = [summary[f"worst_cost_over_limit{which}"] for which in ("_min", "_median", "")]
    assert spread == pytest.approx([0.5, (0.5 + 2) / 2, 2])
    assert summary["distilled_normalised_mean"] == pytest.approx(1)
    assert summary["distilled_violating_fraction"] == 0
    assert summary["oracle_coupling_mean"] == pytest.approx(0.2)
    assert summary["oracle_coupling_max"] == 0.3
    assert summary["largest_gap"] <= 1e-3  # type: ignore[operator]
    bare = replace(figures, distilled_reward=None, distilled_cost=None, coupling=None).summary()
    assert not {key for key in bare if "distilled" in key or "coupling" in key}


def test_regret_is_a_share_of_what_is_at_stake(figures: OracleFigures) -> None:
    assert figures.regret(figures.optimum_reward) == pytest.approx(0)
    at_stake = (figures.preferences * np.abs(figures.optimum_reward)).sum(-1)
    less = figures.optimum_reward - 0.1 * np.abs(figures.optimum_reward)
    assert figures.regret(less) == pytest.approx(0.1)
    by_hand = (figures.preferences * (figures.optimum_reward - figures.reward[1])).sum(-1) / at_stake
    assert figures.regret(figures.reward[1]) == pytest.approx(by_hand)
    summary = figures.summary()
    assert summary["regret_mean"] == pytest.approx(by_hand.mean() / 2)
    assert summary["regret_max_max"] == pytest.approx(by_hand.max())
    assert not any(name.startswith("per_preference_") for name in summary)


def test_networks_of_one_preference_each_stand_beside(figures: OracleFigures) -> None:
    alone = replace(figures, alone_reward=figures.reward[1:], alone_cost=figures.cost[1:])
    summary = alone.summary()
    assert summary["per_preference_seeds"] == 1
    assert summary["per_preference_normalised_mean"] == pytest.approx(0.5)
    assert summary["per_preference_violating_fraction"] == pytest.approx(2 / 3)
    assert summary["per_preference_worst_cost_over_limit"] == pytest.approx(2)
    assert {k: v for k, v in summary.items() if not k.startswith("per_preference_")} == figures.summary()

"""The rule `due` searched: each preference's best setting, and several rules in one batch."""

from __future__ import annotations

from dataclasses import replace

import jax.numpy as jnp
import numpy as np
import pytest

from circadia.policy.due_rule import DueRule, DueSettings
from circadia_lab.policy.env.interface import OBJECTIVES, WAKE_COSTS
from circadia_lab.policy.env.preferences import ANCHORS
from circadia_lab.policy.env.problem import find_problem
from circadia_lab.policy.evaluation.waking import JOULES, Lived, Waking, by_rule, lived
from circadia_lab.policy.study.due_search import chosen_of, grid, searched
from circadia_lab.policy.study.played_rule import PlayedRule, SideBySideRules

TINY = Waking(copies=1, days=0.1, warm_up_days=0.0, seed=3)


def test_all_pairs_of_limits_and_the_shipped_setting_are_tried() -> None:
    tried = grid()
    assert tried[0] == DueSettings()
    limits = {(one.limits.fresh_limit_s, one.limits.contact_limit_s) for one in tried}
    hours = (1800, 3600, 7200, 14400)
    assert limits == {(a, b) for a in hours for b in hours}
    assert len(set(map(repr, tried))) == len(tried)


def test_each_preference_has_its_best_of_those_that_keep_the_limits() -> None:
    count = len(ANCHORS)
    reward = np.zeros((1, 3 * count, len(OBJECTIVES)))
    reward[0, :count] = 0.5
    reward[0, count : 2 * count, 0] = 1.0  # best for accuracy
    reward[0, 2 * count :] = 2.0  # best of all, but beyond a limit
    cost = np.full((1, 3 * count, len(WAKE_COSTS)), 0.9)
    cost[0, 2 * count :, 1] = 1.1
    lives = Lived(reward, cost, np.zeros((1, 3 * count, len(JOULES))), np.zeros((1, 3 * count)))
    found = chosen_of(lives, tuple(grid()[:3]))
    assert found.best.tolist() == [int(accuracy > 0.5) for accuracy in ANCHORS[:, 0]]


@pytest.mark.slow
def test_rules_side_by_side_do_what_each_does_alone() -> None:
    problem = find_problem("wake-lte")
    late = DueRule(replace(DueSettings(), again_s=7200.0, train_soc=1.0))
    both = SideBySideRules([DueRule(), late], np.repeat([0, 1], len(ANCHORS)))
    together = lived(problem, by_rule(both.choice), TINY, np.tile(ANCHORS, (2, 1)))
    halves = np.split(together.reward[0], 2)
    assert not np.allclose(halves[0], halves[1])
    alone = lived(problem, by_rule(PlayedRule().choice), TINY, np.tile(ANCHORS, (2, 1)))
    np.testing.assert_allclose(halves[0], alone.reward[0, : len(ANCHORS)], rtol=1e-5)


@pytest.mark.slow
def test_a_search_plays_its_choice() -> None:
    problem = find_problem("wake-lte")
    found = searched(problem, TINY, grid(quick=True)[:2])
    assert set(found.best.tolist()) <= {0, 1}
    played = lived(problem, found.for_each(problem, 1), TINY)
    assert played.reward.shape == (1, len(ANCHORS), len(OBJECTIVES))
    assert bool(jnp.isfinite(played.reward).all())

"""Constants by search."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from circadia.observation import COLUMN, TABLE
from circadia_lab.policy.env.fixed import INDEX
from circadia_lab.policy.env.interface import COSTS
from circadia_lab.policy.env.preferences import ANCHORS
from circadia_lab.policy.env.problem import CostLimits
from circadia_lab.policy.evaluation.arm import Conditions
from circadia_lab.policy.evaluation.baselines import baselines, families
from circadia_lab.policy.evaluation.figures import expected_utility, feasible
from circadia_lab.policy.evaluation.rules import NEVER, GatedRule, SleepRule
from circadia_lab.policy.evaluation.scorers import of_rule, uniform
from circadia_lab.policy.evaluation.search import (
    AIM,
    Candidate,
    Family,
    SideBySide,
    Tried,
    best,
    binding_shares,
    searched,
)

if TYPE_CHECKING:
    from circadia_lab.policy.env.problem import Problem

BRIEF = Conditions(per_device=2, days=0.5, warm_up_days=0.1, seed=1)
SEARCH = Conditions(per_device=2, days=0.5, warm_up_days=0.1, seed=2)


def test_limits_come_before_utility() -> None:
    utility = np.array([9.0, 1.0, 2.0, 3.0])
    assert best(utility, np.array([0.5, 0.0, 0.0, 0.1])) == 2
    assert best(utility, np.array([0.5, 0.3, 0.2, 0.4])) == 2
    assert best(utility, np.zeros(4)) == 0


def test_a_limit_binds_where_the_best_that_is_freed_of_it_breaks_it() -> None:
    """Without the first limit the lavish is best and breaks it; without the second nothing else changes."""
    frugal, lavish = [0.5, 0.5, 0.1], [1.5, 0.5, 0.1]
    tried = [
        Tried(np.array([[1.0, 1.0]]), np.array([[frugal, frugal]])),
        Tried(np.array([[2.0, 0.5]]), np.array([[lavish, lavish]])),
    ]
    assert binding_shares(tried).tolist() == [0.5, 0.0, 0.0]


def test_side_by_side_each_row_is_its_own_rule_s() -> None:
    values = np.zeros((2, 4, 3, len(TABLE)), np.float32)
    values[..., COLUMN["queue_length"]] = 5
    mask = np.ones((2, 4, 3, len(INDEX)), bool)
    low, high = of_rule(GatedRule(serve="low")), of_rule(GatedRule(serve="high"))
    scores = SideBySide([low, high], [0, 1, 1, 0])(values, np.zeros((2, 4, 3, 1), np.int8), mask)
    picked = scores.argmax(-1)
    at_low, at_high = (rule(values, np.zeros(1, np.int8), mask).argmax(-1)[0, 0, 0] for rule in (low, high))
    assert at_low != at_high
    assert (picked[:, [0, 3]] == at_low).all()
    assert (picked[:, [1, 2]] == at_high).all()


@pytest.mark.slow
def test_the_rule_that_keeps_the_limits_is_found(problem: Problem) -> None:
    """Who sleeps spends least and lets everything expire; who never trains lets everything grow old."""
    family = Family(
        name="trial",
        candidates=(
            Candidate(constants={"what": "sleep"}, rule=SleepRule()),
            Candidate(constants={"what": "never"}, rule=GatedRule(soc=NEVER)),
            Candidate(constants={"what": "work"}, rule=GatedRule(soc=0.2, fresh=2)),
        ),
        observes=False,
    )
    told: list[float] = []
    loose = replace(problem, costs=CostLimits(expired=0.6, stale=0.5, old=0.5))
    arms, tried = searched(loose, family, BRIEF, search=SEARCH, progress=told.append)
    assert tried.over_limit.shape == (3, 21, 3)
    assert arms[0].constants == "what work"
    assert (arms[0].kind, arms[0].name) == ("rule", "trial")
    assert np.array_equal(arms[0].plays[0].preferences, ANCHORS)
    alone = BRIEF.play(loose, of_rule(family.candidates[2].rule), np.full((1, 3), 1 / 3))
    assert arms[0].plays[0].reward == pytest.approx(np.tile(alone.reward, (21, 1)))
    assert told[-1] == pytest.approx(1, abs=0.05)
    assert told == sorted(told)
    assert 0 < AIM < 1


@pytest.mark.slow
def test_a_rule_that_looks_at_the_preference_is_played_under_each(problem: Problem) -> None:
    """A best setting for each preference, beside the one that is best for all."""

    class Stingy(GatedRule):
        __slots__ = ()

        def scores(self, x: Any) -> Any:
            saves = np.asarray(x)[..., COLUMN["preference_energy"]] > 0.5
            asleep = SleepRule().scores(x)
            asleep[..., INDEX["sleep"]] = 60
            return np.where(saves[..., None], asleep, super().scores(x))

    family = Family(
        name="stingy", candidates=(Candidate(constants={}, rule=Stingy(soc=0.2, fresh=2)),), observes=True
    )
    (arm,) = searched(problem, family, BRIEF, search=SEARCH).arms
    saves = ANCHORS[:, 2] > 0.5
    shares = arm.plays[0].action_shares[:, INDEX["sleep"]]
    assert (shares[saves] == 1).all()
    assert (shares[~saves] < 1).all()


def test_every_family_has_settings_and_tells_them_apart() -> None:
    found = families()
    assert len({family.name for family in found}) == len(found)
    for family in found:
        texts = [candidate.text for candidate in family.candidates]
        assert len(set(texts)) == len(texts) > 0
        assert family.note


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_baselines_are_all_there_and_one_keeps_the_limits(problem: Problem) -> None:
    seen: list[tuple[float, str]] = []
    conditions = Conditions(per_device=2, days=1.0, warm_up_days=0.5, seed=1)
    search = Conditions(per_device=1, days=1.0, warm_up_days=0.5, seed=2)
    found = baselines(
        problem, conditions, search=search, progress=lambda share, what: seen.append((share, what))
    )
    arms = {arm.name: arm for arm in found.arms}
    assert set(found.binding) == set(COSTS)
    assert all(0 <= share <= 1 for share in found.binding.values())
    assert {
        "charging-only",
        "threshold",
        "drift-plus-penalty",
        "greedy-serve",
        "random",
        "always-sleep",
    } <= set(arms)
    assert [share for share, _ in seen] == sorted(share for share, _ in seen)
    assert any(feasible(arm) for arm in arms.values() if arm.kind == "rule")
    asleep = arms["always-sleep"]
    assert asleep.plays[0].expired_share == pytest.approx(1)
    assert not feasible(asleep)
    alone = conditions.play(problem, uniform, np.full((1, 3), 1 / 3)).for_all(ANCHORS)
    assert expected_utility(arms["random"]).mean == pytest.approx(alone.utilities.mean())

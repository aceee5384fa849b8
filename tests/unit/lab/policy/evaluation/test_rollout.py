"""Days in the full environment: repeatable, and the same chance for every policy."""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from circadia.actions import INDEX
from circadia.errors import ConfigError
from circadia_lab.policy.evaluation import rollout
from circadia_lab.policy.evaluation.draws import keys, moments, uniforms
from circadia_lab.policy.evaluation.played import Sums
from circadia_lab.policy.evaluation.rollout import Way, play
from circadia_lab.policy.evaluation.rules import GatedRule, SleepRule
from circadia_lab.policy.evaluation.scorers import of_rule, uniform

if TYPE_CHECKING:
    from circadia_lab.policy.env.problem import Problem
    from circadia_lab.policy.evaluation.played import Played
    from circadia_lab.policy.evaluation.scorers import Scorer

pytestmark = pytest.mark.slow

THIRD = np.full((1, 3), 1 / 3)
ASLEEP, BUSY = of_rule(SleepRule()), of_rule(GatedRule())
SERVING = of_rule(GatedRule(serve="high", fresh=10**6))
"""It never trains. Ticks of who serves come at the same times; a queue that nobody serves is looked at again and again."""


def briefly(problem: Problem, scorer: Scorer, preferences: Any = THIRD, **more: Any) -> Played:
    chosen = {"per_device": 2, "days": 0.25, "warm_up_days": 0.05, "seed": 3} | more
    return play(problem, scorer, preferences, **chosen)


def assert_same(a: Played, b: Played) -> None:
    for field in fields(Sums):
        np.testing.assert_allclose(getattr(a.sums, field.name), getattr(b.sums, field.name), rtol=1e-12)


def test_the_same_seed_gives_the_same_days_and_another_others(problem: Problem) -> None:
    first = briefly(problem, uniform)
    assert_same(first, briefly(problem, uniform))
    other = briefly(problem, uniform, seed=4)
    assert (first.sums.reward != other.sums.reward).any()


def test_a_copy_is_the_same_whoever_else_is_there(problem: Problem, monkeypatch: pytest.MonkeyPatch) -> None:
    three = briefly(problem, uniform, per_device=3)
    one = briefly(problem, uniform, per_device=1)
    assert np.array_equal(three.sums.reward[:, :, :1], one.sums.reward)
    assert (three.sums.reward[:, :, 1] != one.sums.reward[:, :, 0]).any()
    monkeypatch.setattr(rollout, "ROWS", 1)
    assert_same(briefly(problem, uniform, per_device=3), three)


def test_a_policy_that_does_not_look_at_preferences_has_the_same_days_under_each(problem: Problem) -> None:
    played = briefly(problem, BUSY, np.eye(3))
    assert np.array_equal(played.sums.reward[0], played.sums.reward[2])
    assert_same(played, briefly(problem, BUSY).for_all(np.eye(3)))


def surroundings(problem: Problem, scorer: Scorer, seed: int) -> dict[tuple[int, int], tuple[float, float]]:
    """By copy and period: whether the user is at it, and the link."""
    found = {}
    for _, tick in Way(problem, THIRD, range(2), seed).ticks(scorer, 0.0, 1.0):
        period = np.floor(tick.before.time_s[0] / problem.ticks.period_s).astype(int)
        for copy, p in enumerate(period):
            key = (copy, int(p))
            found[key] = (float(tick.before.user_active[0, copy]), float(tick.before.link[0, copy]))
    return found


def agreement(a: dict[Any, Any], b: dict[Any, Any]) -> float:
    shared = a.keys() & b.keys()
    assert len(shared) > 100
    return float(np.mean([a[key] == b[key] for key in shared]))


def test_policies_meet_the_same_users_and_links_at_the_same_time(problem: Problem) -> None:
    serving, busy = (surroundings(problem, scorer, 0) for scorer in (SERVING, BUSY))
    other = surroundings(problem, SERVING, 1)
    assert agreement(serving, busy) > 0.9
    assert agreement(serving, other) < 0.8


def test_policies_meet_the_same_requests(problem: Problem) -> None:
    """Copy by copy; the last ones may still wait."""

    def requests(scorer: Scorer) -> Any:
        sums = briefly(problem, scorer, per_device=12, days=1.0).sums
        return (sums.served + sums.expired)[0, 0]

    serving, busy = requests(SERVING), requests(BUSY)
    assert serving.std() > 5
    assert (serving - busy).std() < 0.5 * serving.std()
    assert np.corrcoef(serving, busy)[0, 1] > 0.9


def test_what_is_counted_is_the_days_asked_for(problem: Problem) -> None:
    told: list[float] = []
    played = briefly(problem, ASLEEP, progress=told.append)
    assert played.sums.days == pytest.approx(0.25, abs=0.06)
    assert played.sums.weight == pytest.approx(played.sums.days * 288)
    assert played.sums.actions.sum(-1) == pytest.approx(played.sums.ticks)
    assert played.sums.actions[..., INDEX["sleep"]] == pytest.approx(played.sums.ticks)
    assert not played.sums.served.any()
    assert played.sums.expired.sum() > 0
    assert told == sorted(told)
    assert told[-1] > 0.9
    served = briefly(problem, BUSY).sums
    assert served.latencies.sum(-1) == pytest.approx(served.served)


@pytest.mark.parametrize(
    "wrong", [{"per_device": 0}, {"days": 0.0}, {"warm_up_days": -1.0}, {"days": float("nan")}]
)
def test_no_copy_and_no_time_are_refused(problem: Problem, wrong: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=r"problem phone: .* needs one preference and one copy"):
        briefly(problem, uniform, **wrong)
    with pytest.raises(ConfigError, match="0 preferences"):
        briefly(problem, uniform, np.zeros((0, 3)))


def test_draws_belong_to_device_copy_and_moment() -> None:
    few, many = keys(1, 2, range(3)), keys(1, 2, range(5))
    assert np.array_equal(few, many[:, :3])
    assert np.array_equal(keys(1, 2, range(2, 4)), many[:, 2:4])
    assert len(np.unique(np.concatenate([many.ravel(), keys(2, 2, range(5)).ravel()]))) == 20
    times = moments(many[0, 0], np.arange(1000)[:, None], np.arange(20))
    assert len(np.unique(times)) == times.size
    u = uniforms(times.ravel(), 3)
    assert 0 <= u.min() < u.max() < 1
    assert u.mean(0) == pytest.approx(0.5, abs=0.01)
    assert np.abs(np.corrcoef(u.T) - np.eye(3)).max() < 0.03
    histogram = np.histogram(u, 20, (0, 1))[0] / u.size
    assert histogram == pytest.approx(0.05, abs=0.003)

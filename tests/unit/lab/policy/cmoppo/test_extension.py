"""The second stage: where the front is sparse, what is pulled there, and that nothing is lost."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import jax
import numpy as np
import pytest

from circadia_lab.policy.cmoppo.course import Course
from circadia_lab.policy.cmoppo.extension import PREFERENCES, _aim, barrier_weights, extend, floors, sparsest
from circadia_lab.policy.cmoppo.front import hypervolume
from circadia_lab.policy.cmoppo.judge import worst
from circadia_lab.policy.cmoppo.train import first_stage
from circadia_lab.policy.env.preferences import ANCHORS

if TYPE_CHECKING:
    from circadia_lab.policy.cmoppo.config import Config

pytestmark = pytest.mark.usefixtures("quick")


def test_the_widest_gaps_come_first_without_ends_and_dominated() -> None:
    line = np.array([0.0, 0.1, 0.2, 0.6, 1.0])
    returns = np.stack([line, 1 - line], 1)
    returns = np.vstack([returns, [[0.05, 0.05]]])
    assert sparsest(returns, 2).tolist() == [3, 2]
    assert sparsest(returns, 10).tolist() == [3, 2, 1]
    assert sparsest(returns[[0, 4]], 3).tolist() == []


def test_floors_lie_a_share_of_the_way_to_the_worst() -> None:
    returns = np.array([[1.0, -4.0], [3.0, -2.0]])
    assert floors(returns, 0.9).tolist() == [[1.0, -4.0], [pytest.approx(2.8), pytest.approx(-2.2)]]


def test_who_is_near_the_floor_is_pulled_up_hardest() -> None:
    """Slacks of 0.1 and 0.5 of the range: weights 1, 1 / (20 · 0.1) and 1 / (20 · 0.5), over the spans."""
    returns, floor = np.array([[1.0, 0.2, 5.0]]), np.array([[0.0, 0.1, 0.0]])
    found = barrier_weights(0, returns, floor, np.array([2.0, 1.0, 10.0]), 20.0)
    wanted = np.array([1 / 2, 0.5, 0.01])
    assert found[0] == pytest.approx(wanted / wanted.sum())
    at_floor = barrier_weights(0, floor, floor, np.ones(3), 20.0)
    assert np.isfinite(at_floor).all()
    assert at_floor.sum() == pytest.approx(1)


@pytest.fixture
def loose(tiny: Config) -> Config:
    """For a limit that nearly everything keeps; rounds that move."""
    return replace(
        tiny,
        extension_rounds=2,
        steps=42 * 8 * 16,
        ticks=8,
        extension_rate=1.0,
        actor_rate=0.01,
        judged_ticks=64,
        extension_share=0.5,
    )


@pytest.mark.slow
def test_the_limits_are_kept_and_nothing_is_lost(two_states: Any, loose: Config) -> None:
    course = Course(two_states(42, limit=0.6), loose, 0, None)
    first_stage(course)
    before = course.best
    assert worst(before) <= 1
    extend(course)
    assert course.rounds == loose.extension_rounds
    assert course.updates == course.trainer.all_updates
    assert worst(course.best) <= 1
    assert course.judge.better(course.best, before)
    assert course.reference is not None
    volumes = [hypervolume(np.asarray(k.gains)[:, :3], course.reference) for k in (course.best, before)]
    assert volumes[0] >= volumes[1]


@pytest.mark.slow
def test_a_round_that_loses_is_undone(
    two_states: Any, loose: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    course = Course(two_states(42, limit=0.6), loose, 0, None)
    first_stage(course)
    before, best = course.learner, course.best
    monkeypatch.setattr(course.judge, "better", lambda *_: False)
    extend(course)
    assert course.updates == course.trainer.all_updates > int(before.updates)
    assert course.best is best
    for one, other in zip(jax.tree.leaves(course.learner.actor), jax.tree.leaves(before.actor), strict=True):
        assert np.array_equal(one, other)


@pytest.mark.slow
def test_anchors_go_on_with_their_own_weights(two_states: Any, loose: Config) -> None:
    course = Course(two_states(42), loose, 0, None)
    chosen = np.array([5, 17])
    returns = np.random.default_rng(0).random((len(PREFERENCES), 3))
    aim = _aim(course, chosen, returns, 1)
    weights, anchors = np.asarray(aim.weights), course.trainer.crowd.anchors()
    assert weights[anchors >= 0] == pytest.approx(ANCHORS[anchors[anchors >= 0]])
    assert weights.sum(1) == pytest.approx(1, abs=1e-5)
    free = weights[anchors < 0]
    assert len(np.unique(free.round(6), axis=0)) == len(chosen)
    assert float(aim.rate) == loose.extension_rate

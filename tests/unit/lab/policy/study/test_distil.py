"""The oracle in a small network."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from circadia_lab.policy.files.int8_network import float_scores, int8_scores
from circadia_lab.policy.oracle.evaluation import evaluate, uniform_policy
from circadia_lab.policy.oracle.optimum import Optimum, normalised, optimum
from circadia_lab.policy.study.distil import Effort, _calibration, _lessons, distil, drawn, exact

if TYPE_CHECKING:
    from circadia_lab.policy.oracle.grid import Grid

PREFERENCES = np.array([[1.0, 0.0, 0.0], [0.2, 0.4, 0.4], [0.0, 0.0, 1.0]])


@pytest.fixture(scope="module")
def teacher(grid: Grid) -> Optimum:
    return optimum(grid, PREFERENCES)


def test_a_network_that_scores_alike_is_the_uniform_policy(grid: Grid) -> None:
    def alike(encoded: Any) -> Any:
        return np.zeros((len(encoded), grid.chain.actions), np.float32)

    assert drawn(grid, alike, PREFERENCES[0]) == pytest.approx(uniform_policy(grid.chain), abs=1e-6)
    found, wanted = exact(grid, alike, PREFERENCES), evaluate(grid.chain, uniform_policy(grid.chain))
    assert found.returns == pytest.approx(np.tile(wanted.returns, (3, 1)), abs=1e-6)
    assert found.costs == pytest.approx(np.tile(wanted.costs, (3, 1)), abs=1e-6)


@pytest.mark.slow
def test_lessons_are_what_the_teacher_does_where_it_spends_its_time(grid: Grid, teacher: Optimum) -> None:
    lessons = _lessons(grid, teacher)
    assert lessons.wanted.sum(-1) == pytest.approx(1, abs=1e-5)
    assert lessons.time.sum(-1) == pytest.approx(1, abs=1e-5)
    for policy, time, costs in zip(teacher.policies, lessons.time, teacher.costs, strict=True):
        spent = np.einsum("s,sa,sac->c", time, policy, grid.chain.costs)
        assert spent == pytest.approx(costs, abs=1e-4)
    rows = _calibration(lessons, np.random.default_rng(0))
    assert np.abs(rows).max() <= 1.001
    assert len(np.unique(rows, axis=0)) > grid.chain.states


@pytest.mark.slow
def test_it_is_nearly_as_good_as_its_teacher(grid: Grid, teacher: Optimum) -> None:
    """In 8 bits, evaluated exactly. For accuracy alone chance is nearly as good, so that little tells the two apart.

    Nothing holds an imitation to the limits: over five seeds its worst cost is 1.01 to 1.19 of one.
    """
    told: list[float] = []
    found = distil(grid, teacher, effort=Effort(steps=4000, batch=512, chunk=800), progress=told.append)
    assert told == pytest.approx([0.2, 0.4, 0.6, 0.8, 1.0])
    assert found.total_variation < 0.03
    seen = exact(grid, int8_scores(found.quantised), PREFERENCES)
    values = (PREFERENCES * seen.returns).sum(-1)
    assert values == pytest.approx(teacher.values, abs=2e-3)
    assert normalised(values, teacher.random_values, teacher.values)[1:] == pytest.approx(1, abs=0.015)
    assert (seen.costs <= 1.4 * grid.chain.limits).all()
    floats, rounded = (
        np.mean([np.abs(drawn(grid, scores, w) - p).sum(-1) @ t / 2 for w, p, t in rows(grid, teacher)])
        for scores in (float_scores(found.layers), int8_scores(found.quantised))
    )
    assert found.total_variation == pytest.approx(rounded, abs=1e-6)
    assert floats < 0.03


def rows(grid: Grid, teacher: Optimum) -> Any:
    return zip(teacher.preferences, teacher.policies, _lessons(grid, teacher).time, strict=True)

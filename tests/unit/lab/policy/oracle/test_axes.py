"""Stochastic rounding."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from circadia.errors import ConfigError
from circadia_lab.policy.oracle.axes import Backlog, Entries, Ladder, Version, crossed

LEVELS = (0.0, 1.0, 4.0, 5.0)


@given(st.floats(-3, 8))
def test_the_mean_is_kept_between_the_ends_and_the_end_beyond(x: float) -> None:
    found = Ladder(levels=LEVELS).project(np.array([x]))
    assert found.share.sum() == pytest.approx(1)
    assert (found.share >= 0).all()
    mean = (np.array(LEVELS)[found.point] * found.share).sum()
    assert mean == pytest.approx(min(max(x, 0.0), 5.0), abs=1e-8)


@pytest.mark.parametrize("level", LEVELS)
def test_what_is_on_the_grid_stays_there(level: float) -> None:
    found = Ladder(levels=LEVELS).project(np.array([level]))
    assert found.share.max() == 1
    assert LEVELS[found.point.ravel()[found.share.ravel().argmax()]] == level


def test_a_backlog_keeps_the_mean_count_and_the_age_of_what_is_there() -> None:
    axis = Backlog(counts=(8.0, 16.0), ages=(1.0, 2.0))
    found = axis.project(np.array([12.0, 0.0, 4.0]), np.array([1.5, 0.0, 2.0]))
    counts, ages = axis.points
    assert (counts[found.point] * found.share).sum(axis=0) == pytest.approx([12, 0, 4])
    assert (ages[found.point] * found.share).sum(axis=0) == pytest.approx([1.5, 0, 1.0])


def test_a_version_that_is_behind_has_ages_of_its_own() -> None:
    axis = Version(newest=(1.0,), behind=(2.0, 4.0))
    found = axis.project(np.array([1.0, 3.0, 9.0]), np.array([0.0, 1.0, 2.0]))
    ages, behind = axis.points
    assert (ages[found.point] * found.share).sum(axis=0) == pytest.approx([1, 3, 4])
    assert (behind[found.point] * found.share).sum(axis=0) == pytest.approx([0, 1, 1])


def test_crossing_an_axis_multiplies_shares_and_leaves_out_what_cannot_be() -> None:
    before = Entries(np.array([0, 1]), np.array([0, 0]), np.array([0.25, 0.75]))
    after = crossed(before, Ladder(levels=LEVELS).project(np.array([0.5, 4.0])), len(LEVELS))
    assert sorted(zip(after.source, after.point, after.share, strict=True)) == [
        (0, 0, 0.125),
        (0, 1, 0.125),
        (1, 2, 0.75),
    ]


def test_levels_must_rise() -> None:
    with pytest.raises(ConfigError, match="rise"):
        Ladder(levels=(1.0, 1.0))

"""Optima of many preferences, kept in a file."""

from pathlib import Path

import numpy as np
import pytest

from circadia.errors import ConfigError
from circadia_lab.policy.oracle.columns import Solution
from circadia_lab.policy.oracle.evaluation import evaluate
from circadia_lab.policy.oracle.grid import Grid
from circadia_lab.policy.oracle.optimum import hypervolume, key_of, load_optimum, normalised, optimum

PREFERENCES = np.array([[0.0, 0.0, 1.0], [0.4, 0.2, 0.4], [1.0, 0.0, 0.0]])


@pytest.mark.slow
def test_it_is_certified_feasible_and_attained(grid: Grid) -> None:
    heard: list[int] = []

    def hear(i: int, _: Solution) -> None:
        heard.append(i)

    found = optimum(grid, PREFERENCES, progress=hear)
    assert heard == [0, 1, 2]
    assert (found.gaps <= 1e-3).all()
    assert (found.values <= found.upper).all()
    assert (found.costs <= grid.chain.limits + 1e-7).all()
    assert found.values == pytest.approx((PREFERENCES * found.returns).sum(axis=1))
    assert (normalised(found.values, found.random_values, found.values) == 1).all()
    for policy, returns in zip(found.policies, found.returns, strict=True):
        assert evaluate(grid.chain, policy).returns == pytest.approx(returns, abs=1e-5)


@pytest.mark.slow
def test_no_preference_is_better_served_by_another_s_optimum(grid: Grid) -> None:
    found = optimum(grid, PREFERENCES)
    crossed = PREFERENCES @ found.returns.T
    assert (crossed <= found.upper[:, None] + 1e-9).all()


@pytest.mark.slow
def test_it_is_kept_by_what_the_problem_is(grid: Grid, tmp_path: Path) -> None:
    first = optimum(grid, PREFERENCES, folder=tmp_path)
    (path,) = tmp_path.iterdir()
    assert key_of(grid.chain, PREFERENCES, 1e-3) in path.name
    assert key_of(grid.chain, PREFERENCES[:2], 1e-3) not in path.name

    def never(_: int, __: Solution) -> None:
        raise AssertionError

    again = optimum(grid, PREFERENCES, folder=tmp_path, progress=never)
    assert np.array_equal(again.policies, first.policies)
    assert np.array_equal(again.multipliers, first.multipliers)


def test_a_broken_file_is_named(tmp_path: Path) -> None:
    path = tmp_path / "grid.npz"
    path.write_bytes(b"PK nonsense")
    with pytest.raises(ConfigError, match="delete it"):
        load_optimum(path)


def test_normalised_needs_room_between_chance_and_the_optimum() -> None:
    assert normalised(0.5, 0.0, 1.0) == pytest.approx(0.5)
    with pytest.raises(ConfigError, match="no better"):
        normalised(0.5, 1.0, 1.0)


def test_the_hypervolume_of_boxes_known_by_hand() -> None:
    """[0, 1] × [0, 1] × [0, 2] and [0, 2] × [0, 1] × [0, 1] share a unit cube; what is below counts nothing."""
    points = np.array([[1.0, 1.0, 2.0], [2.0, 1.0, 1.0], [-1.0, 5.0, 5.0]])
    assert hypervolume(points, np.zeros(3)) == pytest.approx(3.0)

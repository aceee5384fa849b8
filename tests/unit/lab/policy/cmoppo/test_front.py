"""The front of returns."""

from __future__ import annotations

import numpy as np
import pytest

from circadia_lab.policy.cmoppo.front import crowding, hypervolume, undominated


def test_the_volume_of_two_boxes() -> None:
    """[0, 2] × [0, 1]² and [0, 1] × [0, 2] × [0, 1] share a cube; the third point is not above the reference."""
    points = np.array([[2.0, 1.0, 1.0], [1.0, 2.0, 1.0], [5.0, 5.0, 0.0]])
    assert hypervolume(points, np.zeros(3)) == pytest.approx(3)
    assert hypervolume(points[:1], np.array([1.0, 0.0, 0.0])) == pytest.approx(1)
    assert hypervolume(points[2:], np.zeros(3)) == 0


def test_no_number_has_no_volume_and_does_no_harm() -> None:
    assert np.isnan(hypervolume(np.array([[1.0, np.nan, 1.0], [2.0, 2.0, 2.0]]), np.zeros(3)))


def test_only_what_another_row_beats_is_dominated() -> None:
    points = np.array([[1.0, 0.0], [0.0, 1.0], [0.0, 0.5], [1.0, 0.0], [0.9, 0.0]])
    assert undominated(points).tolist() == [True, True, False, True, False]


def test_gaps_by_hand_and_no_end_to_them_at_the_ends() -> None:
    """Along the line (0, 4), (1, 3), (3, 1), (4, 0): the gaps of the inner ones are 3 of 4 in both columns."""
    points = np.array([[3.0, 1.0], [0.0, 4.0], [4.0, 0.0], [1.0, 3.0]])
    found = crowding(points)
    assert np.isinf(found).tolist() == [False, True, True, False]
    assert found[[0, 3]] == pytest.approx([1.5, 1.5])


def test_a_column_that_never_varies_says_nothing() -> None:
    points = np.array([[0.0, 7.0], [1.0, 7.0], [2.0, 7.0], [3.0, 7.0]])
    found = crowding(points)
    assert found[1:3] == pytest.approx([2 / 3, 2 / 3])

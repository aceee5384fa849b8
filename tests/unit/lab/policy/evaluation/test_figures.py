"""Figures against numbers computed by hand."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from circadia.errors import ConfigError
from circadia_lab.policy.env.preferences import ANCHORS
from circadia_lab.policy.evaluation.arm import Arm
from circadia_lab.policy.evaluation.confidence import interval, paired
from circadia_lab.policy.evaluation.figures import (
    BEST,
    REFERENCE,
    coupling_gain,
    expected_utility,
    feasible,
    hypervolume,
    int8_added_violations,
    int8_loss,
    normalised,
    transfer_ratio,
    utilities,
    utility,
    violating,
    violating_fraction,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from circadia_lab.policy.evaluation.played import Played

    Made = Callable[..., Played]

LIMITS = (0.02, 0.2, 0.2)
T_2 = 4.302653
"""Student's t for two degrees of freedom, 97.5 %."""


def arm(*plays: Played, name: str = "coupled") -> Arm:
    return Arm(name=name, kind="trained", plays=plays)


def with_utilities(made_up: Made, *values: float) -> Arm:
    """All rewards the same, so that every preference's utility is that."""
    return arm(*(made_up([v, v, v], [0, 0, 0]) for v in values))


def test_utility_weighs_each_preference_s_own_rewards(made_up: Made) -> None:
    rewards = np.random.default_rng(0).normal(size=(21, 3))
    played = made_up(rewards, [0, 0, 0])
    wanted = sum(float(w @ r) for w, r in zip(ANCHORS, rewards, strict=True)) / 21
    assert utility(played) == pytest.approx(wanted)
    assert utility(made_up([3, 3, 0], [0, 0, 0])) == pytest.approx(2)


def test_normalised_is_0_at_random_and_1_at_the_optimum() -> None:
    random, best = np.array([-1.0, 0.0]), np.array([1.0, 4.0])
    assert normalised(random, random, best).tolist() == [0, 0]
    assert normalised(best, random, best).tolist() == [1, 1]
    assert normalised(np.array([[0.0, 1.0]]), random, best).tolist() == [[0.5, 0.25]]
    with pytest.raises(ConfigError, match="above the random policy"):
        normalised(random, best, best)


def test_a_hypervolume_by_hand() -> None:
    """Above (0, −1, −4), in a box of 1 · 1 · 4: ½ · 1 · 2 and 1 · ½ · 2 share ½ · ½ · 2."""
    points = np.array([[0.5, 0.0, -2.0], [1.0, -0.5, -2.0]])
    assert hypervolume(points) == pytest.approx((1 + 1 - 0.5) / 4)
    assert hypervolume([BEST]) == pytest.approx(1)
    assert hypervolume([REFERENCE]) == 0
    assert hypervolume(np.vstack([points, [1.0, 0.0, -4.5]])) == hypervolume(points)
    assert np.isnan(hypervolume(np.vstack([points, [np.nan, 0.0, 0.0]])))


def test_a_violation_is_strictly_above_its_limit(made_up: Made) -> None:
    costs = np.tile(LIMITS, (21, 1))
    assert violating_fraction(made_up([0, 0, 0], costs)) == 0
    costs[4, 1] = np.nextafter(0.2, 1)
    costs[9] = 1.0
    played = made_up([0, 0, 0], costs)
    assert np.nonzero(violating(played))[0].tolist() == [4, 9]
    assert violating_fraction(played) == pytest.approx(2 / 21)


def test_one_preference_of_21_may_violate_in_the_median(made_up: Made) -> None:
    def violates(count: int) -> Played:
        costs = np.zeros((21, 3))
        costs[:count, 0] = 1
        return made_up([0, 0, 0], costs)

    assert feasible(arm(violates(1)))
    assert not feasible(arm(violates(2)))
    assert feasible(arm(violates(1), violates(0), violates(21)))
    assert not feasible(arm(violates(2), violates(2), violates(0)))


def test_an_interval_by_hand(made_up: Made) -> None:
    """0.1, 0.2, 0.3: s = 0.1, half-width t · 0.1 / √3."""
    found = expected_utility(with_utilities(made_up, 0.1, 0.2, 0.3))
    half = T_2 * 0.1 / 3**0.5
    assert found == pytest.approx((0.2, 0.2 - half, 0.2 + half, 3), abs=1e-6)
    assert interval([0.0, 2.0]).high == pytest.approx(1 + 12.7062, abs=1e-3)
    narrower = interval([0.1, 0.2, 0.3], level=0.5)
    assert narrower.high == pytest.approx(0.2 + 0.816497 * 0.1 / 3**0.5, abs=1e-6)


def test_one_value_has_no_interval_and_none_no_mean() -> None:
    found = interval([0.5])
    assert found.mean == 0.5
    assert np.isnan([found.low, found.high]).all()
    with pytest.raises(ConfigError, match="one value at least"):
        interval([])


def test_coupling_gain_pairs_the_seeds(made_up: Made) -> None:
    """Seeds differ far more than arms: unpaired, the interval would hold 0."""
    together, apart = with_utilities(made_up, 1.0, 5.0, 9.0), with_utilities(made_up, 0.9, 4.8, 8.7)
    found = coupling_gain(together, apart)
    half = T_2 * 0.1 / 3**0.5
    assert found == pytest.approx((0.2, 0.2 - half, 0.2 + half, 3), abs=1e-6)
    with pytest.raises(ConfigError, match="3 and 2 values"):
        paired([1, 2, 3], [1, 2])


def test_int8_loss_is_relative_and_the_median(made_up: Made) -> None:
    floats, int8 = with_utilities(made_up, 0.5, 1.0, -0.5), with_utilities(made_up, 0.49, 0.5, -0.52)
    assert int8_loss(int8, floats) == pytest.approx(0.04)
    assert int8_loss(floats, floats) == 0
    assert utilities(int8) == pytest.approx([0.49, 0.5, -0.52])


def test_violations_that_rounding_adds_are_counted_one_by_one(made_up: Made) -> None:
    kept, broken = np.zeros((21, 3)), np.zeros((21, 3))
    kept[0, 0] = broken[0, 0] = 1.0
    broken[3, 1] = broken[3, 2] = 1.0
    floats, int8 = arm(made_up([0, 0, 0], kept)), arm(made_up([0, 0, 0], broken))
    assert int8_added_violations(int8, floats) == 2
    assert int8_added_violations(floats, int8) == 0


def test_transfer_by_hand() -> None:
    """Of the way from random to the best rule: 3/2 where it was trained, 6/5 where it was not."""
    assert transfer_ratio((0.5, 0.2, 0.4), (1.2, 0.0, 1.0)) == pytest.approx(1.2 / 1.5)


def test_an_arm_says_what_is_wrong_with_it(made_up: Made) -> None:
    with pytest.raises(ConfigError, match="unknown kind 'best'"):
        Arm(name="a", kind="best", plays=(made_up([0, 0, 0], [0, 0, 0]),))
    with pytest.raises(ConfigError, match="never played"):
        arm()

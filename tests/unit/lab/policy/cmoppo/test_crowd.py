"""Who acts for which preference."""

from __future__ import annotations

import jax
import numpy as np
import pytest

from circadia.errors import ConfigError
from circadia_lab.policy.cmoppo.crowd import Crowd, crowd_of
from circadia_lab.policy.env.preferences import ANCHORS

pytestmark = pytest.mark.usefixtures("quick")


@pytest.mark.parametrize(("size", "free_share"), [(21, 0.0), (24, 0.125), (100, 0.5), (1024, 0.15)])
def test_anchors_have_as_many_devices_each(size: int, free_share: float) -> None:
    crowd = crowd_of(size, free_share)
    anchors = crowd.anchors()
    assert anchors.shape == (size,)
    assert len(set(np.bincount(anchors[anchors >= 0], minlength=len(ANCHORS)))) == 1
    assert (anchors < 0).sum() == size - crowd.bound
    assert (anchors < 0).mean() >= free_share - 1e-9


def test_columns_of_members_sum_to_1_and_leave_the_free_out() -> None:
    crowd = crowd_of(100, 0.5)
    members = np.asarray(crowd.members())
    assert members.sum(0) == pytest.approx(1)
    assert not members[crowd.anchors() < 0].any()
    assert ((members > 0).sum(1) <= 1).all()


def test_members_of_a_kind_are_of_that_kind_if_it_has_any() -> None:
    crowd = crowd_of(84, 0.0)
    kinds = np.repeat([0, 1, 2], [42, 39, 3])
    members = np.asarray(crowd.members_by_kind(kinds))
    assert members.shape == (3, 84, len(ANCHORS))
    assert members.sum(1) == pytest.approx(1)
    assert not members[0, kinds != 0].any()
    present = np.isin(np.arange(len(ANCHORS)), crowd.anchors()[kinds == 2])
    assert present.sum() == 3
    assert not members[2][kinds != 2][:, present].any()
    assert np.allclose(members[2][:, ~present], np.asarray(crowd.members())[:, ~present])


def test_the_free_lie_evenly_among_the_bound() -> None:
    """A batch holds several kinds of device, one after the other."""
    free = crowd_of(1024, 0.25).anchors() < 0
    by_half = free.reshape(2, -1).sum(1)
    assert abs(by_half[0] - by_half[1]) <= 1


def test_rows_of_shares_sum_to_1() -> None:
    drawn = np.random.default_rng(0).dirichlet(np.ones(3), 50)
    shares = np.asarray(crowd_of(84, 0.0).shares(drawn))
    assert shares.shape == (50, len(ANCHORS))
    assert shares.sum(1) == pytest.approx(1, abs=1e-5)
    assert (shares >= 0).all()
    nearest = ((drawn[:, None] - ANCHORS) ** 2).sum(-1).argmin(1)
    assert np.array_equal(shares.argmax(1), nearest)
    assert np.diag(np.asarray(crowd_of(84, 0.0).shares(ANCHORS))).min() > 0.85


def test_the_bound_keep_their_anchor_and_some_of_the_free_move() -> None:
    crowd = crowd_of(100, 0.5)
    bound = crowd.anchors() >= 0
    first = np.asarray(crowd.preferences(jax.random.PRNGKey(0)))
    assert first.sum(1) == pytest.approx(1, abs=1e-6)
    assert first[bound] == pytest.approx(ANCHORS[crowd.anchors()[bound]])
    then = np.asarray(crowd.redrawn(first, jax.random.PRNGKey(1), 0.5))
    moved = (then != first).any(1)
    assert not moved[bound].any()
    assert 0 < moved[~bound].mean() < 1


@pytest.mark.parametrize("free_share", [0.125, 0.15, 0.5])
def test_rows_are_dealt_to_the_free_evenly(free_share: float) -> None:
    crowd, rows = crowd_of(1024, free_share), np.eye(3)[[0, 1, 2, 0]] * 0.5 + 1 / 6
    free = crowd.anchors() < 0
    dealt = np.asarray(crowd.dealt(rows))
    assert dealt[~free] == pytest.approx(ANCHORS[crowd.anchors()[~free]])
    counts = [(np.abs(dealt[free] - row).max(1) < 1e-6).sum() for row in rows[1:3]]
    assert max(counts) - min(counts) <= 1
    assert sum(counts) == pytest.approx(free.sum() / 2, abs=1)


def test_a_batch_that_is_too_small_is_named() -> None:
    with pytest.raises(ConfigError, match="batch of 20 devices is too small for 21"):
        crowd_of(20, 0.0)
    with pytest.raises(ConfigError, match="too small"):
        crowd_of(24, 0.5)


def test_a_crowd_of_one_preference_is_bound_to_it() -> None:
    crowd = Crowd(8, 8, ANCHORS[3:4])
    preferences = crowd.preferences(jax.random.PRNGKey(0))
    assert np.asarray(preferences) == pytest.approx(np.tile(ANCHORS[3], (8, 1)))
    assert np.asarray(crowd.redrawn(preferences, jax.random.PRNGKey(1), 1.0)) == pytest.approx(
        np.asarray(preferences)
    )
    assert np.asarray(crowd.members()) == pytest.approx(1 / 8)
    assert np.asarray(crowd.shares(preferences)) == pytest.approx(1)

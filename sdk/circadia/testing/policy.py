"""What every `Policy` promises."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from circadia.actions import CATALOGUE
from circadia.observation import TABLE
from circadia.ports import SleepingPolicy
from circadia.testing.contract import Contract

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from circadia.ports import Policy

ROWS = 50


def observations() -> NDArray[np.float32]:
    """(rows, features): drawn from their ranges, a tenth of the sensors absent; the first row knows nothing at all."""
    random = np.random.default_rng(0)
    low, high = (np.array([getattr(feature, end) for feature in TABLE]) for end in ("low", "high"))
    rows = random.uniform(low, high, (ROWS, len(TABLE)))
    rows[random.random(rows.shape) < 0.1] = np.nan
    rows[0] = np.nan
    return rows.astype(np.float32)


class PolicyContract(Contract):
    """Inherit it and say how a policy is made."""

    def make(self) -> Policy:
        """One that is ready."""
        raise NotImplementedError

    def test_it_has_a_name(self) -> None:
        assert self.make().name

    def test_it_offers_some_of_the_actions(self) -> None:
        offered = self.make().offered
        assert (offered.shape, offered.dtype) == ((len(CATALOGUE),), np.dtype(bool))
        assert offered.any()

    def test_scores_are_numbers_and_minus_infinity_where_nothing_is_offered(self) -> None:
        policy = self.make()
        for x in observations():
            scores = policy.scores(x)
            assert (scores.shape, scores.dtype) == ((len(CATALOGUE),), np.dtype(np.float32))
            assert not np.isnan(scores).any()
            assert (scores < np.inf).all()
            assert np.isfinite(scores[policy.offered]).any()
            assert (scores[~policy.offered] == -np.inf).all()

    def test_the_same_is_scored_the_same_and_left_alone(self) -> None:
        policy = self.make()
        for x in observations():
            before = x.copy()
            first = policy.scores(x).copy()
            np.testing.assert_array_equal(policy.scores(x), first)
            np.testing.assert_array_equal(x, before)

    def test_its_sleeps_are_scored_like_actions(self) -> None:
        policy = self.make()
        if not isinstance(policy, SleepingPolicy) or policy.sleeps is None:
            pytest.skip("it does not say how long to sleep")
        for x in observations():
            scores = policy.sleep_scores(x)
            assert scores.shape == (policy.sleeps.count,)
            assert not np.isnan(scores).any()
            assert (scores < np.inf).all()
            for kind in policy.sleeps.wake_on:  # whatever the body can do, there is a sleep for it
                assert (scores[policy.sleeps.mask({kind})] > -np.inf).any()
            np.testing.assert_array_equal(policy.sleep_scores(x), scores)
            due_s = policy.due_s(x, CATALOGUE[0])
            assert len(due_s) == len(policy.sleeps.wake_on)
            assert all(seconds >= 0 for seconds in due_s)

    def test_scores_are_the_callers(self) -> None:
        policy, (x, *_) = self.make(), observations()[1:]
        first = policy.scores(x)
        kept = first.copy()
        if not first.flags.writeable:
            pytest.skip("they cannot be written to")
        first[:] = 0
        np.testing.assert_array_equal(policy.scores(x), kept)

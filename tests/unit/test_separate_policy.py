"""A policy that decides apart does not see the other side's backlog."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import numpy as np
import pytest

from circadia.actions import FACTS, SLEEP
from circadia.observation import values
from circadia.policy.rules import DriftPlusPenaltyRule
from circadia.policy.sampling import probabilities
from circadia.policy.separate import SeparatePolicy
from circadia.ports import SleepingPolicy
from circadia.types import Link, Observation
from circadia.wiring import make_policy

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from circadia.ports import Policy

SEEN = Observation(
    dt_s=60, battery_soc=0.8, charging=0, temperature_c=25, thermal_headroom=1, power_save=0, user_active=0, cpu_load=0.1,
    link=float(Link.FREE), link_bytes_per_s=1e6, queue_length=0, queue_age_s=0, queue_slack_s=3600, fresh_examples=0,
    fresh_age_s=0, unsent_examples=0, practice=0, spooled_updates=0, versions_behind=0, model_age_s=0, day_sine=0,
    day_cosine=1, charge_forecast=0.5, preference_accuracy=1 / 3, preference_latency=1 / 3, preference_energy=1 / 3,
)  # fmt: skip


def chances(policy: Policy, **changes: float) -> NDArray[np.float64]:
    scores = policy.scores(values(dataclasses.replace(SEEN, **changes)).astype(np.float32))
    found: NDArray[np.float64] = probabilities(scores, policy.offered)
    return found


@pytest.fixture(params=["drift-plus-penalty", "network"])
def policy(request: pytest.FixtureRequest) -> Policy:
    return make_policy("separate") if request.param == "network" else SeparatePolicy(DriftPlusPenaltyRule())


def test_nobody_waits_nobody_is_served(policy: Policy) -> None:
    found = chances(policy, fresh_examples=100, fresh_age_s=7200)
    assert found.sum() == pytest.approx(1)
    assert found[FACTS.serves].sum() == 0


def test_serving_does_not_see_what_there_is_to_learn(policy: Policy) -> None:
    waiting = {"queue_length": 5, "queue_age_s": 20, "queue_slack_s": 30}
    with_much = chances(policy, **waiting, fresh_examples=200, fresh_age_s=7200, versions_behind=4)
    with_nothing = chances(policy, **waiting)
    assert with_much[FACTS.serves] == pytest.approx(with_nothing[FACTS.serves], abs=1e-6)
    assert with_nothing[FACTS.serves].sum() > 0.5


def test_learning_does_not_see_who_waits(policy: Policy) -> None:
    backlog = {"fresh_examples": 200, "fresh_age_s": 7200}
    alone = chances(policy, **backlog)
    beside = chances(policy, **backlog, queue_length=5, queue_age_s=20, queue_slack_s=30)
    if beside[~FACTS.serves].sum() > 1e-6:
        assert beside[~FACTS.serves] / beside[~FACTS.serves].sum() == pytest.approx(
            alone[~FACTS.serves], abs=1e-4
        )
    trains = FACTS.trains
    assert alone[trains].sum() > chances(policy)[trains].sum()


def test_it_is_named(policy: Policy) -> None:
    assert policy.name.startswith("separate ")


def test_it_sleeps_as_the_whole_does() -> None:
    whole, apart = make_policy("default"), make_policy("separate")
    assert isinstance(whole, SleepingPolicy)
    assert isinstance(apart, SleepingPolicy)
    assert whole.sleeps is not None
    assert apart.sleeps == whole.sleeps
    for waiting in (0, 3):
        x = values(dataclasses.replace(SEEN, queue_length=waiting, fresh_examples=40, fresh_age_s=600))
        np.testing.assert_array_equal(apart.sleep_scores(x), whole.sleep_scores(x))
        assert apart.due_s(x, SLEEP) == whole.due_s(x, SLEEP)


def test_of_a_policy_without_sleeps_it_has_none() -> None:
    assert SeparatePolicy(DriftPlusPenaltyRule()).sleeps is None

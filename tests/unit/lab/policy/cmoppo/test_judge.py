"""Which policy is kept."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import jax
import numpy as np
import pytest

from circadia_lab.policy.cmoppo.judge import Judge, Kept, utility, worst
from circadia_lab.policy.cmoppo.update import trainer_of
from circadia_lab.policy.env.preferences import ANCHORS, lattice

if TYPE_CHECKING:
    from circadia_lab.policy.cmoppo.config import Config

pytestmark = pytest.mark.usefixtures("quick")


def kept(returns: float, *costs: float) -> Kept:
    gains = np.tile([returns, returns, returns, 0.0, 0.0, 0.0], (len(ANCHORS), 1))
    gains[3, 3 : 3 + len(costs)] = costs
    return Kept(None, None, gains, np.asarray(0))


def test_utility_is_the_mean_and_worst_the_largest_share_of_a_limit() -> None:
    assert utility(kept(0.7)) == pytest.approx(0.7)
    assert worst(kept(0.7, 0.5, 1.2)) == pytest.approx(1.2)


@pytest.mark.parametrize(
    ("new", "old", "wanted"),
    [
        (kept(0.9, 0.5), kept(0.8, 0.2), True),
        (kept(0.7, 0.2), kept(0.8, 0.5), False),
        (kept(0.1, 1.0), kept(0.8, 1.1), True),
        (kept(0.9, 1.1), kept(0.1, 1.0), False),
        (kept(0.1, 1.1), kept(0.9, 1.2), True),
        (kept(0.9, 1.3), kept(0.1, 1.2), False),
        (kept(0.9, 0.99), kept(0.1, 0.98), False),
        (kept(0.1, 0.96), kept(0.9, 0.98), True),
    ],
)
def test_limits_come_before_utility_with_room_to_spare(
    chain: Any, tiny: Config, new: Kept, old: Kept, wanted: bool
) -> None:
    assert Judge(trainer_of(chain(24), tiny), 0).better(new, old) is wanted


def test_without_constraints_utility_alone_decides(chain: Any, tiny: Config) -> None:
    judge = Judge(trainer_of(chain(24), replace(tiny, constrained=False)), 0)
    assert judge.better(kept(0.9, 9.0), kept(0.8, 0.5))
    assert not judge.better(kept(0.7, 0.5), kept(0.8, 9.0))


@pytest.mark.slow
def test_gains_are_those_of_the_rounded_policy_in_closed_form(two_states: Any, tiny: Config) -> None:
    """A fresh policy draws evenly among three: p = 1/3, x = p / (p + ½) = 0.4, of a limit of 1/3."""
    environment = two_states(126)
    environment.kinds = 0 * environment.kinds  # of chance, the worse of two would be told
    trainer = trainer_of(environment, replace(tiny, judged_warm_up=16))
    parameters = trainer.actor.parameters(jax.random.PRNGKey(0))
    preferences = lattice(20)
    ranges = (np.array([[0.0, 3.0], [0.0, 3.0], [-0.2, 0.2]], np.float32),)
    judge = Judge(trainer, 0)
    found = judge.gains(parameters, ranges, preferences, 64)
    assert found.shape == (len(preferences), 6)
    assert found.mean(0) == pytest.approx([1.2, 0.2, 0.2, 1.2, 0, 0], abs=0.05)
    assert np.array_equal(judge.gains(parameters, ranges, preferences, 64), found)
    assert not np.array_equal(Judge(trainer, 1).gains(parameters, ranges, preferences, 64), found)


def test_where_the_environment_is_exact_nothing_is_sampled(two_states: Any, tiny: Config) -> None:
    environment = two_states(24)
    asked = []

    def exact(draw_from: Any, preferences: Any) -> Any:
        seen = environment.see(np.zeros(24, np.int32), np.tile(preferences[0], (24, 1)))
        asked.append(np.exp(np.asarray(draw_from(seen))).sum(-1))
        return np.full((len(preferences), 6), 0.25)

    environment.exact = exact
    trainer = trainer_of(environment, tiny)
    parameters = trainer.actor.parameters(jax.random.PRNGKey(0))
    found = Judge(trainer, 0).gains(parameters, trainer.actor.ranges(), lattice(5), 64)
    assert (found == 0.25).all()
    assert asked[0] == pytest.approx(1)

"""Averages of acting, and ticks on which several actions are tried."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from circadia.errors import ConfigError
from circadia_lab.policy.cmoppo.averages import averages, dealt, portions, shared
from circadia_lab.policy.cmoppo.rollout import moved, rollout, tick
from circadia_lab.policy.env.fixed import INDEX, NAMES
from circadia_lab.policy.env.preferences import ANCHORS

if TYPE_CHECKING:
    from collections.abc import Callable

    from circadia_lab.policy.env.interface import Seen

pytestmark = pytest.mark.usefixtures("quick")
SLEEP, SERVE, TRAIN = INDEX["sleep"], INDEX["serve/low/small"], INDEX["train/low/small"]


def alike(count: int) -> Any:
    """Devices of one kind."""
    return np.zeros(count, np.int64)


def drawn_with(train: float) -> Callable[[Seen], Any]:
    """At 0 trains with that chance and sleeps else; at 1 there is no choice."""

    def draw_from(seen: Seen) -> Any:
        mask = seen.mask
        free = jnp.full(len(NAMES), -1e9).at[SLEEP].set(jnp.log(1 - train)).at[TRAIN].set(jnp.log(train))
        log_p: Any = jnp.where(mask, jnp.where(mask[:, TRAIN, None], free, 0.0), -1e9)
        return log_p

    return draw_from


@pytest.mark.slow
def test_they_are_those_of_the_chain_in_closed_form(two_states: Any) -> None:
    """With the chance p the share of the time at 1 is x = p / (p + ½); costs in their own units."""
    environment, train = two_states(512), 0.25
    key = jax.random.PRNGKey(0)
    found = averages(environment, drawn_with(train), ANCHORS[:2], ticks=200, warm_up=20, key=key)
    x = train / (train + 0.5)
    wanted = [3 * x, 0, (1 - x) * (1 - train), x, 0, 0]
    assert found.shape == (2, 6)
    assert found == pytest.approx(np.array([wanted, wanted]), abs=0.02)


@pytest.mark.slow
def test_more_preferences_than_devices_take_turns(two_states: Any) -> None:
    """Who only serves earns 1 of latency, whichever turn it has."""

    def serve(seen: Seen) -> Any:
        return jnp.where(seen.mask, jnp.zeros(len(NAMES)).at[SERVE].set(60.0), -1e9)

    found = averages(two_states(4), serve, ANCHORS[:10], ticks=16, warm_up=16, key=jax.random.PRNGKey(1))
    assert found.shape == (10, 6)
    assert found[:, 1] == pytest.approx(1)


def test_preferences_are_dealt_in_turn_and_their_sums_put_together() -> None:
    assert np.asarray(dealt(ANCHORS[:2], alike(5))) == pytest.approx(ANCHORS[[0, 1, 0, 1, 0]])
    sums = np.array([[1.0, 2.0], [10.0, 1.0], [5.0, 2.0]])
    assert shared(sums, 2, alike(3)).tolist() == [[1.5], [10.0]]
    with pytest.raises(ConfigError, match="21 preferences for 20 devices of a kind"):
        dealt(ANCHORS, alike(20))


def test_rewards_are_of_all_kinds_and_costs_of_the_worst() -> None:
    """Two kinds in turn, two preferences: each kind has a device for each of them."""
    kinds = np.array([0, 1, 0, 1])
    assert np.asarray(dealt(ANCHORS[:2], kinds)) == pytest.approx(ANCHORS[[0, 0, 1, 1]])
    assert [len(rows) for rows in portions(ANCHORS[:5], kinds)] == [2, 2, 1]
    rewards = np.array([[1.0, 0, 0], [3.0, 0, 0], [5.0, 0, 0], [9.0, 0, 0]])
    costs = np.array([[0.5, 0.1, 0], [0.2, 2.0, 0], [0.0, 0.0, 0], [0.0, 0.0, 4]])
    weights = np.array([[1.0], [2.0], [1.0], [1.0]])
    found = shared(np.hstack([rewards, costs, weights]), 2, kinds)
    assert found.tolist() == [[(1 + 1.5) / 2, 0, 0, 0.5, 1.0, 0], [7, 0, 0, 0, 0, 4]]


@pytest.mark.slow
def test_all_tried_actions_meet_the_same_chance_and_the_first_is_taken(chain: Any) -> None:
    """A tried action brings what it would bring were it taken under that chance."""
    environment = chain(64)
    world, key = environment.initial(jax.random.PRNGKey(0)), jax.random.PRNGKey(1)
    preference = dealt(ANCHORS, environment.kinds)

    def evenly(seen: Seen) -> Any:
        return jnp.where(seen.mask, 0.0, -1e9)

    after, seen = jax.jit(lambda w, k: tick(environment, evenly, w, preference, k, 3))(world, key)
    assert seen.action.shape == (64, 3)
    assert np.take_along_axis(np.asarray(seen.mask), np.asarray(seen.action), 1).all()
    chances = [k for n in (2, 3) for k in jax.random.split(key, n)]
    found = [moved(environment, world, seen.action[:, 0], k) for k in chances]
    (chance,) = (k for k, one in zip(chances, found, strict=True) if np.array_equal(one.world, after))
    for i in range(3):
        one = moved(environment, world, seen.action[:, i], chance)
        assert np.asarray(seen.gain)[:, i] == pytest.approx(np.asarray(one.gain), abs=1e-6)
        assert np.asarray(seen.weight)[:, i] == pytest.approx(np.asarray(one.weight))
        more = environment.promise(one.world) - environment.promise(world)
        assert np.asarray(seen.promised)[:, i, :3] == pytest.approx(np.asarray(more), abs=1e-6)
        assert not np.asarray(seen.promised)[:, i, 3:].any()
        if i:
            looks = environment.see(one.world, preference).encoded
            assert np.array_equal(seen.instead[:, i - 1], looks)


@pytest.mark.slow
def test_what_is_explored_is_drawn_evenly_and_never_taken(two_states: Any) -> None:
    environment = two_states(600)
    world = jnp.zeros(600, jnp.int32)

    def sleeps(seen: Seen) -> Any:
        return jnp.where(seen.mask, jnp.zeros(len(NAMES)).at[SLEEP].set(60.0), -1e9)

    after, seen = tick(environment, sleeps, world, dealt(ANCHORS, alike(600)), jax.random.PRNGKey(0), 3, 1)
    actions = np.asarray(seen.action)
    assert (actions[:, :2] == SLEEP).all()
    assert not np.asarray(after).any()
    shares = np.bincount(actions[:, 2], minlength=len(NAMES)) / 600
    assert shares[[SLEEP, SERVE, TRAIN]] == pytest.approx(1 / 3, abs=0.07)
    assert shares[[SLEEP, SERVE, TRAIN]].sum() == pytest.approx(1)


def test_costs_of_a_rollout_are_shares_of_their_limits(two_states: Any) -> None:
    environment = two_states(8)
    world = jnp.ones(8, jnp.int32)
    _, ticks = rollout(
        environment, drawn_with(0.5), world, dealt(ANCHORS[:1], alike(8)), jax.random.PRNGKey(0), 3
    )
    assert ticks.gain.shape == (3, 8, 1, 6)
    assert np.asarray(ticks.gain[0, :, 0, 3]) == pytest.approx(3.0)
    assert np.asarray(ticks.gain[0, :, 0, 0]) == pytest.approx(3.0)

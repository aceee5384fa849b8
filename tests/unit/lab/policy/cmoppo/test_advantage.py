"""Advantages against plain loops and by hand."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import jax.numpy as jnp
import numpy as np
import pytest

from circadia_lab.policy.cmoppo.advantage import (
    GAUSSIAN,
    advantages,
    averages,
    compared,
    normalised,
    scalarised,
    settled_averages,
)
from circadia_lab.policy.cmoppo.config import Config
from circadia_lab.policy.cmoppo.rollout import Ticks

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

pytestmark = pytest.mark.usefixtures("quick")
DISCOUNT, TRACE = 0.9, 0.8


def ticks_of(gain: Any, weight: Any, promised: Any = 0.0) -> Ticks:
    """(ticks, batch, tried, k) and (ticks, batch, tried); the rest is not looked at."""
    nothing = jnp.zeros(())
    return Ticks(
        nothing,
        nothing,
        nothing,
        nothing,
        jnp.asarray(gain, jnp.float32),
        jnp.asarray(promised, jnp.float32),
        jnp.asarray(weight, jnp.float32),
        nothing,
    )


def in_a_loop(gain: Floats, weight: Floats, values: Floats, centre: Floats) -> Floats:
    found, after = np.zeros_like(gain), np.zeros(gain.shape[1:])
    for t in reversed(range(len(gain))):
        for device in range(gain.shape[1]):
            kept = DISCOUNT ** weight[t, device]
            delta = gain[t, device] - weight[t, device] * centre[device]
            delta = delta + kept * values[t + 1, device] - values[t, device]
            after[device] = delta + kept * TRACE * after[device]
        found[t] = after
    return found


def test_advantages_are_those_of_a_plain_loop() -> None:
    random = np.random.default_rng(0)
    gain, weight = random.normal(size=(7, 3, 2)), random.uniform(0.2, 3, (7, 3))
    values, centre = random.normal(size=(8, 3, 2)), random.normal(size=(3, 2))
    found = advantages(gain, weight, values, centre, discount=DISCOUNT, trace=TRACE)
    assert np.asarray(found) == pytest.approx(in_a_loop(gain, weight, values, centre), abs=1e-5)


def test_gains_that_never_vary_are_no_advantage() -> None:
    weight = np.random.default_rng(1).uniform(0.2, 3, (5, 2))
    gain, centre = weight[..., None] * np.array([2.0, -1.0]), np.tile([2.0, -1.0], (2, 1))
    found = advantages(gain, weight, np.zeros((6, 2, 2)), centre, discount=DISCOUNT, trace=TRACE)
    assert np.abs(np.asarray(found)).max() < 1e-6


def test_averages_do_not_depend_on_where_a_device_stood() -> None:
    """0 → 1 → 0 …, worth 0 and 2 in turn: 1 on average, V(1) = V(0) + 1; of three ticks the mean is 2/3 or 4/3."""
    gain, weight = np.array([[0.0, 2.0], [2.0, 0.0], [0.0, 2.0]])[..., None], np.ones((3, 2))
    value = np.array([[0.0, 1.0], [1.0, 0.0], [0.0, 1.0], [1.0, 0.0]])[..., None]
    assert np.asarray(settled_averages(gain, weight, value, jnp.eye(2))) == pytest.approx(1.0)
    assert np.asarray(averages(gain, weight, jnp.eye(2)))[:, 0] == pytest.approx([2 / 3, 4 / 3])


def test_averages_are_of_sums_by_group() -> None:
    """Two ticks; one group of the first two devices, one of the third."""
    gain = np.array([[1.0, 2.0, 6.0], [3.0, 2.0, 0.0]])[..., None]
    weight = np.array([[1.0, 1.0, 1.0], [1.0, 5.0, 3.0]])
    members = jnp.array([[0.5, 0.0], [0.5, 0.0], [0.0, 1.0]])
    assert np.asarray(averages(gain, weight, members))[:, 0] == pytest.approx([8 / 8, 6 / 4])


def test_an_action_is_compared_with_the_others_that_were_tried() -> None:
    """One tick of one device: δ_0 = 3 − 1·1 + ½·2 − 1 = 2, δ_1 = 1 − 2·1 + ¼·4 − 1 = −1; their mean is ½.

    The first was taken, and 5 better in the end than the state promised.
    """
    ticks = ticks_of(np.array([[[[3.0], [1.0]]]]), np.array([[[1.0, 2.0]]]))
    values, instead, centre = jnp.array([[[1.0]], [[2.0]]]), jnp.array([[[[4.0]]]]), jnp.array([[1.0]])
    config = Config(tried=2, explored=0, discount=0.5)
    advantage = jnp.array([[[5.0]]])
    found = np.asarray(compared(ticks, advantage, values, instead, centre, config))
    assert found.ravel() == pytest.approx([4.5, -1.5])
    explored = np.asarray(compared(ticks, advantage, values, instead, centre, replace(config, explored=1)))
    assert explored.ravel() == pytest.approx([3.0, -3.0])


def test_what_an_action_promises_counts_as_much_as_what_it_brings() -> None:
    gain, promised = np.random.default_rng(5).normal(size=(2, 4, 3, 2, 6))
    values, instead, centre = np.zeros((5, 3, 6)), np.zeros((4, 3, 1, 6)), jnp.zeros((3, 6))

    def found(gain: Any, promised: Any) -> Any:
        ticks, taken = ticks_of(gain, np.ones((4, 3, 2)), promised), np.zeros((4, 3, 6))
        config = Config(tried=2, explored=0)
        return np.asarray(compared(ticks, jnp.asarray(taken), values, instead, centre, config))

    assert found(gain, promised) == pytest.approx(found(gain + promised, 0 * promised), abs=1e-5)
    assert not np.allclose(found(gain, promised), found(gain, 0 * promised))


def test_what_is_the_same_for_all_tried_actions_cancels() -> None:
    random = np.random.default_rng(2)
    gain, weight = random.normal(size=(4, 3, 2, 6)), np.ones((4, 3, 2))
    values, instead = random.normal(size=(5, 3, 6)), random.normal(size=(4, 3, 1, 6))
    config = Config(tried=2, explored=0)

    def found(gain: Any, centre: Any) -> Any:
        taken = advantages(gain[:, :, 0], weight[:, :, 0], values, centre, discount=config.discount, trace=0)
        return np.asarray(compared(ticks_of(gain, weight), taken, values, instead, centre, config))

    luck = random.normal(size=(4, 3, 1, 6))
    assert found(gain + luck, jnp.ones((3, 6))) == pytest.approx(found(gain, jnp.zeros((3, 6))), abs=1e-4)


def test_with_one_action_it_is_the_advantage() -> None:
    advantage = jnp.arange(12.0).reshape(2, 3, 2)
    ticks = ticks_of(np.zeros((2, 3, 1, 2)), np.ones((2, 3, 1)))
    found = compared(
        ticks, advantage, jnp.zeros((3, 3, 2)), None, jnp.zeros((3, 2)), Config(tried=1, explored=0)
    )
    assert np.array_equal(found, advantage[:, :, None])


def test_rewards_are_weighed_and_costs_priced() -> None:
    advantage = jnp.array([1.0, 2.0, 3.0, 10.0, 20.0, 30.0])
    found = scalarised(advantage, jnp.array([0.5, 0.25, 0.25]), jnp.array([1.0, 0.0, 0.1]))
    assert float(found) == pytest.approx(0.5 + 0.5 + 0.75 - 10 - 3)


def test_each_group_has_mean_0_and_deviation_1() -> None:
    random = np.random.default_rng(3)
    scalar = random.normal(size=(50, 4, 2)) * np.array([1.0, 1.0, 30.0, 30.0])[:, None] + 7
    shares = np.repeat(np.eye(2), 2, 0)
    found = np.asarray(normalised(jnp.asarray(scalar), jnp.asarray(shares), jnp.asarray(shares / 2), 2))
    for group in (found[:, :2], found[:, 2:]):
        assert group.mean() == pytest.approx(0, abs=1e-4)
        assert np.abs(group).mean() == pytest.approx(np.sqrt(2 / np.pi), abs=1e-3)


def test_what_was_explored_pulls_up_only() -> None:
    scalar = jnp.array([[[1.0, -1.0, 9.0]], [[1.0, -1.0, -9.0]]])
    found = np.asarray(normalised(scalar, jnp.eye(1), jnp.eye(1), 2))
    small = 1 / GAUSSIAN
    assert found.ravel() == pytest.approx([small, -small, 1, small, -small, 0], abs=1e-4)

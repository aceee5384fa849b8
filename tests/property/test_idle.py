"""What has nothing to do: the physics, the shield and the environment agree, with NumPy and with JAX."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from circadia.energy.profile_file import shipped_profile, shipped_profiles
from circadia.idle import STOCK, idle
from circadia.observation import TABLE
from circadia.physics import dynamics
from circadia.physics.scenario import scenario_for
from circadia_lab.policy.env.chance import DRAWS
from circadia_lab.policy.env.environment import STARTS, Fleet
from circadia_lab.policy.env.fixed import CATALOGUE, FACTS, INDEX
from circadia_lab.policy.env.problem import Device, Problem

DEVICES = tuple(
    Device(profile=profile, scenario=scenario_for(profile))
    for profile in map(shipped_profile, shipped_profiles())
)
EVEN = np.full(3, 1 / 3)
counts = st.one_of(st.just(0.0), st.just(float("nan")), st.floats(2**-100, 100, width=32))


def looks(fleet: Fleet, state: Any) -> Any:
    return fleet.look(state, np.broadcast_to(EVEN, (*fleet.shape, 3))).astype(np.float32)


def nothing_came(result: Any, after: Any, action: str) -> Any:
    if action.startswith("serve"):
        return result.requests_served == 0
    if action.startswith("train"):
        return result.steps == 0
    return (after.spooled_updates + result.updates_pushed == 0) & (action == "sleep/sync-int8")


@pytest.mark.parametrize("new", [True, False])
def test_the_physics_do_nothing_for_it_and_only_for_it(new: bool) -> None:
    """Devices live at random, the mask off, from nothing stored or from the middle of their lives."""
    random = np.random.default_rng(5)
    fleet = Fleet(Problem(name="idle", devices=DEVICES), 60)
    state = fleet.start(random.random((*fleet.shape, STARTS)))
    if new:
        state = dynamics.initial_state(fleet.params, 0.5 + 0 * state.battery_j, 0 * state.time_s)
    found = np.zeros((2, len(CATALOGUE)), int)
    for _ in range(30):
        idles, u = idle(looks(fleet, state), FACTS), random.random((*fleet.shape, DRAWS))
        for i, name in enumerate(FACTS.names):
            after = fleet.advance(state, np.full(fleet.shape, i), u)
            np.testing.assert_array_equal(
                idles[..., i], nothing_came(after.result, after.state, name), err_msg=name
            )
            found[:, i] += idles[..., i].sum(), (~idles[..., i]).sum()
        state = fleet.advance(state, random.integers(0, len(CATALOGUE), fleet.shape), u).state
    masked = FACTS.serves | FACTS.trains | FACTS.only_pushes
    assert (found[0] > 0).tolist() == (masked if new else masked & ~FACTS.trains).tolist()
    assert (found[1] > 0).all()


def test_the_environment_s_mask_leaves_it_out_and_keeps_sleep() -> None:
    random = np.random.default_rng(6)
    fleet = Fleet(Problem(name="idle", devices=DEVICES), 200)
    values = looks(fleet, fleet.start(random.random((*fleet.shape, STARTS))))
    values[..., STOCK] *= random.random(values[..., STOCK].shape) < 0.5
    mask, idles = fleet.mask(values), idle(values, FACTS)
    assert not (mask & idles).any()
    assert mask[..., INDEX["sleep"]].all()
    plenty = values.copy()
    plenty[..., STOCK] = 1.0
    np.testing.assert_array_equal(mask, fleet.mask(plenty) & ~idles)
    assert (fleet.mask(plenty) & idles).any()


@given(st.lists(counts, min_size=len(STOCK), max_size=len(STOCK)))
def test_jax_agrees(stock: list[float]) -> None:
    import jax.numpy as jnp

    x = np.ones((2, len(TABLE)), np.float32)
    x[0, STOCK] = stock
    np.testing.assert_array_equal(np.asarray(idle(jnp.asarray(x), FACTS)), idle(x, FACTS))
    np.testing.assert_array_equal(idle(x[0], FACTS), idle(x, FACTS)[0])
    assert not idle(x, FACTS)[:, INDEX["sleep"]].any()

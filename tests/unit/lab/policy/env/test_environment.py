"""Fleets and the trainer's view: how devices begin, are dealt and are limited; the same days in NumPy and JAX."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from circadia.energy.battery import soc_of
from circadia.energy.profile_file import shipped_profile
from circadia.errors import ConfigError
from circadia.observation import COLUMN, DAY_S, WIDTH
from circadia.physics.scenario import BOARD, PHONE
from circadia.types import ClockLevel
from circadia_lab.data.traces.day_trace import DayTrace
from circadia_lab.policy.env.chance import DRAWS
from circadia_lab.policy.env.environment import STARTS, Fleet, TrainingEnvironment
from circadia_lab.policy.env.fixed import CATALOGUE
from circadia_lab.policy.env.problem import Device, Problem, find_problem

if TYPE_CHECKING:
    from circadia.physics.state import State

DEFAULT = find_problem("default")
EVEN = np.full(3, 1 / 3)


def looks(fleet: Fleet, state: State) -> Any:
    return fleet.look(state, np.broadcast_to(EVEN, (*fleet.shape, 3)))


def test_devices_begin_in_all_sorts_of_states() -> None:
    fleet = Fleet(DEFAULT, 2000)
    state = fleet.start(np.random.default_rng(0).random((*fleet.shape, STARTS)))
    assert all(x.shape == fleet.shape for x in state)
    soc = soc_of(state.battery_j, fleet.params.battery)
    assert soc.min() >= 0.3
    assert (soc.mean(), soc.max()) == (pytest.approx(0.65, abs=0.02), pytest.approx(1, abs=0.01))
    assert 0 <= state.time_s.min() < 600
    assert DAY_S - 600 < state.time_s.max() <= DAY_S
    assert (state.newest_age_s <= state.model_age_s).all()
    assert ((state.newest_age_s == state.model_age_s) | (state.versions_behind == 1)).all()
    assert state.versions_behind.mean() == pytest.approx(0.7, abs=0.03)
    assert (state.fresh_examples <= state.stored_examples).all()
    assert ((state.fresh_age_s > 0) <= (state.fresh_examples > 0)).all()


def test_a_replayed_day_begins_anywhere_in_it_under_its_sky() -> None:
    days = DayTrace(
        bin_s=43200.0, requests=np.array([0.0, 6, 0, 0]), clearness=np.array([0.1, 0.2, 0.3, 0.4])
    )
    fleet = Fleet(replace(DEFAULT, trace=days), 500)
    random = np.random.default_rng(0)
    state = fleet.start(random.random((*fleet.shape, STARTS)))
    assert state.time_s.max() > 1.9 * DAY_S
    after = fleet.advance(state, np.zeros(fleet.shape, int), random.random((*fleet.shape, DRAWS))).state
    for now in (state, after):
        half_days = np.minimum(now.time_s % (2 * DAY_S) // 43200, 3)
        assert now.clearness == pytest.approx(0.1 + 0.1 * half_days)
    # what is expected is what was recorded
    assert fleet.params.requests_per_hour == pytest.approx(np.full((2, 1, 24), 6 / 48))
    np.testing.assert_allclose(fleet.wrapped(after).time_s, after.time_s % (2 * DAY_S))


def test_each_device_has_its_own_limits_and_abilities() -> None:
    slow = replace(shipped_profile("pixel-3"), name="slow", clocks=(ClockLevel.LOW,))
    quick = replace(shipped_profile("pixel-3"), name="quick", clocks=(ClockLevel.HIGH,))
    whole = shipped_profile("pi-solar")
    devices = [Device(profile=p, scenario=s) for p, s in ((slow, PHONE), (whole, BOARD), (quick, PHONE))]
    together = Fleet(Problem(name="mixed", devices=tuple(devices)), 300)
    random = np.random.default_rng(0)
    state = together.start(random.random((*together.shape, STARTS)))
    state = state._replace(battery_j=state.battery_j * random.random(together.shape))
    values = looks(together, state)
    masks = together.mask(values)
    for i, device in enumerate(devices):
        alone = Fleet(Problem(name="one", devices=(device,)), 300)
        np.testing.assert_array_equal(masks[i], alone.mask(values[i][None])[0])
    high = np.array([a.clock is ClockLevel.HIGH for a in CATALOGUE])
    assert not masks[0][:, high].any()
    assert masks[1][:, high].any()
    assert masks[2][:, high].any()
    assert 0.05 < masks.mean() < 0.95


def test_wrong_sizes_are_told() -> None:
    with pytest.raises(ConfigError, match="problem default: 0 copies of a device"):
        Fleet(DEFAULT, 0)
    for batch in (0, 1, 3):
        with pytest.raises(ConfigError, match=f"a batch of {batch} cannot be dealt to 2 devices"):
            TrainingEnvironment(DEFAULT, batch)


@pytest.mark.slow
def test_the_trainers_view() -> None:
    environment = TrainingEnvironment(DEFAULT, 64)
    assert (environment.name, environment.batch, environment.limits.tolist()) == (
        "default",
        64,
        [0.02, 0.2, 0.2],
    )
    see, step = jax.jit(environment.see), jax.jit(environment.step)
    state = jax.jit(environment.initial)(jax.random.key(0))
    preference = jnp.broadcast_to(jnp.asarray(EVEN, jnp.float32), (64, 3))
    seen = see(state, preference)
    assert (seen.encoded.shape, seen.encoded.dtype) == ((64, WIDTH), jnp.int8)
    assert (seen.mask.shape, seen.mask.dtype) == ((64, len(CATALOGUE)), jnp.bool_)
    assert seen.mask[:, 0].all()
    action = jnp.zeros(64, jnp.int32)
    after, outcome = step(state, action, jax.random.key(1))
    again, _ = step(state, action, jax.random.key(1))
    other, _ = step(state, action, jax.random.key(2))
    assert [x.shape for x in outcome] == [(64, 3), (64, 3), (64,)]
    assert {x.dtype for x in (*after, *outcome)} == {jnp.dtype(jnp.float32)}
    assert (after.time_s == again.time_s).all()
    assert (after.time_s != other.time_s).any()
    changed = see(state, jnp.broadcast_to(jnp.array([1.0, 0, 0]), (64, 3)))
    moved = (changed.encoded != seen.encoded).any(0)
    first = COLUMN["preference_accuracy"]
    assert moved[first : first + 3].all()
    assert moved.sum() == 3

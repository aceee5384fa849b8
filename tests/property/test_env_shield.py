"""The shield in the loop: whatever a policy wants, no action leads over a hard limit."""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from circadia.energy.battery import energy_j, soc_of
from circadia.energy.profile_file import shipped_profile, shipped_profiles
from circadia.physics.scenario import PHONE, scenario_for
from circadia.shield import Limits
from circadia_lab.policy.env.chance import DRAWS
from circadia_lab.policy.env.crossings import after_phases, avoidable_crossings, overheatings
from circadia_lab.policy.env.environment import STARTS, Advanced, Fleet
from circadia_lab.policy.env.fixed import CATALOGUE, INDEX
from circadia_lab.policy.env.problem import Device, Problem

if TYPE_CHECKING:
    from circadia.physics.state import State

DEVICES = tuple(
    Device(profile=profile, scenario=scenario_for(profile))
    for profile in map(shipped_profile, shipped_profiles())
)
TROPICS = replace(PHONE, name="tropics", ambient_c=41.0, user_share=(0.6,) * 24)
HOT = tuple(Device(profile=shipped_profile(name), scenario=TROPICS) for name in ("pixel-3", "fairphone-4"))
EVEN = np.full(3, 1 / 3)


def admitted(fleet: Fleet, state: State, wish: Any) -> Any:
    """The admissible action with the highest wish."""
    mask = fleet.mask(fleet.look(state, np.broadcast_to(EVEN, (*fleet.shape, 3))))
    assert mask[..., INDEX["sleep"]].all()
    return np.where(mask, wish, -1).argmax(-1)


def limits(fleet: Fleet) -> Limits:
    assert isinstance(fleet.problem, Problem)
    return fleet.problem.limits


def limit_c(fleet: Fleet) -> Any:
    return np.minimum(fleet.params.limit_c, limits(fleet).temperature_c)


def crossed(fleet: Fleet, before: State, action: Any, after: Advanced) -> tuple[int, int]:
    floor = limits(fleet).battery_floor
    cold = avoidable_crossings(before, action, after.result, fleet.params, floor)
    hot = overheatings(before, action, after.result, fleet.params, limit_c(fleet))
    return int(cold.sum()), int(hot.sum())


def laden(fleet: Fleet, state: State, random: np.random.Generator) -> State:
    """Much to do for each action, little room below the limits."""
    shape, floor = fleet.shape, limits(fleet).battery_floor
    much = {"queue_length": 40, "queue_age_s": 10, "queue_slack_s": 50, "stored_examples": 300}
    much |= {"unsent_examples": 9, "spooled_updates": 16, "versions_behind": 2}
    state = state._replace(**{name: np.full(shape, float(value)) for name, value in much.items()})
    return state._replace(
        battery_j=energy_j(floor + 0.04 * random.random(shape), fleet.params.battery),
        temperature_c=limit_c(fleet) - 6 * random.random(shape),
        user_active=random.integers(0, 2, shape) * 1.0,
        link=random.integers(0, 3, shape) * 1.0,
    )


@settings(max_examples=20)
@given(
    floor=st.floats(0, 0.6),
    degrees=st.floats(41, 70),
    hot=st.booleans(),
    power_save=st.booleans(),
    seed=st.integers(0, 2**32 - 1),
)
def test_no_action_leads_over_a_limit(
    floor: float, degrees: float, hot: bool, power_save: bool, seed: int
) -> None:
    random = np.random.default_rng(seed)
    limits = Limits(battery_floor=floor, temperature_c=degrees, respect_power_save=power_save)
    fleet = Fleet(Problem(name="edge", devices=HOT if hot else DEVICES, limits=limits), 64)
    state = laden(fleet, fleet.start(random.random((*fleet.shape, STARTS))), random)
    if hot:  # a body colder than its surroundings warms by itself
        state = state._replace(temperature_c=np.maximum(state.temperature_c, TROPICS.ambient_c))
    action = admitted(fleet, state, random.random((*fleet.shape, len(CATALOGUE))))
    after = fleet.advance(state, action, random.random((*fleet.shape, DRAWS)))
    assert crossed(fleet, state, action, after) == (0, 0)


@pytest.mark.slow
@pytest.mark.parametrize("devices", [DEVICES, HOT])
def test_random_policies_live_for_days_without_a_crossing(devices: tuple[Device, ...]) -> None:
    """Each device has wishes of its own, most of them for the costliest work."""
    random = np.random.default_rng(7)
    fleet = Fleet(Problem(name="days", devices=devices), 200)
    state = fleet.start(random.random((*fleet.shape, STARTS)))
    eager = random.random((*fleet.shape, len(CATALOGUE))) + np.linspace(0, 0.5, len(CATALOGUE))
    bound, worked = 0, 0
    for _ in range(300):
        wish = eager * random.random(eager.shape)
        action = admitted(fleet, state, wish)
        after = fleet.advance(state, action, random.random((*fleet.shape, DRAWS)))
        assert crossed(fleet, state, action, after) == (0, 0)
        bound += int((wish.argmax(-1) != action).sum())
        worked += int((action > 0).sum())
        state = after.state
    assert bound > 100
    assert worked > 100


def test_a_crossing_is_seen() -> None:
    """The test's own eyes: without the mask such devices cross both limits."""
    random = np.random.default_rng(3)
    fleet = Fleet(Problem(name="bare", devices=HOT), 400)
    state = laden(fleet, fleet.start(random.random((*fleet.shape, STARTS))), random)
    action = np.full(fleet.shape, INDEX["train/high/large/sync-int8"])
    after = fleet.advance(state, action, random.random((*fleet.shape, DRAWS)))
    cold, hot = crossed(fleet, state, action, after)
    assert cold > 20
    assert hot > 20
    asleep = np.zeros_like(action)
    after = fleet.advance(state, asleep, random.random((*fleet.shape, DRAWS)))
    assert crossed(fleet, state, asleep, after) == (0, 0)


def test_the_end_of_the_phases_lies_between_start_and_end_of_the_tick() -> None:
    random = np.random.default_rng(1)
    fleet = Fleet(Problem(name="between", devices=DEVICES), 50)
    state = fleet.start(random.random((*fleet.shape, STARTS)))
    state = state._replace(user_active=np.zeros(fleet.shape), time_s=np.full(fleet.shape, 20 * 3600.0))
    action = admitted(fleet, state, random.random((*fleet.shape, len(CATALOGUE))))
    after = fleet.advance(state, action, random.random((*fleet.shape, DRAWS)))
    ends = after_phases(state, after.result, fleet.params)
    assert (ends.battery_j <= state.battery_j).all()
    assert (after.state.battery_j <= ends.battery_j).all()
    assert ends.durations_s.sum(-1) == pytest.approx(after.result.busy_s)
    # what is taken in the phases is what the loads and the rest did not take afterwards
    rest_j = after.result.energy_j.sum(-1) - ends.energy_j.sum(-1)
    assert ends.battery_j - rest_j == pytest.approx(after.state.battery_j)
    socs = [soc_of(j, fleet.params.battery) for j in (state.battery_j, ends.battery_j)]
    assert (socs[1] <= socs[0]).all()


def test_a_catalogue_of_130_loses_no_limit() -> None:
    """More actions than 64 bits have room for: each fares as the one of today that it resembles, in mask and physics."""
    codecs = (f"codec{i}" for i in itertools.count())
    pushing = [i for i, action in enumerate(CATALOGUE) if action.push]
    like = np.array(
        [*range(len(CATALOGUE)), *itertools.islice(itertools.cycle(pushing), 130 - len(CATALOGUE))]
    )
    more = (replace(CATALOGUE[i], push=next(codecs)) for i in like[len(CATALOGUE) :])
    random, problem = np.random.default_rng(9), Problem(name="long", devices=DEVICES)
    short, long = Fleet(problem, 100), Fleet(problem, 100, np, (*CATALOGUE, *more))
    state = laden(short, short.start(random.random((*short.shape, STARTS))), random)
    seen = short.look(state, np.broadcast_to(EVEN, (*short.shape, 3)))
    mask = short.mask(seen)
    assert not mask[..., -1].all()
    np.testing.assert_array_equal(long.mask(seen), mask[..., like])
    wish = random.integers(0, 130, short.shape)
    u = random.random((*short.shape, DRAWS))
    ours, theirs = short.advance(state, like[wish], u), long.advance(state, wish, u)
    for one, other in zip(ours.state, theirs.state, strict=True):
        np.testing.assert_array_equal(one, other)

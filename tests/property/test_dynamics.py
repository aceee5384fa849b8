"""The physics: energy closes, ends hold, time may be cut, and every array module gets the same answer."""

from __future__ import annotations

import importlib
import importlib.util
import operator
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from circadia.actions import CATALOGUE, FACTS
from circadia.energy.profile_file import shipped_profile, shipped_profiles
from circadia.observation import DAY_S, TABLE
from circadia.physics import dynamics
from circadia.physics.params import LOADS, Params, make_params, stack_params
from circadia.physics.scenario import scenario_for
from circadia.physics.state import Noise, State
from circadia.physics.surroundings import charger_j, income_j, plugged_in, sun_j, surroundings_after
from circadia.practice import Practice
from circadia.types import Link, Load

PROFILES = {name: shipped_profile(name) for name in shipped_profiles()}
PARAMS = {name: make_params(profile, scenario_for(profile)) for name, profile in PROFILES.items()}
names = st.sampled_from(sorted(PARAMS))
unit = st.floats(0, 1)
counts = st.integers(0, 40).map(float)
OF_WAKES = ("lapsed", "together", "example_delay_s", "moved", "told", "label_u")
"""What chance decides over a sleep that was chosen only."""


def arrays(**fields: Any) -> dict[str, np.float64]:
    return {key: np.float64(value) for key, value in fields.items()}


@st.composite
def states(draw: st.DrawFn, params: Params) -> State:
    queue, fresh = draw(counts), draw(counts)
    return dynamics.initial_state(params, np.float64(0), draw(st.floats(0, 3 * DAY_S)))._replace(
        **arrays(
            battery_j=draw(unit) * params.capacity_j,
            temperature_c=draw(st.floats(-20, 60)),
            user_active=draw(st.sampled_from([0.0, 1.0])),
            link=float(draw(st.sampled_from(Link))),
            clearness=draw(st.floats(0.05, 1.05)),
            queue_length=queue,
            queue_age_s=draw(st.floats(0, 50)) * (queue > 0),
            queue_slack_s=draw(st.floats(0, 60)) if queue else 3600.0,
            stored_examples=fresh + draw(counts),
            fresh_examples=fresh,
            fresh_age_s=draw(st.floats(0, 5000)) * (fresh > 0),
            unsent_examples=draw(counts),
            practice=draw(counts),
            spooled_updates=draw(st.integers(0, 3)),
            versions_behind=draw(st.integers(0, 3)),
            model_age_s=draw(st.floats(0, 5000)),
            newest_age_s=draw(st.floats(0, 500)),
        )
    )


noises = st.builds(
    Noise,
    dt_s=st.floats(0, 6 * 3600).map(np.float64),
    arrivals=counts.map(np.float64),
    arrival_age_s=st.floats(0, 600).map(np.float64),
    deadline_s=st.floats(1, 600).map(np.float64),
    examples=counts.map(np.float64),
    feedback_u=st.floats(0, 0.999).map(np.float64),
    user_u=st.floats(0, 0.999).map(np.float64),
    link_u=st.floats(0, 0.999).map(np.float64),
    cloud_z=st.floats(-3, 3).map(np.float64),
    published=st.integers(0, 2).map(np.float64),
    published_age_s=st.just(np.float64(0)),
    **{name: st.just(np.float64(0)) for name in OF_WAKES},
)


@st.composite
def ticks(draw: st.DrawFn) -> tuple[Params, State, int, Noise]:
    params = PARAMS[draw(names)]
    return params, draw(states(params)), draw(st.integers(0, len(CATALOGUE) - 1)), draw(noises)


@given(tick=ticks())
def test_energy_closes_and_the_battery_keeps_its_ends(tick: tuple[Params, State, int, Noise]) -> None:
    params, state, action, noise = tick
    after, result = dynamics.step(state, action, noise, params, np)
    change = params.charge_efficiency * result.charged_j - result.energy_j.sum() - result.background_j
    assert after.battery_j - state.battery_j == pytest.approx(change, abs=1e-9)
    assert 0 <= after.battery_j <= params.capacity_j
    assert (result.energy_j >= 0).all()
    assert min(result.spilled_j, result.unmet_j, result.background_j) >= 0
    offered = income_j(state, result.dt_s, params, np)
    assert result.charged_j + result.spilled_j == pytest.approx(offered, rel=1e-12, abs=1e-9)
    assert result.durations_s.sum() == pytest.approx(result.dt_s, rel=1e-12)
    assert result.dt_s >= noise.dt_s


@given(tick=ticks())
def test_counts_stay_whole_and_are_conserved(tick: tuple[Params, State, int, Noise]) -> None:
    params, state, action, noise = tick
    after, result = dynamics.step(state, action, noise, params, np)
    assert state.queue_length + noise.arrivals == (
        after.queue_length + result.requests_served + result.requests_expired
    )
    labels = noise.examples + np.floor(result.requests_served * params.feedback_share + noise.feedback_u)
    assert after.fresh_examples == min(
        state.fresh_examples - result.fresh_trained + labels, params.example_limit
    )
    assert state.spooled_updates + result.updates_made == after.spooled_updates + result.updates_pushed
    for name in (
        "queue_length",
        "queue_age_s",
        "queue_slack_s",
        "fresh_age_s",
        "model_age_s",
        "newest_age_s",
    ):
        assert getattr(after, name) >= -1e-9, name
    most_s = state.queue_age_s + result.busy_s
    assert 0 <= result.latency_s <= result.requests_served * most_s + 1e-9
    if FACTS.serves[action] and not (FACTS.trains | FACTS.pushes)[action]:
        assert result.latency_s >= result.requests_served * result.busy_s - 1e-9
    known = np.isfinite(dynamics.observe(after, params, (0.2, 0.3, 0.5), np))
    assert {feature.name for feature, one in zip(TABLE, known, strict=True) if not one} == REMEMBERED


@given(tick=ticks())
def test_practice_is_what_was_trained_and_fades(tick: tuple[Params, State, int, Noise]) -> None:
    params, state, action, noise = tick
    after, result = dynamics.step(state, action, noise, params, np)
    before = Practice(float(state.practice))
    assert after.practice == pytest.approx(before.plus(result.examples_trained, 0).at(float(result.dt_s)))


@given(tick=ticks(), more=st.floats(0, 100))
def test_more_work_never_leaves_more_charge(tick: tuple[Params, State, int, Noise], more: float) -> None:
    params, state, _, noise = tick
    dt_s = noise.dt_s + 200
    little, much = np.zeros(LOADS), np.zeros(LOADS)
    much[Load.TRAIN_LOW] = more
    income = income_j(state, dt_s, params, np)
    a, b = (dynamics.drain(state, durations, dt_s, income, params, np) for durations in (little, much))
    assert b.battery_j <= a.battery_j
    assert b.unmet_j > 0 or b.peak_c >= a.peak_c - 1e-9


@given(tick=ticks(), cut=unit)
def test_a_stretch_may_be_cut_in_two(tick: tuple[Params, State, int, Noise], cut: float) -> None:
    params, state, _, noise = tick
    state = state._replace(battery_j=params.capacity_j / 2, user_active=np.float64(0))
    params = params._replace(ambient_swing_c=np.float64(0), charge_w=np.float64(0))
    idle, dt_s = np.zeros(LOADS), noise.dt_s / 4

    def rested(start: State, seconds: float, income: float) -> State:
        body = dynamics.drain(start, idle, seconds, income, params, np)
        return start._replace(battery_j=body.battery_j, temperature_c=body.temperature_c)

    whole = rested(state, dt_s, 0.0)
    parts = rested(rested(state, cut * dt_s, 0.0), dt_s - cut * dt_s, 0.0)
    assert parts.battery_j == pytest.approx(whole.battery_j, rel=1e-12)
    assert parts.temperature_c == pytest.approx(whole.temperature_c, abs=1e-9)


@given(name=names, start=st.floats(0, DAY_S), dt=st.floats(0, 3 * DAY_S), cut=unit)
def test_income_adds_up_over_any_cut(name: str, start: float, dt: float, cut: float) -> None:
    params = PARAMS[name]
    state = dynamics.initial_state(params, np.float64(0.5), start)
    later = state._replace(time_s=np.float64(start + cut * dt))
    parts = income_j(state, cut * dt, params, np) + income_j(later, dt - cut * dt, params, np)
    assert parts == pytest.approx(income_j(state, dt, params, np), rel=1e-9, abs=1e-3)


def test_income_equals_the_sum_over_seconds() -> None:
    params = PARAMS["pi-solar"]
    start_s, dt_s = 5.5 * 3600, 3 * 3600
    seconds = start_s + np.arange(dt_s) + 0.5
    sun = np.clip(
        np.sin(np.pi * (seconds - params.sunrise_s) / (params.sunset_s - params.sunrise_s)), 0, None
    )
    sun[seconds < params.sunrise_s] = 0
    assert sun_j(start_s, dt_s, 0.5, params, np) == pytest.approx(0.5 * params.panel_w * sun.sum(), rel=1e-6)


def test_a_phone_charges_while_it_is_on_its_charger() -> None:
    params = PARAMS["pixel-3"]
    for hour, on in ((22.9, 0), (23.1, 1), (3, 1), (7.2, 1), (7.3, 0), (12, 0)):
        assert plugged_in(hour * 3600.0, params, np) == on
    assert charger_j(22 * 3600.0, 2 * 3600.0, params, np) == pytest.approx(3600 * params.charge_w)
    assert charger_j(0.0, 10 * DAY_S, params, np) == pytest.approx(82.5 * 3600 * params.charge_w)


def test_heat_follows_the_differential_equation() -> None:
    params = PARAMS["pixel-3"]
    state = dynamics.initial_state(params, np.float64(0.5), 12 * 3600)
    durations = np.zeros(LOADS)
    durations[[Load.WAKE_UP, Load.TRAIN_HIGH, Load.RADIO]] = 1, 400, 20
    body = dynamics.drain(state, durations, 900.0, 0.0, params, np)
    warmth, peak, step_s = float(state.temperature_c), -np.inf, 0.01
    for load, seconds in (
        (Load.WAKE_UP, 1),
        (Load.TRAIN_HIGH, 400),
        (Load.RADIO, 20),
        (Load.DEEP_SLEEP, 479),
    ):
        for _ in range(round(seconds / step_s)):
            leak_w = (warmth - params.ambient_c) / params.resistance_k_per_w
            warmth += step_s * (params.power_w[load] - leak_w) / params.heat_capacity_j_per_k
        peak = max(peak, warmth)
    assert body.temperature_c == pytest.approx(warmth, abs=1e-3)
    assert body.peak_c == pytest.approx(peak, abs=1e-3)


def test_training_beside_the_user_is_cheaper_and_only_training() -> None:
    params = PARAMS["pixel-3"]
    alone, beside = (dynamics.load_power_w(np.float64(active), params, np) for active in (0, 1))
    saving = 1 - beside / alone
    assert saving[[Load.TRAIN_LOW, Load.TRAIN_HIGH]] == pytest.approx(float(params.co_running_saving))
    assert (np.delete(saving, [Load.TRAIN_LOW, Load.TRAIN_HIGH]) == 0).all()


def test_a_device_that_cannot_sleep_idles_awake_and_never_wakes() -> None:
    sleepless = PARAMS["pi-solar"]._replace(can_deep_sleep=np.float64(0), wake_up_s=np.float64(0))
    state = dynamics.initial_state(sleepless, np.float64(0.5), 0)
    body = dynamics.drain(state, np.zeros(LOADS), 100.0, 0.0, sleepless, np)
    assert body.durations_s[Load.AWAKE] == 100
    assert body.durations_s[Load.DEEP_SLEEP] == 0
    assert dynamics.phase_durations(FACTS.work_load[0], (0, 0), 0, 2, sleepless, np).sum() == 0


def test_an_empty_battery_delivers_nothing_more() -> None:
    params = PARAMS["pi-solar"]
    state = dynamics.initial_state(params, np.float64(0), 0)
    durations = np.zeros(LOADS)
    durations[Load.TRAIN_HIGH] = 50
    body = dynamics.drain(state, durations, 100.0, 0.0, params, np)
    assert body.battery_j == 0
    assert body.energy_j.sum() == 0
    assert body.unmet_j == pytest.approx(
        50 * params.power_w[Load.TRAIN_HIGH] + 50 * params.power_w[Load.DEEP_SLEEP]
    )


def batch_of_ticks(size: int, seed: int) -> tuple[Params, State, Any, Noise]:
    """A batch over different devices, states, actions and noises."""
    random = np.random.default_rng(seed)
    which = random.integers(0, len(PARAMS), size)
    params = stack_params([list(PARAMS.values())[i] for i in which])
    state = dynamics.initial_state(params, random.random(size), random.random(size) * DAY_S)
    queue, fresh = random.integers(0, 9, size) * 1.0, random.integers(0, 9, size) * 1.0
    state = state._replace(
        user_active=random.integers(0, 2, size) * 1.0,
        link=random.integers(0, 3, size) * 1.0,
        queue_length=queue,
        queue_age_s=random.random(size) * 50 * (queue > 0),
        queue_slack_s=np.where(queue > 0, random.random(size) * 60, 3600.0),
        stored_examples=fresh + 3,
        fresh_examples=fresh,
        fresh_age_s=random.random(size) * 500 * (fresh > 0),
        versions_behind=random.integers(0, 2, size) * 1.0,
    )
    u = random.random((5, size))
    noise = Noise(
        dt_s=u[0] * 900,
        arrivals=random.integers(0, 9, size) * 1.0,
        arrival_age_s=u[0] * 450,
        deadline_s=20 + 100 * u[1],
        examples=random.integers(0, 9, size) * 1.0,
        feedback_u=u[2],
        user_u=u[3],
        link_u=u[4],
        cloud_z=random.standard_normal(size),
        published=random.integers(0, 2, size) * 1.0,
        published_age_s=u[1] * 10,
        **dict.fromkeys(OF_WAKES, np.zeros(size)),
    )
    return params, state, random.integers(0, len(CATALOGUE), size), noise


def at(values: Any, i: int) -> Any:
    """Row `i` of a tree of arrays."""
    return type(values)(*(at(v, i) if isinstance(v, tuple) else v[i] for v in values))


def test_a_batch_equals_its_scalars() -> None:
    params, state, action, noise = batch_of_ticks(64, seed=1)
    after, result = dynamics.step(state, action, noise, params, np)
    seen = dynamics.observe(after, params, np.tile([0.2, 0.3, 0.5], (64, 1)), np)
    assert seen.shape == (64, len(TABLE))
    for i in range(64):
        one, outcome = dynamics.step(at(state, i), int(action[i]), at(noise, i), at(params, i), np)
        for name in State._fields:
            assert getattr(one, name) == pytest.approx(
                getattr(after, name)[i], rel=1e-12, abs=1e-9, nan_ok=True
            ), name
        for name in result._fields:
            assert getattr(outcome, name) == pytest.approx(getattr(result, name)[i], rel=1e-12, abs=1e-9), (
                name
            )
        alone = dynamics.observe(one, at(params, i), (0.2, 0.3, 0.5), np)
        assert alone == pytest.approx(seen[i], rel=1e-12, abs=1e-9, nan_ok=True)


def test_one_device_steps_a_batch_of_states() -> None:
    params = PARAMS["pixel-3"]
    state = dynamics.initial_state(params, np.linspace(0, 1, 6).reshape(2, 3), 0)
    zero = np.zeros((2, 3))
    noise = Noise(*(zero for _ in Noise._fields))._replace(dt_s=zero + 60, deadline_s=zero + 60)
    after, result = dynamics.step(state, np.full((2, 3), 18), noise, params, np)
    assert all(np.shape(value) == (2, 3) for value in after)
    assert result.energy_j.shape == (2, 3, LOADS)
    assert dynamics.observe(after, params, (0.2, 0.3, 0.5), np).shape == (2, 3, len(TABLE))


REMEMBERED = {
    "trained_age_s", "contact_age_s", "recent_error", "error_age_s", "requests_per_hour", "training_gain",
}  # fmt: skip
"""Fields of an observation that no state knows."""


class Traced:
    """An array that refuses what a tracer refuses: being asked for its value, and being written to."""

    __array_ufunc__ = None
    __slots__ = ("value",)

    def __init__(self, value: Any) -> None:
        self.value = value

    def __getitem__(self, key: Any) -> Traced:
        return Traced(self.value[bare(key)])

    def _refuse(self, *_: Any) -> Any:
        raise AssertionError("the physics looked at a value")

    __bool__ = __float__ = __int__ = __index__ = __iter__ = __len__ = __array__ = _refuse


def bare(tree: Any) -> Any:
    if isinstance(tree, Traced):
        return tree.value
    return type(tree)(bare(x) for x in tree) if type(tree) in (list, tuple) else tree


def _binary(name: str) -> None:
    function = getattr(operator, f"__{name}__")
    setattr(Traced, f"__{name}__", lambda a, b: Traced(function(a.value, bare(b))))
    setattr(Traced, f"__r{name}__", lambda a, b: Traced(function(bare(b), a.value)))


for _name in ("add", "sub", "mul", "truediv", "pow", "mod", "lt", "le", "gt", "ge", "eq", "ne", "and", "or"):
    _binary(_name)
setattr(Traced, "__neg__", lambda a: Traced(-a.value))  # noqa: B010  mypy knows no operator added later


class TracedModule:
    """NumPy's functions over `Traced` arrays."""

    def __getattr__(self, name: str) -> Any:
        function = getattr(np, name)

        def call(*args: Any, **kwargs: Any) -> Any:
            answer = function(*(bare(a) for a in args), **kwargs)
            return [Traced(a) for a in answer] if isinstance(answer, list | tuple) else Traced(answer)

        return call


def traced(values: Any) -> Any:
    return type(values)(*(traced(v) if isinstance(v, tuple) else Traced(v) for v in values))


def test_nothing_branches_on_a_value() -> None:
    params, state, action, noise = batch_of_ticks(32, seed=2)
    after, result = dynamics.step(state, action, noise, params, np)
    module = TracedModule()
    blind, outcome = dynamics.step(traced(state), Traced(action), traced(noise), traced(params), module)
    for ours, theirs in zip((*after, *result), (*blind, *outcome), strict=True):
        assert bare(theirs) == pytest.approx(ours, rel=1e-12, nan_ok=True)
    seen = dynamics.observe(blind, traced(params), (0.2, 0.3, 0.5), module)
    ours = dynamics.observe(after, params, (0.2, 0.3, 0.5), np)
    assert bare(seen) == pytest.approx(ours, rel=1e-12, nan_ok=True)


@pytest.mark.slow
@pytest.mark.skipif(importlib.util.find_spec("jax") is None, reason="jax is not installed here")
def test_jax_gives_the_same_answer_in_float32() -> None:
    jax, jnp = (importlib.import_module(name) for name in ("jax", "jax.numpy"))

    params, state, action, noise = batch_of_ticks(64, seed=3)
    after, result = dynamics.step(state, action, noise, params, np)
    seen = dynamics.observe(after, params, (0.2, 0.3, 0.5), np)

    def tick(state: Any, action: Any, noise: Any, params: Any) -> Any:
        later, done = dynamics.step(state, action, noise, params, jnp)
        return later, done, dynamics.observe(later, params, (0.2, 0.3, 0.5), jnp)

    small = jax.tree.map(lambda x: jnp.asarray(x, jnp.float32), (state, noise, params))
    later, done, row = jax.jit(tick)(small[0], jnp.asarray(action), *small[1:])
    whole = {"queue_length", "fresh_examples", "requests_expired", "requests_served"}
    for name, ours, theirs in zip(
        (*after._fields, *result._fields), (*after, *result), (*later, *done), strict=True
    ):
        tolerance = {"abs": 0} if name in whole else {"rel": 2e-4, "abs": 0.05}
        assert np.asarray(theirs) == pytest.approx(np.asarray(ours), nan_ok=True, **tolerance), name
    assert np.asarray(row) == pytest.approx(seen, rel=2e-4, abs=0.05, nan_ok=True)


@settings(max_examples=30)
@given(name=names, hour=st.integers(0, 23), seed=st.integers(0, 99))
def test_people_and_links_reach_the_hours_shares(name: str, hour: int, seed: int) -> None:
    params, size = PARAMS[name], 4000
    random = np.random.default_rng([seed, hour])
    state = dynamics.initial_state(params, np.zeros(size), hour * 3600.0)
    u = random.random((2, size))
    long_after = Noise(*(np.zeros(size) for _ in Noise._fields))._replace(
        dt_s=np.full(size, 3599.0), user_u=u[0], link_u=u[1], cloud_z=random.standard_normal(size)
    )
    params = params._replace(
        user_hold_s=np.float64(10), link_hold_s=np.float64(10), clearness_hold_s=np.float64(10)
    )
    after = surroundings_after(state, long_after, params, np)
    assert after.user_active.mean() == pytest.approx(params.user_share[hour], abs=0.05)
    assert (after.link == Link.FREE).mean() == pytest.approx(params.link_free[hour], abs=0.05)
    assert (after.link == Link.METERED).mean() == pytest.approx(params.link_metered[hour], abs=0.05)
    assert after.clearness.mean() == pytest.approx(params.clearness_mean, abs=0.05)

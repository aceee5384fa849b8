"""Worlds with a day in them: the exact play against scalar simulations, and the optimum against it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from circadia.errors import ConfigError
from circadia.observation import COLUMN, TABLE
from circadia.types import WakeOn
from circadia_lab.policy.regimes.worlds.best import best
from circadia_lab.policy.regimes.worlds.daynight import SLOTS, DayNight, day_night_world
from circadia_lab.policy.regimes.worlds.due import (
    DAY_NIGHT_CHOICES,
    DayNightDue,
    HarvestDue,
    _builder,
    day_night_grid,
    search,
)
from circadia_lab.policy.regimes.worlds.harvest import CLEARNESS, WEATHER, Harvest, harvest_world, sun_j
from circadia_lab.policy.regimes.worlds.play import Decided, Stage, play, play_tables
from circadia_lab.policy.regimes.worlds.world import WORKS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from circadia_lab.policy.regimes.worlds.world import World

COARSE = Harvest(levels=5)
NIGHTS = DayNight(by_day=60.0, by_night=6.0)


@pytest.fixture(scope="module")
def office() -> World:
    return day_night_world(NIGHTS)


@pytest.fixture(scope="module")
def sunny() -> World:
    return harvest_world(COARSE)


@pytest.mark.slow
def test_day_and_night_is_what_a_simulation_of_single_requests_says(office: World) -> None:
    rule = DayNightDue(learn_after=14, window=4, look=(6, True))
    night = DayNightDue(learn_after=16, window=8, look=(9, False))
    rules = [rule if slot < 32 else night for slot in range(SLOTS)]
    exact = play_tables(office, _builder(rule)(office, rules))
    cost = simulated_office(rules, days=1200, seed=1)
    assert exact.cost == pytest.approx(cost.mean(), abs=4 * cost.std() / len(cost) ** 0.5)
    assert cost.std() / len(cost) ** 0.5 < 0.03 * exact.cost


def simulated_office(rules: list[DayNightDue], days: int, seed: int) -> NDArray[np.float64]:
    """(days,) costs: requests with times of their own, one device."""
    random, rates = np.random.default_rng(seed), NIGHTS.rates
    costs = np.zeros(days)
    waiting: list[int] = []
    learnt, wakes_at, woken = 0, 0, False
    for now in range(days * SLOTS):
        slot, day = now % SLOTS, now // SLOTS
        if now >= wakes_at or (woken and any(came == now - 1 for came in waiting)):
            rule = rules[slot]
            learns = now - learnt >= max(1, rule.learn_after - rule.window)
            costs[day] += 22.5 + 0.35 * bool(waiting) + 4.9 * learns
            waiting = []
            learnt = now if learns else learnt
            wakes_at = now + int(np.clip(min(rule.learn_after - (now - learnt), rule.look[0]), 1, 15))
            woken = rule.look[1]
        # In this slot: requests whose age passes the deadline, a model older than three hours, new requests.
        costs[day] += 30 * sum(now - came == 4 for came in waiting)
        costs[day] += 2 * (now - learnt >= 12)
        waiting += [now] * int(random.poisson(rates[slot]))
    return costs[2:]


@pytest.mark.slow
def test_harvest_is_what_a_simulation_of_single_devices_says(sunny: World) -> None:
    rule = HarvestDue(low=(0.5, 4), learn_after=6, learn_from=0.3, window=4)
    exact = play_tables(sunny, _builder(rule)(sunny, [rule] * sunny.slots))
    cost = simulated_harvest(rule, days=400, seed=2)
    assert exact.cost == pytest.approx(cost.mean(), abs=4 * cost.std() / len(cost) ** 0.5)
    assert cost.std() / len(cost) ** 0.5 < 0.02 * exact.cost


def simulated_harvest(rule: HarvestDue, days: int, seed: int) -> NDArray[np.float64]:
    """(devices,) mean costs a day."""
    random, devices, step = np.random.default_rng(seed), 200, COARSE.capacity_j / (COARSE.levels - 1)
    weather, level = np.zeros(devices, int), np.zeros(devices, int)
    served, learnt = np.zeros(devices, int), np.zeros(devices, int)
    total, sun = np.zeros(devices), sun_j(COARSE)
    for day in range(days):
        for slot in range(48):
            charge = level / (COARSE.levels - 1)
            serve_at = np.where(charge >= rule.low[0], rule.serve_after, rule.low[1])
            may = charge >= rule.learn_from
            due = (served >= serve_at) | ((learnt >= rule.learn_after) & may)
            serves = due & (served >= np.maximum(1, serve_at - rule.window))
            learns = due & (learnt >= max(1, rule.learn_after - rule.window)) & may
            joules = 22.5 * (serves | learns) + 0.35 * serves + 4.9 * learns
            able = level * step - joules >= 0.1 * COARSE.capacity_j
            serves, learns, joules = serves & able, learns & able, joules * able
            served, learnt = np.where(serves, 0, served), np.where(learns, 0, learnt)
            if day >= 30:
                total += 100 / 48 * (served >= 2) + (learnt >= 6)
            stored = np.clip(level * step + sun[slot][weather] - 0.005 * 1800 - joules, 0, COARSE.capacity_j)
            level = np.floor(stored / step + random.random(devices)).astype(int)
            level = np.minimum(level, COARSE.levels - 1)
            served, learnt = np.minimum(served + 1, 8), np.minimum(learnt + 1, 12)
        weather = (random.random(devices)[:, None] > WEATHER[weather].cumsum(1)).sum(1)
        weather = np.minimum(weather, len(CLEARNESS) - 1)
    return total / (days - 30)


@pytest.mark.slow
@pytest.mark.parametrize("which", ["office", "sunny"])
def test_the_optimum_attains_its_bracket_and_no_rule_is_below_it(
    which: str, request: pytest.FixtureRequest
) -> None:
    world: World = request.getfixturevalue(which)
    found = best(world, 1e-3)
    assert 0 < found.lower <= found.upper <= found.lower * 1.0011
    attained = play_tables(world, found.tables())
    assert found.lower * (1 - 1e-6) <= attained.cost <= found.upper * (1 + 1e-6)
    stage = Stage(world)
    rules: tuple[Any, ...] = (
        (DayNightDue(), DayNightDue(look=(15, True))) if which == "office" else (HarvestDue(),)
    )
    for rule in rules:
        assert stage.play(_builder(rule)(world, [rule] * world.slots)).cost >= found.lower


@pytest.mark.slow
def test_a_policy_sees_what_a_device_would_and_is_asked_about_all_of_it(office: World, sunny: World) -> None:
    for world in (office, sunny):
        seen: list[NDArray[np.float32]] = []

        def decide(observed: NDArray[np.float32], seen: list[NDArray[np.float32]] = seen) -> Decided:
            seen.append(observed)
            return Decided(np.ones((len(observed), len(WORKS))))

        found = play(world, decide, np.array([0.5, 0.25, 0.25]))
        assert found.cost > 0
        assert len(seen) == world.slots
        table = np.stack(seen)
        assert table.shape == (world.slots, world.states, len(TABLE))
        for name in ("queue_age_s", "model_age_s", "day_sine", "link"):
            column = table[..., COLUMN[name]]
            assert np.isfinite(column).all()
            assert (column >= TABLE[COLUMN[name]].low).all()
        assert np.isnan(table[..., COLUMN["temperature_c"]]).all()
        assert (table[..., COLUMN["preference_accuracy"]] == 0.5).all()


def test_what_is_not_admitted_is_not_done(sunny: World) -> None:
    """A policy that always wants everything does nothing below the floor."""
    everything = np.tile([0.0, 0.0, 0.0, 1.0], (sunny.states, 1))
    found = play(sunny, lambda _: Decided(everything))
    assert found.measures["wakes"] < 48
    assert found.measures["agent_joules"] <= COARSE.mean_j
    idle = play(sunny, lambda _: Decided(np.tile([1.0, 0.0, 0.0, 0.0], (sunny.states, 1))))
    assert idle.measures == pytest.approx(
        {"late_requests": 100.0, "stale_hours": 24.0, "agent_joules": 0.0, "wakes": 0.0}, abs=1e-4
    )


def test_sleeps_are_drawn(office: World) -> None:
    """Half the wakes are followed by one slot, half by three: half as many wakes as slots."""
    sleep = np.zeros((office.states, len(office.sleeps)))
    for option, each in enumerate(office.sleeps):
        sleep[:, option] = 0.5 * (each.wake_on is WakeOn.DUE and each.slots in (1, 3))
    found = play(office, lambda _: Decided(np.tile([0.0, 1.0, 0.0, 0.0], (office.states, 1)), sleep))
    assert found.measures["wakes"] == pytest.approx(SLOTS / 2, rel=1e-3)
    assert found.measures["late_requests"] == 0


@pytest.mark.parametrize(
    ("work", "sleep", "told"),
    [
        ((3, 4), None, "weights of works must be"),
        ((174, 4), (174, 7), "probabilities of sleeps must be"),
        ((174, 4), (174, 30), "and sum to 1"),
    ],
)
def test_what_has_another_shape_is_named(office: World, work: Any, sleep: Any, told: str) -> None:
    decided = Decided(np.ones(work), None if sleep is None else np.ones(sleep))
    with pytest.raises(ConfigError, match=told):
        play(office, lambda _: decided)


@pytest.mark.slow
def test_settings_by_the_hour_are_no_worse_than_one_for_the_day(office: World) -> None:
    hours = (np.arange(SLOTS) >= 32).astype(np.int64)
    choices: dict[str, tuple[Any, ...]] = {"look": ((4, False), (15, True))}
    found = search(office, hours, day_night_grid()[:2], choices)
    assert found.played.cost < found.plain.cost
    assert set(choices) <= set(DAY_NIGHT_CHOICES)


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (lambda: Harvest(mean_j=0.0), "mean_j is 0"),
        (lambda: Harvest(floor=1.0), "floor is 1"),
        (lambda: Harvest(levels=1), "levels is 1"),
        (lambda: DayNight(by_night=0.0), "requests must come in both"),
    ],
)
def test_what_cannot_be_is_named(make: Any, told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        make()

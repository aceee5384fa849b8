"""Rewards and costs of ticks worked out by hand, and what their averages mean."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from circadia.actions import INDEX
from circadia.energy.profile_file import shipped_profile
from circadia.observation import DAY_S
from circadia.physics import dynamics
from circadia.physics.params import make_params
from circadia.physics.scenario import PHONE
from circadia.physics.state import Noise, State
from circadia.practice import PRACTICE_S
from circadia_lab.policy.env.accuracy import AccuracyModel, Effect, shipped_accuracy
from circadia_lab.policy.env.chance import DRAWS
from circadia_lab.policy.env.environment import STARTS, Fleet
from circadia_lab.policy.env.measures import Measures, mean_requests_per_s, outcome, promise
from circadia_lab.policy.env.problem import find_problem

if TYPE_CHECKING:
    from circadia_lab.policy.env.interface import Outcome

PARAMS = make_params(shipped_profile("pixel-3"), PHONE)
NOON_S = 12 * 3600.0
MODEL = AccuracyModel(best=0.9, effects=(Effect(field="model_age_s", loss=0.5, scale=3600.0),))
MEASURES = Measures(MODEL, 300.0, 1800.0, 900.0)
QUIET = Noise(*(np.float64(0) for _ in Noise._fields))._replace(
    dt_s=np.float64(300), deadline_s=np.float64(60)
)
ARRIVALS = sum(PHONE.requests_per_hour) / 24 / 12
"""Mean of a period of five minutes."""


def device(**changes: float) -> State:
    start = dynamics.initial_state(PARAMS, np.float64(0.5), NOON_S)
    return start._replace(**{key: np.float64(value) for key, value in changes.items()})


def worth(state: State, action: str, **noise: float) -> Outcome:
    chance = QUIET._replace(**{key: np.float64(value) for key, value in noise.items()})
    after, result = dynamics.step(state, INDEX[action], chance, PARAMS, np)
    return outcome(state, after, result, PARAMS, MEASURES, np)


def test_a_quiet_tick() -> None:
    tick = worth(device(), "sleep", dt_s=600)
    assert tick.weight == 2
    assert tick.reward[0] == pytest.approx(2 * np.exp(-600 / 3600))
    assert tick.reward[1] == 0
    power = shipped_profile("pixel-3").power
    wake_j = 0.5 * power.wake_up_w.value
    spent_j = wake_j + 599.5 * power.deep_sleep_w.value
    assert tick.reward[2] == pytest.approx(-spent_j / (PARAMS.capacity_j / 4 / 288))
    assert tick.cost.tolist() == [0, 0, 0]


def test_served_and_expired_requests() -> None:
    # ages 40, 30, 20, 10 s; all are answered after 0.5 + 0.1 + 4 · 0.4 = 2.2 s
    waiting = device(queue_length=4, queue_age_s=40, queue_slack_s=20)
    tick = worth(waiting, "serve/high/small")
    assert tick.reward[1] == pytest.approx(-(100 + 4 * 2.2) / 60 / ARRIVALS)
    assert tick.cost[0] == 0
    tick = worth(waiting, "sleep")
    assert tick.reward[1] == pytest.approx(-4 / ARRIVALS)
    assert tick.cost[0] == pytest.approx(4 / ARRIVALS)


def test_a_late_answer_counts_no_more_than_a_lost_request() -> None:
    # 8 answers at 59 s, after 0.5 + 0.1 + 8 · 0.78 s: later than the deadline, yet answered
    waiting = device(queue_length=8, queue_age_s=472, queue_slack_s=1)
    tick = worth(waiting._replace(queue_age_s=np.float64(59 * 8 / 4.5)), "serve/low/small")
    assert tick.reward[1] == pytest.approx(-8 / ARRIVALS)


def test_a_joule_costs_a_tenth_on_the_charger() -> None:
    by_day, by_night = (worth(device(time_s=t), "sleep").reward[2] for t in (NOON_S, 2 * 3600))
    assert by_night == pytest.approx(by_day / 10)


def test_ages_beyond_their_limits_cost_the_ticks_time() -> None:
    stale = worth(device(model_age_s=1600), "sleep", dt_s=300)
    assert stale.cost.tolist() == [0, 1, 0]
    assert worth(device(model_age_s=1500), "sleep", dt_s=300).cost[1] == 0
    old = worth(device(fresh_examples=1, fresh_age_s=700), "sleep", dt_s=600)
    assert old.cost.tolist() == [0, 0, 2]


def test_a_device_that_nobody_asks_loses_nothing() -> None:
    silent = PARAMS._replace(requests_per_hour=np.zeros(24))
    state = device()
    after, result = dynamics.step(state, INDEX["sleep"], QUIET, silent, np)
    tick = outcome(state, after, result, silent, MEASURES, np)
    assert tick.reward[1] == tick.cost[0] == 0


def test_mean_requests() -> None:
    assert mean_requests_per_s(PARAMS, np) == pytest.approx(sum(PHONE.requests_per_hour) / DAY_S)


def test_practice_promises_what_it_will_have_brought() -> None:
    """A device that trains at an even rate, and once a little more: the accuracy gained in all is the promise's rise."""
    measures = MEASURES._replace(accuracy=shipped_accuracy())
    tau, little = PRACTICE_S / measures.period_s, 1.0
    steady, decay = 5000.0, np.exp(-1 / tau)
    extra = little * decay ** np.arange(round(30 * tau))
    before, after, later = (
        device()._replace(practice=np.array(p)) for p in (steady, steady + little, steady + extra)
    )
    gained = measures.accuracy.freshness(later) - measures.accuracy.freshness(before)
    promised = promise(after, measures, np) - promise(before, measures, np)
    assert promised[0] == pytest.approx(gained.sum(), rel=2e-3)
    assert not promised[1:].any()
    assert not promise(before, MEASURES, np).any()


def averages(action: str, days: float, seed: int = 0, **first: float) -> tuple[Any, Any, float]:
    """Σ reward / Σ weight and Σ cost / Σ weight of devices that always do the same, and served a request."""
    fleet = Fleet(find_problem("phone"), 200)
    random = np.random.default_rng(seed)
    state = fleet.start(random.random((*fleet.shape, STARTS)))
    state = state._replace(**{key: np.full(fleet.shape, value) for key, value in first.items()})
    start_s, sums, counted = state.time_s, np.zeros(7), 0.0
    while (state.time_s - start_s).min() < days * DAY_S:
        act = np.full(fleet.shape, INDEX[action])
        tick = fleet.advance(state, act, random.random((*fleet.shape, DRAWS)))
        parts = (tick.outcome.reward, tick.outcome.cost, tick.outcome.weight[..., None])
        live = (state.time_s - start_s < days * DAY_S)[..., None]
        sums += (np.concatenate(parts, -1) * live).sum((0, 1))
        counted += float((tick.result.requests_served * live[..., 0]).sum())
        state = tick.state
    return sums[:3] / sums[6], sums[3:6] / sums[6], counted


@pytest.mark.slow
def test_who_always_sleeps_loses_everything() -> None:
    reward, cost, _ = averages(
        "sleep",
        3,
        model_age_s=2 * DAY_S,
        newest_age_s=2 * DAY_S,
        fresh_examples=1.0,
        fresh_age_s=DAY_S,
        practice=0,
    )
    assert reward[1] == pytest.approx(-1, rel=0.03)
    assert cost == pytest.approx([1, 1, 1], rel=0.03)
    assert 0 <= reward[0] < 0.2
    # a quarter of the battery a day is 1: a suspended phone takes a few percent
    assert -0.5 < reward[2] < 0


@pytest.mark.slow
def test_who_always_serves_and_pulls_loses_little() -> None:
    reward, cost, served = averages("serve/high/large/sync-pull", 2)
    assert served / 200 / 2 == pytest.approx(sum(PHONE.requests_per_hour), rel=0.05)
    assert -0.1 < reward[1] < 0
    assert cost[0] < 0.01
    assert cost[1] < 0.05
    assert reward[2] < -0.1

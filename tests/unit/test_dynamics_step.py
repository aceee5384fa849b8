"""One tick by hand: the queue, the examples, the federation and what the agent sees of it."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from circadia.actions import FACTS, INDEX
from circadia.energy.profile_file import shipped_profile
from circadia.observation import COLUMN, NO_DEADLINE_S
from circadia.physics import dynamics
from circadia.physics.params import make_params
from circadia.physics.scenario import PHONE
from circadia.physics.state import Noise, Result, State
from circadia.physics.surroundings import demand
from circadia.types import Link, Load

PARAMS = make_params(shipped_profile("pixel-3"), PHONE)
NOON_S = 12 * 3600.0
QUIET = Noise(*(np.float64(0) for _ in Noise._fields))._replace(
    dt_s=np.float64(300), deadline_s=np.float64(60)
)


def device(**changes: float) -> State:
    start = dynamics.initial_state(PARAMS, np.float64(0.5), NOON_S)
    return start._replace(**{key: np.float64(value) for key, value in changes.items()})


def tick(state: State, action: str, **noise: float) -> tuple[State, Result]:
    spread = {"arrival_age_s": noise.get("dt_s", 300.0)} | noise
    chance = QUIET._replace(**{key: np.float64(value) for key, value in spread.items()})
    return dynamics.step(state, INDEX[action], chance, PARAMS, np)


def test_phases_of_a_full_training_action() -> None:
    durations = dynamics.phase_durations(
        FACTS.work_load[INDEX["train/high/large/sync-int8"]], (0, 32), 1_000_000, 2, PARAMS, np
    )
    assert durations[Load.WAKE_UP] == pytest.approx(0.5)
    assert durations[Load.TRAIN_HIGH] == pytest.approx(32 * 3.5)
    assert durations[Load.RADIO] == pytest.approx(2.5 + 1_000_000 / 2e6)
    assert durations.sum() == pytest.approx(0.5 + 112 + 3)


def test_phases_of_an_idle_serve_have_no_overhead() -> None:
    idle = dynamics.phase_durations(FACTS.work_load[INDEX["serve/low/small"]], (0, 0), 0, 2, PARAMS, np)
    busy = dynamics.phase_durations(FACTS.work_load[INDEX["serve/low/small"]], (8, 0), 0, 2, PARAMS, np)
    assert idle[Load.SERVE_LOW] == 0
    assert busy[Load.SERVE_LOW] == pytest.approx(0.1 + 8 * 0.78)


def test_the_slower_link_bounds_the_radio_when_there_is_none() -> None:
    none, metered, free = (
        dynamics.phase_durations(FACTS.work_load[INDEX["sleep/sync-pull"]], (0, 0), 10**6, link, PARAMS, np)[
            Load.RADIO
        ]
        for link in Link
    )
    assert none == metered == pytest.approx(2.5 + 2)
    assert free == pytest.approx(2.5 + 0.5)


def test_serving_takes_the_oldest_and_counts_latency_to_the_end_of_the_phases() -> None:
    # arrived 40, 30, 20 and 10 s ago; the first deadline is 20 s away, the others 10 s later each
    state = device(queue_length=4, queue_age_s=40, queue_slack_s=20)
    after, done = tick(state, "serve/high/small", dt_s=5)
    assert done.requests_served == 4
    busy_s = 0.5 + 0.1 + 4 * 0.4
    assert done.busy_s == pytest.approx(busy_s)
    assert done.latency_s == pytest.approx(40 + 30 + 20 + 10 + 4 * busy_s)
    assert after.queue_length == after.queue_age_s == done.requests_expired == 0
    assert after.queue_slack_s == NO_DEADLINE_S


def test_waiting_requests_expire_in_their_order() -> None:
    state = device(queue_length=4, queue_age_s=40, queue_slack_s=20)
    after, done = tick(state, "sleep", dt_s=35)
    assert done.requests_expired == 2
    assert after.queue_length == 2
    assert after.queue_age_s == pytest.approx(55)
    assert after.queue_slack_s == pytest.approx(5)


def test_a_request_is_still_there_at_its_deadline() -> None:
    after, done = tick(device(queue_length=1, queue_age_s=10, queue_slack_s=50), "sleep", dt_s=50)
    assert (after.queue_length, done.requests_expired, after.queue_slack_s) == (1, 0, 0)
    _, late = tick(device(queue_length=1, queue_age_s=10, queue_slack_s=50), "sleep", dt_s=50.001)
    assert late.requests_expired == 1


def test_arrivals_spread_over_a_long_step_and_the_first_lapse() -> None:
    # every 30 s one, at ages 300, 270, …, 30; those older than 60 s are gone
    after, done = tick(device(), "sleep", arrivals=10, dt_s=300, deadline_s=60)
    assert done.requests_expired == 8
    assert after.queue_length == 2
    assert after.queue_age_s == pytest.approx(60)
    assert after.queue_slack_s == pytest.approx(0)


def test_a_deadline_beyond_the_tables_range_is_kept() -> None:
    after, _ = tick(device(), "sleep", arrivals=1, dt_s=10, deadline_s=20_000)
    assert after.queue_slack_s == pytest.approx(19_990)


def test_a_full_queue_refuses() -> None:
    after, done = tick(
        device(queue_length=250, queue_age_s=1, queue_slack_s=900), "sleep", arrivals=10, deadline_s=900
    )
    assert after.queue_length == PARAMS.queue_limit
    assert done.requests_expired == 4


def test_training_sees_the_oldest_fresh_examples_first() -> None:
    state = device(stored_examples=200, fresh_examples=200, fresh_age_s=1000)
    after, done = tick(state, "train/high/small", dt_s=100)
    assert (done.steps, done.examples_trained, done.fresh_trained) == (8, 128, 128)
    assert after.fresh_examples == 72
    assert after.fresh_age_s == pytest.approx(1000 * 72 / 200 + 100)
    assert after.unsent_examples == 128


def test_without_examples_nothing_is_trained_nor_paid_for() -> None:
    after, done = tick(device(), "train/high/large")
    assert done.steps == done.energy_j[Load.TRAIN_HIGH] == after.unsent_examples == 0


def test_few_examples_make_small_batches() -> None:
    _, done = tick(device(stored_examples=5), "train/high/small")
    assert (done.steps, done.examples_trained, done.fresh_trained) == (8, 40, 0)


def test_served_requests_bring_labels_and_the_buffer_is_bounded() -> None:
    state = device(
        queue_length=6,
        queue_age_s=6,
        queue_slack_s=60,
        stored_examples=511,
        fresh_examples=511,
        fresh_age_s=9,
    )
    after, done = tick(state, "serve/high/small", feedback_u=0.6, dt_s=10)
    assert done.requests_served * PARAMS.feedback_share + 0.6 == pytest.approx(2.1)
    assert after.stored_examples == after.fresh_examples == PARAMS.example_limit


def test_a_push_empties_the_spool_and_pulls_with_a_link() -> None:
    state = device(unsent_examples=7, spooled_updates=2, versions_behind=1, model_age_s=900, newest_age_s=50)
    after, done = tick(state, "sleep/sync-int8", dt_s=100, published=1, published_age_s=30)
    assert (done.updates_made, done.updates_pushed, done.pulled) == (1, 3, 1)
    assert (after.spooled_updates, after.unsent_examples, after.versions_behind) == (0, 0, 1)
    assert (after.model_age_s, after.newest_age_s) == (150, 30)
    assert done.sync_bytes == 500 + 3 * 100_392 + 400_000


def test_without_a_link_an_update_waits_in_the_spool() -> None:
    after, done = tick(device(unsent_examples=7, versions_behind=1, link=Link.NONE), "sleep/sync-int8")
    assert (done.updates_made, done.updates_pushed, done.pulled) == (1, 0, 0)
    assert (after.spooled_updates, after.unsent_examples, after.versions_behind) == (1, 0, 1)


def test_a_full_spool_makes_no_more_updates() -> None:
    after, done = tick(device(unsent_examples=7, spooled_updates=16, link=Link.NONE), "sleep/sync-int8")
    assert (done.updates_made, after.spooled_updates, after.unsent_examples) == (0, 16, 7)


def test_a_pull_sends_nothing_and_a_poll_is_small() -> None:
    after, done = tick(device(unsent_examples=7, spooled_updates=2), "sleep/sync-pull")
    assert (done.updates_pushed, after.spooled_updates, after.unsent_examples) == (0, 2, 7)
    assert done.sync_bytes == PARAMS.poll_bytes


def test_work_longer_than_the_tick_stretches_it() -> None:
    after, done = tick(device(stored_examples=64), "train/low/large", dt_s=60)
    assert done.dt_s == done.busy_s == pytest.approx(0.5 + 32 * 6.8)
    assert after.time_s == pytest.approx(NOON_S + done.dt_s)
    assert after.dt_s == done.dt_s


def seen(state: State) -> dict[str, Any]:
    row = dynamics.observe(state, PARAMS, (0.2, 0.3, 0.5), np)
    return {name: row[column] for name, column in COLUMN.items()}


def test_what_the_agent_sees() -> None:
    x = seen(
        device(temperature_c=35, user_active=1, link=Link.METERED, queue_length=3, time_s=6 * 3600, dt_s=77)
    )
    assert x["battery_soc"] == pytest.approx(0.5)
    assert x["thermal_headroom"] == pytest.approx(0.5)
    assert x["charging"] == 1
    assert (x["user_active"], x["cpu_load"], x["queue_length"], x["dt_s"]) == (1, 0.35, 3, 77)
    assert (x["link"], x["link_bytes_per_s"]) == (1, 5e5)
    assert (x["day_sine"], x["day_cosine"]) == (pytest.approx(1), pytest.approx(0))
    assert [x[f"preference_{what}"] for what in ("accuracy", "latency", "energy")] == [0.2, 0.3, 0.5]
    # 1 h 15 min until it is unplugged
    assert x["charge_forecast"] == pytest.approx(0.92 * 7.5 * 4500 / PARAMS.capacity_j)


def test_power_save_needs_a_low_battery_off_the_charger() -> None:
    low = 0.05 * PARAMS.capacity_j
    assert seen(device(battery_j=low))["power_save"] == 1
    assert seen(device(battery_j=low, time_s=2 * 3600))["power_save"] == 0
    assert seen(device())["power_save"] == 0


def test_demand_follows_the_hour() -> None:
    rates = demand(device(), PARAMS, np)
    assert rates.requests_per_s == pytest.approx(PHONE.requests_per_hour[12] / 3600)
    assert rates.examples_per_s == pytest.approx(PHONE.examples_per_hour[12] / 3600)
    assert rates.versions_per_s == pytest.approx(PHONE.versions_per_hour / 3600)
    assert not math.isnan(rates.requests_per_s)

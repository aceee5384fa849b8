"""Whatever is observed and scored, the shield lets nothing through that a limit forbids."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from circadia.actions import CATALOGUE, NAMES, SLEEP
from circadia.errors import ConfigError
from circadia.observation import COLUMN, TABLE, values
from circadia.shield import ActionCosts, Limits, Shield
from circadia.types import Mode, Observation

Vector = NDArray[np.float32]
N = len(CATALOGUE)
COSTS = ActionCosts(
    supported=np.ones(N, bool),
    soc=np.array([0.0 if a == SLEEP else 0.02 for a in CATALOGUE], np.float32),
    heat_k=np.array([0.0 if a == SLEEP else 3.0 for a in CATALOGUE], np.float32),
    limit_c=50.0,
)
GOOD = Observation(
    battery_soc=0.9, temperature_c=25.0, link=2.0, charging=0.0, power_save=0.0, user_active=0.0, dt_s=60.0
)

sensor = st.one_of(st.just(float("nan")), st.floats(-10, 100, width=32))
vectors = st.lists(sensor, min_size=len(TABLE), max_size=len(TABLE)).map(lambda v: np.array(v, np.float32))
score_vectors = st.lists(
    st.one_of(st.just(float("-inf")), st.floats(-50, 50, width=32)), min_size=N, max_size=N
).map(lambda v: np.array(v, np.float32))
quantiles = st.floats(0, 1, exclude_max=True)
limits = st.builds(
    Limits,
    battery_floor=st.floats(0, 0.9),
    temperature_c=st.floats(30, 60),
    train_only_charging=st.booleans(),
    sync_only_unmetered=st.booleans(),
    respect_power_save=st.booleans(),
)


@given(vectors, score_vectors, quantiles, limits)
def test_nothing_forbidden_gets_through(x: Vector, scores: Vector, u: float, limit: Limits) -> None:
    decision = Shield(limit, COSTS).decide(x, scores, u)
    action, soc = decision.action, x[COLUMN["battery_soc"]]
    if action != SLEEP:
        assert soc >= np.float32(limit.battery_floor)
        assert x[COLUMN["temperature_c"]] <= min(limit.temperature_c, COSTS.limit_c)
    if action.syncs:
        assert x[COLUMN["link"]] >= (2 if limit.sync_only_unmetered else 1)
    if action.mode is Mode.TRAIN:
        assert not (limit.respect_power_save and x[COLUMN["power_save"]] > 0)
        assert not limit.train_only_charging or x[COLUMN["charging"]] > 0
    if decision.feasible:
        assert scores[CATALOGUE.index(action)] > -np.inf
    else:
        assert action == SLEEP


@given(vectors, score_vectors, quantiles, limits)
def test_what_it_forbade_is_told(x: Vector, scores: Vector, u: float, limit: Limits) -> None:
    shield = Shield(limit, COSTS)
    told = {name: set(names) for name, names in shield.decide(x, scores, u).masked}
    rows = zip(shield.names, shield.forbidden(x), strict=True)
    true = {name: {NAMES[i] for i in np.flatnonzero(row)} for name, row in rows}
    assert told == {name: names for name, names in true.items() if names}
    assert all("sleep" not in names for names in told.values())


@given(st.lists(vectors, min_size=1, max_size=5), limits)
def test_a_batch_is_its_rows(rows: list[Vector], limit: Limits) -> None:
    shield = Shield(limit, COSTS)
    batch = shield.forbidden(np.stack(rows))
    for i, row in enumerate(rows):
        np.testing.assert_array_equal(batch[i], shield.forbidden(row))


@pytest.mark.parametrize("sensor", ["battery_soc", "temperature_c"])
def test_an_absent_sensor_counts_as_over_its_limit(sensor: str) -> None:
    shield = Shield(Limits(), COSTS)
    scores = np.zeros(N, np.float32)
    assert not shield.decide(values(GOOD), scores, 0.99).masked
    x = values(dataclasses.replace(GOOD, **{sensor: float("nan")}))
    decision = shield.decide(x, scores, 0.99)
    assert decision.action == SLEEP
    assert decision.proposed == CATALOGUE[-1]


def test_the_device_itself_may_be_more_sensitive_than_its_user() -> None:
    scores = np.zeros(N, np.float32)
    warm = values(dataclasses.replace(GOOD, temperature_c=48.0))
    decision = Shield(Limits(temperature_c=60.0), COSTS).decide(warm, scores, 0.99)
    assert decision.action == SLEEP
    assert "thermal" in dict(decision.masked)


def test_sync_needs_a_link() -> None:
    x = values(dataclasses.replace(GOOD, link=0.0))
    (told,) = Shield(Limits(), COSTS).decide(x, np.zeros(N, np.float32), 0.5).masked
    assert told == ("no_link", tuple(action.name for action in CATALOGUE if action.syncs))


def test_a_policy_without_admissible_actions_sleeps_and_says_so() -> None:
    scores = np.full(N, -np.inf, np.float32)
    scores[-1] = 1.0
    decision = Shield(Limits(train_only_charging=True), COSTS).decide(values(GOOD), scores, 0.3)
    assert not decision.feasible
    assert decision.action == SLEEP
    assert decision.proposed == CATALOGUE[-1]


@pytest.mark.parametrize(("floor", "heat"), [(1.0, 45.0), (float("nan"), 45.0), (0.1, 500.0)])
def test_limits_out_of_range_are_refused(floor: float, heat: float) -> None:
    with pytest.raises(ConfigError):
        Limits(battery_floor=floor, temperature_c=heat)

"""Whatever is observed and scored, the shield lets nothing through that a limit forbids."""

from __future__ import annotations

import dataclasses
import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from circadia.actions import CATALOGUE, FACTS, FIRST_ACTIONS, NAMES, SLEEP, facts_of
from circadia.energy.profile_file import shipped_profile
from circadia.errors import ConfigError
from circadia.idle import idle
from circadia.observation import COLUMN, TABLE, values
from circadia.physics.scenario import scenario_for
from circadia.platforms.simulated import SimulatedPlatform
from circadia.policy.artifact import load_policy, shipped_policy
from circadia.policy.network import NetworkPolicy
from circadia.shield import ActionCosts, Limits, Shield, action_costs
from circadia.types import Action, Decision, Mode, Observation
from circadia.wiring import make_policy

Vector = NDArray[np.float32]
N = len(CATALOGUE)
COSTS = ActionCosts(
    supported=np.ones(N, bool),
    soc=np.array([0.0 if a == SLEEP else 0.02 for a in CATALOGUE], np.float32),
    heat_k=np.array([0.0 if a == SLEEP else 3.0 for a in CATALOGUE], np.float32),
    limit_c=50.0,
)
GOOD = Observation(
    battery_soc=0.9, temperature_c=25.0, link=2.0, charging=0.0, power_save=0.0, user_active=0.0, dt_s=60.0,
    queue_length=1.0, fresh_examples=1.0, practice=1.0, unsent_examples=1.0, spooled_updates=1.0,
)  # fmt: skip
"""Much to do, and no limit in the way."""

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
    assert not idle(x, FACTS)[CATALOGUE.index(action)]
    assert not idle(x, FACTS)[CATALOGUE.index(decision.proposed)]
    if not decision.feasible:
        assert action == SLEEP
    elif action != SLEEP or (useful(x, scores) & ~Shield(limit, COSTS).forbidden(x).any(0)).any():
        assert scores[CATALOGUE.index(action)] > -np.inf


def useful(x: Vector, scores: Vector) -> NDArray[np.bool_]:
    found: NDArray[np.bool_] = (scores > -np.inf) & ~idle(x, FACTS)
    return found


@given(vectors, score_vectors, quantiles, limits)
def test_infeasible_is_what_limits_took_away_not_what_was_never_there(
    x: Vector, scores: Vector, u: float, limit: Limits
) -> None:
    shield = Shield(limit, COSTS)
    decision, wanted = shield.decide(x, scores, u), useful(x, scores)
    left = bool((wanted & ~shield.forbidden(x).any(0)).any())
    assert decision.feasible is (left or bool((scores > -np.inf).any() and not wanted.any()))
    np.testing.assert_array_equal(shield.admitted(x), ~shield.forbidden(x).any(0) & ~idle(x, FACTS))


def test_nothing_to_do_is_no_limit() -> None:
    """Who would serve and train with nothing there sleeps, and is not told that anything forbade it."""
    scores = np.where(FACTS.serves | FACTS.trains, 9.0, -np.inf).astype(np.float32)
    nothing = dict.fromkeys(("queue_length", "fresh_examples", "practice"), 0.0)
    decision = Shield(Limits(), COSTS).decide(values(dataclasses.replace(GOOD, **nothing)), scores, 0.5)
    assert decision == Decision(proposed=SLEEP, action=SLEEP, masked=(), feasible=True)


def test_a_limit_is_told_where_something_waits() -> None:
    """What the policy proposes is what has something to do, so a limit that forbids it has been in the way."""
    scores = np.where(FACTS.trains, 9.0, np.where(FACTS.serves, 0.0, -np.inf)).astype(np.float32)
    waiting = {"fresh_examples": 0.0, "practice": 0.0, "battery_soc": 0.1}
    decision = Shield(Limits(), COSTS).decide(values(dataclasses.replace(GOOD, **waiting)), scores, 0.5)
    assert decision.proposed.mode is Mode.SERVE
    assert (decision.action, decision.feasible) == (SLEEP, False)
    assert decision.proposed.name in dict(decision.masked)["battery_floor"]


def many(count: int) -> tuple[Action, ...]:
    """The catalogue and more after it, in codecs that there may once be."""
    more = (
        dataclasses.replace(action, push=f"codec{i}", pull=True)
        for i in itertools.count()
        for action in reversed(FIRST_ACTIONS)
        if action.push and action.pull
    )
    return (*CATALOGUE, *itertools.islice(more, count - N))


@pytest.mark.parametrize("count", [68, 127, 128, 129])
@pytest.mark.parametrize(
    ("limit", "seen"),
    [
        ("platform", {}),
        ("no_link", {"link": 0.0}),
        ("battery_floor", {"battery_soc": 0.16}),
        ("thermal", {"temperature_c": 44.0}),
        ("power_save", {"power_save": 1.0}),
        ("train_only_charging", {}),
        ("sync_only_unmetered", {"link": 1.0}),
    ],
)
def test_no_limit_is_lost_however_long_the_catalogue(count: int, limit: str, seen: dict[str, float]) -> None:
    """Every action in turn is the only one wanted: what a limit forbids is told by name and not done, the last too."""
    catalogue = many(count)
    facts = facts_of(catalogue)
    rules = {limit: True} if limit in {"train_only_charging", "sync_only_unmetered"} else {}
    costs = ActionCosts(
        supported=~facts.works if limit == "platform" else np.ones(count, bool),
        soc=np.where(facts.works, 0.02, 0).astype(np.float32),
        heat_k=np.where(facts.works, 3.0, 0).astype(np.float32),
        limit_c=50.0,
    )
    shield, x = Shield(Limits(**rules), costs, catalogue), values(dataclasses.replace(GOOD, **seen))
    forbidden = {"no_link": facts.syncs, "sync_only_unmetered": facts.syncs} | dict.fromkeys(
        ("power_save", "train_only_charging"), facts.trains
    )
    expected = forbidden.get(limit, facts.works)
    assert expected[min(count, 128) - 2 :].any()
    for i, action in enumerate(catalogue):
        wish = np.where(np.arange(count) == i, 0.0, -np.inf).astype(np.float32)
        decision = shield.decide(x, wish, 0.5)
        assert decision.proposed == action
        assert decision.action == (SLEEP if expected[i] else action)
        assert decision.feasible is not bool(expected[i])
        assert dict(decision.masked)[limit] == tuple(np.array(facts.names)[expected])


def test_costs_of_another_catalogue_are_refused() -> None:
    with pytest.raises(ConfigError, match="68 actions for a catalogue of 100"):
        Shield(Limits(), COSTS, many(100))


@pytest.mark.parametrize("profile", ["pixel-3", "pi-solar"])
def test_a_long_catalogue_s_costs_bind_to_its_last_action(profile: str) -> None:
    """From the profile to the mask: as the catalogue's own last action fares, so does a longer one's."""
    device = shipped_profile(profile)
    body, catalogue = SimulatedPlatform(device, scenario_for(device), 0), many(130)
    costs = action_costs(body, device, 400_000, catalogue)
    last = catalogue[-1]
    assert last.train
    alike = CATALOGUE.index(dataclasses.replace(last, push="int8"))
    assert costs.soc.shape == (130,)
    assert costs.soc[-1] == costs.soc[alike] > 0
    shield = Shield(Limits(), costs, catalogue)
    for soc in np.linspace(0.1, 0.3, 41):
        row = shield.admitted(values(dataclasses.replace(GOOD, battery_soc=soc)))
        assert row[-1] == row[alike]


def test_a_policy_file_s_actions_keep_their_places_in_a_long_catalogue() -> None:
    """What it does not know is not offered, and so never done."""
    catalogue = many(130)
    policy, short = NetworkPolicy(load_policy(shipped_policy()), catalogue=catalogue), make_policy("default")
    known = [action in CATALOGUE for action in catalogue]
    assert policy.offered.tolist() == known
    x = values(GOOD)
    np.testing.assert_array_equal(policy.scores(x)[:N], short.scores(x))
    assert (policy.scores(x)[~np.array(known)] == -np.inf).all()
    facts = facts_of(catalogue)
    costs = ActionCosts(
        supported=np.ones(130, bool),
        soc=np.zeros(130, np.float32),
        heat_k=np.zeros(130, np.float32),
        limit_c=50.0,
    )
    shield = Shield(Limits(), costs, catalogue)
    done = {shield.decide(x, policy.scores(x), u).action.name for u in np.linspace(0, 0.999, 40)}
    assert done <= set(facts.names[:N])


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

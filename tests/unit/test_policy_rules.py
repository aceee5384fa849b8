from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from circadia.actions import CATALOGUE, FIRST, NAMES
from circadia.errors import ConfigError
from circadia.observation import NO_DEADLINE_S, values
from circadia.policy.rules import RULES, ChargingOnlyRule, DriftPlusPenaltyRule, ThresholdRule
from circadia.policy.sampling import probabilities
from circadia.types import Link, Mode, Observation, Work
from circadia_lab.policy.files.observations import sample_observations

if TYPE_CHECKING:
    from circadia.ports import Policy
    from circadia.types import Action

HOUR_S = 3600.0
TICKING = [make() for name, make in RULES.items() if name != "due"]
"""Those that say nothing of sleep, and so serve who waits; of the other there is `test_due_rule`."""


def seen(**fields: Any) -> Observation:
    """A phone at noon, half full, nothing to do."""
    usual: dict[str, Any] = {
        "dt_s": 300.0,
        "battery_soc": 0.6,
        "charging": 0.0,
        "temperature_c": 28.0,
        "thermal_headroom": 0.85,
        "power_save": 0.0,
        "user_active": 0.0,
        "cpu_load": 0.05,
        "link": float(Link.FREE),
        "link_bytes_per_s": 2e6,
        "queue_length": 0.0,
        "queue_age_s": 0.0,
        "queue_slack_s": NO_DEADLINE_S,
        "fresh_examples": 0.0,
        "fresh_age_s": 0.0,
        "unsent_examples": 0.0,
        "spooled_updates": 0.0,
        "versions_behind": 0.0,
        "model_age_s": 600.0,
        "day_sine": 0.0,
        "day_cosine": -1.0,
        "charge_forecast": 0.0,
    }
    return Observation(**(usual | fields))


NIGHT = {"charging": 1.0, "day_sine": 0.0, "day_cosine": 1.0, "battery_soc": 0.9}


def chances(rule: Policy, **fields: Any) -> dict[str, float]:
    p = probabilities(rule.scores(values(seen(**fields))), rule.offered)
    return dict(zip(NAMES, p.tolist(), strict=True))


def best(rule: Policy, **fields: Any) -> Action:
    return CATALOGUE[int(np.argmax(rule.scores(values(seen(**fields)))))]


def share(rule: Policy, mode: Mode, **fields: Any) -> float:
    p = chances(rule, **fields)
    return sum(p[action.name] for action in CATALOGUE if action.mode is mode)


RULE = DriftPlusPenaltyRule()


@pytest.mark.parametrize("rule", [make() for make in RULES.values()], ids=list(RULES))
def test_batches_score_as_rows_do_and_absent_sensors_are_no_harm(rule: Policy) -> None:
    rows = sample_observations(64, np.random.default_rng(0))
    rows[0] = np.nan
    scores = rule.scores(rows)
    assert scores.shape == (64, len(CATALOGUE))
    assert scores.dtype == np.float32
    np.testing.assert_array_equal(np.isfinite(scores), np.broadcast_to(rule.offered, scores.shape))
    np.testing.assert_array_equal(scores, np.array([rule.scores(row) for row in rows]))
    assert rule.offered.tolist() == [i < FIRST or rule.name == "due" for i in range(len(CATALOGUE))]
    assert RULES[rule.name]().name == rule.name


@pytest.mark.parametrize("rule", TICKING, ids=lambda rule: rule.name)
@pytest.mark.parametrize("soc", [0.2, 0.9])
@pytest.mark.parametrize("link", list(Link))
def test_waiting_requests_are_served_at_once(rule: Policy, soc: float, link: Link) -> None:
    waiting = {"queue_length": 2.0, "queue_age_s": 1.0, "queue_slack_s": 100.0, "fresh_examples": 200.0}
    assert share(rule, Mode.SERVE, battery_soc=soc, link=float(link), **waiting) > 0.99
    assert best(rule, battery_soc=soc, link=float(link), **waiting).serve is Work.SMALL


@pytest.mark.parametrize("accuracy", [0.0, 1.0])
def test_no_backlog_of_examples_keeps_requests_waiting(accuracy: float) -> None:
    data = {
        "fresh_examples": 900.0,
        "fresh_age_s": 9 * HOUR_S,
        "unsent_examples": 8000.0,
        "versions_behind": 9.0,
    }
    weights = {"preference_accuracy": accuracy, "preference_latency": 0.0, "preference_energy": 1 - accuracy}
    assert share(RULE, Mode.SERVE, queue_length=1.0, spooled_updates=8.0, **NIGHT, **data, **weights) > 0.999


@pytest.mark.parametrize("rule", TICKING, ids=lambda rule: rule.name)
def test_a_long_queue_is_served_in_large_batches(rule: Policy) -> None:
    assert best(rule, queue_length=30.0, queue_slack_s=60.0).serve is Work.LARGE


@pytest.mark.parametrize("rule", [make() for make in RULES.values()], ids=list(RULES))
def test_nobody_serves_an_empty_queue(rule: Policy) -> None:
    assert share(rule, Mode.SERVE) < 1e-6
    assert share(rule, Mode.SERVE, **NIGHT) < 1e-6


def test_the_rule_sleeps_when_there_is_nothing_to_do() -> None:
    assert chances(RULE)["sleep"] > 0.8


@pytest.mark.parametrize(("fresh", "age_s"), [(16.0, 900.0), (40.0, 60.0), (6.0, 3 * HOUR_S)])
@pytest.mark.parametrize("link", [Link.METERED, Link.FREE])
def test_the_rule_trains_and_pushes_on_battery(fresh: float, age_s: float, link: Link) -> None:
    data = {"fresh_examples": fresh, "fresh_age_s": age_s, "link": float(link)}
    assert share(RULE, Mode.TRAIN, **data) > 0.9
    assert best(RULE, **data).push == "int8"


def test_the_rule_trains_without_a_link_and_keeps_it_for_later() -> None:
    action = best(RULE, fresh_examples=40.0, fresh_age_s=HOUR_S, link=float(Link.NONE))
    assert (action.mode, action.syncs) == (Mode.TRAIN, False)
    later = best(RULE, unsent_examples=128.0)
    assert later.push == "int8"


def test_few_new_examples_wait() -> None:
    assert share(RULE, Mode.TRAIN, fresh_examples=3.0, fresh_age_s=300.0) < 0.1


@pytest.mark.parametrize("soc", [0.1, 0.2, 0.25])
def test_a_low_battery_is_spared(soc: float) -> None:
    data = {"fresh_examples": 24.0, "fresh_age_s": 600.0, "battery_soc": soc}
    assert share(RULE, Mode.TRAIN, **data) < 0.01
    assert share(RULE, Mode.TRAIN, **data | {"charging": 1.0}) > 0.99


def test_an_expected_charge_makes_energy_cheaper() -> None:
    data = {"fresh_examples": 14.0, "fresh_age_s": 300.0, "battery_soc": 0.38}
    assert share(RULE, Mode.TRAIN, charge_forecast=0.9, **data) > share(RULE, Mode.TRAIN, **data) + 0.3


def test_charging_makes_training_on_little_worth_it() -> None:
    assert share(RULE, Mode.TRAIN, fresh_examples=5.0, fresh_age_s=600.0, **NIGHT) > 0.9
    assert share(RULE, Mode.TRAIN, versions_behind=1.0, **NIGHT) > 0.5
    assert best(RULE, versions_behind=1.0, **NIGHT).push == "int8"


@pytest.mark.parametrize(
    ("link", "behind", "pulls"), [(2, 0, False), (2, 1, True), (1, 1, False), (1, 3, True)]
)
def test_versions_are_fetched_where_the_link_is_worth_it(link: int, behind: int, *, pulls: bool) -> None:
    p = chances(RULE, link=float(link), versions_behind=float(behind))
    synced = sum(chance for name, chance in p.items() if "sync" in name)
    assert synced > 0.6 if pulls else synced < 0.4


def test_nothing_is_synced_without_a_link() -> None:
    p = chances(RULE, link=float(Link.NONE), versions_behind=9.0, unsent_examples=999.0, spooled_updates=4.0)
    assert sum(chance for name, chance in p.items() if "sync" in name) < 1e-3


def test_training_beside_a_user_is_cheap_and_short() -> None:
    # Where latency counts for nothing, co-running tips the balance; where it counts, the training is kept short.
    edge = {"fresh_examples": 16.0, "fresh_age_s": 300.0, "battery_soc": 0.36}
    energy = {"preference_accuracy": 0.3, "preference_latency": 0.0, "preference_energy": 0.7}
    x = [values(seen(user_active=active, **edge, **energy)) for active in (0.0, 1.0)]
    gains = [DriftPlusPenaltyRule()._energy(row)[NAMES.index("train/low/large")] for row in x]
    assert gains[1] == pytest.approx(0.8 * gains[0])
    hurried = best(
        RULE, user_active=1.0, fresh_examples=32.0, preference_accuracy=0.2, preference_latency=0.6
    )
    assert hurried.name.startswith("train/high/small")


def test_preferences_move_the_balance() -> None:
    data = {"fresh_examples": 10.0, "fresh_age_s": 600.0}

    def training(accuracy: float, energy: float) -> float:
        weights = {"preference_accuracy": accuracy, "preference_latency": 0.1, "preference_energy": energy}
        return share(RULE, Mode.TRAIN, **data, **weights)

    assert training(0.8, 0.1) > 0.95
    assert training(0.1, 0.8) < 0.05


def test_v_trades_backlog_for_energy() -> None:
    data = {"fresh_examples": 16.0, "fresh_age_s": 600.0}
    assert share(DriftPlusPenaltyRule(v=0.2), Mode.TRAIN, **data) > 0.99
    assert share(DriftPlusPenaltyRule(v=5.0), Mode.TRAIN, **data) < 0.01


@pytest.mark.parametrize(("v", "temperature"), [(0.0, 1.0), (float("nan"), 1.0), (1.0, -1.0)])
def test_wrong_constants_are_refused(v: float, temperature: float) -> None:
    with pytest.raises(ConfigError, match="drift-plus-penalty: v "):
        DriftPlusPenaltyRule(v=v, temperature=temperature)


def test_no_headroom_means_no_training() -> None:
    data = {"fresh_examples": 30.0, "fresh_age_s": 600.0, "thermal_headroom": 0.0}
    assert best(RULE, **data).train is Work.SMALL
    assert best(RULE, **data | {"fresh_examples": 300.0}, **NIGHT).name != "train/high/large/sync-int8"


GATE = {"charging": 1.0, "user_active": 0.0, "link": float(Link.FREE), "fresh_examples": 1.0}


def test_the_gate_of_today_trains_only_inside() -> None:
    rule = ChargingOnlyRule()
    assert best(rule, **GATE).name == "train/high/large/sync-int8"
    for outside in ({"charging": 0.0}, {"user_active": 1.0}, {"link": float(Link.METERED)}):
        assert best(rule, **GATE | outside, versions_behind=5.0).mode is Mode.SLEEP
    assert best(rule, **GATE | {"charging": 0.0}, versions_behind=1.0).name == "sleep/sync-pull"
    assert best(rule, **GATE | {"link": float(Link.METERED)}, versions_behind=1.0).name == "sleep"


def test_the_threshold_rule_has_its_thresholds() -> None:
    rule = ThresholdRule(soc=0.5, fresh=32)
    data = {"fresh_examples": 32.0}
    assert best(rule, battery_soc=0.51, **data).mode is Mode.TRAIN
    assert best(rule, battery_soc=0.5, **data).mode is Mode.SLEEP
    assert best(rule, battery_soc=0.1, charging=1.0, **data).mode is Mode.TRAIN
    assert best(rule, fresh_examples=31.0).mode is Mode.SLEEP
    assert best(rule, versions_behind=1.0).name == "sleep/sync-pull"

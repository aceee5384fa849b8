from __future__ import annotations

import dataclasses
import math
from typing import Any

import numpy as np
import pytest

from circadia.actions import CATALOGUE, FACTS, INDEX, NAMES, action_named
from circadia.due import DueLimits
from circadia.errors import ConfigError
from circadia.idle import idle
from circadia.observation import NO_DEADLINE_S, values
from circadia.pacing import margin_s
from circadia.policy.due_rule import DueRule, DueSettings
from circadia.policy.patience import PatienceLaw
from circadia.policy.sampling import probabilities
from circadia.policy.sleeps import SLEEPS, draw_one
from circadia.types import Link, Observation, WakeOn

HOUR_S = 3600.0
SETTINGS = DueSettings(
    limits=DueLimits(fresh_limit_s=3 * HOUR_S, contact_limit_s=4 * HOUR_S, margin_s=60),
    within_s=1800,
    clock="high",
)
POLLED: dict[str, Any] = {"wake_on_request": 0.0}


def seen(**fields: Any) -> np.ndarray[Any, np.dtype[np.float32]]:
    """A phone with an hour's deadline and nothing to do."""
    usual: dict[str, Any] = {
        "battery_soc": 0.6, "charging": 0.0, "link": float(Link.FREE), "queue_length": 0.0,
        "queue_slack_s": NO_DEADLINE_S, "fresh_examples": 0.0, "fresh_age_s": 0.0, "unsent_examples": 0.0, "practice": 10.0,
        "spooled_updates": 0.0, "day_sine": 0.0, "day_cosine": -1.0, "contact_age_s": 600.0, "deadline_s": HOUR_S,
        "wake_on_request": 2.0,
    }  # fmt: skip
    return values(Observation(**(usual | fields)))


def wanted(rule: DueRule | None = None, *, forbid: str = "", **fields: Any) -> str:
    x = seen(**fields)
    mask = ~idle(x, FACTS)
    if forbid:
        mask &= ~getattr(FACTS, forbid)
    chances = probabilities((rule or DueRule(SETTINGS)).scores(x).astype(float), mask)
    assert chances.max() > 0.98
    return NAMES[int(chances.argmax())]


def test_nothing_due_is_slept_away() -> None:
    assert wanted() == "sleep"
    assert wanted(fresh_examples=9.0, fresh_age_s=2 * HOUR_S) == "sleep"
    assert wanted(queue_length=3.0, queue_slack_s=3000.0) == "sleep"


def test_what_is_due_takes_what_is_due_soon_with_it() -> None:
    examples: dict[str, Any] = {"fresh_examples": 9.0, "fresh_age_s": 2.6 * HOUR_S}
    assert wanted(**examples) == "sleep"
    request: dict[str, Any] = {"queue_length": 3.0, "queue_slack_s": 62.0}
    assert wanted(**request) == "serve/high/small"
    assert wanted(**request, **examples) == "serve+train/high/small+small"
    contact: dict[str, Any] = {"contact_age_s": 3.9 * HOUR_S}
    assert wanted(**request, **examples, **contact) == "serve+train/high/small+small/sync-int8"
    assert wanted(**request, **contact) == "serve/high/small/sync-pull"
    assert wanted(**request, **contact, unsent_examples=5.0) == "serve/high/small/sync-int8"
    assert wanted(contact_age_s=5 * HOUR_S) == "sleep/sync-pull"


def test_where_steps_cost_less_than_the_wake_it_practises_old_examples_too() -> None:
    few: dict[str, Any] = {"fresh_examples": 9.0, "fresh_age_s": 3 * HOUR_S}
    body: dict[str, Any] = {"wake_up_j": 2.0, "radio_session_j": 2.0}
    law = DueSettings(limits=SETTINGS.limits, patience=PatienceLaw(usual_j=0.0), clock="high")
    assert wanted(DueRule(law), **few, **body, training_step_j=0.1) == "train/high/large"
    assert wanted(DueRule(law), **few, **body, training_step_j=1.0) == "train/high/small"
    assert wanted(DueRule(law), **few, **body) == "train/high/small"


@pytest.mark.parametrize("deadline_s", [30.0, 60.0, 600.0, HOUR_S])
def test_a_request_that_it_is_woken_for_is_due(deadline_s: float) -> None:
    slack_s = min(float(margin_s(45.0, deadline_s)), deadline_s)
    assert wanted(queue_length=1.0, queue_slack_s=slack_s, deadline_s=deadline_s) == "serve/high/small"


def test_amounts_and_clocks_follow_what_waits() -> None:
    many: dict[str, Any] = {
        "queue_length": 20.0,
        "queue_slack_s": 1.0,
        "fresh_examples": 500.0,
        "fresh_age_s": 4 * HOUR_S,
        "contact_age_s": math.nan,
    }
    assert wanted(**many) == "serve+train/high/large+large"
    assert wanted(DueRule(), **many).startswith("serve+train/low/large+large")


@pytest.mark.parametrize(
    ("forbid", "left"),
    [
        ("trains", "serve/high/small/sync-pull"),
        ("syncs", "serve+train/high/small+small"),
        ("high", "serve+train/low"),
    ],
)
def test_what_a_limit_forbids_is_left_out_alone(forbid: str, left: str) -> None:
    found = wanted(
        forbid=forbid, queue_length=1.0, queue_slack_s=1.0, fresh_examples=5.0, fresh_age_s=4 * HOUR_S,
        contact_age_s=5 * HOUR_S,
    )  # fmt: skip
    assert found.startswith(left.replace("sync-pull", "sync-"))


def test_a_body_that_nothing_wakes_serves_whoever_waits_when_it_looks() -> None:
    assert wanted(**POLLED, queue_length=3.0, queue_slack_s=3000.0) == "serve/high/small"
    assert wanted(**POLLED) == "sleep"
    assert wanted(**POLLED, fresh_examples=9.0, fresh_age_s=2.6 * HOUR_S) == "train/high/small"


def test_who_cares_about_latency_does_not_wait() -> None:
    quick: dict[str, Any] = {"preference_latency": 0.8, "preference_accuracy": 0.1, "preference_energy": 0.1}
    assert wanted(**quick, queue_length=3.0, queue_slack_s=3000.0) == "serve/high/small"


def test_a_low_battery_serves_only() -> None:
    due: dict[str, Any] = {
        "queue_length": 1.0,
        "queue_slack_s": 1.0,
        "fresh_examples": 5.0,
        "fresh_age_s": 4 * HOUR_S,
        "contact_age_s": 1e5,
    }
    assert wanted(**due, battery_soc=0.3) == "serve/high/small/sync-pull"
    assert wanted(**due, battery_soc=0.2) == "serve/high/small"
    assert wanted(**due, battery_soc=0.2, charging=1.0) == "serve+train/high/small+small/sync-int8"


def test_charging_and_the_hour_stretch_what_is_soon() -> None:
    request: dict[str, Any] = {
        "queue_length": 3.0,
        "queue_slack_s": 1.0,
        "fresh_examples": 9.0,
        "fresh_age_s": 1.5 * HOUR_S,
    }
    assert wanted(**request) == "serve/high/small"
    assert wanted(**request, charging=1.0) == "serve+train/high/small+small"
    hours = tuple(4.0 if hour == 12 else 0.0 for hour in range(24))
    hourly = DueRule(dataclasses.replace(SETTINGS, hours=hours))
    assert wanted(hourly, **request) == "serve+train/high/small+small"
    assert wanted(hourly, **request, day_cosine=1.0) == "serve/high/small"


def slept(x: Any, action: str, *, can: set[WakeOn]) -> tuple[WakeOn, float]:
    rule = DueRule(SETTINGS)
    drawn = draw_one(rule.sleep_scores(x), np.flatnonzero(SLEEPS.mask(can)).tolist(), 0.5)
    assert drawn is not None
    sleep = SLEEPS.sleep(*drawn, rule.due_s(x, action_named(action)))
    return sleep.wake_on, sleep.length_s


def test_it_sleeps_until_something_is_due() -> None:
    every = set(WakeOn)
    assert slept(seen(), "sleep", can=every) == (WakeOn.DEADLINE, 13_800.0)
    assert slept(seen(), "sleep", can={WakeOn.REQUEST, WakeOn.DUE}) == (WakeOn.REQUEST, 13_800.0)
    assert slept(seen(), "sleep", can={WakeOn.DUE}) == (WakeOn.DUE, 3540.0)
    assert slept(seen(queue_length=2.0, queue_slack_s=1000.0), "sleep", can=every) == (WakeOn.DEADLINE, 940.0)
    served = slept(seen(queue_length=2.0, queue_slack_s=10.0), "serve/high/small", can=every)
    assert served == (WakeOn.DEADLINE, 13_800.0)


def test_what_could_not_be_done_is_tried_again_later_not_at_once() -> None:
    x = seen(contact_age_s=1e5, link=0.0)
    assert slept(x, "sleep", can=set(WakeOn)) == (WakeOn.DEADLINE, 900.0)
    assert slept(seen(queue_length=1.0, queue_slack_s=1.0), "sleep", can=set(WakeOn))[1] == 60.0


def test_it_takes_batches() -> None:
    rule = DueRule(SETTINGS)
    rows = np.stack([seen(), seen(queue_length=3.0, queue_slack_s=1.0), seen(**POLLED)])
    np.testing.assert_array_equal(rule.scores(rows), [rule.scores(x) for x in rows])
    np.testing.assert_array_equal(rule.sleep_scores(rows), [rule.sleep_scores(x) for x in rows])
    action = np.array([0, INDEX["serve/high/small"], 0])
    expected = [rule.due_s(x, CATALOGUE[a]) for x, a in zip(rows, action, strict=True)]
    np.testing.assert_allclose(rule.due_after(rows, action), expected)


@pytest.mark.parametrize(
    "wrong",
    [
        {"within_s": -1.0},
        {"again_s": 0.0},
        {"train_soc": 2.0},
        {"hours": (1.0,)},
        {"clock": "fast"},
        {"within_s": math.nan},
    ],
)
def test_settings_that_are_none_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match="due: "):
        DueSettings(**wrong)

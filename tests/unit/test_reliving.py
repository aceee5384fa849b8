"""A device's days once more: what came from outside stays, what it decided is gone through anew."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from circadia.actions import CATALOGUE, FACTS, INDEX
from circadia.history import Requests, Ticks
from circadia.observation import COLUMN, TABLE
from circadia.policy.due_rule import DueRule
from circadia.reliving import AS_IT_WAS, Choice, Outside, asked_of, relive
from circadia.shield import Limits
from circadia.types import Preference

if TYPE_CHECKING:
    from numpy.typing import NDArray

HOUR = 3600.0


def ticks(rows: list[dict[str, Any]]) -> Ticks:
    """A row says `t_s` and what else is of interest."""
    x = np.full((len(rows), len(TABLE)), np.nan, np.float32)
    for place, row in enumerate(rows):
        for name, value in {**FREE, **row}.items():
            if name in COLUMN:
                x[place, COLUMN[name]] = value
    maskings = list(dict.fromkeys(row.get("masked", ()) for row in rows))
    count = len(rows)
    return Ticks(
        tick_id=np.arange(1, count + 1),
        t_s=np.array([row["t_s"] for row in rows], float),
        x=x,
        action=np.array([INDEX[row.get("action", "sleep")] for row in rows], np.int64),
        served=np.array([row.get("served", 0) for row in rows], np.int64),
        expired=np.zeros(count, np.int64),
        energy_j=np.array([row.get("energy_j", np.nan) for row in rows], float),
        source=np.array([row.get("source", -1) for row in rows], np.int64),
        bound_j=np.zeros(count),
        work_j=np.array([row.get("work_j", (np.nan, np.nan)) for row in rows], float).reshape(-1, 2),
        sleep_s=np.full(count, np.nan),
        masked=np.array([maskings.index(row.get("masked", ())) for row in rows], np.int64),
        maskings=tuple(maskings),
    )


FREE = {
    "battery_soc": 0.8, "charging": 0.0, "temperature_c": 25.0, "power_save": 0.0, "link": 2.0, "queue_length": 0.0,
    "fresh_examples": 0.0, "practice": 1.0, "unsent_examples": 0.0, "spooled_updates": 0.0, "trained_age_s": 600.0,
    "deadline_s": 600.0, "wake_on_request": 2.0, "preference_accuracy": 1 / 3, "preference_latency": 1 / 3,
    "preference_energy": 1 / 3, "day_sine": 0.0, "day_cosine": 1.0,
}  # fmt: skip


def asked(rows: list[tuple[float, float]]) -> Requests:
    """(time of the tick, latency); NaN: expired."""
    t_s, latency_s = (
        (np.array(column, float) for column in zip(*rows, strict=True)) if rows else (np.empty(0),) * 2
    )
    label = np.where(np.isfinite(latency_s), 1, -1)
    return Requests(t_s=t_s, label=label, truth=np.full(len(t_s), -1), latency_s=latency_s)


def outside(rows: list[dict[str, Any]], requests: Requests | None = None, taught: Any = ()) -> Outside:
    return Outside(ticks=ticks(rows), requests=requests or asked([]), taught_s=np.array(taught, float))


class Always:
    """A policy that wants one action, and says nothing of sleep."""

    name = "always"
    offered = np.ones(len(CATALOGUE), bool)

    def __init__(self, action: str) -> None:
        self._scores = np.where(np.arange(len(CATALOGUE)) == INDEX[action], 100.0, 0.0).astype(np.float32)

    def scores(self, _x: NDArray[np.float32]) -> NDArray[np.float32]:
        return self._scores


def draws(seed: int = 0) -> Any:
    return np.random.default_rng(seed).random


DAY = [{"t_s": HOUR * hour} for hour in range(25)]


def test_a_policy_without_sleep_wakes_each_period() -> None:
    life = relive(outside(DAY), Always("sleep"), AS_IT_WAS, draws(), period_s=600.0)
    assert np.diff(life.t_s) == pytest.approx(600.0)
    assert len(life.t_s) == 144
    assert not FACTS.works[life.action].any()


def test_when_requests_came_is_told_by_what_the_wake_saw_and_how_long_they_took() -> None:
    rows = [
        {"t_s": 0.0},
        {"t_s": 1000.0, "queue_length": 2.0, "queue_age_s": 300.0, "served": 2},
        {"t_s": 2000.0, "queue_length": 1.0, "queue_age_s": 50.0, "served": 1},
        {"t_s": 3000.0},
    ]
    found = asked_of(outside(rows, asked([(1000.0, 304.0), (1000.0, 104.0), (2000.0, 52.0), (3000.0, 0.02)])))
    assert (found.serving.wake_s, found.serving.each_s) == pytest.approx((0.0, 2.0))
    assert found.came_s == pytest.approx([700.0, 900.0, 1950.0])
    assert found.at_once_latency_s == pytest.approx([0.02])


def test_an_expired_request_waited_to_its_deadline() -> None:
    rows = [{"t_s": 0.0}, {"t_s": 5000.0, "queue_length": 1.0}, {"t_s": 6000.0}]
    assert asked_of(outside(rows, asked([(5000.0, np.nan)]))).came_s == pytest.approx([4400.0])


def test_requests_wake_it_and_are_answered_by_who_serves() -> None:
    waits = {"queue_length": 1.0, "queue_age_s": 0.0, "served": 1}
    rows = sorted([*DAY, *({"t_s": t, **waits} for t in (5000.0, 40_000.0))], key=lambda row: row["t_s"])
    record = outside(rows, asked([(5000.0, 1.5), (40_000.0, 1.5)]))
    life = relive(record, Always("serve/low/small"), AS_IT_WAS, draws(), period_s=1800.0)
    assert life.answered_s == pytest.approx([5000.0, 40_000.0])
    assert life.latency_s == pytest.approx([1.5, 1.5])
    assert life.answers.sum() == 2
    held = relive(record, Always("sleep"), AS_IT_WAS, draws(), period_s=1800.0)
    assert not len(held.latency_s)


def test_examples_are_fresh_until_it_learns_from_them() -> None:
    ages: list[float] = []

    class Looks(Always):
        def scores(self, x: NDArray[np.float32]) -> NDArray[np.float32]:
            ages.append(float(x[COLUMN["fresh_examples"]]))
            return super().scores(x)

    record = outside(DAY, taught=[100.0, 200.0, 10_000.0])
    relive(record, Looks("train/low/small"), AS_IT_WAS, draws(), period_s=HOUR)
    assert ages[:4] == [0.0, 2.0, 0.0, 1.0]
    assert not any(ages[4:])


def test_what_is_chosen_now_forbids_and_what_was_chosen_before_does_not() -> None:
    trains = tuple(action.name for action in CATALOGUE if action.train is not None)
    before = outside([{**row, "masked": (("train_only_charging", trains),)} for row in DAY], taught=[0.0])
    policy = Always("train/low/small")
    assert not FACTS.trains[relive(before, policy, AS_IT_WAS, draws()).action].any()
    free = relive(before, policy, Choice(None, Limits()), draws())
    assert FACTS.trains[free.action].any()
    charging = [{**row, "charging": float(row["t_s"] > 12 * HOUR)} for row in DAY]
    only = relive(
        outside(charging, taught=[0.0]), policy, Choice(None, Limits(train_only_charging=True)), draws()
    )
    assert (only.t_s[FACTS.trains[only.action]] > 12 * HOUR).all()
    assert FACTS.trains[only.action].any()


def test_what_the_body_cannot_do_stays_forbidden_whatever_is_chosen() -> None:
    high = tuple(name for name, high in zip(FACTS.names, FACTS.high, strict=True) if high)
    record = outside([{**row, "masked": (("platform", high),)} for row in DAY], taught=[0.0])
    life = relive(record, Always("train/high/small"), Choice(None, Limits()), draws())
    assert not FACTS.high[life.action].any()


def test_an_unknown_charge_forbids_unless_there_is_no_such_sensor() -> None:
    from circadia.shield import DeviceLimits

    record = outside([{**row, "battery_soc": np.nan} for row in DAY], taught=[0.0])
    policy = Always("train/low/small")
    assert not FACTS.trains[relive(record, policy, Choice(None, Limits()), draws()).action].any()
    assert FACTS.trains[
        relive(record, policy, Choice(None, DeviceLimits(battery=False)), draws()).action
    ].any()


def test_the_rule_learns_less_often_for_who_cares_about_energy_and_does_not_stop() -> None:
    """A replay of what was seen would have it never learn: nothing was overdue when the old preference had learned."""
    taught = np.arange(0.0, 24 * HOUR, 120.0)
    costs = {"wake_up_j": 0.5, "training_step_j": 2.0, "radio_session_j": 5.0, "recent_error": 0.04}
    record = outside([{**row, **costs} for row in DAY], taught=taught)

    def trainings(accuracy: float) -> int:
        wanted = Preference(accuracy=accuracy, latency=0.1, energy=0.9 - accuracy)
        return int(FACTS.trains[relive(record, DueRule(), Choice(wanted), draws()).action].sum())

    assert trainings(0.8) > 1.5 * trainings(0.1) > 0


def test_the_same_numbers_give_the_same_life() -> None:
    record = outside(DAY, taught=np.arange(0.0, 24 * HOUR, 900.0))
    one, other = (relive(record, DueRule(), AS_IT_WAS, draws(3)) for _ in range(2))
    assert (one.t_s == other.t_s).all()
    assert (one.action == other.action).all()


def test_a_clock_that_only_went_back_is_no_life_and_no_error() -> None:
    life = relive(outside([{"t_s": 1000.0}, {"t_s": 0.0}]), Always("sleep"), AS_IT_WAS, draws())
    assert not len(life.t_s)


def test_nothing_recorded_is_no_life() -> None:
    with pytest.raises(ValueError, match="not decided yet"):
        outside([])

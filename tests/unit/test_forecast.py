"""The battery foretold: where it is exact, where it is silent, and that its interval holds."""

from __future__ import annotations

import datetime as dt
import math
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from circadia.forecast import STUDENT, Battery, Forecast, TooShort, at_weekend, earlier, forecast, student

if TYPE_CHECKING:
    from numpy.typing import NDArray

DAY = 86400.0
NOON, TEN = DAY / 2, 22 * 3600.0


def days(
    count: int, *, falls: NDArray[np.float64], noise: NDArray[np.float64] | None = None, step_s: float = 600.0
) -> Battery:
    """Each day the battery starts at 0.9 and falls by `falls` in 24 h; today until noon. The midnight before day 0 is 0."""
    t_s = np.arange(0.0, count * DAY + NOON + 1, step_s)
    day = (t_s // DAY).astype(int)
    soc = 0.9 - falls[day] * (t_s % DAY) / DAY
    if noise is not None:
        soc = soc + noise[day] * (t_s % DAY) / DAY
    return Battery(t_s=t_s, soc=soc, charging=np.zeros_like(t_s))


@pytest.mark.parametrize(
    "zone", ["Pacific/Auckland", "Asia/Kolkata", "Europe/Berlin", "America/Lima", "Pacific/Honolulu"]
)
def test_weekends_are_those_of_the_place(zone: str) -> None:
    fortnight = [dt.datetime(2026, 1, day, tzinfo=ZoneInfo(zone)) for day in range(1, 15)]
    found = at_weekend(np.array([midnight.timestamp() for midnight in fortnight]))
    assert found.tolist() == [midnight.weekday() >= 5 for midnight in fortnight]


def at_noon(battery: Battery, count: int) -> Forecast | TooShort:
    return forecast(battery, count * DAY + NOON, count * DAY, count * DAY + TEN)


def test_equal_days_are_foretold_exactly_but_never_without_an_interval() -> None:
    made = at_noon(days(10, falls=np.full(11, 0.48)), 10)
    assert isinstance(made, Forecast)
    assert made.days == 10
    assert made.t_s[0] == 10 * DAY + NOON
    assert made.t_s[-1] == 10 * DAY + TEN
    assert made.middle[0] == made.low[0] == made.high[0] == pytest.approx(0.9 - 0.24)
    assert made.middle[-1] == pytest.approx(0.9 - 0.48 * 22 / 24, abs=1e-6)
    assert made.high[-1] - made.low[-1] > 0.08
    assert (np.diff(made.t_s) > 0).all()


@pytest.mark.parametrize("count", [0, 1, 2])
def test_too_few_days_are_said(count: int) -> None:
    made = at_noon(days(count, falls=np.full(count + 1, 0.3)), count)
    assert made == TooShort(days=count, lacking=3 - count)


def test_without_a_charge_of_now_nothing_is_foretold() -> None:
    battery = days(8, falls=np.full(9, 0.3))
    silent = np.where(battery.t_s > 8 * DAY + 3600, np.nan, battery.soc)
    made = at_noon(Battery(t_s=battery.t_s, soc=silent, charging=battery.charging), 8)
    assert made == TooShort(days=8, lacking=0)


def test_it_begins_where_the_battery_was_last_seen() -> None:
    battery = days(8, falls=np.full(9, 0.48))
    silent = np.where(battery.t_s > 8 * DAY + 9 * 3600, np.nan, battery.soc)
    made = at_noon(Battery(t_s=battery.t_s, soc=silent, charging=battery.charging), 8)
    assert isinstance(made, Forecast)
    assert made.t_s[0] == 8 * DAY + 9 * 3600
    assert made.middle[0] == pytest.approx(0.9 - 0.18)
    assert made.middle[-1] == pytest.approx(0.9 - 0.48 * 22 / 24, abs=1e-6)


def test_no_record_at_all() -> None:
    none = np.empty(0)
    assert at_noon(Battery(t_s=none, soc=none, charging=none), 4) == TooShort(days=0, lacking=3)


def test_a_day_with_a_hole_does_not_count() -> None:
    battery = days(4, falls=np.full(5, 0.3))
    kept = ~((battery.t_s > DAY + 13 * 3600) & (battery.t_s < DAY + 21 * 3600))
    made = at_noon(Battery(t_s=battery.t_s[kept], soc=battery.soc[kept], charging=battery.charging[kept]), 4)
    assert isinstance(made, Forecast)
    assert made.days == 3


def test_it_stays_between_empty_and_full() -> None:
    falls = np.full(11, 0.8)
    falls[10] = 1.6
    made = at_noon(days(10, falls=falls), 10)
    assert isinstance(made, Forecast)
    assert made.low.min() >= 0
    assert made.high.max() <= 1


def test_days_on_the_charger_weigh_less_when_today_is_not() -> None:
    falls = np.where(np.arange(13) % 2, 0.1, 0.5)
    battery = days(12, falls=falls)
    plugged = ((battery.t_s // DAY).astype(int) % 2).astype(float)
    plugged[battery.t_s >= 12 * DAY] = 0.0
    made = at_noon(Battery(t_s=battery.t_s, soc=battery.soc, charging=plugged), 12)
    assert isinstance(made, Forecast)
    fell = made.middle[0] - made.middle[-1]
    assert fell == pytest.approx((0.8 * 0.5 + 0.2 * 0.1) * 10 / 24, abs=0.02)


def test_19_of_20_intervals_hold_on_independent_days() -> None:
    random = np.random.default_rng(4)
    held = 0
    for _ in range(400):
        count = int(random.integers(3, 20))
        battery = days(count + 1, falls=random.normal(0.5, 0.12, count + 2), step_s=1800.0)
        made = at_noon(battery, count)
        found = np.interp(count * DAY + TEN, battery.t_s, battery.soc)
        assert isinstance(made, Forecast)
        held += bool(made.low[-1] <= found <= made.high[-1])
    assert held / 400 > 0.93


def test_how_earlier_ones_came_out_is_counted() -> None:
    falls = np.full(15, 0.4)
    falls[12] = 0.9  # one day unlike all others
    count = 14
    told = earlier(days(count, falls=falls), count * DAY + NOON, count * DAY, count * DAY + TEN)
    assert told.foretold == 7
    assert told.within == 6
    assert told.off > 0.02
    nothing = earlier(days(2, falls=falls), 2 * DAY + NOON, 2 * DAY, 2 * DAY + TEN)
    assert nothing.foretold == 0
    assert math.isnan(nothing.off)


def test_the_table_of_students_quantiles() -> None:
    assert student(0.2) == student(1.9) == STUDENT[0]
    assert student(2) == 4.303
    assert student(1e6) == STUDENT[-1]
    assert list(STUDENT) == sorted(STUDENT, reverse=True)

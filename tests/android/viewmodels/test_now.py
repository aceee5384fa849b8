"""A day's charge, its ribbon, joules with their sources, accuracy and freshness: by their points."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest

from circadia.shield import Limits
from circadia.types import Mode
from circadia_app.viewmodels.charts import Span
from circadia_app.viewmodels.day_chart import ANSWERED, SLEPT, TRAINED
from circadia_app.viewmodels.energy import energy_of
from circadia_app.viewmodels.now import now
from circadia_app.viewmodels.tokens import Colour, Origin

if TYPE_CHECKING:
    from circadia_app.texts import Texts
    from circadia_app.viewmodels.now import Now

DAY = 86_400.0


def at(moments: Any, hours: float, **row: Any) -> dict[str, Any]:
    return {"t_s": moments.MIDNIGHT + hours * 3600, "battery_soc": 0.5, "charging": 0.0, **row}


def shown(moments: Any, texts: Texts, rows: list[dict[str, Any]], **changes: Any) -> Now:
    return now(moments.snapshot(past=moments.past(rows), **changes), texts)


def test_the_charge_is_a_line_with_its_time_on_the_charger(moments: Any, english: Texts) -> None:
    rows = [at(moments, h, battery_soc=min(0.4 + 0.1 * h, 0.8), charging=float(h < 6)) for h in range(14)]
    chart = shown(moments, english, rows, limits=Limits(battery_floor=0.2)).battery.chart
    (line,) = chart.charge
    assert line[0] == pytest.approx((0.0, 0.4))
    assert line[-1] == pytest.approx((13 / 24, 0.8))
    assert all(a[0] < b[0] for a, b in pairwise(line))
    assert chart.charger == (Span(start=0.0, end=6 / 24),)
    assert chart.charger_text == "on the charger"
    assert chart.charge_text == "80"
    assert chart.floor is not None
    assert (chart.floor.at, chart.floor.text) == (0.2, "floor 20")
    assert chart.now is not None
    assert chart.now.at == pytest.approx(13.7 / 24)


def test_where_nothing_was_seen_the_line_is_broken(moments: Any, english: Texts) -> None:
    rows = (
        [at(moments, h) for h in (0, 1, 2)]
        + [at(moments, 3, battery_soc=math.nan)]
        + [at(moments, h) for h in (11, 12)]
    )
    chart = shown(moments, english, rows).battery.chart
    assert [len(piece) for piece in chart.charge] == [2, 2]
    assert chart.charge[0][-1][0] == pytest.approx(2 / 24)


def test_yesterdays_last_look_leads_to_midnight(moments: Any, english: Texts) -> None:
    rows = [
        at(moments, -2, battery_soc=0.6),
        at(moments, 2, battery_soc=0.4),
        at(moments, 3, battery_soc=0.4),
    ]
    (line,) = shown(moments, english, rows).battery.chart.charge
    assert line[0] == pytest.approx((0.0, 0.5))


def test_a_quarter_shows_the_most_that_was_done_in_it(moments: Any, english: Texts) -> None:
    rows = [
        at(moments, 8.0, sleep_s=600.0),
        at(moments, 8.1, action="serve/low/small", served=1, sleep_s=600.0),
        at(moments, 8.2, sleep_s=600.0),
        at(moments, 8.3, action="train/high/small", sleep_s=600.0),
        at(moments, 8.4, action="serve/high/small", served=2, sleep_s=600.0),
        at(moments, 8.6, action="serve/low/small", served=0, sleep_s=600.0),
        at(moments, 8.8, action="serve/high/small", served=1, sleep_s=60.0),
    ]
    columns = shown(moments, english, rows).battery.ribbon.columns
    told = [(column.start * 24, column.height, column.colour) for column in columns]
    assert told == [
        (8.0, ANSWERED, Colour.SERVE_LOW),
        (8.25, TRAINED, Colour.TRAIN_HIGH),
        (8.5, SLEPT, Colour.SLEEP),
        (8.75, ANSWERED, Colour.SERVE_HIGH),
        (9.0, SLEPT, Colour.SLEEP),  # a quarter more than was planned, until it counts as off
    ]
    assert columns[0].start_s == moments.MIDNIGHT + 8 * 3600
    assert columns[0].end_s - columns[0].start_s == 900


def test_a_long_sleep_fills_its_quarters_and_an_end_does_not(moments: Any, english: Texts) -> None:
    rows = [
        at(moments, 1.0, sleep_s=3 * 3600.0),
        at(moments, 4.0, sleep_s=600.0),
        at(moments, 12.0, sleep_s=7200.0),
    ]
    columns = shown(moments, english, rows).battery.ribbon.columns
    hours = [column.start * 24 for column in columns]
    assert hours == [1 + q / 4 for q in range(14)] + [12 + q / 4 for q in range(7)]


def test_the_next_wake_is_a_ring_on_the_axis(moments: Any, english: Texts) -> None:
    wake = shown(moments, english, [at(moments, 13.0)]).battery.ribbon.wake
    assert wake is not None
    assert wake.at == pytest.approx((14 + 20 / 60) / 24)
    assert wake.text == "wakes 14:20"
    tomorrow = moments.status(next_wake_s=moments.MIDNIGHT + DAY + 3600)
    assert shown(moments, english, [at(moments, 13.0)], status=tomorrow).battery.ribbon.wake is None
    assert shown(moments, english, [at(moments, 13.0)], there=False).battery.ribbon.wake is None


def test_the_battery_is_foretold_from_own_days_and_before_that_not_at_all(
    moments: Any, english: Texts
) -> None:
    rows = [
        at(moments, h - 24 * d, battery_soc=0.9 - h / 48)
        for d in range(9, -1, -1)
        for h in range(24)
        if d or h < 14
    ]
    card = shown(moments, english, rows).battery
    assert card.projection == "Tonight at 22:00 about 44\u00a0%"
    assert card.likely.startswith("likely 3")
    assert card.chart.projection is not None
    assert card.chart.projection.middle[-1][0] == pytest.approx(22 / 24)
    assert card.chart.projection.low[0] == card.chart.projection.high[0]
    assert card.as_text[-1] == "Of the last 6 such forecasts 6 held."
    short = shown(moments, english, rows[-24 - 14 :]).battery
    assert (short.projection, short.likely) == ("Foretold in 2 days", "")
    assert short.chart.projection is None
    assert short.chart.lacking == "In 2 days"


def test_late_in_the_evening_the_end_of_the_day_is_foretold(moments: Any, english: Texts) -> None:
    rows = [
        at(moments, h - 24 * d, battery_soc=0.9 - h / 48)
        for d in range(9, -1, -1)
        for h in range(24)
        if d or h < 22
    ]
    card = shown(moments, english, rows, clock_s=moments.MIDNIGHT + 21.8 * 3600).battery
    assert card.projection.startswith("Tonight at 24:00 about ")


def test_joules_are_split_by_load_where_the_source_tells(moments: Any) -> None:
    rows = [
        {
            "t_s": 0.0,
            "action": "train/low/small",
            "energy_j": 10.0,
            "source": 0,
            "work_j": (0.0, 6.0),
            "bound_j": 0.3,
        },
        {"t_s": 60.0, "action": "serve/low/small", "energy_j": 5.0, "source": 0, "bound_j": 0.4},
        {"t_s": 120.0, "energy_j": 2.0, "source": 0},
        {"t_s": 180.0},
    ]
    found = energy_of(moments.ticks(rows), slice(0, None), 200.0)
    assert found is not None
    assert found.by_mode == {Mode.SLEEP: 6.0, Mode.SERVE: 5.0, Mode.TRAIN: 6.0}
    assert found.total_j == 17.0
    assert found.bound_j == pytest.approx(0.5)
    assert found.origin is Origin.MEASURED
    assert sum(found.shares.values()) == pytest.approx(1)


def test_a_sum_of_mixed_sources_takes_the_weakest_ones_look_and_names_the_shares(
    moments: Any, english: Texts
) -> None:
    rows = [at(moments, h, energy_j=700.0, source=int(h >= 3), bound_j=10.0) for h in range(4)]
    card = shown(moments, english, [*rows, at(moments, 4)], clock_s=moments.MIDNIGHT + 4 * 3600).energy
    assert card.chip is not None
    assert card.chip.origin is Origin.MODELLED
    assert card.bars.origin is Origin.MODELLED
    assert card.figure == "2.8\u00a0±\u00a00.1\u00a0kJ"
    assert card.notes == ("75\u00a0% of the time measured.", "25\u00a0% of the time modelled.")
    assert card.share == "7.0\u00a0% of a full battery"


def test_a_measured_sum_has_its_error_and_a_simulated_one_none(moments: Any, english: Texts) -> None:
    rows = [at(moments, h, energy_j=1330.0, source=0, bound_j=28.0) for h in range(2)]
    measured = shown(moments, english, [*rows, at(moments, 2)], clock_s=moments.MIDNIGHT + 2 * 3600).energy
    assert measured.figure == "2.66\u00a0±\u00a00.04\u00a0kJ"
    of_it = moments.live(moments.status(), simulated=True)
    simulated = shown(moments, english, [{**row, "source": 2} for row in rows], live=of_it).energy
    assert simulated.figure == "2.7\u00a0kJ"
    assert simulated.heading == "Energy today, simulated"
    assert simulated.chip is not None
    assert simulated.chip.origin is Origin.SIMULATED


def test_time_without_joules_is_said(moments: Any, english: Texts) -> None:
    rows = [
        at(moments, 0, energy_j=100.0, source=0),
        at(moments, 1),
        at(moments, 2, energy_j=100.0, source=0),
    ]
    card = shown(moments, english, rows, clock_s=moments.MIDNIGHT + 3 * 3600).energy
    assert card.notes == ("For 33\u00a0% of the time no joules are known.",)
    nothing = shown(moments, english, [at(moments, 1)]).energy
    assert (nothing.chip, nothing.figure, nothing.bars.bars) == (None, "", ())
    assert nothing.notes == ("No joules are known yet today.",)


def test_accuracy_comes_with_interval_and_count_and_not_before_there_are_enough(
    moments: Any, english: Texts
) -> None:
    tile = now(moments.snapshot(past=moments.past(requests=moments.checked(115, 132))), english).accuracy
    assert tile.figure == "87\u00a0%"
    assert tile.lines == ("likely 80 to 92\u00a0%", "of 132 checked answers")
    early = now(moments.snapshot(past=moments.past(requests=moments.checked(14, 14))), english).accuracy
    assert (early.figure, early.lines) == ("", ("6 more answers",))
    old = moments.checked(115, 132, moments.NOW - 20 * DAY)
    assert now(moments.snapshot(past=moments.past(requests=old)), english).accuracy.figure == ""


def test_freshness_is_the_time_since_the_last_training(moments: Any, english: Texts) -> None:
    rows = [at(moments, 13.0, action="train/low/small"), at(moments, 13.5)]
    snapshot = moments.snapshot(
        past=moments.past(rows, trained={1: 32}), seen=replace(moments.FREE, versions_behind=1.0)
    )
    tile = now(snapshot, english).freshness
    assert tile.figure == "42\u00a0min"
    assert tile.lines == ("since it last learned", "model 142, one behind")
    never = now(moments.snapshot(), english).freshness
    assert (never.figure, never.lines[0]) == ("", "It has not learned yet")


def test_an_empty_store_makes_a_whole_screen(moments: Any, texts: Texts) -> None:
    screen = shown(moments, texts, [], there=False, live=None)
    assert screen.battery.chart.charge == ()
    assert screen.battery.ribbon.columns == ()
    assert screen.battery.ribbon.lacking == texts("lacking.today")
    assert screen.frame.button is None

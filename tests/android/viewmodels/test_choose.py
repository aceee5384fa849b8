"""The triangle and its steps, the last days as they were, the limits in force."""

from __future__ import annotations

import math
from dataclasses import astuple, replace
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from circadia.forecast import TooShort
from circadia.foretelling import Estimate, Foretelling, Found
from circadia.shield import Limits
from circadia.types import Preference
from circadia_app.viewmodels.choose import (
    CORNERS,
    NAMES,
    battery_per_day,
    choose,
    in_steps,
    point_of,
    preference_at,
    stepped,
)
from circadia_app.viewmodels.snapshot import Came
from circadia_app.viewmodels.tokens import Do

if TYPE_CHECKING:
    from circadia_app.texts import Texts

shares = (
    st.tuples(st.floats(0, 1), st.floats(0, 1))
    .map(sorted)
    .map(lambda cuts: (cuts[0], cuts[1] - cuts[0], 1 - cuts[1]))
)
preferences = shares.map(lambda s: Preference(accuracy=s[0], latency=s[1], energy=s[2]))


@given(preferences)
def test_whole_steps_are_near_and_sum_to_one(preference: Preference) -> None:
    near = in_steps(preference)
    assert all(math.isclose(20 * weight, round(20 * weight), abs_tol=1e-9) for weight in astuple(near))
    assert max(abs(a - b) for a, b in zip(astuple(near), astuple(preference), strict=True)) < 0.05


@given(preferences)
def test_a_point_is_the_preference_that_it_came_from(preference: Preference) -> None:
    steps = in_steps(preference)
    found = preference_at(point_of(steps))
    assert astuple(found) == pytest.approx(astuple(steps))


@given(st.floats(-3, 3), st.floats(-3, 3))
def test_a_finger_outside_still_chooses_something(x: float, y: float) -> None:
    chosen = preference_at((x, y))
    assert sum(astuple(chosen)) == pytest.approx(1)


@given(preferences, st.sampled_from(NAMES), st.integers(-3, 3))
def test_a_corners_label_steps_by_five_percent(preference: Preference, name: str, steps: int) -> None:
    before = in_steps(preference)
    after = stepped(before, name, steps)
    wanted = min(max(getattr(before, name) + 0.05 * steps, 0), 1)
    assert getattr(after, name) == pytest.approx(wanted)
    assert sum(astuple(after)) == pytest.approx(1)


def test_corners_lie_where_each_is_all() -> None:
    for name, corner in zip(NAMES, CORNERS, strict=True):
        alone = Preference(**{one: float(one == name) for one in NAMES})
        assert point_of(alone) == pytest.approx(corner)


def test_a_change_leaves_a_ring_and_can_be_undone(moments: Any, english: Texts) -> None:
    changed = moments.snapshot(preference=Preference(accuracy=0.5, latency=0.2, energy=0.3))
    screen = choose(changed, english, before=Preference(accuracy=0.4, latency=0.3, energy=0.3))
    assert screen.triangle.ring == pytest.approx((0.5, 0.4))
    assert screen.frame.button is not None
    assert screen.frame.button.do is Do.UNDO
    assert [corner.share for corner in screen.triangle.corners] == ["50\u00a0%", "20\u00a0%", "30\u00a0%"]
    as_it_was = choose(changed, english, before=changed.preference)
    assert as_it_was.triangle.ring is None
    assert as_it_was.frame.button is None


def test_a_ready_choice_knows_that_it_is_chosen(moments: Any, english: Texts) -> None:
    assert [ready.chosen for ready in choose(moments.snapshot(), english).ready] == [True, False, False]


TOLD = Foretelling(
    days=7,
    joules=Estimate(middle=2800.0, daily=200.0, days=7),
    latency=Estimate(middle=math.log(4.0), daily=0.5, days=7, logarithmic=True),
    accuracy=Estimate(middle=0.88, daily=0.03, days=7, share=True),
)


def test_until_it_is_foretold_that_is_said(moments: Any, texts: Texts) -> None:
    effect = choose(moments.snapshot(), texts).effect
    assert [(row.figure, row.interval) for row in effect.rows] == [("", texts("effect.counting"))] * 3
    assert effect.outcome == texts("effect.outcome_later")


def test_of_too_few_days_it_is_said_from_when(moments: Any, texts: Texts) -> None:
    effect = choose(moments.snapshot(effect=TooShort(days=2, lacking=1)), texts).effect
    assert [(row.figure, row.interval) for row in effect.rows] == [("", texts("lacking.tomorrow"))] * 3
    assert effect.outcome == texts("effect.lacking")


def test_what_is_foretold_has_its_interval_and_what_was_beside_it(moments: Any, english: Texts) -> None:
    snapshot = moments.snapshot(effect=TOLD, past=moments.past(requests=moments.checked(85, 100)))
    rows = choose(snapshot, english).effect.rows
    assert [(row.figure, row.interval, row.last) for row in rows] == [
        ("88\u00a0%", "84 to 92\u00a0%", "85\u00a0%"),
        ("4.0\u00a0s", "2.1 to 7.7\u00a0s", "4.0\u00a0s"),
        ("7.0\u00a0%", "6.3 to 7.7\u00a0%", "–"),
    ]


def test_what_cannot_be_told_says_why(moments: Any, english: Texts) -> None:
    nothing = Foretelling(days=7, joules=TOLD.joules, latency=None, accuracy=None)
    few = moments.snapshot(
        effect=nothing, past=moments.past(requests=moments.checked(14, 16)), capacity_j=math.nan
    )
    told = [(row.figure, row.interval) for row in choose(few, english).effect.rows]
    assert told == [("", "4 more answers"), ("", "not yet"), ("", "not yet")]


def test_how_the_last_foretelling_came_out_is_told_for_as_many_days(moments: Any, english: Texts) -> None:
    came = Came(foretold=TOLD, found=Found(days=4.0, joules=2600.0, latency=5.0, accuracy=math.nan))
    outcome = choose(moments.snapshot(effect=TOLD, came=came), english).effect.outcome
    assert outcome == (
        "Last 4 days: about 7.0\u00a0% of the battery a day was foretold, likely 6.2 to 7.8\u00a0%; 6.5\u00a0% was found."
    )
    both = replace(came, found=replace(came.found, accuracy=0.85))
    said = choose(moments.snapshot(effect=TOLD, came=both), english).effect.outcome
    assert said.endswith("Accuracy: 88\u00a0% was foretold, likely 83 to 93\u00a0%; 85\u00a0% was found.")


def test_a_simulated_phones_effect_says_so(moments: Any, english: Texts) -> None:
    simulated = moments.snapshot(live=moments.live(moments.status(), simulated=True), effect=TOLD)
    assert choose(simulated, english).effect.heading == "Effect, simulated"


def test_the_last_days_are_as_they_were(moments: Any, english: Texts) -> None:
    rows = [{"t_s": moments.NOW - 3600 * h, "energy_j": 116.7, "source": 0} for h in range(48, 0, -1)]
    snapshot = moments.snapshot(past=moments.past(rows, requests=moments.checked(85, 100)))
    assert [row.last for row in choose(snapshot, english).effect.rows] == [
        "85\u00a0%",
        "4.0\u00a0s",
        "7.0\u00a0%",
    ]
    assert math.isnan(battery_per_day(snapshot, moments.NOW - 3600 * 20.5))


def test_the_limits_are_those_in_force(moments: Any, english: Texts) -> None:
    limits = Limits(battery_floor=0.05, temperature_c=42.0, sync_only_unmetered=True)
    card = choose(moments.snapshot(limits=limits), english).limits
    floor, warmth = card.sliders
    assert (floor.figure, floor.low, floor.place) == ("5\u00a0%", 5.0, 0.0)
    assert (warmth.figure, warmth.place) == ("42\u00a0°C", 0.6)
    assert {switch.key: switch.on for switch in card.switches} == {
        "train_only_charging": False,
        "sync_only_unmetered": True,
        "respect_power_save": True,
    }

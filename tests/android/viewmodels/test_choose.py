"""The triangle and its steps, the last days as they were, the limits in force."""

from __future__ import annotations

import math
from dataclasses import astuple
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

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


def test_nothing_is_foretold_without_saying_so(moments: Any, texts: Texts) -> None:
    effect = choose(moments.snapshot(), texts).effect
    assert all(row.figure == "" for row in effect.rows)
    assert effect.outcome == texts("effect.lacking")


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

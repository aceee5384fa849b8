"""Bounds on how long work takes: raised at once, lowered late, never below what was seen."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from circadia.actions import CATALOGUE, NAMES, action_named, units_of
from circadia.bounds import Bounds
from circadia.energy.pace import MARGIN, SAMPLES, Paces
from circadia.energy.profile_file import shipped_profile
from circadia.physics.scenario import scenario_for
from circadia.platforms.simulated import SimulatedPlatform
from circadia.serving.answers import served
from circadia.shield import Limits, foretold
from circadia.types import Load, Outcome, Pace, Phase, Training

SMALL, LARGE, LOW = map(action_named, ("train/high/small", "train/high/large", "train/low/small"))
SERVE = action_named("serve/high/small")
FORETOLD_S = 10.0

seconds = st.floats(1e-6, 1e4)


def seen(units_s: list[float], action: str = "serve/high/small") -> Paces:
    paces = Paces()
    for unit_s in units_s:
        row = paces.after(action_named(action), unit_s)
        paces = paces if row is None else paces.having(row)
    return paces


@given(st.lists(seconds, max_size=80))
def test_a_bound_is_never_below_what_was_seen_and_falls_only_after_enough(units_s: list[float]) -> None:
    bound_s = seen(units_s).bound_s(SERVE, FORETOLD_S)
    largest_s = MARGIN * max(units_s, default=0.0) * sum(units_of(SERVE))
    assert bound_s >= largest_s
    assert bound_s == pytest.approx(largest_s if len(units_s) >= SAMPLES else max(FORETOLD_S, largest_s))


@given(st.lists(seconds, min_size=1, max_size=80), st.integers(1, 80))
def test_measurements_may_come_together(units_s: list[float], count: int) -> None:
    row = Paces().after(SERVE, max(units_s), len(units_s))
    assert row == seen(units_s).rows[SERVE.name]
    assert row is not None
    assert row.samples == min(len(units_s), SAMPLES)
    more = Paces().having(row).after(SERVE, 0.0, count)
    assert (more is None) is (row.samples == SAMPLES)


def test_what_one_action_took_raises_its_kin_and_no_other() -> None:
    """A step of eight that took long tells of a step of 32; the low clock and serving are another matter."""
    slow = seen([5.0], SMALL.name)
    assert slow.bound_s(LARGE, FORETOLD_S) == pytest.approx(MARGIN * 5.0 * units_of(LARGE).steps)
    for other in (LOW, SERVE):
        assert slow.bound_s(other, FORETOLD_S) == FORETOLD_S
    quick = seen([1e-3] * SAMPLES, SMALL.name)
    assert quick.bound_s(SMALL, FORETOLD_S) < FORETOLD_S
    assert quick.bound_s(LARGE, FORETOLD_S) == FORETOLD_S  # it was not measured itself


def test_rows_of_actions_that_nobody_knows_are_passed_over() -> None:
    rows = (Pace(action="dream/high", samples=3, unit_s=9.0), Pace(action=SERVE.name, samples=3, unit_s=2.0))
    assert set(Paces.of(rows).rows) == {SERVE.name}


def bounds(paces: Paces | None = None, profile: str = "pixel-3") -> Bounds:
    device = shipped_profile(profile)
    body = SimulatedPlatform(device, scenario_for(device), 0)
    return Bounds(Limits(), foretold(body, device, 400_000), paces)


def worked(action: str, unit_s: float, units: int) -> Outcome:
    ids = np.zeros((units, 1), np.int64)
    training = Training(steps=units, examples=1, loss=0.0, batches=ids, weights=np.zeros(1, np.float32))
    load = Load.TRAIN_HIGH if action.startswith("train") else Load.SERVE_HIGH
    return Outcome(phases=(Phase(load=load, duration_s=unit_s * units),), training=training)


def test_the_shield_follows(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    watched, place = bounds(), NAMES.index("train/high/large")

    def charge_needed() -> float:
        shield = watched.shield
        return float(shield.table.thresholds[shield.names.index("battery_floor"), place])

    expected = charge_needed()
    watched.saw(LARGE, worked(LARGE.name, 3.6, 32))  # as the profile foretells, and a tenth
    raised = charge_needed()
    assert raised > expected
    assert "train/high/large takes up to" in caplog.text
    assert [row.action for row in watched.news()] == [LARGE.name]
    watched.kept(watched.news())
    assert watched.news() == ()
    quick = bounds()
    watched = quick
    for _ in range(SAMPLES - 1):
        quick.saw(LARGE, worked(LARGE.name, 1e-3, 32))
        assert charge_needed() == expected
    quick.saw(LARGE, worked(LARGE.name, 1e-3, 32))
    assert charge_needed() < expected
    quick.saw(LARGE, worked(LARGE.name, 50.0, 1))  # once, of all times
    assert charge_needed() > raised


def test_another_run_goes_on_where_the_store_ends() -> None:
    first = bounds()
    first.saw(LARGE, worked(LARGE.name, 9.0, 3))
    again = bounds(Paces.of(first.news()))
    np.testing.assert_array_equal(again.shield.table.thresholds, first.shield.table.thresholds)
    assert again.at_most_s == first.at_most_s


@pytest.mark.parametrize("profile", ["pixel-3", "fairphone-4", "pi-solar"])
def test_a_profile_of_another_class_of_device_is_put_right(profile: str) -> None:
    """A slower body than its profile is bounded from the first work on; a faster one after enough."""
    slow = bounds(profile=profile)
    slow.saw(SMALL, worked(SMALL.name, 100.0, 8))
    assert slow.at_most_s[LARGE.name] >= MARGIN * 100.0 * 32
    fast = bounds(profile=profile)
    for action in CATALOGUE:
        if action.name.startswith(("train/high", "serve/high")):
            fast.measured(action, 1e-4, SAMPLES)
    before = bounds(profile=profile).at_most_s
    assert fast.at_most_s[LARGE.name] < before[LARGE.name] / 10


def test_a_program_that_was_held_up_for_hours_did_not_work(caplog: pytest.LogCaptureFixture) -> None:
    watched = bounds()
    before = watched.at_most_s
    watched.saw(SMALL, worked(SMALL.name, 3601.0, 8))
    assert watched.news() == ()
    assert watched.at_most_s == before
    assert "held up" in caplog.text


def test_without_work_nothing_is_learned() -> None:
    watched = bounds()
    shield = watched.shield
    watched.saw(CATALOGUE[0], Outcome(phases=(Phase(load=Load.AWAKE, duration_s=9.0),)))
    watched.saw(SERVE, Outcome())
    assert watched.news() == ()
    assert watched.shield is shield


@given(st.integers(1, 8), st.sampled_from([1, 3, 8, 32]), st.floats(1e-6, 400.0))
def test_a_batch_takes_as_long_for_one_answer_as_for_many(
    answers: int, batch: int, invocation_s: float
) -> None:
    """Eight answers count as the invocations that they take, however few asked when it was measured."""
    watched = bounds(Paces(batch=batch))
    invocations = -(-answers // batch)
    phases = (Phase(load=Load.SERVE_HIGH, duration_s=invocations * invocation_s),)
    answer = served(("no", "yes"), 1, np.array([0.25, 0.75], np.float32), 0.0, 0)
    watched.saw(SERVE, Outcome(served=(answer,) * answers, phases=phases))
    (row,) = watched.news()
    assert row.unit_s == pytest.approx(invocation_s)
    own = Paces(batch=batch).having(row).bound_s(SERVE, 0.0)
    assert own == pytest.approx(MARGIN * invocation_s * -(-units_of(SERVE).answers // batch))

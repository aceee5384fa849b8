"""What a choice would do: recovered where it is known, with an interval, and not told where the record does not tell."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from circadia.actions import INDEX
from circadia.forecast import TooShort, student
from circadia.foretelling import Estimate, Foretelling, foretell, found_in, span_of
from circadia.history import Requests, Ticks
from circadia.observation import COLUMN, TABLE
from circadia.reliving import Life, Outside

DAY, HOUR = 86_400.0, 3600.0
SLEEP_W, WAKE_J, STEP_J = 0.02, 0.5, 2.0


def record(days: float = 6.0, *, apart: bool = True, noise: float = 0.0, right: float = 0.8) -> Outside:
    """Wakes each half hour, trains at every fourth, and answers a request at every other."""
    random = np.random.default_rng(0)
    t_s = np.arange(0.0, days * DAY + 1, 1800.0)
    count = len(t_s)
    trains = np.arange(count) % 4 == 0
    x = np.zeros((count, len(TABLE)), np.float32)
    x[:, COLUMN["trained_age_s"]] = (np.arange(count) - 1) % 4 * 1800.0 + 1800.0
    serves = np.arange(count) % 2 == 1
    x[:, COLUMN["queue_length"]] = serves
    x[:, COLUMN["queue_age_s"]] = 100.0 * serves
    x[:, COLUMN["deadline_s"]] = 600.0
    work = np.stack([np.zeros(count), 8 * STEP_J * trains], axis=-1)
    energy = 1800 * SLEEP_W + WAKE_J + work.sum(-1) + noise * random.standard_normal(count)
    ticks = Ticks(
        tick_id=np.arange(1, count + 1),
        t_s=t_s,
        x=x,
        action=np.where(trains, INDEX["train/low/small"], np.where(serves, INDEX["serve/low/small"], 0)),
        served=serves.astype(np.int64),
        expired=np.zeros(count, np.int64),
        energy_j=energy,
        source=np.zeros(count, np.int64),
        bound_j=np.zeros(count),
        work_j=work if apart else np.full((count, 2), np.nan),
        sleep_s=np.full(count, np.nan),
        masked=np.zeros(count, np.int64),
        maskings=((),),
    )
    asked_s = t_s[serves]
    truth = np.where(random.random(len(asked_s)) < right, 1, 0)
    requests = Requests(
        t_s=asked_s,
        label=np.ones(len(asked_s), np.int64),
        truth=truth,
        latency_s=np.full(len(asked_s), 101.0),
    )
    return Outside(ticks=ticks, requests=requests, taught_s=np.empty(0))


def life(of: Outside, every: int = 4, latency_s: float = 101.0, age_s: float = HOUR) -> Life:
    """The record's, training at every so many wakes."""
    count = len(of.ticks)
    trains = np.arange(count) % every == 0
    serves = np.asarray(of.ticks.served) > 0
    asked = len(of.requests)
    return Life(
        t_s=of.ticks.t_s,
        action=np.where(trains, INDEX["train/low/small"], np.where(serves, INDEX["serve/low/small"], 0)),
        answers=of.ticks.served,
        answered_s=of.requests.t_s,
        latency_s=np.full(asked, latency_s),
        learned_age_s=np.full(asked, age_s),
    )


def told(of: Outside, before: Life, after: Life, **given: Any) -> Foretelling:
    found = foretell(of, [before], [after], **given)
    assert isinstance(found, Foretelling)
    return found


FOUND_J = DAY * SLEEP_W + 48 * WAKE_J + 12 * 8 * STEP_J


@pytest.mark.parametrize("apart", [True, False])
def test_the_joules_of_what_is_done_less_often_are_recovered(apart: bool) -> None:
    of = record(apart=apart)
    joules = told(of, life(of), life(of, every=8)).joules
    assert joules is not None
    assert joules.middle == pytest.approx(FOUND_J - 6 * 8 * STEP_J, rel=1e-3)
    assert joules.beyond == pytest.approx(0.15 * 6 * 8 * STEP_J, rel=0.01)


def test_no_change_foretells_what_was_and_nothing_beyond_the_days() -> None:
    of = record(noise=3.0)
    found = told(of, life(of), life(of))
    assert found.joules is not None
    assert found.latency is not None
    assert found.joules.middle == pytest.approx(FOUND_J, rel=0.02)
    assert (found.joules.beyond, found.latency.beyond) == (0.0, 0.0)
    assert found.latency.over(7).middle == pytest.approx(101.0)
    assert found_in(of, 0.0, 6 * DAY).joules == pytest.approx(found.joules.middle, rel=0.01)


def test_days_that_were_not_lived_as_they_were_widen_it() -> None:
    of = record()
    wrong = life(of, every=2)  # it takes the device to have trained twice as often as it did
    joules = told(of, wrong, life(of, every=8)).joules
    assert joules is not None
    assert joules.beyond > 12 * 8 * STEP_J


def test_a_latency_far_away_is_as_it_was_lived_and_a_near_one_goes_with_what_was_found() -> None:
    of = record()
    far = told(of, life(of, latency_s=50.0), life(of, latency_s=2.0)).latency
    near = told(of, life(of, latency_s=50.0), life(of, latency_s=55.0)).latency
    assert far is not None
    assert near is not None
    assert far.over(7).middle == pytest.approx(2.0, rel=0.05)
    assert near.over(7).middle == pytest.approx(55.0 * (101 / 50) ** (1 / 1.1), rel=1e-6)


def test_an_interval_is_students_and_narrower_over_more_days() -> None:
    one = Estimate(middle=10.0, daily=2.0, days=5, beyond=0.5)
    assert one.half(5) == pytest.approx(student(4) * 2.0 * math.sqrt(2 / 5) + 0.5)
    assert one.over(7).high < one.over(2).high
    assert one.over(0.1).low == 0.0
    assert one.over(7).holds(10.0)
    share = Estimate(middle=0.95, daily=0.1, days=5, share=True)
    assert share.over(7).high == 1.0


def test_too_few_days_are_said() -> None:
    of = record(2.5)
    assert foretell(of, [life(of)], [life(of)]) == TooShort(days=2, lacking=1)
    assert span_of(record(30.0).ticks) == (23 * DAY, 7)


def test_of_many_decisions_fewer_days_are_taken_and_no_less_than_it_takes() -> None:
    ticks = record(30.0).ticks
    for minutes, days in ((1, 4), (0.1, 3)):
        t_s = np.arange(0, 10 * DAY, 60 * minutes)
        often = Ticks(**{**_fields(ticks), "t_s": t_s})
        assert span_of(often)[1] == days


def test_without_joules_they_are_not_foretold_and_the_rest_is() -> None:
    of = record()
    dark = Outside(
        ticks=Ticks(**{**_fields(of.ticks), "source": np.full(len(of.ticks), -1)}),
        requests=of.requests,
        taught_s=of.taught_s,
    )
    found = told(dark, life(dark), life(dark, every=8))
    assert found.joules is None
    assert found.latency is not None
    assert math.isnan(found_in(dark, 0.0, 6 * DAY).joules)


def test_what_it_never_did_and_whose_cost_nobody_knows_is_not_foretold() -> None:
    of = record()
    ticks = _fields(of.ticks)
    ticks["x"] = of.ticks.x.copy()
    ticks["x"][:, COLUMN["radio_session_j"]] = np.nan
    unknown = Outside(ticks=Ticks(**ticks), requests=of.requests, taught_s=of.taught_s)
    syncs = life(unknown)
    syncs.action[::3] = INDEX["sleep/sync-pull"]
    assert told(unknown, life(unknown), syncs).joules is None
    ticks["x"][:, COLUMN["radio_session_j"]] = 5.0
    known = told(
        Outside(ticks=Ticks(**ticks), requests=of.requests, taught_s=of.taught_s), life(of), syncs
    ).joules
    assert known is not None
    assert known.middle > FOUND_J - 24 * 8 * STEP_J


def test_accuracy_follows_what_fresh_and_old_models_differ_in_within_days() -> None:
    of = record(7.0)
    age_h = of.ticks.column("trained_age_s")[np.searchsorted(of.ticks.t_s, of.requests.t_s)] / HOUR
    random = np.random.default_rng(1)
    truth = np.where(random.random(len(age_h)) < 0.98 - 0.5 * (np.log1p(age_h) - 0.5), 1, 0)
    asked = Requests(**{**_fields(of.requests), "truth": truth})
    of = Outside(ticks=of.ticks, requests=asked, taught_s=of.taught_s)
    older = told(of, life(of, age_s=HOUR), life(of, age_s=1.5 * HOUR), widest=1.0).accuracy
    same = told(of, life(of), life(of), widest=1.0).accuracy
    assert older is not None
    assert same is not None
    assert older.middle < same.middle - 0.03
    assert older.half(7) > same.half(7)
    assert found_in(of, 0.0, 7 * DAY).accuracy == pytest.approx(same.middle, abs=0.02)


def test_an_accuracy_that_can_only_be_told_widely_is_not() -> None:
    of = record(4.0, right=0.5)
    assert told(of, life(of, age_s=600.0), life(of, age_s=6 * HOUR), widest=0.05).accuracy is None


def _fields(of: Any) -> dict[str, Any]:
    return {name: getattr(of, name) for name in of.__slots__}

"""What was foretold is kept, held against what came after two days, and goes with the rest."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import pytest

from circadia.errors import ConfigError
from circadia.foretelling import Estimate, Foretelling
from circadia.observation import DAY_S, HOUR_S
from circadia.shield import DeviceLimits, Limits
from circadia.types import Preference
from circadia_app.folder import AppFolder
from circadia_app.foretold import Made, choice_of, judged, keep, load

if TYPE_CHECKING:
    from pathlib import Path

TOLD = Foretelling(
    days=7,
    joules=Estimate(middle=3000.0, daily=200.0, days=7, beyond=50.0),
    latency=Estimate(middle=1.4, daily=0.1, days=7, logarithmic=True),
    accuracy=None,
)
SHARP = choice_of(Preference(accuracy=0.6, latency=0.2, energy=0.2), DeviceLimits())
LONG = choice_of(Preference(accuracy=0.2, latency=0.2, energy=0.6), DeviceLimits())


def made(days: float, choice: dict[str, float]) -> Made:
    return Made(made_s=days * DAY_S, choice=choice, foretelling=TOLD)


def test_it_is_read_as_it_was_written(tmp_path: Path) -> None:
    path = tmp_path / "foretold.json"
    assert load(path) == ()
    one = Made(
        made_s=1.0,
        choice=SHARP,
        foretelling=Foretelling(
            days=3, joules=None, latency=None, accuracy=Estimate(middle=0.9, daily=0.1, days=3, share=True)
        ),
    )
    assert keep(path, one) == (one,)
    assert load(path) == (one,)
    endless = made(2, LONG)
    keep(path, endless)
    assert load(path)[-1] == endless
    assert load(path)[-1].foretelling.joules == TOLD.joules


def test_the_same_choice_is_foretold_anew_after_a_week_and_another_at_once(tmp_path: Path) -> None:
    path = tmp_path / "foretold.json"
    keep(path, made(0, SHARP))
    assert len(keep(path, made(3, SHARP))) == 1
    assert len(keep(path, made(7, SHARP))) == 2
    assert [one.choice for one in keep(path, made(8, LONG))] == [SHARP, SHARP, LONG]


def test_who_tries_what_would_be_leaves_no_trace_of_it(tmp_path: Path) -> None:
    path = tmp_path / "foretold.json"
    keep(path, made(0, SHARP))
    keep(path, made(1, LONG))
    kept = keep(path, made(1 + 0.5 * HOUR_S / DAY_S, SHARP))
    assert kept == (made(0, SHARP),)
    assert load(path) == kept


def test_a_clock_that_went_back_forgets_what_is_to_come(tmp_path: Path) -> None:
    path = tmp_path / "foretold.json"
    keep(path, made(9, SHARP))
    assert keep(path, made(1, LONG)) == (made(1, LONG),)


def test_only_what_was_in_force_for_two_days_is_judged_and_no_longer_than_a_week() -> None:
    first, second, third = made(0, SHARP), made(5, LONG), made(6, SHARP)
    assert judged((), DAY_S) is None
    assert judged((first,), 1.9 * DAY_S) is None
    assert judged((first,), 3 * DAY_S) == (first, 3 * DAY_S)
    assert judged((first,), 30 * DAY_S) == (first, 7 * DAY_S)
    assert judged((first, second, third), 7 * DAY_S) == (first, 5 * DAY_S)
    assert judged((first, second, third), 9 * DAY_S) == (third, 9 * DAY_S)


def test_a_file_that_cannot_be_read_names_itself(tmp_path: Path) -> None:
    path = tmp_path / "foretold.json"
    for text in ('{"format": 1}', '{"format": 1, "made": [3]}', '{"format": 1, "made": [{"made_s": 1}]}'):
        path.write_text(text)
        with pytest.raises(ConfigError, match=r"foretold\.json.*delete it"):
            load(path)


def test_it_is_the_persons_and_is_deleted_with_the_rest(tmp_path: Path) -> None:
    folder = AppFolder(path=tmp_path)
    keep(folder.foretold, made(0, SHARP))
    assert folder.foretold in folder.personal()


def test_a_choice_is_preference_and_limits() -> None:
    assert choice_of(Preference(), Limits()) != choice_of(Preference(), Limits(train_only_charging=True))
    assert all(math.isfinite(value) for value in SHARP.values())

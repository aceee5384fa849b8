"""Which limit holds what back, and what ends it: of the shield's own decisions."""

from __future__ import annotations

import numpy as np
import pytest

from circadia.actions import CATALOGUE, NAMES
from circadia.observation import values
from circadia.reasons import ALL, Ends, Held, held_back
from circadia.shield import ActionCosts, DeviceLimits, Limits, Shield
from circadia.types import LIMITS, Link, Observation

FREE = Observation(
    battery_soc=0.6, temperature_c=25.0, power_save=0.0, charging=0.0, link=Link.FREE, queue_length=1.0, fresh_examples=8.0,
    spooled_updates=1.0, unsent_examples=0.0, versions_behind=0.0,
)  # fmt: skip


def told(limits: Limits, **changes: float) -> dict[str, tuple[frozenset[Held], bool, Ends]]:
    """By limit, of what a shield decides."""
    seen = Observation(**{**{f: getattr(FREE, f) for f in FREE.__slots__}, **changes})
    costs = ActionCosts(
        supported=np.ones(len(CATALOGUE), bool),
        soc=np.where(np.arange(len(CATALOGUE)) > 0, 0.001, 0).astype(np.float32),
        heat_k=np.full(len(CATALOGUE), 0.5, np.float32),
        limit_c=90.0,
    )
    decision = Shield(limits, costs).decide(values(seen), np.zeros(len(CATALOGUE), np.float32), 0.5)
    return {one.limit: (one.held, one.waits, one.ends) for one in held_back(seen, decision.masked, limits)}


TRAINING, SENDING = frozenset({Held.TRAINING}), frozenset({Held.SENDING})


def test_nothing_is_held_back_where_no_limit_is_near() -> None:
    assert told(Limits()) == {}


@pytest.mark.parametrize(
    ("limits", "changes", "limit", "expected"),
    [
        (Limits(), {"battery_soc": 0.1}, "battery_floor", (ALL, True, Ends.BATTERY_ABOVE)),
        (Limits(), {"battery_soc": np.nan}, "battery_floor", (ALL, True, Ends.SENSOR)),
        (Limits(temperature_c=40), {"temperature_c": 41.0}, "thermal", (ALL, True, Ends.COOLER_THAN)),
        (Limits(), {"power_save": 1.0}, "power_save", (TRAINING, True, Ends.SAVER_OFF)),
        (Limits(train_only_charging=True), {}, "train_only_charging", (TRAINING, True, Ends.CHARGING)),
        (
            Limits(train_only_charging=True),
            {"fresh_examples": 0.0},
            "train_only_charging",
            (TRAINING, False, Ends.CHARGING),
        ),
        (
            Limits(sync_only_unmetered=True),
            {"link": Link.METERED},
            "sync_only_unmetered",
            (SENDING, True, Ends.UNMETERED),
        ),
        (Limits(), {"link": Link.NONE}, "no_link", (SENDING, True, Ends.LINK)),
        (Limits(), {"link": np.nan}, "no_link", (SENDING, True, Ends.SENSOR)),
    ],
)
def test_each_limit_says_what_it_holds_and_what_ends_it(
    limits: Limits, changes: dict[str, float], limit: str, expected: tuple[frozenset[Held], bool, Ends]
) -> None:
    assert told(limits, **changes)[limit] == expected


def test_the_numbers_are_told() -> None:
    masked = [("battery_floor", NAMES[1:])]
    (one,) = held_back(Observation(battery_soc=0.12), masked, DeviceLimits(battery_floor=0.2))
    assert (one.found, one.needed, one.everything) == (0.12, 0.2, True)
    assert one.text == "all work, until the battery is above 20% (it is at 12%)"


def test_a_limit_that_forbids_only_the_larger_trainings_holds_nothing_back() -> None:
    masked = [("battery_floor", [name for name in NAMES if "large" in name])]
    assert held_back(FREE, masked, Limits()) == ()


def test_what_the_body_cannot_do_does_not_keep_a_limit_from_holding_the_rest() -> None:
    high = [name for name in NAMES if "/high/" in name]
    masked = [
        ("platform", high),
        ("power_save", [name for name in NAMES if name.startswith("train/low") or "+train/low" in name]),
    ]
    (one,) = held_back(FREE, masked, Limits())
    assert one.limit == "power_save"
    assert one.held == TRAINING


def test_a_pause_and_a_limit_of_a_later_version_are_told_too() -> None:
    pause, later = held_back(FREE, [("paused", NAMES[1:]), ("moonlight", NAMES[1:])], Limits())
    assert pause.ends is Ends.RESUMED
    assert later.ends is Ends.NOTHING
    assert "moonlight" in later.text


def test_every_limit_has_words() -> None:
    for limit in LIMITS:
        for seen in (FREE, Observation()):
            (one,) = held_back(seen, [(limit, NAMES[1:])], Limits())
            assert one.text.startswith("all work, ")
            assert "nan" not in one.text

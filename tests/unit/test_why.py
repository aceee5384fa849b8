"""What a decision says of itself."""

from __future__ import annotations

import numpy as np
import pytest

from circadia.actions import NAMES, SLEEP, action_named
from circadia.shield import DeviceLimits, Limits
from circadia.types import LIMITS, Decision, in_words
from circadia.vigil import REQUESTS, in_the_way

SERVE, TRAIN = action_named("serve/high/small"), action_named("train/high/large")
HOT = ("thermal", (SERVE.name, TRAIN.name))
FLAT = ("battery_floor", (TRAIN.name,))


@pytest.mark.parametrize(
    ("decision", "words"),
    [
        (Decision(proposed=SERVE, action=SERVE), "serve/high/small: the policy's choice"),
        (Decision(proposed=SLEEP, action=SLEEP, masked=(HOT,)), "sleep: the policy's choice"),
        (
            Decision(proposed=TRAIN, action=SLEEP, masked=(HOT, FLAT), feasible=False),
            f"sleep instead of train/high/large, which is forbidden: {in_words(['thermal', 'battery_floor'])}",
        ),
        (
            Decision(proposed=SERVE, action=SLEEP, masked=(FLAT,)),
            f"sleep, drawn without what is forbidden: battery_floor ({LIMITS['battery_floor']})",
        ),
        (Decision(proposed=SLEEP, action=SLEEP, feasible=False), "sleep: the policy offers nothing"),
    ],
)
def test_it_says_what_is_done_and_which_limit_was_in_the_way(decision: Decision, words: str) -> None:
    assert decision.why == words
    assert "nothing to do" not in decision.why


def test_every_limit_has_words_and_a_later_version_s_has_its_name() -> None:
    assert in_words(["thermal", "moonlight"]) == f"thermal ({LIMITS['thermal']}) and moonlight"


def test_what_is_in_the_way_of_a_kind_of_work_is_what_is_left_to_forbid() -> None:
    serves = tuple(name for name in NAMES if name.startswith("serve"))
    low, high = (tuple(name for name in serves if f"/{clock}/" in name) for clock in ("low", "high"))
    everything = np.ones(len(NAMES), bool)

    def told(*masked: tuple[str, tuple[str, ...]]) -> tuple[str, ...]:
        return in_the_way(Decision(proposed=SLEEP, action=SLEEP, masked=masked), REQUESTS, everything)

    assert told() == told(("platform", low)) == told(("thermal", low)) == ()
    assert told(("platform", serves)) == ("platform",)
    assert told(("platform", low), ("thermal", high)) == ("thermal",)
    assert told(("platform", low), ("thermal", serves), ("battery_floor", high[:1])) == ("thermal",)
    assert told(("thermal", low), ("battery_floor", high)) == ("thermal", "battery_floor")
    assert in_the_way(Decision(proposed=SLEEP, action=SLEEP, masked=(HOT,)), REQUESTS, ~everything) == ()


def test_a_device_has_all_its_sensors_unless_it_says_so() -> None:
    assert DeviceLimits().lacking == Limits().lacking == frozenset()
    assert DeviceLimits(thermometer=False, network=False).lacking == {"thermometer", "network"}

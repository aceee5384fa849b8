"""Updates that are rejected again and again are held, and tried now and again."""

from __future__ import annotations

import math
from typing import Any

import pytest

from circadia.errors import ConfigError
from circadia.federation.device.events import UpdateAcknowledged, UpdatesHeld
from circadia.federation.device.patience import HOUR_S, Patience
from circadia.federation.device.rejections import IN_A_ROW, Rejections, kind_of
from circadia.federation.device.uploads import WINDOW, Uploads
from circadia.federation.wire.effects import Publish
from circadia.federation.wire.messages import (
    ACCEPTED,
    INCOMPLETE,
    NOT_NOW,
    REJECTED,
    Acknowledgement,
    UpdateChunk,
    decode_as,
)
from circadia.types import ModelUpdate

PATIENCE = Patience(rejected_s=HOUR_S, longest_rejected_s=4 * HOUR_S)
NORM = "norm: the change's is {}, allowed is 10"


def update(number: int) -> ModelUpdate:
    return ModelUpdate(
        update_id=f"u{number}",
        task="ab" * 32,
        base_version=1,
        examples=1,
        codec="int8",
        payload=b"xyz",
        created_s=0.0,
    )


def uploads(count: int, **options: Any) -> tuple[Uploads, list[str]]:
    """Online, with so many updates, and what was sent at first."""
    core = Uploads(federation="home", device="phone", patience=PATIENCE, **options)
    core.connected(0.0)
    core.aggregator(True, 0.0)
    return core, sent(core.add([update(i) for i in range(count)], 0.0))


def sent(steps: tuple[Any, ...]) -> list[str]:
    chunks = [decode_as(UpdateChunk, step.payload) for step in steps if isinstance(step, Publish)]
    return [chunk.update_id for chunk in chunks]


def hear(core: Uploads, number: int, status: str, reason: str = "", now_s: float = 1.0) -> tuple[Any, ...]:
    return core.hear(Acknowledgement(update_id=f"u{number}", status=status, reason=reason), now_s)


def held(steps: tuple[Any, ...]) -> list[UpdatesHeld]:
    return [step for step in steps if isinstance(step, UpdatesHeld)]


def test_the_same_reason_with_other_numbers_is_the_same() -> None:
    assert kind_of(NORM.format(12)) == kind_of(NORM.format(99.5)) == "norm"
    assert kind_of("too large") == "too large"


def test_others_are_held_after_several_for_one_reason_and_one_is_tried_later() -> None:
    core, first = uploads(10)
    assert first == [f"u{i}" for i in range(WINDOW)]
    assert sent(hear(core, 0, REJECTED, NORM.format(12))) == ["u4"]
    assert sent(hear(core, 1, REJECTED, NORM.format(13))) == ["u5"]
    steps = hear(core, 2, REJECTED, NORM.format(14))
    assert steps == (
        UpdateAcknowledged(update_id="u2", accepted=False, reason=NORM.format(14)),
        UpdatesHeld(reason=NORM.format(14), rejected=IN_A_ROW, retry_s=HOUR_S),
    )
    assert core.due_s == 1.0 + HOUR_S
    assert core.tick(HOUR_S) == ()
    assert sent(core.add([update(99)], HOUR_S)) == []
    assert sent(core.tick(1.0 + HOUR_S)) == ["u3"]  # the oldest, alone
    assert len(core) == 8


def test_pauses_double_up_to_the_longest() -> None:
    core, _ = uploads(20)
    now_s, pauses = 1.0, []
    for number in range(12):
        for step in held(hear(core, number, REJECTED, NORM.format(number), now_s)):
            pauses.append(step.retry_s / HOUR_S)
            now_s = core.due_s
            core.tick(now_s)
    assert pauses == [1, 2, 4, 4, 4, 4, 4, 4, 4, 4]


def test_what_was_on_its_way_does_not_lengthen_the_pause() -> None:
    core, _ = uploads(10)
    for number in range(WINDOW + 1):
        steps = hear(core, number, REJECTED, NORM.format(12))
        assert bool(held(steps)) is (number == IN_A_ROW - 1)
    assert core.due_s == 1.0 + HOUR_S


@pytest.mark.parametrize(
    ("status", "reason"), [(ACCEPTED, ""), (REJECTED, "int8: a scale is negative"), (REJECTED, "")]
)
def test_an_acceptance_or_another_reason_sends_all_again(status: str, reason: str) -> None:
    core, _ = uploads(10)
    for number in range(IN_A_ROW):
        hear(core, number, REJECTED, NORM.format(12))
    now_s = core.due_s
    assert sent(core.tick(now_s)) == ["u3"]
    steps = hear(core, 3, status, reason, now_s)
    assert held(steps) == [UpdatesHeld(reason="")]
    assert sent(steps) == ["u4", "u5", "u6", "u7"]


def test_a_verdict_on_the_way_may_end_the_hold() -> None:
    core, _ = uploads(10)
    for number in range(IN_A_ROW):
        hear(core, number, REJECTED, NORM.format(12))
    assert sent(hear(core, 3, ACCEPTED)) == ["u4", "u5", "u6", "u7"]


def test_nothing_goes_meanwhile_whatever_happens_to_link_and_aggregator() -> None:
    core, _ = uploads(10)
    for number in range(IN_A_ROW):
        hear(core, number, REJECTED, NORM.format(12))
    assert hear(core, 3, INCOMPLETE) == ()
    core.disconnected()
    assert core.due_s == math.inf
    core.connected(50.0)
    assert sent(core.tick(core.due_s)) == []  # nobody said whether the aggregator is there
    assert core.due_s == 1.0 + HOUR_S
    assert sent(core.aggregator(False, 60.0)) == []
    assert sent(core.aggregator(True, 70.0)) == []
    assert sent(core.tick(1.0 + HOUR_S)) == ["u3"]
    assert hear(core, 3, NOT_NOW, "later", 2.0 + HOUR_S)
    core.disconnected()
    core.connected(3.0 + HOUR_S)
    assert sent(core.aggregator(True, 3.0 + HOUR_S)) == ["u4"]


def test_the_same_verdict_again_counts_once() -> None:
    core, _ = uploads(10)
    for _ in range(5):
        assert not held(hear(core, 0, REJECTED, NORM.format(12)))


def test_a_verdict_that_the_device_did_not_keep_counts_once_though_it_is_asked_for_again() -> None:
    core, _ = uploads(1)
    for _ in range(2 * IN_A_ROW):
        assert not held(hear(core, 0, REJECTED, NORM.format(12)))
        assert sent(core.add([update(0)], 2.0)) == ["u0"]


def test_what_is_put_off_waits_with_those_that_are_held() -> None:
    core, _ = uploads(5)
    for number in range(IN_A_ROW):
        hear(core, number, REJECTED, NORM.format(12))
    hear(core, 3, NOT_NOW, "later")
    for now_s in range(60, int(HOUR_S), 60):
        assert sent(core.tick(float(now_s))) == []
    assert sent(core.tick(1.0 + HOUR_S)) != []


def test_a_device_that_starts_again_tries_one_at_once() -> None:
    core, first = uploads(10, rejected=[NORM.format(1)] * IN_A_ROW)
    assert first == ["u0"]
    assert [step.retry_s for step in held(hear(core, 0, REJECTED, NORM.format(12)))] == [HOUR_S]
    core, first = uploads(10, rejected=[NORM.format(1), "other", NORM.format(1)])
    assert len(first) == WINDOW


def test_the_tick_never_spins() -> None:
    """Whatever is due is done: time moves on to the next due time, in bounded steps."""
    core, _ = uploads(3)
    for number in range(3):
        hear(core, number, REJECTED, NORM.format(12))
    assert core.due_s == math.inf  # nothing waits
    core.add([update(7)], 10.0)
    now_s = core.due_s
    assert now_s == 1.0 + HOUR_S
    for _ in range(20):
        core.tick(now_s)
        assert core.due_s > now_s
        now_s = core.due_s


def test_a_fresh_one_is_at_peace() -> None:
    rejections = Rejections(PATIENCE)
    assert (rejections.held, rejections.holds(0.0), rejections.in_a_row) == (False, False, 0)


@pytest.mark.parametrize(
    "changes",
    [{"rejected_s": 0.0}, {"rejected_s": 9e9}, {"longest_rejected_s": math.inf}, {"rejected_s": math.nan}],
)
def test_impatience_is_refused(changes: dict[str, float]) -> None:
    with pytest.raises(ConfigError, match="rejected_s"):
        Patience(**changes)

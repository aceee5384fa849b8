"""What was learned, by day and with intervals, and what left the phone as it was counted."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from circadia.shield import Limits
from circadia.types import Link
from circadia_app.viewmodels.estimate import wilson
from circadia_app.viewmodels.learn import learn
from circadia_app.viewmodels.snapshot import DayBytes, Kept, Traffic

if TYPE_CHECKING:
    from circadia_app.texts import Texts

DAY = 86_400.0


def test_the_interval_is_wilsons() -> None:
    share = wilson(115, 132)
    assert share == pytest.approx((0.8712, 0.8034, 0.9180), abs=1e-4)
    assert wilson(5, 5).high == 1.0
    assert wilson(0, 5).low == pytest.approx(0, abs=1e-12)


def test_model_and_own_part_in_words(moments: Any, english: Texts) -> None:
    rows = [{"t_s": moments.NOW - 2400, "action": "train/low/small"}]
    past = moments.past(rows, trained={1: 32}, kept=Kept(examples=9, own_share=0.5, version=142))
    seen = replace(moments.FREE, versions_behind=1.0, link=Link.METERED)
    row = {"t_s": moments.NOW - 60, "masked": (("sync_only_unmetered", moments.EXCHANGES),)}
    past = replace(past, ticks=moments.ticks([*rows, row]))
    snapshot = moments.snapshot(past=past, seen=seen, limits=Limits(sync_only_unmetered=True))
    screen = learn(snapshot, english)
    assert screen.title.text == "Model 142 and your own part"
    assert screen.reason == (
        "It learned from 32 examples 40\u00a0min ago. A newer model of the server is ready and waits for Wi-Fi."
    )
    assert screen.own.sentence.startswith("An answer takes 50\u00a0% of your own part")


def test_a_line_needs_two_days(moments: Any, english: Texts) -> None:
    def chart(*days: int) -> Any:
        rows = [(moments.NOW - day * DAY, 1, int(i < 8), 4.0) for day in days for i in range(10)]
        return learn(
            moments.snapshot(past=moments.past(requests=moments.requests(sorted(rows)))), english
        ).accuracy.chart

    assert chart(0).series == ()
    assert chart(0).lacking == "From tomorrow"
    assert chart().lacking == "5 more answers"
    (series,) = chart(3, 1, 0).series
    assert [round(13 * x) for x, _ in series.line] == [10, 12, 13]
    assert all(
        low[1] < middle[1] < high[1]
        for low, middle, high in zip(series.low, series.line, series.high, strict=True)
    )
    assert series.name == "answers 80"


def test_train_now_says_which_limit_forbids_it(moments: Any, english: Texts) -> None:
    free = learn(moments.snapshot(), english)
    assert free.forbidden == ""
    assert free.frame.button is not None
    assert free.frame.button.enabled
    saver = replace(moments.FREE, power_save=1.0)
    held = learn(moments.snapshot(seen=saver, masked=(("power_save", moments.TRAININGS),)), english)
    assert held.forbidden == "Train now is forbidden while battery saver is on."
    assert held.frame.button is not None
    assert not held.frame.button.enabled
    nothing = learn(moments.snapshot(past=moments.past(kept=Kept())), english)
    assert nothing.forbidden == "Train now waits for a first example."


def test_what_left_is_shown_as_it_was_counted(moments: Any, english: Texts) -> None:
    days = (DayBytes(day=0, sent=93_000, received=343_000), DayBytes(day=-2, sent=12_000, received=640_000))
    left = learn(moments.snapshot(traffic=Traffic(days=days, examples=0, sent=105_000)), english).left
    assert [(fact.figure, fact.name) for fact in left.facts] == [
        ("0", "examples, ever"),
        ("93\u00a0kB", "sent"),
        ("343\u00a0kB", "received"),
    ]
    assert left.chart.level == "700\u00a0kB"
    assert [bar.text for bar in left.chart.bars[-3:]] == ["", "off", ""]
    assert left.chart.bars[-1].second == pytest.approx(0.49)


def test_what_was_not_counted_is_not_said_to_be_nothing(moments: Any, english: Texts) -> None:
    left = learn(moments.snapshot(), english).left
    assert {fact.figure for fact in left.facts} == {"not counted"}


def test_a_phone_that_learns_alone_says_so(moments: Any, english: Texts) -> None:
    seen = learn(moments.snapshot(server="", live=None), english)
    assert {fact.figure for fact in seen.left.facts} == {"nothing"}
    assert seen.left.chart.lacking == "It learns alone; nothing leaves it."
    trained = learn(moments.snapshot(server="", live=None, past=moments.past(trained={1: 40})), english)
    assert trained.title.text == "A model of its own"
    assert trained.own.sentence.startswith("Every answer is all its own")

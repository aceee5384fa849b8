"""Log, consent, your data, field test."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from circadia.store.rows import StoredUpdate
from circadia.types import Link
from circadia_app.consent import Consent
from circadia_app.deletion import Confirmation, Deletion
from circadia_app.journal import Entry
from circadia_app.viewmodels.asked import refused, trained
from circadia_app.viewmodels.consent import consent
from circadia_app.viewmodels.field import Again, Difference, FieldTest, TestDay, TestResult
from circadia_app.viewmodels.log import log
from circadia_app.viewmodels.snapshot import Kept, Traffic
from circadia_app.viewmodels.test import test as field_test
from circadia_app.viewmodels.tokens import Colour, Do, Glyph, Kind, Origin
from circadia_app.viewmodels.your_data import your_data

if TYPE_CHECKING:
    from circadia_app.texts import Texts

DAY = 86_400.0


def busy(moments: Any) -> Any:
    """A morning in which everything happens once."""

    def at(hours: float, **row: Any) -> dict[str, Any]:
        return {"t_s": moments.MIDNIGHT + hours * 3600, "battery_soc": 0.5, "link": Link.FREE, **row}

    held = {
        "link": Link.METERED,
        "spooled_updates": 1.0,
        "masked": (("sync_only_unmetered", moments.EXCHANGES),),
    }
    rows = [
        at(7, action="serve/high/small", served=11, energy_j=5.2, source=0),
        at(8),
        at(9),
        at(10, action="train/high/large", energy_j=44.0, source=0, work_j=(0.0, 41.0)),
        at(11, **held),
        at(11.5, **held),
        at(12, action="sleep/sync-int8"),
        at(13),
    ]
    journal = (
        Entry(t_s=moments.MIDNIGHT + 6 * 3600, event="killed", fields={"pid": 3}),
        Entry(t_s=moments.MIDNIGHT + 6 * 3600 + 40, event="started", fields={"pid": 4}),
        Entry(
            t_s=moments.MIDNIGHT + 9.2 * 3600,
            event="log",
            fields={
                "level": "ERROR",
                "text": "The meter stopped answering",
                "error": "Traceback: MeterError",
            },
        ),
    )
    refused = StoredUpdate(update_id="u", created_s=moments.MIDNIGHT - 3600, accepted=False, reason="too old")
    return moments.snapshot(past=moments.past(rows, trained={4: 32}, updates=(refused,)), journal=journal)


def test_the_log_tells_why_the_system_ended_it(moments: Any, english: Texts) -> None:
    """When it was, and not when the next start wrote it down."""
    at_s, written_s = moments.MIDNIGHT + 3 * 3600, moments.MIDNIGHT + 6 * 3600
    ended = {"at_s": at_s, "process": "org.circadia.app:service_agent", "reason": "low memory"}
    journal = (
        Entry(t_s=written_s, event="exit", fields=ended | {"description": "lmkd"}),
        Entry(t_s=written_s, event="exit", fields={"process": "org.circadia.app", "reason": "reason 99"}),
        Entry(t_s=written_s, event="body", fields={"bucket": "rare"}),
    )
    shown = log(moments.snapshot(journal=journal), english, Kind.EXITS)
    assert [(row.time, row.sentence, row.detail) for day in shown.days for row in day.rows] == [
        ("06:00", "The screens' process was over", "reason 99."),
        ("03:00", "The agent's process was over", "Memory was short. Android says: lmkd"),
    ]


def test_the_log_tells_what_happened_the_latest_first(moments: Any, english: Texts) -> None:
    today, yesterday = log(busy(moments), english).days
    assert (today.heading, today.count, yesterday.heading) == ("Today", "8 decisions", "Yesterday")
    told = [(row.time, row.glyph, row.sentence, row.detail) for row in today.rows]
    assert told == [
        ("13:00", Glyph.SLEEP, "Sleeping until 14:20", "Nothing was due. Battery 50\u00a0%."),
        ("12:00", Glyph.SLEEP, "Exchanged with the server", ""),
        ("11:00", Glyph.SLEEP, "Slept until 12:00, 2 decisions", "Nothing was due. Battery 50\u00a0%."),
        ("11:00", Glyph.HELD, "Sending held back", "Until there is Wi-Fi."),
        ("10:00", Glyph.TRAIN, "Trained on 32 examples", "Fast clock, 41\u00a0J measured."),
        ("09:12", Glyph.ERROR, "Something failed", "The meter stopped answering"),
        ("08:00", Glyph.SLEEP, "Slept until 10:00, 2 decisions", "Nothing was due. Battery 50\u00a0%."),
        ("07:00", Glyph.ANSWER, "Answered 11 requests", "Fast clock, 5.2\u00a0J measured."),
        ("06:00", Glyph.START, "Started again after 40\u00a0s", ""),
        ("06:00", Glyph.START, "The system ended the app", "Nothing that was recorded was lost."),
    ]
    assert [row.sentence for row in yesterday.rows] == ["The server refused a change to the model"]


@pytest.mark.parametrize(
    ("kind", "count"),
    [(Kind.ALL, 11), (Kind.DECISIONS, 6), (Kind.HELD, 1), (Kind.EXITS, 2), (Kind.ERRORS, 2)],
)
def test_filters_choose_rows(kind: Kind, count: int, moments: Any, english: Texts) -> None:
    screen = log(busy(moments), english, kind)
    assert sum(len(day.rows) for day in screen.days) == count
    assert [one.kind for one in screen.filters if one.chosen] == [kind]


def test_a_touch_on_the_ribbon_shows_that_quarter(moments: Any, english: Texts) -> None:
    start_s = moments.MIDNIGHT + 10 * 3600
    (day,) = log(busy(moments), english, between=(start_s, start_s + 900)).days
    assert [row.sentence for row in day.rows] == ["Trained on 32 examples"]


def test_what_is_shared_has_the_errors_and_no_example(moments: Any, english: Texts) -> None:
    share = log(busy(moments), english).share
    assert share.startswith("Circadia, log. Figures and times, no examples.\n")
    assert "MeterError" in share
    assert "27\u00a0Nov 10:00  Trained on 32 examples. Fast clock" in share


def test_an_empty_log_says_so(moments: Any, texts: Texts) -> None:
    screen = log(moments.snapshot(past=moments.past([])), texts)
    assert (screen.days, screen.share) == ((), "")
    assert screen.empty == texts("log.empty")
    assert log(busy(moments), texts, Kind.ALL).empty == ""


def test_all_switches_are_off_at_first_and_the_first_starts(moments: Any, english: Texts) -> None:
    never = moments.snapshot(consent=Consent(), planned_days=41)
    screen = consent(never, english)
    assert [switch.on for switch in screen.switches] == [False, False, False]
    assert [switch.enabled for switch in screen.switches] == [True, False, False]
    assert not screen.start.enabled
    ready = consent(never, english, learns=True)
    assert [switch.enabled for switch in ready.switches] == [True, True, True]
    assert (ready.start.text, ready.start.enabled, ready.start.do) == ("Start", True, Do.START)
    only_others = consent(never, english, sends=True, tests=True)
    assert [switch.on for switch in only_others.switches] == [False, False, False]


def test_consent_names_the_receiver_and_what_goes(moments: Any, english: Texts) -> None:
    goes = (
        consent(moments.snapshot(past=moments.past(kept=Kept(model_bytes=20_520))), english)
        .paragraphs[1]
        .text
    )
    assert "about 5.1\u00a0kB each, to fleet.example.org" in goes
    alone = consent(moments.snapshot(server=""), english)
    assert alone.paragraphs[1].text == "Nothing: no server is set up on this phone."
    assert not alone.switches[1].enabled


def test_your_data_is_what_lies_on_the_disk(moments: Any, english: Texts) -> None:
    kept = Kept(
        examples=2314, example_bytes=18_000_000, oldest_s=moments.NOW - 56 * DAY, model_bytes=400_000, version=142,
        decisions=40_000, store_bytes=24_400_000,
    )  # fmt: skip
    screen = your_data(
        moments.snapshot(past=moments.past(kept=kept), traffic=Traffic(sent=4_900_000)), english
    )
    assert [(fact.name, fact.detail, fact.figure) for fact in screen.kept] == [
        ("Examples", "2,314, the oldest from 2\u00a0Oct", "18\u00a0MB"),
        ("Your own model", "142, with your additions", "400\u00a0kB"),
        ("Log of decisions", "40,000 decisions", "6.0\u00a0MB"),
    ]
    assert [(switch.key, switch.on) for switch in screen.agreed] == [
        ("learn", True),
        ("send", True),
        ("field_test", False),
    ]
    assert screen.agreed[1].detail == "since 8\u00a0Oct, 4.9\u00a0MB sent"
    empty = your_data(moments.snapshot(past=moments.past(kept=Kept())), english)
    assert [fact.name for fact in empty.kept] == ["Nothing."]


def test_deleting_takes_two_steps(moments: Any, english: Texts) -> None:
    assert [button.do for button in your_data(moments.snapshot(), english).deletion.buttons] == [Do.DELETE]
    sure = your_data(moments.snapshot(), english, sure=True).deletion.buttons
    assert [button.do for button in sure] == [Do.DELETE_NOW, Do.KEEP]


def test_a_deletion_that_waits_stays_visible_and_can_be_given_up(moments: Any, english: Texts) -> None:
    asked = Deletion(request_id="d", asked_s=moments.NOW, erased=True, device="phone")
    waits, confirmed = your_data(
        moments.snapshot(
            deletions=(asked,), confirmation=Confirmation(request_id="c", confirmed_s=moments.NOW)
        ),
        english,
    ).requests
    assert waits.lead == "Deletion of 27\u00a0Nov: waits for the network."
    assert waits.button is not None
    assert waits.button.do is Do.GIVE_UP_WAITING
    assert waits.colour is Colour.WARN
    assert confirmed.text == "The server confirmed at 13:42."
    (unfinished,) = your_data(moments.snapshot(deletions=(replace(asked, erased=False),)), english).requests
    assert "not finished here" in unfinished.lead
    assert unfinished.button is None


def a_test(moments: Any, done: int, **changes: Any) -> FieldTest:
    """A day to settle in, 3 pairs with itself, 3 against charging only; `done` days are over."""
    arms = [(-1, 0, "circadia"), *((0, p, a) for p in range(3) for a in ("circadia", "circadia-again"))]
    arms += [(1, p, a) for p in range(3) for a in ("charging-only", "circadia")]
    start_s = moments.MIDNIGHT - done * DAY
    days = tuple(
        TestDay(
            comparison=c,
            pair=p,
            arm=a,
            start_s=start_s + i * DAY,
            end_s=start_s + (i + 1) * DAY,
            energy_j=(1000.0 + 10 * (i % 3)) if i < done else math.nan,
        )
        for i, (c, p, a) in enumerate(arms)
    )
    names = {"circadia": "Circadia", "circadia-again": "Circadia", "charging-only": "charging only"}
    plain: dict[str, Any] = {
        "first_arm": "circadia", "names": names, "days": days, "origin": Origin.MEASURED, "agreed_s": moments.NOW - done * DAY,
    }  # fmt: skip
    return FieldTest(**{**plain, **changes})


def test_a_test_on_its_way_says_the_day_the_arm_and_the_next_change(moments: Any, english: Texts) -> None:
    screen = field_test(moments.snapshot(field_test=a_test(moments, 8)), english)
    assert screen.title.text == "Day 9 of 13"
    assert (
        screen.reason
        == "Today Circadia runs as usual, the second day of pair 1. The next change is tomorrow at 00:00."
    )
    assert screen.squares is not None
    told = [
        [(square.filled, square.hollow, square.today) for group in row.groups for square in group]
        for row in screen.squares.rows
    ]
    assert [len(row) for row in told] == [1, 6, 6]
    assert told[2][:3] == [(True, True, False), (True, False, True), (False, False, False)]
    assert screen.consent is not None
    assert screen.consent.heading == "You agreed on 19\u00a0Nov"
    assert [button.do for button in screen.buttons] == [Do.EXPORT, Do.STOP_TEST]


def test_the_result_stays_closed_until_the_last_day(moments: Any, texts: Texts) -> None:
    result = TestResult(
        energy=Difference(middle=-0.081, low=-0.12, high=-0.042), announced=True, why_not="", costs=()
    )
    early = field_test(moments.snapshot(field_test=a_test(moments, 12, result=result)), texts)
    assert early.result is None
    assert early.cost is None
    assert early.closed is not None
    assert "8" not in early.title.text
    over = field_test(moments.snapshot(field_test=a_test(moments, 13, result=result)), texts)
    assert over.result is not None
    assert over.closed is None


def test_compared_with_itself_shows_an_interval_or_nothing(moments: Any, english: Texts) -> None:
    few = field_test(moments.snapshot(field_test=a_test(moments, 5)), english).itself
    assert few is not None
    assert (few.figure, few.axis, few.likely) == ("", None, "Too few pairs for a figure.")
    all_in = field_test(moments.snapshot(field_test=a_test(moments, 7)), english).itself
    assert all_in is not None
    assert all_in.sentence == "3 of 3 pairs. A sound test finds no difference here."
    assert all_in.axis is not None
    assert all_in.axis.zero == 0.5
    assert all_in.axis.low < all_in.axis.middle < all_in.axis.high
    assert [mark.text for mark in all_in.axis.marks][2] == "0"


@pytest.mark.parametrize(
    ("energy", "announced", "title"),
    [
        ((-0.081, -0.12, -0.042), True, "This phone used 8\u00a0% less"),
        ((0.06, 0.02, 0.1), True, "This phone used 6\u00a0% more"),
        ((-0.02, -0.06, 0.02), True, "No difference found"),
        ((-0.081, -0.12, -0.042), False, "No gain announced: answers took longer"),
    ],
)
def test_a_result_is_one_sentence(
    energy: tuple[float, float, float], announced: bool, title: str, moments: Any, english: Texts
) -> None:
    middle, low, high = energy
    result = TestResult(
        energy=Difference(middle=middle, low=low, high=high),
        announced=announced,
        why_not="answers took longer",
        costs=(),
    )
    screen = field_test(moments.snapshot(field_test=a_test(moments, 13, result=result)), english)
    assert screen.title.text == title
    assert screen.result is not None
    assert screen.result.likely == english.likely(
        f"{english.signed(100 * low)}\u00a0%", f"{english.signed(100 * high)}\u00a0%"
    )


def test_what_is_left_out_is_said_with_its_rule(moments: Any, english: Texts) -> None:
    made = a_test(moments, 13)
    days = tuple(
        replace(day, left_out="the meter was off for 6 hours") if i == 9 else day
        for i, day in enumerate(made.days)
    )
    screen = field_test(moments.snapshot(field_test=replace(made, days=days)), english)
    assert screen.left_out is not None
    assert screen.left_out.heading == "3 pairs planned, 2 counted"
    assert "Pair 2 is left out: the meter was off for 6 hours." in screen.left_out.text
    assert screen.title.text == "The test is over"


def test_without_a_plan_there_is_nothing_to_join(moments: Any, english: Texts) -> None:
    none = field_test(moments.snapshot(), english)
    assert (none.title.text, none.buttons, none.squares) == ("No test is armed", (), None)
    able = field_test(moments.snapshot(planned_days=41), english)
    assert able.title.text == "A field test of 41 days"
    assert [button.do for button in able.buttons] == [Do.JOIN_TEST]


def test_what_the_bundle_says_stands_over_the_clock(moments: Any, english: Texts) -> None:
    """A simulated body's clock begins anew with each day."""
    on = a_test(moments, 8, place=3, origin=None)
    screen = field_test(moments.snapshot(field_test=on), english)
    assert screen.title.text == "Day 4 of 13"
    assert screen.itself is not None
    assert screen.itself.chip is None, "nobody knows yet whose figures"
    over = field_test(moments.snapshot(field_test=replace(on, place=13)), english)
    assert (over.title.text, over.buttons) == ("The test is over", ())
    assert over.frame.button is not None
    assert over.frame.button.do is Do.EXPORT
    assert over.squares is not None
    assert not [
        square for row in over.squares.rows for group in row.groups for square in group if square.today
    ]
    assert [one.text for one in over.squares.legend] == ["Circadia", "charging only"]
    assert over.closed is not None
    assert "circadia field analyse field-test" in over.closed.text


def test_policies_have_names_in_both_languages(moments: Any, texts: Texts) -> None:
    names = {"circadia": "default", "circadia-again": "default", "charging-only": "charging-only"}
    screen = field_test(moments.snapshot(field_test=a_test(moments, 8, names=names)), texts)
    assert screen.squares is not None
    assert [one.text for one in screen.squares.legend][:2] == ["Circadia", texts("policy.charging-only")]
    assert texts("policy.charging-only") in screen.squares.rows[2].heading


def test_a_day_made_again_is_said_with_its_rule(moments: Any, english: Texts) -> None:
    field = a_test(moments, 8, again=(Again(day=3, lost=0.12), Again(day=4, lost=1.0)))
    screen = field_test(moments.snapshot(field_test=field), english)
    assert screen.left_out is not None
    assert screen.left_out.heading == "2 days were made again"
    assert screen.left_out.text.startswith("Day 4: 12\u00a0% of its time had no joules. Day 5: 100")
    assert screen.left_out.text.endswith("fixed before the start: 5\u00a0% at most.")


def test_a_stopped_test_goes_on_or_is_exported(moments: Any, english: Texts) -> None:
    stopped = a_test(moments, 8, agreed_s=math.nan, place=8)
    screen = field_test(moments.snapshot(field_test=stopped), english)
    assert (screen.title.text, screen.itself, screen.result) == ("The test is stopped", None, None)
    assert [button.do for button in screen.buttons] == [Do.JOIN_TEST, Do.EXPORT]
    unasked = field_test(moments.snapshot(field_test=stopped, consent=Consent()), english)
    assert [button.do for button in unasked.buttons] == [Do.EXPORT]


ANSWER: dict[str, Any] = {
    "action": "sleep",
    "why": "",
    "trained": False,
    "held_back": [],
    "fresh_examples": 2.0,
}


@pytest.mark.parametrize(
    ("answer", "heading", "text"),
    [
        ({"trained": True}, "Trained just now", "this step"),
        (
            {"held_back": ["train_only_charging"]},
            "Not now",
            "Held back: training, until it charges. 2 examples wait.",
        ),
        (
            {"held_back": ["battery_floor", "thermal"]},
            "Not now",
            "Held back: training, until the battery is above 15\u00a0%. Held back: training, until the phone is cooler",
        ),
        ({"fresh_examples": 0.0}, "Nothing to train on", "when new ones come"),
        ({"fresh_examples": None, "held_back": ["paused"]}, "Nothing to train on", "until you go on"),
        ({}, "Not in this step", "No limit forbids it"),
    ],
)
def test_train_now_is_answered_in_words(
    answer: dict[str, Any], heading: str, text: str, moments: Any, english: Texts
) -> None:
    told = trained({**ANSWER, **answer}, moments.snapshot(), english)
    assert told.heading == heading
    assert text in told.text
    assert refused("", english).text == english("asked.away")

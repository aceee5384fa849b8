"""What the title says, in every state, and what helps."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import pytest

from circadia.shield import Limits
from circadia.status import State as Working
from circadia.status import UpdateCounts
from circadia.types import Link, Sleep, WakeOn
from circadia_app.consent import Consent
from circadia_app.viewmodels.states import State, state_of
from circadia_app.viewmodels.tokens import Colour, Do, Glyph

if TYPE_CHECKING:
    from circadia_app.texts import Texts


def seen(moments: Any, **changes: float) -> Any:
    from dataclasses import replace

    return replace(moments.FREE, **changes)


def test_a_sleep_says_until_when_and_what_ends_it(moments: Any, english: Texts) -> None:
    view = state_of(moments.snapshot(), english)
    assert view.state is State.WORKING
    assert view.title.text == "Sleeping until 14:20"
    assert view.title.glyph is Glyph.SLEEP
    assert view.reason == "Nothing is due, and the battery is at 54\u00a0%. A request ends the sleep at once."
    assert view.held == ()
    assert view.banners == ()
    assert not view.muted


@pytest.mark.parametrize(
    ("wake_on", "words"),
    [(WakeOn.DUE, "Requests wait until it wakes."), (WakeOn.DEADLINE, "in time for its deadline")],
)
def test_what_ends_a_sleep_is_told_as_it_is(
    wake_on: WakeOn, words: str, moments: Any, english: Texts
) -> None:
    sleep = Sleep(length_s=60.0, wake_on=wake_on)
    assert words in state_of(moments.snapshot(status=moments.status(sleep=sleep)), english).reason


def test_nothing_is_claimed_of_what_is_not_known(moments: Any, english: Texts) -> None:
    from circadia.types import Observation

    blind = moments.snapshot(seen=Observation(), status=moments.status(sleep=None))
    assert state_of(blind, english).reason == "Nothing is known of what it saw."


def test_work_is_told_by_its_mode_and_clock(moments: Any, english: Texts) -> None:
    busy = seen(moments, queue_length=3.0, fresh_examples=32.0, charging=1.0)
    answering = state_of(
        moments.snapshot(status=moments.status(action="serve/high/small"), seen=busy), english
    )
    assert answering.title.text == "Answering 3 requests"
    assert (answering.title.glyph, answering.title.colour) == (Glyph.ANSWER, Colour.SERVE_HIGH)
    busy = seen(moments, fresh_examples=32.0, charging=1.0)
    training = state_of(moments.snapshot(status=moments.status(action="train/low/large"), seen=busy), english)
    assert training.title.text == "Training"
    assert (training.title.glyph, training.title.colour) == (Glyph.TRAIN, Colour.TRAIN_LOW)
    assert training.reason == "32 new examples wait, and the phone is on the charger."


def test_a_training_says_how_long_it_goes_on_where_its_time_is_known(moments: Any, english: Texts) -> None:
    training = moments.status(action="train/low/large", decided_s=moments.NOW - 60)
    for busy_s, words in (
        (150.0, "Training, about 2\u00a0min more"),
        (30.0, "Training"),
        (math.nan, "Training"),
    ):
        known = moments.snapshot(status=training, past=moments.past(busy_s=busy_s))
        assert state_of(known, english).title.text == words


def test_the_limit_that_changed_the_decision_comes_first(moments: Any, english: Texts) -> None:
    saver = seen(moments, power_save=1.0, fresh_examples=4.0)
    changed = moments.snapshot(
        status=moments.status(changed_by=("power_save",)),
        seen=saver,
        masked=(("power_save", moments.TRAININGS),),
    )
    assert state_of(changed, english).reason.startswith(
        "Battery saver changed the decision. 4 new examples wait, and the battery is at 54\u00a0%."
    )


def test_one_line_for_each_limit_that_holds_back_what_waits(moments: Any, english: Texts) -> None:
    waits = seen(moments, link=Link.METERED, spooled_updates=1.0, fresh_examples=4.0, power_save=1.0)
    masked = (("power_save", moments.TRAININGS), ("sync_only_unmetered", moments.EXCHANGES))
    view = state_of(
        moments.snapshot(seen=waits, masked=masked, limits=Limits(sync_only_unmetered=True)), english
    )
    assert view.held == (
        "Held back: training, while battery saver is on.",
        "Held back: sending, until there is Wi-Fi.",
    )
    idle = state_of(moments.snapshot(seen=seen(moments, link=Link.METERED), masked=masked[1:]), english)
    assert idle.held == ()


def test_the_limits_numbers_are_in_the_line(moments: Any, english: Texts) -> None:
    low = seen(moments, battery_soc=0.12)
    view = state_of(
        moments.snapshot(
            seen=low, masked=(("battery_floor", moments.EVERYTHING),), limits=Limits(battery_floor=0.2)
        ),
        english,
    )
    assert view.held == ("Held back: all work, until the battery is above 20\u00a0%.",)
    warm = seen(moments, temperature_c=46.0)
    view = state_of(moments.snapshot(seen=warm, masked=(("thermal", moments.EVERYTHING),)), english)
    assert view.held == ("Held back: all work, until the phone is cooler (46\u00a0°C, limit 45\u00a0°C).",)


def test_a_silent_sensor_is_named_with_the_limit_that_needs_it(moments: Any, english: Texts) -> None:
    blind = seen(moments, temperature_c=math.nan)
    view = state_of(moments.snapshot(seen=blind, masked=(("thermal", moments.EVERYTHING),)), english)
    assert view.state is State.ONLY_SLEEPING
    assert view.title.text == "Only sleeping"
    assert view.reason == "This phone does not tell its temperature, and your limit of 45\u00a0°C needs it."
    assert view.remedy is not None
    assert view.remedy.do is Do.LIMITS


def test_without_examples_it_waits_for_the_first(moments: Any, english: Texts) -> None:
    view = state_of(moments.snapshot(past=moments.past(kept=type(moments.past().kept)())), english)
    assert view.state is State.WAITING
    assert view.remedy is not None
    assert view.remedy.do is Do.HOW_TO_ADD


def test_offline_is_a_banner_and_the_rest_goes_on(moments: Any, english: Texts) -> None:
    lost = moments.status(connected=False, trouble="no route", updates=UpdateCounts(made=3, accepted=2))
    view = state_of(moments.snapshot(status=lost, offline_s=moments.MIDNIGHT + 11 * 3600 + 300), english)
    (banner,) = view.banners
    assert (banner.lead, banner.colour) == ("Offline since 11:05.", Colour.WARN)
    assert view.title.text == "Sleeping until 14:20"
    assert view.note == "Everything on this phone goes on. 1 update waits to be sent."
    alone = moments.snapshot(status=lost, server="")
    assert state_of(alone, english).banners == ()


def test_a_failure_says_since_when_what_is_lost_and_what_to_do(moments: Any, english: Texts) -> None:
    full = moments.status(state=Working.FAILING, failure="store: StoreFull: database or disk is full")
    view = state_of(moments.snapshot(status=full), english)
    assert view.state is State.FAILING
    assert view.title.text == "Not working since 13:41"
    assert "Nothing up to then is lost" in view.reason
    assert view.remedy is not None
    assert view.remedy.do is Do.STORAGE
    other = moments.status(state=Working.FAILING, failure="tick: ZeroDivisionError: x")
    told = state_of(moments.snapshot(status=other), english)
    assert "ZeroDivisionError" not in f"{told.title}{told.reason}"
    assert "Nothing that was recorded is lost" in told.reason


def test_a_pause_says_until_when_and_can_be_ended(moments: Any, english: Texts) -> None:
    paused = moments.snapshot(
        status=moments.status(state=Working.PAUSED), paused_until_s=moments.MIDNIGHT + 15 * 3600 + 2400
    )
    view = state_of(paused, english)
    assert view.title.text == "Paused until 15:40"
    assert view.remedy is not None
    assert view.remedy.do is Do.RESUME
    forever = moments.snapshot(status=moments.status(state=Working.PAUSED), paused_until_s=math.inf)
    assert state_of(forever, english).title.text == "Paused"


def test_a_start_shows_the_last_figures_muted_and_no_longer_than_it_takes(
    moments: Any, english: Texts
) -> None:
    start = moments.snapshot(live=None, there=False, awaited_s=moments.NOW - 4)
    view = state_of(start, english)
    assert view.state is State.STARTING
    assert view.title.text == "Starting, the last figures are from 13:41"
    assert view.muted
    late = moments.snapshot(live=None, there=False, awaited_s=moments.NOW - 11, heard_s=math.nan)
    assert state_of(late, english).state is State.AWAY


def test_an_agent_that_went_is_not_there_since_then(moments: Any, english: Texts) -> None:
    gone = moments.snapshot(there=False, heard_s=moments.NOW - 600)
    view = state_of(gone, english)
    assert view.title.text == "Not there since 13:32"
    assert view.remedy is not None
    assert view.remedy.do is Do.RESTART
    assert view.muted


def test_what_is_lacking_is_told(moments: Any, english: Texts) -> None:
    lacks = moments.snapshot(live=moments.live(None, lacks=("no /dev/meter: plug it in",)))
    assert "no /dev/meter" in state_of(lacks, english).reason


def test_without_consent_it_only_shows(moments: Any, english: Texts) -> None:
    never = state_of(moments.snapshot(consent=Consent()), english)
    assert never.state is State.NO_CONSENT
    assert never.remedy is not None
    assert never.remedy.do is Do.CONSENT
    withdrawn = state_of(moments.snapshot(consent=Consent(withdrawn_s=moments.NOW)), english)
    assert "27\u00a0Nov" in withdrawn.reason


def test_a_simulated_phone_says_so_in_every_state(moments: Any, texts: Texts) -> None:
    for changes in ({}, {"consent": Consent()}, {"there": False}):
        simulated = moments.snapshot(live=moments.live(moments.status(), simulated=True), **changes)
        assert [banner.lead for banner in state_of(simulated, texts).banners] == [texts("state.simulated")]

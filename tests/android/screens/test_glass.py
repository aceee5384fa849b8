"""The glass around the screens: the system's bars, motion, a voice, the sun."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.android.screens.conftest import Stage

NOTHING = [0, 0, 0, 0]


@pytest.fixture
def now(stage: Stage) -> Iterator[Stage]:
    stage.show("now")
    stage("see_through", covered=NOTHING)
    yield stage
    stage("see_through", covered=NOTHING)
    stage.show("now")


def test_no_words_lie_under_the_systems_bars(now: Stage) -> None:
    before = {one["text"]: one["box"] for one in now("texts")}
    now("see_through", covered=[10, 40, 20, 30])
    for one in now("texts"):
        left, bottom, right, top = one["box"]
        assert left >= 10, one
        assert right <= 412 - 20, one
        assert top <= 915 - 40, one
        if not one["scrolls"]:
            assert bottom >= 30, one
    after = {one["text"]: one["box"] for one in now("texts")}
    assert after["Circadia"][3] == before["Circadia"][3] - 40


def test_the_navigation_is_touched_above_the_lowest_bar(now: Stage) -> None:
    now("see_through", covered=[0, 0, 0, 48])
    assert now("touch", x=412 * 0.3, y=24)["place"] == "now", "that is the system's"
    assert now("touch", x=412 * 0.3, y=48 + 36)["place"] == "choose"


def test_a_new_title_comes_softly_and_becomes_the_windows(now: Stage) -> None:
    found = now("retitle", text="Answering 3 requests")
    assert found["first"] < 0.7
    assert found["then"] == 1
    assert found["window"] == "Circadia: Answering 3 requests"


def test_nothing_fades_without_animations(now: Stage) -> None:
    now("see_through", covered=NOTHING, moves=False)
    assert now("retitle", text="Answering 3 requests")["first"] == 1


def test_a_finger_that_stays_on_the_title_has_the_screen_read(now: Stage) -> None:
    now("see_through", covered=NOTHING, voice=True)
    x, y = now.middle("Sleeping until")
    assert now("hold", x=x, y=y, seconds=0.2)["said"] == [], "a touch is none"
    said = now("hold", x=x, y=y, seconds=1.2)["said"]
    assert len(said) == 1
    assert said[0].startswith("en: Circadia. ")
    order = [said[0].index(word) for word in ("Sleeping until", "Held back", "Battery", "Energy today")]
    assert order == sorted(order)
    assert "[b]" not in said[0]


def test_without_a_voice_that_is_said(now: Stage) -> None:
    x, y = now.middle("Sleeping until")
    now("hold", x=x, y=y, seconds=1.2)
    now.middle("No voice")


def test_in_the_sun_light_colours_are_offered(now: Stage) -> None:
    assert now("see_through", covered=NOTHING, lux=9_000)["asked"] == []
    found = now("see_through", covered=NOTHING, lux=11_000)
    assert found["asked"] == ["bright"]
    assert found["scheme"] == "dark", "nobody has chosen"
    now.touch("Light colours")
    assert now("see_through", covered=NOTHING, lux=50_000)["scheme"] == "light"
    assert now("see_through", covered=NOTHING, lux=50_000)["asked"].count("bright") == 1


def test_in_the_background_nobody_is_read_to_and_no_light_is_looked_at(now: Stage) -> None:
    rests = now("see_through", covered=NOTHING)["rests"]
    assert now("sleep_and_wake")["rests"] is True
    assert now("see_through", covered=NOTHING)["rests"] > rests

"""What a phone is to its screens, over fakes of Android."""

from __future__ import annotations

import math
import time
from typing import TYPE_CHECKING, Any

import pytest

from circadia_app.jvm import Jvm
from circadia_app.phone_glass import PhoneGlass

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def glass(context: Any, phone: Any) -> Iterator[PhoneGlass]:
    made = PhoneGlass(Jvm(phone.screens(context), 36).own)
    yield made
    made.hush()
    made.rest()


def said(phone: Any) -> list[str]:
    """Once the voice is there."""
    until_s = time.monotonic() + 5
    while not phone.SAID.size() and time.monotonic() < until_s:
        time.sleep(0.01)
    return [phone.SAID.get(i) for i in range(phone.SAID.size())]


def test_bars_cover_so_many_pixels(glass: PhoneGlass, phone: Any) -> None:
    assert glass.insets() == (0, 72, 0, 48)
    phone.statusBar = 0
    assert glass.insets() == (0, 0, 0, 48)
    phone.attached = False
    assert glass.insets() == (0, 0, 0, 0), "not known before the window is there"


def test_without_an_activity_nothing_is_covered(jvm: Jvm, phone: Any) -> None:
    assert phone.statusBar == 72
    assert PhoneGlass(jvm.own).insets() == (0, 0, 0, 0)


def test_animations_may_be_removed(glass: PhoneGlass, phone: Any) -> None:
    assert glass.animates()
    phone.animatorScale = 0.0
    assert not glass.animates()
    phone.animatorScale = 0.5
    assert glass.animates()


def test_the_voice_begins_once_it_is_ready(glass: PhoneGlass, phone: Any) -> None:
    assert glass.speak("Sleeping until 14:20", "en")
    assert said(phone) == ["Sleeping until 14:20"]
    assert glass.speak("Answering", "en")
    assert said(phone)[-1] == "Answering"
    assert not glass.speak("Schläft", "de"), "a language that it lacks"
    glass.hush()
    assert said(phone)[-1] == "", "the voice was given back"


def test_a_phone_without_a_voice_says_so(glass: PhoneGlass, phone: Any) -> None:
    phone.voice = False
    assert glass.speak("first", "en"), "nobody knows yet"
    until_s = time.monotonic() + 5
    while glass.speak("then", "en") and time.monotonic() < until_s:
        time.sleep(0.01)
    assert not glass.speak("then", "en")
    assert phone.SAID.size() == 0


def test_light_is_told_while_somebody_looks(glass: PhoneGlass, phone: Any) -> None:
    phone.lux = 20_000.0
    assert glass.lux() == 20_000
    assert phone.listeners == 1
    assert glass.lux() == 20_000
    assert phone.listeners == 1, "one listener for all looks"
    glass.rest()
    assert phone.listeners == 0
    glass.rest()
    assert phone.listeners == 0
    phone.lux = -1.0
    assert math.isnan(glass.lux()), "a phone without the sensor"

"""Every screen of a device that has lived: its store, read beside it."""

from __future__ import annotations

import re
import threading
import time
from dataclasses import fields, is_dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from circadia.config import DeviceConfig
from circadia.forecast import TooShort
from circadia.foretelling import Foretelling, found_in
from circadia.reliving import Outside
from circadia.shield import Limits
from circadia_app.foresight import Foresight
from circadia_app.foretold import load
from circadia_app.past import nothing_past
from circadia_app.viewmodels.choose import choose
from circadia_app.viewmodels.consent import consent
from circadia_app.viewmodels.learn import learn
from circadia_app.viewmodels.log import log
from circadia_app.viewmodels.now import now
from circadia_app.viewmodels.test import test as field_test
from circadia_app.viewmodels.your_data import your_data

if TYPE_CHECKING:
    from pathlib import Path

    from circadia_app.texts import Texts
    from circadia_app.viewmodels.snapshot import Snapshot

SCREENS = (now, choose, learn, field_test, log, consent, your_data)
pytestmark = pytest.mark.slow


def words(of: Any) -> Any:
    """All texts of a view model."""
    if isinstance(of, str):
        yield str(of)
    elif is_dataclass(of):
        for field in fields(of):
            yield from words(getattr(of, field.name))
    elif isinstance(of, tuple | list):
        for one in of:
            yield from words(one)


def points(of: Any, name: str = "") -> Any:
    """All numbers of charts."""
    if is_dataclass(of) and type(of).__module__.endswith("charts"):
        for field in fields(of):
            if not field.name.endswith("_s"):
                yield from points(getattr(of, field.name), field.name)
    elif is_dataclass(of):
        for field in fields(of):
            if is_dataclass(value := getattr(of, field.name)) or isinstance(value, tuple):
                yield from points(value)
    elif isinstance(of, tuple):
        for one in of:
            yield from points(one, name)
    elif isinstance(of, float) and name:
        yield of


@pytest.mark.parametrize("screen", SCREENS, ids=lambda screen: screen.__module__.rpartition(".")[2])
def test_a_screen_is_whole(screen: Any, lived: Snapshot, texts: Texts) -> None:
    made = screen(lived, texts)
    for text in words(made):
        assert "nan" not in re.findall(r"[A-Za-z]+", text), text
        assert not re.search(r"[{}]", text), text
    for number in points(made):
        assert -1e-9 <= number <= 1 + 1e-9


def test_the_day_shows_what_the_store_has(lived: Snapshot, english: Texts) -> None:
    screen = now(lived, english)
    assert screen.title.text.startswith("Sleeping until ")
    assert screen.battery.projection.startswith("Tonight at 22:00 about ")
    quarters = [round(96 * column.start) for column in screen.battery.ribbon.columns]
    assert quarters == list(range(quarters[-1] + 1))
    assert len(quarters) > 40
    assert {column.height for column in screen.battery.ribbon.columns} == {4 / 48, 28 / 48, 1.0}
    today = lived.since(lived.midnight_s)
    joules = lived.past.ticks.energy_j[today]
    figures = [bar.figure.replace(",", "").split("\u00a0") for bar in screen.energy.bars.bars]
    bars_j = sum(float(number) * {"J": 1, "kJ": 1000}[unit] for number, unit in figures)
    assert bars_j == pytest.approx(float(np.nansum(joules)), rel=0.1)
    assert screen.accuracy.figure.endswith("%")


def test_a_later_morning_has_an_empty_day(lived: Snapshot, english: Texts) -> None:
    later = replace(
        lived,
        clock_s=lived.midnight_s + 3 * 86_400.0 + 60,
        midnight_s=lived.midnight_s + 3 * 86_400.0,
        there=False,
    )
    screen = now(later, english)
    assert screen.battery.ribbon.columns == ()
    assert screen.battery.chart.charge == ()
    assert screen.battery.projection == "The charge is not known"


def test_the_effect_is_foretold_beside_the_screens_and_moves_with_a_limit(
    lived: Snapshot, english: Texts, tmp_path: Path
) -> None:
    told = threading.Event()
    foresight = Foresight(tmp_path / "foretold.json", DeviceConfig(), told.set)

    def effect(limits: Limits) -> Foretelling:
        told.clear()
        begun = time.monotonic()
        first = foresight.of(lived.past, lived.preference, limits, lived.clock_s)
        assert first.effect is None
        assert time.monotonic() - begun < 0.5
        assert told.wait(60)
        sight = foresight.of(lived.past, lived.preference, limits, lived.clock_s)
        assert isinstance(sight.effect, Foretelling)
        return sight.effect

    foresight.start()
    try:
        foresight.forget()
        nothing = foresight.of(lived.past, lived.preference, lived.limits, lived.clock_s).effect
        assert isinstance(nothing, TooShort)
        assert isinstance(foresight.of(nothing_past(), lived.preference, lived.limits, 0.0).effect, TooShort)
        as_it_is, charging = effect(lived.limits), effect(Limits(train_only_charging=True))
    finally:
        foresight.close()
    assert as_it_is.joules is not None
    assert charging.joules is not None
    found = found_in(
        Outside(ticks=lived.past.ticks, requests=lived.past.requests, taught_s=lived.past.taught_s),
        0.0,
        lived.clock_s,
    )
    assert as_it_is.joules.over(4).holds(found.joules)
    assert charging.joules.middle < as_it_is.joules.middle
    rows = choose(replace(lived, effect=as_it_is), english).effect.rows
    assert [bool(row.figure) for row in rows[1:]] == [True, True]
    assert [one.choice["train_only_charging"] for one in load(tmp_path / "foretold.json")] == [1.0]

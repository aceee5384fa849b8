"""Every screen of a device that has lived: its store, read beside it."""

from __future__ import annotations

import re
from dataclasses import fields, is_dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from circadia_app.viewmodels.choose import choose
from circadia_app.viewmodels.consent import consent
from circadia_app.viewmodels.learn import learn
from circadia_app.viewmodels.log import log
from circadia_app.viewmodels.now import now
from circadia_app.viewmodels.test import test as field_test
from circadia_app.viewmodels.your_data import your_data

if TYPE_CHECKING:
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

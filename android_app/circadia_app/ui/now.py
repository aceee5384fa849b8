"""Now: what is it doing, and why?"""

from __future__ import annotations

from kivy.properties import ObjectProperty

from circadia_app.ui import battery_chart, charts, rules  # noqa: F401 - the rules name them
from circadia_app.ui.page import Page
from circadia_app.ui.parts import Card


class NowPage(Page):
    """Of the view model `Now`."""


class BatteryCardView(Card):
    """The day's chart, with its words."""

    entry = ObjectProperty(None, rebind=True)


class EnergyCardView(Card):
    """Joules by mode."""

    entry = ObjectProperty(None, rebind=True)


class TileView(Card):
    """One number."""

    entry = ObjectProperty(None, rebind=True)


rules.load("now")

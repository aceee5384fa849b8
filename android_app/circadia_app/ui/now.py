"""Now: what is it doing, and why?"""

from __future__ import annotations

from kivy.properties import ObjectProperty

from circadia_app.ui import battery_chart, charts, rules
from circadia_app.ui.page import Page
from circadia_app.ui.parts import Card

assert battery_chart
assert charts


class NowPage(Page):
    """Of the view model `Now`."""


class BatteryCardView(Card):
    """The day's chart, with its words."""

    entry = ObjectProperty(None)


class EnergyCardView(Card):
    """Joules by mode."""

    entry = ObjectProperty(None)


class TileView(Card):
    """One number."""

    entry = ObjectProperty(None)


rules.load("now")

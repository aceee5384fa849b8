"""Field test: what came out?"""

from __future__ import annotations

from kivy.properties import ObjectProperty

from circadia_app.ui import charts, rules
from circadia_app.ui.layouts import Stack
from circadia_app.ui.page import Page
from circadia_app.ui.parts import Card

assert charts


class TestPage(Page):
    """Of the view model `Test`."""

    __test__ = False  # not one of pytest's


class EstimateView(Card):
    """A difference with its interval."""

    entry = ObjectProperty(None)


class AxisView(Stack):
    """An `IntervalAxis`."""

    entry = ObjectProperty(None)


class CostView(Card):
    """What it cost meanwhile."""

    entry = ObjectProperty(None)


class SquaresView(Card):
    """A square a day."""

    entry = ObjectProperty(None)


class ParagraphCard(Card):
    """A paragraph by itself."""

    entry = ObjectProperty(None)


class CostRow(Stack):
    """A `Fact` with its interval before the figure's end."""

    entry = ObjectProperty(None)


rules.load("test")

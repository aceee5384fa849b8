"""Field test: what came out?"""

from __future__ import annotations

from kivy.properties import ObjectProperty

from circadia_app.ui import charts, rules  # noqa: F401 - the rules name them
from circadia_app.ui.layouts import Stack
from circadia_app.ui.page import Page
from circadia_app.ui.parts import Card


class TestPage(Page):
    """Of the view model `Test`."""

    __test__ = False  # not one of pytest's


class EstimateView(Card):
    """A difference with its interval."""

    entry = ObjectProperty(None, rebind=True)


class AxisView(Stack):
    """An `IntervalAxis`."""

    entry = ObjectProperty(None, rebind=True)


class CostView(Card):
    """What it cost meanwhile."""

    entry = ObjectProperty(None, rebind=True)


class SquaresView(Card):
    """A square a day."""

    entry = ObjectProperty(None, rebind=True)


class ParagraphCard(Card):
    """A paragraph by itself."""

    entry = ObjectProperty(None, rebind=True)


class CostRow(Stack):
    """A `Fact` with its interval before the figure's end."""

    entry = ObjectProperty(None, rebind=True)


rules.load("test")

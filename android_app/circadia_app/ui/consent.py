"""The first start: what stays, what goes out, what never happens, and three switches."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kivy.properties import ObjectProperty

from circadia_app.ui import rules
from circadia_app.ui.layouts import Stack
from circadia_app.ui.page import Page
from circadia_app.ui.picture import Picture

if TYPE_CHECKING:
    from circadia_app.ui.pen import Pen


class ConsentPage(Page):
    """Of the view model `Consent`."""


class Emblem(Picture):
    """A day as a ring of the three modes."""

    def paint(self, pen: Pen) -> None:
        """From the top, clockwise."""
        x, y, radius = self.x + self.height / 2, self.center_y, self.height / 2
        for colour, start, end in (("serve_high", 0, 104), ("train_high", 111, 198), ("sleep", 205, 353)):
            pen.colour(colour)
            pen.arc(x, y, radius, self.height * 0.13, start, end)


class DividedParagraph(Stack):
    """A paragraph of several: a line parts it from the one before."""

    entry = ObjectProperty(None, rebind=True)


class DividedSwitch(Stack):
    """A switch under a line."""

    entry = ObjectProperty(None, rebind=True)


rules.load("consent")

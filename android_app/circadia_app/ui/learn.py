"""Learn: what has it learned, and what left the phone?"""

from __future__ import annotations

from kivy.properties import NumericProperty, ObjectProperty

from circadia_app.ui import charts, rules  # noqa: F401 - the rules name them
from circadia_app.ui.layouts import Placed, Stack
from circadia_app.ui.page import Page


class LearnPage(Page):
    """Of the view model `Learn`."""


class AnswererRow(Placed):
    """An `Answerer`: name, its place on the axis, interval, figure."""

    entry = ObjectProperty(None, rebind=True)

    def do_layout(self, *_: object) -> None:
        """In one row; where it is too narrow the axis has one of its own."""
        if len(self.children) != 4:
            return
        figure, interval, axis, name = self.children
        for child in (figure, interval, name):
            child.width = min(child.natural, self.inner)
        gap = 0.03 * self.inner
        tall = max(name.height, figure.height, interval.height, axis.height)
        start = max(name.width, self.inner * 0.2) + gap
        end = (
            self.inner
            - max(figure.width, self.inner * 0.14)
            - gap
            - max(interval.width, self.inner * 0.2)
            - gap
        )
        below = end - start < self.inner * 0.2
        self.height = tall + (axis.height if below else 0)
        middle = self.top - tall / 2
        name.x, figure.right = self.x, self.right
        interval.right = self.right - (max(figure.width, self.inner * 0.14) + gap if figure.height else 0)
        name.center_y = figure.center_y = interval.center_y = middle
        axis.x, axis.width = (self.x, self.inner) if below else (self.x + start, end - start)
        axis.center_y = self.y + axis.height / 2 if below else middle


class FigureView(Stack):
    """A `Fact` as a figure over its name, in a colour of its own."""

    entry = ObjectProperty(None, rebind=True)
    natural = NumericProperty(0)


rules.load("learn")

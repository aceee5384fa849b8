"""Choose: what do I want?"""

from __future__ import annotations

from kivy.app import App
from kivy.metrics import dp
from kivy.properties import BooleanProperty, ObjectProperty

from circadia_app.ui import rules, triangle  # noqa: F401 - the rules name it
from circadia_app.ui.layouts import Placed
from circadia_app.ui.page import Page
from circadia_app.ui.parts import Text, Touchable, font_scale


class ChoosePage(Page):
    """Of the view model `Choose`."""


class ReadyPill(Touchable, Text):
    """A ready choice."""

    entry = ObjectProperty(None, rebind=True)

    def tell(self) -> None:
        """It becomes the preference."""
        wanted = self.entry.preference
        App.get_running_app().prefer((wanted.accuracy, wanted.latency, wanted.energy))


MIDDLE = 0.54
"""Of the width: where the figures of the effect end."""


class EffectHead(Placed):
    """Heading, chip, and over the last column its name; below, where there is no room."""

    entry = ObjectProperty(None, rebind=True)

    def do_layout(self, *_: object) -> None:
        """In one row or two."""
        if len(self.children) != 3:
            return
        last, chip, heading = self.children
        for child in self.children:
            child.width = min(child.natural, self.inner)
        gap = dp(12)
        left = heading.width + gap
        below = (
            left + chip.width > self.inner
        )  # the chip, then: beside the last column's name, if that finds room there
        alone = below or left + chip.width + gap + last.width > self.inner
        tall = heading.height if below else max(heading.height, chip.height)
        second = max(chip.height, last.height) if below else last.height
        self.height = tall + (second if alone else 0)
        middle = self.top - tall / 2
        under = self.y + second / 2
        heading.x, heading.center_y = self.x, middle
        chip.x = self.x + (0 if below else max(left, self.inner * MIDDLE - chip.width))
        chip.center_y = under if below else middle
        last.right, last.center_y = self.right, under if alone else middle


class EffectRowView(Placed):
    """An `EffectRow`: in columns, or below one another where they find no room."""

    entry = ObjectProperty(None, rebind=True)
    beside = BooleanProperty(True)
    """In columns."""

    def do_layout(self, *_: object) -> None:
        """Name, figure with interval, what was."""
        if len(self.children) != 6:
            return
        told, last, interval, figure, name, divider = self.children
        for child in (told, last, interval, figure, name):
            child.width = min(child.natural, self.inner)
        divider.width = self.width
        divider.x, divider.top = self.x, self.top
        gap, pad = dp(8), dp(8)
        end = self.inner * MIDDLE
        self.beside = (
            font_scale() < 1.5
            and name.width + gap + figure.width <= end
            and end + gap + interval.width + gap + last.width <= self.inner
        )
        tall = max(figure.height, name.height, interval.height)
        middle = self.top - pad - tall / 2
        name.x, name.center_y = self.x, middle
        if self.beside:
            self.height = tall + 2 * pad
            figure.right, interval.x, last.right = self.x + end, self.x + end + gap, self.right
        else:
            wraps = name.width + gap + figure.width + gap + interval.width > self.inner
            shift = tall if wraps else 0
            self.height = tall + shift + told.height + 2 * pad
            middle -= shift
            interval.right = self.right
            figure.right = interval.x - gap
        figure.center_y = interval.center_y = last.center_y = middle
        told.x, told.center_y = self.x, middle - tall / 2 - told.height / 2


rules.load("choose")

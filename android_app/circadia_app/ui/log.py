"""Log: what happened?"""

from __future__ import annotations

from kivy.app import App
from kivy.properties import ObjectProperty

from circadia_app.ui import rules
from circadia_app.ui.layouts import Placed, Stack
from circadia_app.ui.page import Page
from circadia_app.ui.parts import Text, Touchable


class LogPage(Page):
    """Of the view model `Log`."""


class FilterPill(Touchable, Text):
    """A choice of rows."""

    entry = ObjectProperty(None, rebind=True)

    def tell(self) -> None:
        """Only these are shown."""
        App.get_running_app().sift(self.entry.kind)


class DayView(Stack):
    """A `LogDay`."""

    entry = ObjectProperty(None, rebind=True)


class LogRowView(Placed):
    """A `LogRow`: time, sign, what happened."""

    entry = ObjectProperty(None, rebind=True)

    def do_layout(self, *_: object) -> None:
        """Beside one another, or the sentence below where letters are large."""
        if len(self.children) != 4:
            return
        words, sign, time, divider = self.children
        pad, gap = self.spacing, self.spacing * 1.2
        divider.width, divider.x, divider.top = self.width, self.x, self.top
        time.width = time.natural
        left = time.width + gap + sign.width + gap
        large = left > self.inner * 0.4
        words.width = self.inner if large else self.inner - left
        self.height = words.height + 2 * pad + (time.height if large else 0)
        time.x, time.top = self.x, self.top - pad
        sign.x, sign.center_y = self.x + time.width + gap, time.center_y
        words.x = self.x if large else self.x + left
        words.top = self.top - pad - (time.height if large else 0)


rules.load("log")

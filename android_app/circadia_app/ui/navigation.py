"""The five places, at the bottom of every screen."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kivy.app import App
from kivy.metrics import dp
from kivy.properties import BooleanProperty, ObjectProperty, StringProperty
from kivy.uix.behaviors import ButtonBehavior
from kivy.uix.boxlayout import BoxLayout

from circadia_app.ui import rules
from circadia_app.ui.desk import NAVIGATION, Place
from circadia_app.ui.picture import Picture

if TYPE_CHECKING:
    from circadia_app.ui.pen import Pen

LARGEST = 1.15
"""Under the icons letters follow the font scale no further."""


class Door(ButtonBehavior, Picture):
    """One place: its icon, its name, a bar over the one where the person is."""

    place = ObjectProperty(None)
    name = StringProperty("")
    here = BooleanProperty(False)
    shows = ("here", "name", "place")
    largest = LARGEST

    def on_release(self) -> None:
        """One goes there."""
        App.get_running_app().go(self.place)

    def paint(self, pen: Pen) -> None:
        """Bar, icon, name."""
        x, y = self.center_x, self.top - dp(24)
        pen.colour("accent" if self.here else "muted")
        if self.here:
            pen.rectangle(x - dp(20), self.top - dp(3), x + dp(20), self.top, radius=dp(1.5))
        ICONS[self.place](pen, x, y)
        size = 12.0
        while size > 8 and pen.width(self.name, size=size, bold=self.here) > self.width:
            size -= 0.5
        pen.text(self.name, x, self.top - dp(49), at=(0.5, 0.5), size=size, bold=self.here)


def _clock(pen: Pen, x: float, y: float) -> None:
    pen.ring(x, y, dp(10), dp(2))
    pen.path([(x, y + dp(5)), (x, y), (x + dp(4), y - dp(2))], dp(2))


def _triangle(pen: Pen, x: float, y: float) -> None:
    corners = [(x - dp(10), y - dp(8)), (x + dp(10), y - dp(8)), (x, y + dp(9))]
    pen.path([*corners, corners[0], corners[1]], dp(2))
    pen.disc(x, y - dp(3), dp(2.5))


def _bars(pen: Pen, x: float, y: float) -> None:
    for number, height in enumerate((5, 9, 13, 17)):
        left = x - dp(10) + number * dp(6)
        pen.rectangle(left, y - dp(8), left + dp(2), y - dp(8) + dp(height))


def _sliders(pen: Pen, x: float, y: float) -> None:
    for level, knob in ((dp(4), dp(2)), (-dp(4), dp(7))):
        pen.path([(x - dp(10), y + level), (x + knob - dp(3), y + level)], dp(2))
        pen.ring(x + knob, y + level, dp(3.5), dp(2))
    pen.path([(x + dp(5), y + dp(4)), (x + dp(10), y + dp(4))], dp(2))


def _lines(pen: Pen, x: float, y: float) -> None:
    for level, right in ((7, 8), (0, 8), (-7, 3)):
        pen.rectangle(x - dp(8), y + dp(level) - dp(1), x + dp(right), y + dp(level) + dp(1))


ICONS = {
    Place.NOW: _clock,
    Place.CHOOSE: _triangle,
    Place.LEARN: _bars,
    Place.TEST: _sliders,
    Place.LOG: _lines,
}


class Navigation(BoxLayout):
    """The doors; `here` is marked."""

    here = ObjectProperty(Place.NOW)

    def __init__(self, names: tuple[str, ...], **given: Any) -> None:
        super().__init__(**given)
        self.doors = {}
        for place, name in zip(NAVIGATION, names, strict=True):
            self.doors[place] = Door(place=place, name=name)
            self.add_widget(self.doors[place])
        self.bind(here=self._mark)
        self._mark()

    def _mark(self, *_: object) -> None:
        for place, door in self.doors.items():
            door.here = place is self.here.door


rules.load("navigation")

"""A widget that is drawn by a pen, in the frame after something of it changed."""

from __future__ import annotations

from typing import Any, ClassVar

from kivy.clock import Clock
from kivy.properties import ObjectProperty
from kivy.uix.widget import Widget

from circadia_app.ui.pen import LARGEST_IN_CHARTS, Pen


class Picture(Widget):
    """Draws `paint` anew when its place, its size, its theme or one of `shows` changes."""

    theme = ObjectProperty(None, allownone=True, rebind=True)
    shows: ClassVar[tuple[str, ...]] = ()
    """Names of its own properties."""
    largest: ClassVar[float] = LARGEST_IN_CHARTS
    """The greatest font scale that its letters follow."""

    def __init__(self, **given: Any) -> None:
        # Later in the same frame: `center` and its like follow `pos` only after those who watch it were told.
        self._soon = Clock.create_trigger(self._draw, -1)
        super().__init__(**given)
        for name in ("pos", "size", "theme", *self.shows):
            self.fbind(name, self._again)
        self._again()

    def _again(self, *_: object) -> None:
        self._soon()

    def _draw(self, *_: object) -> None:
        self.canvas.clear()
        if self.theme is None:
            return
        with self.canvas:
            self.paint(Pen(self.theme, largest=self.largest))

    def paint(self, pen: Pen) -> None:
        """Onto the canvas."""
        raise NotImplementedError

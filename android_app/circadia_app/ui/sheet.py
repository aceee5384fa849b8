"""A sheet over the screen, from below: words, and what can be touched. A touch beside it ends it."""

from __future__ import annotations

from typing import Any

from kivy.properties import ObjectProperty
from kivy.uix.floatlayout import FloatLayout

from circadia_app.ui import rules


class Sheet(FloatLayout):
    """An `Offer`."""

    offer = ObjectProperty(None, rebind=True)

    def __init__(self, **given: Any) -> None:
        self.register_event_type("on_away")
        super().__init__(**given)

    def on_away(self) -> None:
        """It is not wanted."""

    def on_touch_down(self, touch: Any) -> bool:
        """Nothing below it is touched."""
        super().on_touch_down(touch)
        if not self.ids.ground.collide_point(*touch.pos):
            self.dispatch("on_away")
        return True


rules.load("sheet")

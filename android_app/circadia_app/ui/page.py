"""What every screen is: a view of one view model."""

from __future__ import annotations

from typing import Any

from kivy.properties import ObjectProperty
from kivy.uix.boxlayout import BoxLayout


class Page(BoxLayout):
    """Header above, the rest scrolls. Its rules read `model`, which is there before them."""

    model = ObjectProperty(None, rebind=True)

    def __init__(self, **given: Any) -> None:
        super().__init__(orientation="vertical", **given)

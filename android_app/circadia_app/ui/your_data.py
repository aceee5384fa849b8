"""Your data: what is kept, what was agreed, and how to end it."""

from __future__ import annotations

from circadia_app.ui import consent, rules  # noqa: F401 - the rules name its parts
from circadia_app.ui.page import Page


class YourDataPage(Page):
    """Of the view model `YourData`."""


rules.load("your_data")

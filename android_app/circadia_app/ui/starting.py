"""The first frame, before what the app shows was read."""

from __future__ import annotations

from circadia_app.ui import parts, rules  # noqa: F401 - the rules name them
from circadia_app.ui.page import Page


class StartingPage(Page):
    """Of the view model `Starting`."""


rules.load("starting")

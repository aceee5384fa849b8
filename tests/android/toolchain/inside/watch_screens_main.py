"""The screens' process from python-for-android's entry on, over the fakes and without a display: FOLDER PICTURE → a line of JSON.

Kivy takes hold of a process's log and window: this is one of its own, and no test.
"""

# ruff: noqa: E402 - Kivy reads its settings when it is imported first

from __future__ import annotations

import json
import os
import sys
from importlib import import_module
from typing import TYPE_CHECKING, Any

from circadia_app.command import configure

configure((412, 915), 1.0, 1.0)  # also before the variables below, by which Kivy would take this for a phone

from jnius import autoclass
from kivy.app import App
from kivy.clock import Clock
from kivy.core.window import Window

from circadia_app.screens_main import main
from circadia_app.ui.layouts import walk
from circadia_app.ui.parts import Text

if TYPE_CHECKING:
    from collections.abc import Iterator

BACK = 27


def texts() -> list[str]:
    """What can be read."""
    return [one.text for child in Window.children for one in walk([child]) if isinstance(one, Text)]


def steps(picture: str, found: dict[str, Any]) -> Iterator[None]:
    """A few frames lie between two."""
    app: Any = App.get_running_app()
    found["place"] = app.place
    found["back"] = bool(Window.dispatch("on_keyboard", BACK, BACK, None, []))
    yield
    found["rests"] = app.on_pause()
    app.on_resume()
    yield
    found["texts"] = [text for text in texts() if text]
    app.root.export_to_png(picture)
    app.stop()


def watch(folder: str, picture: str) -> dict[str, Any]:
    """What came of it."""
    phone = autoclass("fake.Phone")
    phone.reset(36)
    phone.open()
    os.environ["ANDROID_PRIVATE"] = os.environ["ANDROID_ARGUMENT"] = folder
    found: dict[str, Any] = {}
    walked: list[Iterator[None]] = []

    def go_on(_dt: float) -> bool:
        if not walked:
            walked.append(steps(picture, found))
        return next(walked[0], "over") != "over"

    Clock.schedule_interval(go_on, 0.5)
    status = main()
    return found | {
        "status": status,
        "asked": list(import_module("android").ASKED),
        "phone": str(phone.told()).split("; "),
    }


if __name__ == "__main__":
    out, sys.stdout = sys.stdout, sys.stderr
    print(json.dumps(watch(sys.argv[1], sys.argv[2])), file=out)

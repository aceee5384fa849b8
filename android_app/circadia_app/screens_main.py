"""Where the screens' process begins on a phone. It has never run on one."""

from __future__ import annotations

import logging
import os
import sys
from importlib import import_module
from typing import TYPE_CHECKING

from circadia.errors import CircadiaError
from circadia_app import settings
from circadia_app.android_host import PhoneKeeper, language_of
from circadia_app.moment import device_of
from circadia_app.service_main import folder_of
from circadia_app.texts import texts_of
from circadia_app.theme import Scheme, Theme
from circadia_app.wording import spoken

if TYPE_CHECKING:
    from circadia_app.folder import AppFolder
    from circadia_app.jvm import Jvm

NOTIFY = "android.permission.POST_NOTIFICATIONS"


QUIET = {"KIVY_NO_ARGS": "1", "KIVY_NO_FILELOG": "1", "KIVY_NO_ENV_CONFIG": "1", "KIVY_LOG_MODE": "PYTHON"}
"""Kivy reads these when it is imported first: no log of its own among the files, where no deletion would find it."""


def run(folder: AppFolder, java: Jvm) -> None:
    """Until the person leaves."""
    os.environ.update(QUIET)
    from circadia_app.ui.app import CircadiaApp
    from circadia_app.ui.live_desk import LiveDesk

    chosen = settings.load(folder.settings)
    scheme = Scheme(chosen.scheme) if chosen.scheme != "system" else Scheme.DARK
    texts = texts_of(chosen.language or spoken(language_of(java.own)()))
    desk = LiveDesk(folder, device_of(folder), texts, PhoneKeeper(java.own, java.package))
    desk.start()
    try:
        app = CircadiaApp(desk, Theme.shipped(scheme), leave=_to_the_back)
        desk.fresh = app.refresh_soon
        app.bind(on_start=lambda _: _ask_to_notify())
        app.run()
    finally:
        desk.fresh = lambda: None
        desk.close()


def _to_the_back() -> None:
    """Back on the first screen: the process lives on, so that the next look finds it as it was (and no black screen)."""
    import_module("android").mActivity.moveTaskToBack(True)  # python-for-android's module


def _ask_to_notify() -> None:
    """From Android 13 on nobody sees the agent's notification, and its button, without."""
    import_module("android.permissions").request_permissions([NOTIFY])


def main() -> int:
    """The exit status; an error of ours is told in a line, which logcat shows."""
    from circadia_app.jvm import here

    logging.basicConfig(level=logging.INFO, format="%(name)s %(levelname)s %(message)s")
    try:
        run(folder_of(os.environ), here())
    except CircadiaError as error:
        print(f"circadia-app: {error}", file=sys.stderr)
        return 1
    return 0

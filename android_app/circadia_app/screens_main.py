"""Where the screens' process begins on a phone. It has never run on one."""

from __future__ import annotations

import logging
import os
import sys
from contextlib import ExitStack
from importlib import import_module
from typing import TYPE_CHECKING

from circadia.errors import CircadiaError
from circadia_app import appearance
from circadia_app.android_host import PhoneKeeper, PhoneShare, language_of
from circadia_app.phone_glass import PhoneGlass
from circadia_app.service_main import folder_of
from circadia_app.texts import spoken, texts_of
from circadia_app.theme import Scheme, Theme

if TYPE_CHECKING:
    from collections.abc import Callable

    from circadia_app.folder import AppFolder
    from circadia_app.jvm import Jvm
    from circadia_app.ui.live_desk import LiveDesk

NOTIFY = "android.permission.POST_NOTIFICATIONS"


QUIET = {"KIVY_NO_ARGS": "1", "KIVY_NO_FILELOG": "1", "KIVY_NO_ENV_CONFIG": "1", "KIVY_LOG_MODE": "PYTHON"}
"""Kivy reads these when it is imported first: no log of its own among the files, where no deletion would find it."""


def run(folder: AppFolder, java: Jvm) -> None:
    """Until the person leaves."""
    os.environ.update(QUIET)
    from circadia_app.ui.app import CircadiaApp
    from circadia_app.ui.desk import NAVIGATION, Opening
    from circadia_app.viewmodels.starting import starting

    chosen = appearance.load(folder.settings)
    scheme = Scheme(chosen.scheme) if chosen.scheme != "system" else Scheme.DARK
    texts = texts_of(chosen.language or spoken(language_of(java.own)()))
    keeper, share = PhoneKeeper(java.own, java.package), PhoneShare(java.own, texts("log.share"))
    with ExitStack() as ends:

        def desk(fresh: Callable[[], None]) -> LiveDesk:
            from circadia_app.moment import device_of
            from circadia_app.ui.live_desk import LiveDesk

            made = LiveDesk(folder, device_of(folder), texts, keeper, fresh=fresh, share=share)
            ends.callback(made.close)
            ends.callback(made.hush)
            made.start()
            return made

        names = tuple(texts(f"nav.{place}") for place in NAVIGATION)
        opening = Opening(names=names, model=starting(texts), desk=desk)
        app = CircadiaApp(opening, Theme.shipped(scheme), leave=_to_the_back, glass=PhoneGlass(java.own))
        app.bind(on_start=lambda _: _ask_to_notify())
        app.run()


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

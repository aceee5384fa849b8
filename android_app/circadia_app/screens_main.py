"""Where the screens' process begins on a phone. It has never run on one."""

from __future__ import annotations

import logging
import os
import sys
from importlib import import_module
from typing import TYPE_CHECKING

from circadia.errors import CircadiaError
from circadia_app import settings
from circadia_app.android_host import PhoneKeeper, PhoneShare
from circadia_app.moment import device_of
from circadia_app.service_main import folder_of
from circadia_app.texts import texts_of
from circadia_app.theme import Scheme, Theme
from circadia_app.wording import system_language

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from circadia_app.folder import AppFolder

NOTIFY = "android.permission.POST_NOTIFICATIONS"


def run(folder: AppFolder, own: Callable[[str, str], Callable[..., Any]], package: str) -> None:
    """Until the person leaves. `own`, `package`: as of `circadia_app.jvm.Jvm`."""
    from circadia_app.ui.app import CircadiaApp
    from circadia_app.ui.live_desk import LiveDesk

    chosen = settings.load(folder.settings)
    scheme = Scheme(chosen.scheme) if chosen.scheme != "system" else Scheme.DARK
    texts = texts_of(chosen.language or system_language())
    share = PhoneShare(own, texts("log.share"))
    desk = LiveDesk(folder, device_of(folder), texts, PhoneKeeper(own, package), share=share)
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
        java = here()
        run(folder_of(os.environ), java.own, java.package)
    except CircadiaError as error:
        print(f"circadia-app: {error}", file=sys.stderr)
        return 1
    return 0

"""Where the agent's process begins on a phone."""

from __future__ import annotations

import logging
import os
import shutil
import threading
from pathlib import Path
from typing import TYPE_CHECKING

from circadia.errors import CircadiaError
from circadia.wiring import Parts
from circadia_app import settings
from circadia_app.android_host import AndroidHost
from circadia_app.folder import AppFolder
from circadia_app.service import Service
from circadia_app.texts import system_language, texts_of
from circadia_app.tflite_java import OpenOnPhone
from circadia_app.wording import worded

if TYPE_CHECKING:
    from collections.abc import Mapping

log = logging.getLogger(__name__)


def folder_of(environment: Mapping[str, str]) -> AppFolder:
    """The app's, by python-for-android's variables; with what its developer put beside `main.py`, if anything.

    That is `device.toml`, and `plan.json` and `plan.npz` of a field test. Those of the folder are the app's last version's, so that
    the newer take their place.
    """
    folder = AppFolder(path=Path(environment["ANDROID_PRIVATE"]) / "circadia")
    folder.path.mkdir(mode=0o700, exist_ok=True)
    beside = Path(environment.get("ANDROID_ARGUMENT", "."))
    for place in (folder.config, folder.plan, folder.examples):
        if (shipped := beside / place.name).is_file():
            shutil.copyfile(shipped, place)
    return folder


def main() -> None:
    """Until the person, Android or an error that is none of ours ends it; what is started again begins from the store."""
    from circadia_app import jvm

    logging.basicConfig(level=logging.INFO, format="%(name)s %(levelname)s %(message)s")
    java, folder = jvm.here(), folder_of(os.environ)

    def stop_word() -> str:
        return texts_of(settings.load(folder.settings).language or system_language())("notice.stop")

    host = AndroidHost(java.own, stop_word)
    parts = Parts(open_model=OpenOnPhone(java))
    service = Service(folder, host, parts=parts, wording=worded)
    threading.Thread(target=host.listen, args=(service,), name="circadia-android", daemon=True).start()
    try:
        service.run()
    except CircadiaError:
        log.exception("the service does not start")
        host.end()

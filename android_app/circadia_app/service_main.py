"""Where the agent's process begins on a phone."""

from __future__ import annotations

import logging
import os
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

from circadia.errors import CircadiaError
from circadia.wiring import Parts
from circadia_app import settings
from circadia_app.android_host import AndroidHost, language_of
from circadia_app.exits import exits
from circadia_app.folder import AppFolder
from circadia_app.service import Service
from circadia_app.shipped import put
from circadia_app.texts import spoken, texts_of
from circadia_app.tflite_java import OpenOnPhone
from circadia_app.wording import worded

if TYPE_CHECKING:
    from collections.abc import Mapping

    from circadia_app.notice import Facts, Notice

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
            put(shipped, place)
    return folder


def main() -> None:
    """Until the person, Android or an error that is none of ours ends it; what is started again begins from the store.

    The service runs in a thread of Python's, which is let go of after each call of Java; this one, which Java made, is never,
    and what it is given of Java's would stay in a table that Android 7 lets hold 512.
    """
    from circadia_app import jvm

    logging.basicConfig(level=logging.INFO, format="%(name)s %(levelname)s %(message)s")
    java, folder = jvm.here(), folder_of(os.environ)
    language = language_of(java.own)

    def stop_word() -> str:
        return texts_of(settings.load(folder.settings).language or spoken(language()))("notice.stop")

    def wording(facts: Facts) -> Notice:
        return worded(facts, lambda: spoken(language()))

    host = AndroidHost(java.own, stop_word)
    parts = Parts(open_model=OpenOnPhone(java))
    service = Service(folder, host, parts=parts, wording=wording, exits=lambda: exits(java))
    threading.Thread(target=host.listen, args=(service,), name="circadia-android", daemon=True).start()
    with ThreadPoolExecutor(1, thread_name_prefix="circadia-service") as thread:
        thread.submit(_run, service, host).result()


def _run(service: Service, host: AndroidHost) -> None:
    try:
        service.run()
    except CircadiaError:
        log.exception("the service does not start")
        host.end()

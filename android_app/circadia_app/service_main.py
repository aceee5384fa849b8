"""The agent's service on a phone: what python-for-android runs in the service's process."""

from __future__ import annotations

import logging
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from circadia.errors import CircadiaError, PlatformUnavailable
from circadia_app.android_host import AndroidHost
from circadia_app.folder import AppFolder
from circadia_app.service import Service

if TYPE_CHECKING:
    from collections.abc import Mapping

    from circadia_app.jvm import Jvm

FILES = "ANDROID_PRIVATE"
"""Where python-for-android says which files are the app's own."""


def phone_folder(environment: Mapping[str, str]) -> AppFolder:
    """The folder that screens and agent share on a phone; it is there."""
    if FILES not in environment:
        raise PlatformUnavailable(f"no {FILES}: this is of a phone; elsewhere python -m circadia_app.service FOLDER")
    path = Path(environment[FILES]) / "circadia"
    path.mkdir(mode=0o700, exist_ok=True)
    return AppFolder(path=path)


def run(jvm: Jvm, folder: AppFolder) -> int:
    """Until the person, the screens or Android end it → the exit status. In the process's first thread."""
    host = AndroidHost(jvm)
    service = Service(folder, host)
    host.tell(service)
    return service.run()


def main() -> int:
    """As `run`, in python-for-android's process; an error of ours is told in a line, which logcat shows."""
    from circadia_app.jvm import here

    logging.basicConfig(level=logging.INFO, format="%(name)s %(levelname)s %(message)s")
    try:
        return run(here(), phone_folder(os.environ))
    except CircadiaError as error:
        print(f"circadia-app: {error}", file=sys.stderr)
        return 1

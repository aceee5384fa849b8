"""On a desktop the agent's service is a child process of the screens: begun when it may run, again when it was killed."""

from __future__ import annotations

import logging
import subprocess
import sys
import threading
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from circadia_app.folder import AppFolder

log = logging.getLogger(__name__)

END_S = 5.0
"""How long the service has to end: twice what it promises."""


class Keeper(Protocol):
    """Who starts the agent's service. On a phone that is the system."""

    def start(self) -> None:
        """Unless it runs already."""

    def close(self) -> None:
        """The screens go: on a desktop with the service that they started, on a phone without."""


class ChildKeeper:
    """`python -m circadia_app.service FOLDER`; what it says goes on to the screens' own standard error."""

    def __init__(self, folder: AppFolder) -> None:
        self._folder = folder
        self._child: subprocess.Popen[bytes] | None = None
        self._gate = threading.Lock()
        self._closed = False

    @property
    def pid(self) -> int | None:
        """Of the child that runs; None: there is none."""
        with self._gate:
            return self._child.pid if self._child is not None and self._child.poll() is None else None

    def start(self) -> None:
        """Unless it runs already, or the screens have gone."""
        with self._gate:
            if self._closed or (self._child is not None and self._child.poll() is None):
                return
            # -P: a folder that happens to be called circadia, where the app was started, hides no package.
            command = [sys.executable, "-P", "-m", "circadia_app.service", str(self._folder.path)]
            self._child = subprocess.Popen(command, stdin=subprocess.DEVNULL)

    def close(self) -> None:
        """End it with all stored."""
        with self._gate:
            self._closed = True
            child = self._child
        if child is None or child.poll() is not None:
            return
        child.terminate()
        try:
            child.wait(END_S)
        except subprocess.TimeoutExpired:
            log.warning(
                "the agent's service (process %d) does not end; it is killed, with all stored", child.pid
            )
            child.kill()
            child.wait()

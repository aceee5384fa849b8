"""Android's half of the service: what `BoundedService` does for it, and how the screens have it started.

Java tells by a queue what befell the service; a thread waits at it. The rest are calls of static methods with texts.
"""

from __future__ import annotations

import logging
import os
import threading
from typing import TYPE_CHECKING, Protocol

from circadia.errors import CircadiaError

if TYPE_CHECKING:
    from circadia_app.jvm import Jvm
    from circadia_app.notice import Notice

log = logging.getLogger(__name__)

SERVICE = "org.circadia.android.BoundedService"
END = "end: "
TASK_REMOVED = "task removed"
BY_THE_USER = "stopped by the user"
"""As `BoundedService` says it of the notification's button; all other ends are Android's."""
SHORTEST_PERIOD_MS = 15 * 60 * 1000
"""Android takes no shorter one for a job."""


class Ends(Protocol):
    """What is told of ends: the service."""

    def stop(self, why: str) -> None:
        """End with all stored, within two seconds."""

    def task_removed(self) -> None:
        """The app was swiped away."""


class AndroidHost:
    """`circadia_app.host.ServiceHost` on a phone. Made in the process's first thread.

    `PlatformUnavailable` if the app was built without `BoundedService`.
    """

    def __init__(self, jvm: Jvm, *, stop_word: str = "Stop") -> None:
        """`stop_word`: on the notification's button."""
        self._next = jvm.own(SERVICE, "next")
        self._show = jvm.own(SERVICE, "show")
        self._keep_waking = jvm.own(SERVICE, "keepWaking")
        self._stop_waking = jvm.own(SERVICE, "stopWaking")
        self._leave = jvm.own(SERVICE, "leave")
        self._stop_word = stop_word
        self._ended_by_android = threading.Event()

    def tell(self, service: Ends) -> None:
        """From now on `service` hears what befalls it."""
        threading.Thread(target=self._listen, args=(service,), name="circadia-host", daemon=True).start()

    def _listen(self, service: Ends) -> None:
        while True:
            event = str(self._next())
            if event == TASK_REMOVED:
                service.task_removed()
            elif event.startswith(END):
                self._end(service, event.removeprefix(END))
                return

    def _end(self, service: Ends, why: str) -> None:
        if why != BY_THE_USER:
            self._ended_by_android.set()
        service.stop(why)

    def begin(self, notice: Notice) -> None:
        """Java has entered the foreground before Python was there."""
        self.show(notice)

    def show(self, notice: Notice) -> None:
        """As `ServiceHost.show`; a notification that Android refuses is logged."""
        try:
            self._show(notice.title, notice.text, self._stop_word)
        except CircadiaError as error:
            log.warning("the notification could not be changed: %s", error)

    def keep_waking(self, every_s: float) -> None:
        """As `ServiceHost.keep_waking`; Android takes a quarter of an hour at least, and puts jobs off."""
        try:
            self._keep_waking(str(max(round(every_s * 1000), SHORTEST_PERIOD_MS)))
        except CircadiaError as error:
            log.warning("no job will wake the agent: %s", error)

    def stop_waking(self) -> None:
        """As `ServiceHost.stop_waking`. An end that was Android's leaves the job, which is there for that."""
        if not self._ended_by_android.is_set():
            self._stop_waking()

    def end(self) -> None:
        """As `ServiceHost.end`."""
        self._leave()

    def abandon(self) -> None:
        """Without another word. Android starts a sticky service again; what the folder says then decides."""
        os._exit(0)


class PhoneKeeper:
    """Has the service started: what the screens' keeper is on a phone. Made in the process's first thread."""

    def __init__(self, jvm: Jvm, service: str = "Agent") -> None:
        """`service`: its name in `services` of buildozer.spec, of which python-for-android makes a class."""
        self._wake = jvm.own(SERVICE, "wake")
        self._name = f"{jvm.package}.Service{service.capitalize()}"

    def start(self) -> None:
        """Unless it runs already. Where Android lets nobody start it now, a job does within half an hour."""
        if not self._wake(self._name):
            log.warning("Android does not let the agent be started now; a job will")

    def close(self) -> None:
        """The service goes on without the screens."""

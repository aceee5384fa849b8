"""Android's half of the service's host: `org.circadia.android.BoundedService`, by way of `circadia_app.jvm`.

It has never run on a phone: on a desktop its calls are held against the names and numbers of that class's methods.
"""

from __future__ import annotations

import logging
import os
import threading
from typing import TYPE_CHECKING

from circadia.errors import CircadiaError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from typing import Any

    from circadia_app.notice import Notice
    from circadia_app.service import Service

log = logging.getLogger(__name__)

SERVICE = "org.circadia.android.BoundedService"
EXPORTS = "org.circadia.android.ExportProvider"
METHODS = ("next", "show", "keepWaking", "stopWaking", "leave")
"""Static, of a context and texts."""
END = "end: "
TASK_REMOVED = "task removed"
BY_THE_PERSON = "stopped by the user"
"""As the Java says it of the notification's button; every other end is Android's."""


class AndroidHost:
    """The notification, the job of last resort and the end, as `ServiceHost`. It enters the foreground in Java, before Python."""

    def __init__(self, own: Callable[[str, str], Callable[..., Any]], stop_word: Callable[[], str]) -> None:
        """`own`: (class, method) → a static method of the app's own Java, as `Jvm.own`; `stop_word`: of the notification's button."""
        self._does = {method: own(SERVICE, method) for method in METHODS}
        self._stop_word = stop_word
        self._shown: Notice | None = None
        self._ended_by_android = threading.Event()

    def begin(self, notice: Notice) -> None:
        """As `ServiceHost.begin`."""
        self.show(notice)

    def show(self, notice: Notice) -> None:
        """As `ServiceHost.show`."""
        if notice != self._shown:
            self._does["show"](notice.title, notice.text, self._stop_word())
            self._shown = notice

    def keep_waking(self, every_s: float) -> None:
        """As `ServiceHost.keep_waking`."""
        self._does["keepWaking"](str(round(1000 * every_s)))

    def stop_waking(self) -> None:
        """As `ServiceHost.stop_waking`. Where the end is Android's, the job stays: it is there for that."""
        if not self._ended_by_android.is_set():
            self._does["stopWaking"]()

    def end(self) -> None:
        """As `ServiceHost.end`."""
        self._does["leave"]()

    def abandon(self) -> None:
        """As `ServiceHost.abandon`."""
        os._exit(0)

    def listen(self, service: Service) -> None:
        """Tell the service what befalls it, until it is to end. In a thread of its own."""
        while True:
            try:
                event = str(self._does["next"]())
            except CircadiaError:
                log.exception("the service cannot hear Android any more; it ends")
                event = f"{END}deaf"
            if event.startswith(END):
                if event != f"{END}{BY_THE_PERSON}":
                    self._ended_by_android.set()
                why = event.removeprefix(END)
                service.stop(why, by_person=why == BY_THE_PERSON)
                return
            if event == TASK_REMOVED:
                service.task_removed()
            else:
                log.warning("Android said %r, which this version does not know", event)


def language_of(own: Callable[[str, str], Callable[..., Any]]) -> Callable[[], str]:
    """What the phone speaks now: `de`, for example. Made in the process's first thread."""
    told = own(SERVICE, "language")
    return lambda: str(told())


class PhoneKeeper:
    """Has the service started: the screens' keeper on a phone. Made in the process's first thread."""

    def __init__(
        self, own: Callable[[str, str], Callable[..., Any]], package: str, name: str = "Agent"
    ) -> None:
        """`package`: the app's; `name`: the service's in `services` of buildozer.spec, of which a class is made."""
        self._wake = own(SERVICE, "wake")
        self._class = f"{package}.Service{name.capitalize()}"

    def start(self) -> None:
        """Unless it runs already. Where Android lets nobody start it now, a job does within half an hour."""
        if not self._wake(self._class):
            log.warning("Android does not let the agent be started now; a job will")

    def close(self) -> None:
        """The service goes on without the screens."""


class PhoneShare:
    """The system's share sheet over a file of `AppFolder.exports`; of no other, for the Java gives away nothing else.

    Its class is asked for when it is needed first: the screens of an app that was built without it are there all the same.
    """

    def __init__(self, own: Callable[[str, str], Callable[..., Any]], title: str) -> None:
        """`own`: as of `Jvm.own`; `title`: over the sheet."""
        self._own, self._title = own, title

    def __call__(self, path: Path) -> None:
        """For any thread. `SensorError` where Android refuses, `PlatformUnavailable` in an app that was built without the class."""
        self._own(EXPORTS, "share")(path.name, self._title)

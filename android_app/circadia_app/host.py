"""What the operating system does for the service: a port, and its desktop implementation."""

from __future__ import annotations

import logging
import os
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from circadia_app.notice import Notice

log = logging.getLogger(__name__)

LAST_RESORT_S = 6 * 3600.0
"""How long a service that the system has ended may stay away before a scheduled job looks after it."""


class ServiceHost(Protocol):
    """All its methods are called on the service's thread."""

    def begin(self, notice: Notice) -> None:
        """The service runs in the foreground from now on, with this notification. Within five seconds of its start."""
        ...

    def show(self, notice: Notice) -> None:
        """The notification says this now."""
        ...

    def keep_waking(self, every_s: float) -> None:
        """A scheduled job starts the service again should the system have ended it; a later call takes an earlier one's place."""
        ...

    def stop_waking(self) -> None:
        """No job does so any more."""
        ...

    def end(self) -> None:
        """The service leaves the foreground and is not started again by itself."""
        ...

    def abandon(self) -> None:
        """End the process now, whatever still runs in it. What was decided is stored; does not return."""
        ...


class DesktopHost:
    """A process of its own is all that it takes: the notification is the log's."""

    def __init__(self) -> None:
        self.shown: Notice | None = None

    def begin(self, notice: Notice) -> None:
        """As `ServiceHost.begin`."""
        self.show(notice)

    def show(self, notice: Notice) -> None:
        """As `ServiceHost.show`."""
        if notice != self.shown:
            self.shown = notice
            log.info("%s: %s", notice.title, notice.text)

    def keep_waking(self, every_s: float) -> None:
        """Nothing: the screens start it again."""

    def stop_waking(self) -> None:
        """Nothing."""

    def end(self) -> None:
        """Nothing: the process ends next."""

    def abandon(self) -> None:
        """Without another word."""
        os._exit(0)

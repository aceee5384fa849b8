"""Events on their way from the link's thread to the agent's."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from circadia.federation.device.events import (
    Corruption,
    DeviceEvent,
    ManifestSeen,
    ModelArrived,
    UpdateAcknowledged,
    UpdatePutOff,
    UpdatesHeld,
)

if TYPE_CHECKING:
    from collections.abc import Callable


class Mailbox:
    """Bounded: what is dropped is counted. One thread puts in, another takes out."""

    def __init__(self, limit: int, ring: Callable[[], None] | None) -> None:
        self.dropped = 0
        self._limit = limit
        self._ring = ring
        self._lock = threading.Lock()
        self._events: list[DeviceEvent] = []
        self._fresh = False

    def take(self, step: DeviceEvent) -> None:
        """Add an event. A newer manifest, model or word on whether updates are held takes the place of an older one."""
        with self._lock:
            if isinstance(step, ManifestSeen | ModelArrived | UpdatesHeld):
                self._events = [event for event in self._events if type(event) is not type(step)]
            elif len(self._events) >= self._limit:
                self._make_room()
            self._events.append(step)
            self._fresh = True

    def _make_room(self) -> None:
        """Drop what does least harm: a verdict is asked for again, a complaint is only a complaint."""
        for kind in (Corruption, UpdatePutOff, UpdateAcknowledged):
            for i, event in enumerate(self._events):
                if isinstance(event, kind):
                    del self._events[i]
                    self.dropped += 1
                    return

    def commit(self) -> None:
        """Wake the agent if there is something new."""
        if self._fresh:
            self._fresh = False
            if self._ring is not None:
                self._ring()

    def drain(self) -> list[DeviceEvent]:
        """All events since the last call, oldest first."""
        with self._lock:
            events, self._events = self._events, []
        return events

"""Tells the phone how urgent the work is, where it listens: nobody but the system sets its processor's clock.

Android 12 has performance hints: a session knows which threads work and how long a piece of work should take, and learns
how long it took. Work at the high clock is due at once; work at the low one has all the time, and from Android 15 on the
phone is asked to prefer efficiency over speed. Only there is the low clock offered: before, nothing says that a slow
deadline saves power.
"""

from __future__ import annotations

import logging
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from circadia.errors import SensorError
from circadia.types import ClockLevel
from circadia_app.names import text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from circadia_app.jvm import Jvm

log = logging.getLogger(__name__)

MANAGER, SESSION = "android.os.PerformanceHintManager", "android.os.PerformanceHintManager$Session"
DUE_NS = {ClockLevel.HIGH: 10_000_000, ClockLevel.LOW: 10_000_000_000}
"""How long a piece of work should take: less than any does, and more."""


class ClockHints:
    """A session for each thread that works; of the agent's thread but for `close`."""

    def __init__(self, jvm: Jvm) -> None:
        self._jvm = jvm
        self._sessions: dict[int, Any] = {}
        """By native thread; None where the phone has refused."""
        self.any = self._jvm.has(MANAGER, "createHintSession")
        """Whether the phone can be told."""
        self.low = (
            self.any
            and jvm.has(SESSION, "setPreferPowerEfficiency")
            and self._session(threading.get_native_id()) is not None
        )
        """Whether it can be asked to save power."""

    @contextmanager
    def at(self, clock: ClockLevel) -> Iterator[None]:
        """While this thread works at that clock. A phone that refuses is told no more; work goes on."""
        session = self._session(threading.get_native_id())
        if session is None:
            yield
            return
        self._tell(session, clock)
        began_ns = time.monotonic_ns()
        try:
            yield
        finally:
            took_ns = max(time.monotonic_ns() - began_ns, 1)
            self._told(lambda: session.reportActualWorkDuration(took_ns))

    def close(self) -> None:
        """End the sessions; a second call does nothing."""
        sessions = [one for one in self._sessions.values() if one is not None]
        self._sessions.clear()
        for session in sessions:
            self._told(session.close)

    def _session(self, thread: int) -> Any:
        if thread not in self._sessions:
            self._sessions[thread] = self._told(lambda: self._made(thread))
        return self._sessions[thread]

    def _made(self, thread: int) -> Any:
        manager = self._jvm.service(MANAGER, text("android.content.Context.PERFORMANCE_HINT_SERVICE"))
        session = None if manager is None else manager.createHintSession([thread], DUE_NS[ClockLevel.HIGH])
        return None if session is None else self._jvm.seen_as(SESSION, session)

    def _tell(self, session: Any, clock: ClockLevel) -> None:
        def tell() -> None:
            session.updateTargetWorkDuration(DUE_NS[clock])
            if self.low:
                session.setPreferPowerEfficiency(clock is ClockLevel.LOW)

        self._told(tell)

    def _told(self, work: Any) -> Any:
        try:
            return self._jvm.call(work) if self.any else None
        except SensorError as error:
            log.warning("the phone takes no performance hints: %s", error)
            self.any = False
            return None

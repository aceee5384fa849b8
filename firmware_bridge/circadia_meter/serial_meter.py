"""A power meter on a serial line, as an `EnergyMeter`: a thread of its own reads it, pings it and finds it again."""

from __future__ import annotations

import logging
import threading
import time
from contextlib import closing
from typing import TYPE_CHECKING

from circadia.errors import CircadiaError, MeterError
from circadia_meter.line import BAUD
from circadia_meter.session import MeterSession

if TYPE_CHECKING:
    from collections.abc import Callable

    from circadia.ports import Clock
    from circadia.types import EnergyReading
    from circadia_meter.events import Event
    from circadia_meter.line import Line, Lines

log = logging.getLogger(__name__)

REST_S = 0.02
"""Between two reads while no answer is awaited: fewer, larger ones."""


class SerialMeter:
    """Measures from `start` to `close`; every method may be called from any thread."""

    def __init__(
        self,
        *,
        clock: Clock,
        port: str = "auto",
        session: MeterSession | None = None,
        listen: Callable[[float, bytes, list[Event]], None] | None = None,
        lines: Lines | None = None,
    ) -> None:
        """`port` is a path, or "auto" for the USB port behind which the session's meter answers.

        `listen` hears (time of arrival, bytes, events) on the reader's thread; it must not wait. `lines`: where ports are,
        if not among this machine's serial ones.
        """
        self._clock, self._path, self._listen = clock, port, listen
        self._lines = _serial_ports() if lines is None else lines
        self.session = session or MeterSession(baud=BAUD)
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._measuring = threading.Event()
        self._failure: MeterError | None = None
        self._thread = threading.Thread(target=self._work, name="circadia-meter", daemon=True)

    def start(self, timeout_s: float | None = None, *, patient: bool = False) -> None:
        """Begin; returns when it measures. `MeterError` says why it does not, after 5 s, or 20 s if it has to look.

        `patient`: returns at once, and the meter may come later; what lacks is a warning.
        """
        timeout_s = timeout_s or (20.0 if self._path == "auto" else 5.0)
        self._thread.start()
        if patient:
            return
        if not self._measuring.wait(timeout_s):
            self.close()
            raise self._failure or MeterError(
                f"{self._path}: the meter does not measure after {timeout_s:g} s"
            )

    def settle(self, seconds: float) -> None:
        """Measure for so long, and until the clock's rate is known. `MeterError` if the meter goes meanwhile."""
        time.sleep(seconds)
        while True:
            with self._lock:
                if not self.session.series.empty and self.session.line is not None:
                    return
            if not self.connected:
                raise self._failure or MeterError(f"{self._path}: the meter has gone")
            time.sleep(0.05)

    def read(self, start_s: float, end_s: float) -> EnergyReading | None:
        """As `circadia.ports.EnergyMeter`."""
        with self._lock:
            return self.session.read(start_s, end_s)

    def about(self) -> dict[str, str | float]:
        """As `MeterSession.about`."""
        with self._lock:
            return self.session.about()

    @property
    def connected(self) -> bool:
        """Whether it measures at the moment."""
        return self._measuring.is_set()

    def close(self) -> None:
        """End the thread; a second call does nothing."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join()

    def _work(self) -> None:
        while not self._stop.is_set():
            for path in self._paths():
                try:
                    self._use(path)
                except (CircadiaError, OSError) as error:
                    self._note(path, error)
                except Exception as error:  # a bug: say so, and measure on
                    log.exception("%s: the meter's reader failed", path)
                    self._note(path, MeterError(f"its reader failed: {error!r}"))
                    self._stop.wait(1.0)
                if self._stop.is_set():
                    break
            self._stop.wait(self._lines.look_again_s)

    def _paths(self) -> list[str]:
        if self._path != "auto":
            return [self._path]
        try:
            return list(self._lines.candidates())
        except CircadiaError as error:
            self._note("the meter", error)
            return []

    def _note(self, path: str, error: Exception) -> None:
        failure = (
            MeterError(str(error)) if isinstance(error, CircadiaError) else MeterError(f"has gone ({error})")
        )
        if not str(failure).startswith(path):
            failure = MeterError(f"{path}: {failure}")
        if str(failure) != str(self._failure):
            log.warning("%s", failure)
        self._failure = failure
        self._measuring.clear()

    def _use(self, path: str) -> None:
        """One connection, until it breaks or the end."""
        with closing(self._lines.open(path)) as line:
            with self._lock:
                self.session.connected(self._clock.now_s())
            while not self._stop.is_set():
                self._turn(line)

    def _turn(self, line: Line) -> None:
        with self._lock:
            waiting = self.session.outgoing(self._clock.now_s())
            quick = self.session.awaits_pong or not self.session.measuring
        if waiting:
            line.write(waiting)
        elif not quick:
            self._stop.wait(REST_S)
        data = line.read()
        if not data:
            return
        with self._lock:
            now_s = self._clock.now_s()
            events = self.session.receive(data, now_s)
            if self.session.measuring and not self._measuring.is_set():
                self._failure = None
                self._measuring.set()
        if self._listen is not None:
            self._listen(now_s, data, events)


def _serial_ports() -> Lines:
    """They need pyserial, which a phone has not."""
    from circadia_meter.serial_port import SerialPorts

    return SerialPorts()

"""A serial meter whose every sample is kept: a recording for each start, in one folder."""

from __future__ import annotations

import logging
import sqlite3
from itertools import count
from typing import TYPE_CHECKING, Any

from circadia_meter.recording import Recorder
from circadia_meter.serial_meter import SerialMeter

if TYPE_CHECKING:
    from pathlib import Path

    from circadia.ports import Clock
    from circadia.types import EnergyReading
    from circadia_meter.events import Event
    from circadia_meter.session import MeterSession

log = logging.getLogger(__name__)


class RecordedMeter:
    """An `EnergyMeter`. When the disk is full, it says so once, and measures on without keeping samples."""

    def __init__(
        self, *, clock: Clock, port: str, session: MeterSession, folder: Path, about: dict[str, Any]
    ) -> None:
        """`folder` is made; `about` is kept in the recording. `MeterError` if it cannot be written to."""
        self._clock, self._session = clock, session
        self._recorder: Recorder | None = Recorder(_next_file(folder), about)
        self._meter = SerialMeter(clock=clock, port=port, session=session, listen=self._listen)

    def start(self) -> None:
        """As `SerialMeter.start`."""
        try:
            self._meter.start()
        except BaseException:
            self.close()
            raise

    def _listen(self, t_s: float, data: bytes, events: list[Event]) -> None:
        if self._recorder is None:
            return
        try:
            self._recorder.listen(self._session, t_s, data, events)
        except sqlite3.Error as error:
            kept = self._recorder.path
            log.warning("%s: samples are not kept any more (%s); make room and start again", kept, error)
            self._recorder = None

    def read(self, start_s: float, end_s: float) -> EnergyReading | None:
        """As `circadia.ports.EnergyMeter`."""
        return self._meter.read(start_s, end_s)

    def about(self) -> dict[str, str | float]:
        """As `SerialMeter.about`."""
        return self._meter.about()

    def close(self) -> None:
        """End the thread and the recording; a second call does nothing."""
        self._meter.close()
        recorder, self._recorder = self._recorder, None
        if recorder is not None:
            recorder.close(self._session, self._clock.now_s())


def _next_file(folder: Path) -> Path:
    """The first number that is free."""
    folder.mkdir(parents=True, exist_ok=True)
    return next(path for number in count(1) if not (path := folder / f"{number:04}.cimr").exists())

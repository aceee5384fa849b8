"""`circadia meter record`: everything that a meter says, until Ctrl-C or SIGTERM."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING

from circadia import __version__
from circadia.ending import ending
from circadia.errors import ConfigError, MeterError
from circadia.platforms.clocks import SystemClock
from circadia_meter.connection import SHUNT_OHM, SIMULATED, port_of
from circadia_meter.recording import Recorder
from circadia_meter.serial_meter import SerialMeter
from circadia_meter.session import MeterSession

if TYPE_CHECKING:
    import threading
    from pathlib import Path


def run(port: str, file: Path, *, rate_hz: float, seconds: float | None, shunt_ohm: float | None) -> int:
    """Record; 0 also after Ctrl-C and SIGTERM."""
    if not 0.1 <= rate_hz <= 1e6:
        raise ConfigError(f"--rate is {rate_hz:g} Hz; it must be 0.1 or more")
    if port == SIMULATED and shunt_ohm is None:
        shunt_ohm = SHUNT_OHM
    clock = SystemClock()
    with port_of(port) as path:
        about = {
            "port": path,
            "simulated": port == SIMULATED,
            "rate_hz": rate_hz,
            "shunt_ohm": shunt_ohm,
            "circadia": __version__,
        }
        recorder = Recorder(file, about)
        session = MeterSession(period_us=round(1e6 / rate_hz), shunt_ohm=shunt_ohm)
        meter = SerialMeter(
            clock=clock,
            port=path,
            session=session,
            listen=lambda t_s, data, events: recorder.listen(session, t_s, data, events),
        )
        try:
            _begin(meter, file)
            with ending() as ended:
                _wait(meter, seconds, ended)
        finally:
            meter.close()
            recorder.close(session, clock.now_s())
    counts = session.counts
    print(
        f"{file}: {counts.samples:,} samples, {file.stat().st_size / 1e6:.1f} MB; dropped {counts.dropped}, "
        f"corrupt {counts.corrupt}, missed {counts.missed}, connections {counts.connections}"
    )
    return 0


def _begin(meter: SerialMeter, file: Path) -> None:
    """A meter that does not start leaves no file behind."""
    try:
        meter.start()
    except MeterError:
        file.unlink(missing_ok=True)
        raise


def _wait(meter: SerialMeter, seconds: float | None, ended: threading.Event) -> None:
    start_s = time.monotonic()
    while (seconds is None or time.monotonic() - start_s < seconds) and not ended.wait(0.25):
        if sys.stderr.isatty():
            state = "measuring" if meter.connected else "the meter has gone; waiting for it"
            passed_s = time.monotonic() - start_s
            print(
                f"\r{passed_s:8.0f} s {meter.session.counts.samples:12,} samples  {state:40}",
                end="",
                file=sys.stderr,
            )
    if sys.stderr.isatty():
        print(file=sys.stderr)

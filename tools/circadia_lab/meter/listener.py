"""What a live plot takes from a serial meter's thread: watts at the device's time, and how many samples never came."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import numpy as np

from circadia_lab.meter.trace import Trace
from circadia_meter.clock import WRAP
from circadia_meter.events import Samples

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from circadia_lab.meter.device_clock import DeviceClock
    from circadia_lab.meter.trace import Curve
    from circadia_meter.events import Event, Hello
    from circadia_meter.session import MeterSession

BIN_S = 0.02
"""Of the host's time."""


class Listener:
    """Hears a session's samples on the reader's thread; others ask for the curve."""

    def __init__(self, session: MeterSession, clock: DeviceClock, origin_s: float) -> None:
        """`origin_s`: the device's time at which the curve's time is 0."""
        self._session, self._clock, self._origin_s = session, clock, origin_s
        self._lock = threading.Lock()
        self._trace = Trace(BIN_S * clock.speed)
        self._last: tuple[int, int] | None = None
        """Boot and meter's µs of the newest sample."""
        self.lost = 0
        """Samples that were due and did not arrive; their joules are in the meter's sums all the same."""

    def listen(self, _t_s: float, _data: bytes, events: list[Event]) -> None:
        """A listener of `SerialMeter`."""
        hello = self._session.hello
        if hello is None:
            return
        heard = [one for one in events if isinstance(one, Samples) and one.boot == hello.boot & 0xFFFF]
        for samples in heard:
            self._count(samples, hello.period_us)
        for samples in heard:
            self._draw(samples, hello, newest_us=int(heard[-1].last_us[-1]))

    def _draw(self, samples: Samples, hello: Hello, *, newest_us: int) -> None:
        """`newest_us`: the 32-bit time that the session has unwrapped last."""
        session = self._session
        line, calibration = session.line, session.calibration
        if line is None or calibration is None or session.last_us is None:
            return
        t_us = sample_times_us(samples, newest_us) + session.last_us - hello.lag_us
        host_s = line.host_s(session.last_us) + (t_us - session.last_us) * line.s_per_us
        power_w = calibration.current_a(samples.shunt) * calibration.voltage_v(samples.bus)
        with self._lock:
            self._trace.add(host_s * self._clock.speed - self._origin_s, power_w)

    def _count(self, samples: Samples, period_us: int) -> None:
        first, last = samples.first_us.astype(np.int64), samples.last_us.astype(np.int64)
        known = self._last is not None and self._last[0] == samples.boot
        before = self._last[1] if known and self._last else int(first[0]) - period_us
        steps_us = (first - np.concatenate([[before], last[:-1]])) % WRAP
        self.lost += int(np.maximum(np.rint(steps_us / period_us) - 1, 0).sum())
        self._last = samples.boot, int(last[-1])

    def curve(self, since_s: float = -np.inf) -> Curve:
        """As `Trace.curve`, in the device's seconds since the origin."""
        with self._lock:
            return self._trace.curve(since_s)


def sample_times_us(samples: Samples, newest_us: int) -> NDArray[np.float64]:
    """(N,) µs on the meter's clock, 0 or less: how far each lies before its 32-bit time `newest_us`."""
    last, first = samples.last_us.astype(np.int64), samples.first_us.astype(np.int64)
    ends = -((newest_us - last) % WRAP)
    starts = ends - (last - first) % WRAP
    parts = zip(starts, ends, samples.count, strict=True)
    return np.concatenate([np.linspace(start, end, count) for start, end, count in parts])

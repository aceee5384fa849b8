from __future__ import annotations

import time

from circadia.platforms.clocks import SimulatedClock, SystemClock
from circadia.testing.clock import ClockContract


class TestSystemClock(ClockContract):
    def make(self) -> SystemClock:
        return SystemClock()


class TestSimulatedClock(ClockContract):
    def make(self) -> SimulatedClock:
        return SimulatedClock(time.monotonic(), 60.0)

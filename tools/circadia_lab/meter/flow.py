"""What flows through a live board's shunt: the stretches of a simulated body, each when its time has come."""

from __future__ import annotations

import math
from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from circadia.platforms.timeline import Stretch
    from circadia.ports import Clock
    from circadia_lab.meter.device_clock import DeviceClock

VOLTAGE_V = 4.0


class Flow:
    """The load of a `LiveBoard`, whose thread calls it; one other thread adds stretches."""

    def __init__(self, host: Clock, clock: DeviceClock) -> None:
        """Nothing flows before `began` is told."""
        self._host, self._clock = host, clock
        self._coming: deque[tuple[float, float]] = deque()
        """(host time, watts) from then on."""
        self._power_w = 0.0
        self._zero_s = -math.inf
        self.late_s = 0.0
        """Host seconds: how long after its beginning a stretch was known, at most."""

    def add(self, stretches: Iterable[Stretch]) -> None:
        """Stretches of the device's time, after those that were added before."""
        for stretch in stretches:
            start_s = self._clock.host_s(stretch.start_s)
            self.late_s = max(self.late_s, self._host.now_s() - start_s)
            self._coming.append((start_s, stretch.power_w))

    def began(self, host_s: float) -> None:
        """The board's second 0 on the host's clock."""
        self._zero_s = host_s

    def __call__(self, t_s: float) -> tuple[float, float]:
        """Amperes and volts at the board's second `t_s`; ascending."""
        while self._coming and self._coming[0][0] <= self._zero_s + t_s:
            self._power_w = self._coming.popleft()[1]
        return self._power_w / VOLTAGE_V, VOLTAGE_V

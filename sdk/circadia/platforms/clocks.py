"""Clocks: real time that counts suspend, the simulated day's, and one that is turned by hand."""

from __future__ import annotations

import math
import time
from typing import TYPE_CHECKING

from circadia.errors import ConfigError
from circadia.observation import DAY_S

if TYPE_CHECKING:
    from collections.abc import Callable


def time_of_day_s(wall_s: float) -> float:
    """Seconds since the Unix epoch → since midnight, in the machine's time zone."""
    local = time.localtime(wall_s)
    return (local.tm_hour * 3600 + local.tm_min * 60 + local.tm_sec + wall_s % 1) % DAY_S


class SystemClock:
    """Seconds since the Unix epoch as of the start, then on by CLOCK_BOOTTIME: counts suspend, never jumps."""

    def __init__(self, wall_s: Callable[[], float] = time.time) -> None:
        """`wall_s`: seconds since the Unix epoch, asked for once: whoever sets it later does not move this clock."""
        self._offset_s = wall_s() - time.clock_gettime(time.CLOCK_BOOTTIME)

    def now_s(self) -> float:
        """Seconds since the Unix epoch."""
        return self._offset_s + time.clock_gettime(time.CLOCK_BOOTTIME)

    def wall_s(self, duration_s: float) -> float:
        """The same: this clock is the machine's."""
        return duration_s


class SimulatedClock:
    """(monotonic − epoch) · scale: every process of a machine that is given the same epoch shows the same time."""

    def __init__(self, epoch_monotonic_s: float, scale: float) -> None:
        """`scale` simulated seconds pass in one second."""
        if not math.isfinite(epoch_monotonic_s):
            raise ConfigError(f"simulated clock: the epoch {epoch_monotonic_s} is not a reading of a clock")
        if not (math.isfinite(scale) and scale > 0):
            raise ConfigError(f"simulated clock: the scale {scale} must be positive and finite")
        self._epoch_s = epoch_monotonic_s
        self._scale = scale

    def now_s(self) -> float:
        """Negative before the epoch."""
        return (time.monotonic() - self._epoch_s) * self._scale

    def wall_s(self, duration_s: float) -> float:
        """Shorter by the scale."""
        return duration_s / self._scale


class HandClock:
    """Time that stands still until `t_s` is set, for rehearsals and tests."""

    def __init__(self, t_s: float = 0.0) -> None:
        self.t_s = t_s

    def now_s(self) -> float:
        """As set."""
        return self.t_s

    def wall_s(self, duration_s: float) -> float:
        """Nobody waits."""
        return duration_s

"""The clock of a device that lives faster than the machine, and that decides a little ahead of time."""

from __future__ import annotations

import math
from contextlib import contextmanager
from typing import TYPE_CHECKING

from circadia.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from circadia.ports import Clock


class DeviceClock:
    """`speed` · the host's clock, never backwards; it can be held at a moment."""

    def __init__(self, host: Clock, speed: float) -> None:
        """`speed`: seconds of the device in one of the host's."""
        if not (math.isfinite(speed) and speed > 0):
            raise ConfigError(f"device clock: the speed {speed} must be positive and finite")
        self._host, self.speed = host, speed
        self._latest_s = -math.inf
        self._held = False

    def now_s(self) -> float:
        """Seconds of the device."""
        if not self._held:
            self._latest_s = max(self._latest_s, self._host.now_s() * self.speed)
        return self._latest_s

    def wall_s(self, duration_s: float) -> float:
        """As the machine waits for it."""
        return duration_s / self.speed

    def host_s(self, device_s: float) -> float:
        """The host's clock at that moment of the device."""
        return device_s / self.speed

    @contextmanager
    def held_at(self, t_s: float) -> Iterator[None]:
        """It stands at `t_s`, which must not be past; afterwards it waits there until the host has come as far."""
        if t_s < self._latest_s:
            raise ConfigError(
                f"device clock: cannot be held at {t_s:.3f} s, it is {self._latest_s:.3f} s already"
            )
        self._latest_s, self._held = t_s, True
        try:
            yield
        finally:
            self._held = False

"""A sensor that only says what flows now, as an `EnergyMeter`: somebody has to look often enough.

    E = Σ P(t_k) · (t_k − t_{k−1})

What happens between two looks is not seen. So the bound of a reading grows with the looks' distance: at each end by one
look's time at the difference of the powers around it, and by the register's step over all of the time.
"""

from __future__ import annotations

import logging
import math
import threading
from array import array
from bisect import bisect_left, bisect_right
from typing import TYPE_CHECKING

import numpy as np

from circadia.errors import ConfigError, SensorError
from circadia.types import EnergyReading, Source

if TYPE_CHECKING:
    from collections.abc import Callable

    from circadia.ports import Clock

log = logging.getLogger(__name__)

LONGEST_STEP = 2.5
"""Periods between two looks; more is a gap."""
KEEP_S = 2 * 3600.0


class SampledMeter:
    """Looks at a sensor from a thread of its own, from `start` to `close`."""

    def __init__(
        self, look: Callable[[], float], *, clock: Clock, period_s: float, step_w: float, name: str
    ) -> None:
        """`look` gives watts, discharge positive, or raises `SensorError`; `step_w` is its resolution."""
        if not period_s > 0:
            raise ConfigError(f"{name}: the period is {period_s} s; it must be above 0")
        self.name = name
        self._look, self._clock, self._period_s, self._step_w = look, clock, period_s, step_w
        self._lock = threading.Lock()
        self._t_s = array("d")
        self._energy_j = array("d")
        self._gaps: list[tuple[float, float]] = []
        self._failing = ""
        self._told_as = logging.WARNING
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._work, name=f"circadia-{name}", daemon=True)

    def start(self, *, patient: bool = False) -> None:
        """Begin. `SensorError` if the sensor does not answer; nothing of the kind if one is `patient` with it.

        Then it is usual that it does not answer at times, and nobody is warned.
        """
        self._told_as = logging.INFO if patient else logging.WARNING
        try:
            self.sample(self._clock.now_s())
        except SensorError as error:
            if not patient:
                raise
            log.info("%s: %s; it is asked again", self.name, error)
            self._failing = str(error)
        self._thread.start()

    def about(self) -> dict[str, str | float]:
        """The sensor, its resolution in W and the time between two looks in s."""
        return {"meter": self.name, "step_w": self._step_w, "period_s": self._period_s}

    def close(self) -> None:
        """End the thread; a second call does nothing."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join()

    def _work(self) -> None:
        while not self._stop.wait(self._period_s):
            try:
                self.sample(self._clock.now_s())
                self._failing = ""
            except SensorError as error:
                if not self._failing:
                    log.log(self._told_as, "%s", error)
                self._failing = str(error)

    def sample(self, now_s: float) -> None:
        """Look once."""
        power_w = self._look()
        if not math.isfinite(power_w):
            raise SensorError(f"{self.name}: reads {power_w} W")
        with self._lock:
            if not self._t_s:
                self._t_s.append(now_s)
                self._energy_j.append(0.0)
                return
            before_s = self._t_s[-1]
            if now_s <= before_s:
                return
            if now_s - before_s > LONGEST_STEP * self._period_s:
                self._gaps.append((before_s, now_s))
            self._t_s.append(now_s)
            self._energy_j.append(self._energy_j[-1] + power_w * (now_s - before_s))
            self._forget(now_s - KEEP_S)

    def _forget(self, before_s: float) -> None:
        if self._t_s[0] < before_s - KEEP_S / 4:
            first = bisect_left(self._t_s, before_s)
            del self._t_s[:first], self._energy_j[:first]
            self._gaps = [gap for gap in self._gaps if gap[1] > before_s]

    def read(self, start_s: float, end_s: float) -> EnergyReading | None:
        """As `circadia.ports.EnergyMeter`; None until somebody has looked at `end_s` or later."""
        with self._lock:
            if len(self._t_s) < 2 or end_s > self._t_s[-1] or end_s <= self._t_s[0]:
                return None
            energy_j = self._at(end_s) - self._at(start_s)
            gap_s = sum(max(min(b, end_s) - max(a, start_s), 0.0) for a, b in self._gaps)
            gap_s += max(self._t_s[0] - start_s, 0.0)
            bound_j = self._edge_j(start_s) + self._edge_j(end_s) + self._step_w / 2 * (end_s - start_s)
        return EnergyReading(
            energy_j=energy_j,
            duration_s=end_s - start_s,
            source=Source.MEASURED,
            gap_s=min(gap_s, end_s - start_s),
            lost_s=min(gap_s, end_s - start_s),
            bound_j=bound_j,
        )

    def _at(self, t_s: float) -> float:
        after = min(max(bisect_left(self._t_s, t_s), 1), len(self._t_s) - 1)
        left_s, right_s = self._t_s[after - 1], self._t_s[after]
        share = min(max((t_s - left_s) / (right_s - left_s), 0.0), 1.0)
        return self._energy_j[after - 1] + share * (self._energy_j[after] - self._energy_j[after - 1])

    def _edge_j(self, t_s: float) -> float:
        """What a look's time more or less would make, at an edge of the power around `t_s`."""
        first = max(bisect_right(self._t_s, t_s) - 2, 0)
        last = min(first + 4, len(self._t_s))
        t, energy = np.array(self._t_s[first:last]), np.array(self._energy_j[first:last])
        if len(t) < 3:
            return 0.0
        powers = np.diff(energy) / np.diff(t)
        return float((powers.max() - powers.min()) * np.diff(t).max())

"""A sensor that only says what flows now, as an `EnergyMeter`: somebody has to look often enough.

    E = Σ P(t_k) · (t_k − t_{k−1})

What happens between two looks is not seen. So the bound of a reading grows with the looks' distance: at each end by one
look's time at the difference of the powers around it, and by the register's step over all of the time.

Looks that are too far apart, as around a suspend, are a gap, of which the looks say nothing. A counter that goes on meanwhile
(`counted`) says what flowed; without one the gap's energy is lost, and not in the sum.
"""

from __future__ import annotations

import logging
import math
import threading
from array import array
from bisect import bisect_left, bisect_right
from typing import TYPE_CHECKING, NamedTuple

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
        self,
        look: Callable[[], float],
        *,
        clock: Clock,
        period_s: float,
        step_w: float,
        name: str,
        counted: Callable[[], float] = lambda: math.nan,
    ) -> None:
        """`look` gives watts, discharge positive, or raises `SensorError`; `step_w` is its resolution.

        `counted`: joules that flowed up to the last look, from any beginning, by a counter that no gap stops; NaN: it is not known.
        """
        if not period_s > 0:
            raise ConfigError(f"{name}: the period is {period_s} s; it must be above 0")
        self.name = name
        self._look, self._clock, self._period_s, self._step_w = look, clock, period_s, step_w
        self._counted, self._before_j = counted, math.nan
        self._counter_step_j = 0.0
        """The most that the counter went on between two looks without a gap: its step, and what it lags behind."""
        self._lock = threading.Lock()
        self._t_s = array("d")
        self._energy_j = array("d")
        self._gaps: list[_Gap] = []
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
            counted_j = self._counted()
            if not self._t_s:
                self._t_s.append(now_s)
                self._energy_j.append(0.0)
                self._before_j = counted_j
                return
            if now_s <= self._t_s[-1]:
                return
            self._energy_j.append(self._energy_j[-1] + self._since_j(now_s, power_w, counted_j))
            self._t_s.append(now_s)
            self._before_j = counted_j
            self._forget(now_s - KEEP_S)

    def _since_j(self, now_s: float, power_w: float, counted_j: float) -> float:
        """What flowed since the look before."""
        before_s, moved_j = self._t_s[-1], counted_j - self._before_j
        if now_s - before_s <= self._longest_s:
            if math.isfinite(moved_j):
                self._counter_step_j = max(self._counter_step_j, abs(moved_j))
            return power_w * (now_s - before_s)
        known = math.isfinite(moved_j)
        self._gaps.append(_Gap(before_s, now_s, known))
        return moved_j if known else 0.0

    @property
    def _longest_s(self) -> float:
        return LONGEST_STEP * self._period_s

    def _forget(self, before_s: float) -> None:
        if self._t_s[0] < before_s - KEEP_S / 4:
            first = bisect_left(self._t_s, before_s)
            del self._t_s[:first], self._energy_j[:first]
            self._gaps = [gap for gap in self._gaps if gap.end_s > before_s]

    def read(self, start_s: float, end_s: float) -> EnergyReading | None:
        """As `circadia.ports.EnergyMeter`; None until somebody has looked at `end_s` or later."""
        with self._lock:
            if len(self._t_s) < 2 or end_s > self._t_s[-1] or end_s <= self._t_s[0]:
                return None
            energy_j = self._at(end_s) - self._at(start_s)
            gaps = [(gap, gap.within_s(start_s, end_s)) for gap in self._gaps]
            early_s = max(self._t_s[0] - start_s, 0.0)
            gap_s = early_s + sum(seconds for _, seconds in gaps)
            lost_s = early_s + sum(seconds for gap, seconds in gaps if not gap.counted)
            bound_j = self._edge_j(start_s) + self._edge_j(end_s) + self._step_w / 2 * (end_s - start_s)
            bound_j += 2 * self._counter_step_j * sum(seconds > 0 and gap.counted for gap, seconds in gaps)
        return EnergyReading(
            energy_j=energy_j,
            duration_s=end_s - start_s,
            source=Source.MEASURED,
            gap_s=min(gap_s, end_s - start_s),
            lost_s=min(lost_s, end_s - start_s),
            bound_j=bound_j,
        )

    def _at(self, t_s: float) -> float:
        after = min(max(bisect_left(self._t_s, t_s), 1), len(self._t_s) - 1)
        left_s, right_s = self._t_s[after - 1], self._t_s[after]
        share = min(max((t_s - left_s) / (right_s - left_s), 0.0), 1.0)
        return self._energy_j[after - 1] + share * (self._energy_j[after] - self._energy_j[after - 1])

    def _edge_j(self, t_s: float) -> float:
        """What a look's time more or less would make, at an edge of the power around `t_s`; in a gap all that flowed in it."""
        for gap in self._gaps:
            if gap.start_s < t_s < gap.end_s:
                return abs(self._at(gap.end_s) - self._at(gap.start_s))
        first = max(bisect_right(self._t_s, t_s) - 2, 0)
        last = min(first + 4, len(self._t_s))
        t, energy = np.array(self._t_s[first:last]), np.array(self._energy_j[first:last])
        looked = np.diff(t) <= self._longest_s
        if looked.sum() < 2:
            return 0.0
        steps_s = np.diff(t)[looked]
        powers = np.diff(energy)[looked] / steps_s
        return float((powers.max() - powers.min()) * steps_s.max())


class _Gap(NamedTuple):
    """Between two looks that are too far apart."""

    start_s: float
    end_s: float
    counted: bool
    """Whether it is known what flowed."""

    def within_s(self, start_s: float, end_s: float) -> float:
        """How long it lasts between two times."""
        return max(min(self.end_s, end_s) - max(self.start_s, start_s), 0.0)

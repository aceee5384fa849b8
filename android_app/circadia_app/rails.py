"""A phone's own power monitors as an `EnergyMeter`: from Android 15 on, where its maker built them in.

Android gives for each monitor the energy since the phone started. Monitors are rails, which a sensor measures, or
consumers, which a model foretells; where there are rails, they count and nothing else does, for a consumer's joules are
some of the rails' once more:

    E(a, b) = Σ over monitors of (energy at b − energy at a)        straight between two readings
"""

from __future__ import annotations

import logging
import math
import threading
from bisect import bisect_left
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

from circadia.errors import CircadiaError, ConfigError, MeterError
from circadia.types import EnergyReading, Source

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from circadia.ports import Clock

log = logging.getLogger(__name__)

MEASURED = 1
"""A rail's type; a consumer's is 0. They stand in `circadia_app.names`."""
UNAVAILABLE = -1
MICRO = 1e-6
KEEP_S = 2 * 3600.0
LONGEST_STEP = 2.5
"""Periods between two readings; more is a gap: their energy is known, when it flowed is not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Monitor:
    """One of them."""

    name: str
    measured: bool


def chosen(names: Sequence[str]) -> tuple[tuple[Monitor, ...], tuple[int, ...]]:
    """Names and types one after the other → all monitors, and the places of those that count."""
    monitors = tuple(
        Monitor(name=name, measured=int(kind) == MEASURED)
        for name, kind in zip(names[::2], names[1::2], strict=True)
    )
    rails = tuple(at for at, monitor in enumerate(monitors) if monitor.measured)
    return monitors, rails or tuple(range(len(monitors)))


class RailsMeter:
    """Asks from a thread of its own, from `start` to `close`."""

    def __init__(
        self,
        look: Callable[[], Sequence[int]],
        names: Sequence[str],
        *,
        clock: Clock,
        boot_s: Callable[[], float],
        period_s: float = 10.0,
    ) -> None:
        """`look`: of each monitor ms since boot and µWs; `boot_s`: the seconds that those ms count in."""
        if not period_s > 0:
            raise ConfigError(f"power rails: the period is {period_s} s; it must be above 0")
        self.monitors, self._places = chosen(names)
        if not self._places:
            raise MeterError("power rails: this phone has none; leave [meter] out, and its battery is read")
        self.source = Source.MEASURED if self.monitors[self._places[0]].measured else Source.MODELLED
        self._look, self._clock, self._boot_s, self._period_s = look, clock, boot_s, period_s
        self._lock = threading.Lock()
        self._rows: deque[tuple[float, float]] = deque()
        """(agent's time, J since the first reading), ascending."""
        self._gaps: deque[tuple[float, float, bool]] = deque()
        """(start, end, whether its energy is lost)."""
        self._before: tuple[int, ...] = ()
        self._failing = ""
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._work, name="circadia-rails", daemon=True)

    def start(self) -> None:
        """Begin. `SensorError` if the monitors do not answer."""
        self.sample()
        self._thread.start()

    def about(self) -> dict[str, str | float]:
        """The monitors that count, and the time between two readings in s."""
        names = ", ".join(self.monitors[at].name for at in self._places)
        return {"meter": f"power monitors: {names}", "source": self.source.value, "period_s": self._period_s}

    def close(self) -> None:
        """End the thread; a second call does nothing."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join()

    def _work(self) -> None:
        while not self._stop.wait(self._period_s):
            try:
                self.sample()
                self._failing = ""
            except CircadiaError as error:
                if not self._failing:
                    log.warning("power rails: %s", error)
                self._failing = str(error)

    def sample(self) -> None:
        """Ask once. A monitor that answers nothing leaves the reading out."""
        told = tuple(int(number) for number in self._look())
        if len(told) != 2 * len(self.monitors):
            raise MeterError(f"power rails: {len(told)} numbers for {len(self.monitors)} monitors")
        energies = tuple(told[2 * at + 1] for at in self._places)
        if UNAVAILABLE in energies:
            raise MeterError("power rails: a monitor has no energy now")
        since_boot_s = min(told[2 * at] for at in self._places) / 1000
        self._take(self._clock.now_s() - (self._boot_s() - since_boot_s), energies)

    def _take(self, t_s: float, energies: tuple[int, ...]) -> None:
        with self._lock:
            before, self._before = self._before, energies
            if not self._rows:
                self._rows.append((t_s, 0.0))
                return
            last_s, last_j = self._rows[-1]
            if t_s <= last_s:
                self._before = before
                return
            passed = [now - then for now, then in zip(energies, before, strict=True)]
            lost = min(passed) < 0
            if lost or t_s - last_s > LONGEST_STEP * self._period_s:
                self._gaps.append((last_s, t_s, lost))
            self._rows.append((t_s, last_j + (0.0 if lost else sum(passed) * MICRO)))
            while len(self._rows) > 2 and self._rows[1][0] < t_s - KEEP_S:
                self._rows.popleft()
            while self._gaps and self._gaps[0][1] <= self._rows[0][0]:
                self._gaps.popleft()

    def read(self, start_s: float, end_s: float) -> EnergyReading | None:
        """As `circadia.ports.EnergyMeter`; None until a reading lies at `end_s` or later."""
        with self._lock:
            if len(self._rows) < 2 or end_s > self._rows[-1][0] or end_s <= self._rows[0][0]:
                return None
            early_s = max(self._rows[0][0] - start_s, 0.0)
            inner = [(max(a, start_s), min(b, end_s), lost) for a, b, lost in self._gaps]
            gap_s = sum(max(b - a, 0.0) for a, b, _ in inner) + early_s
            lost_s = sum(max(b - a, 0.0) for a, b, lost in inner if lost) + early_s
            times = [t_s for t_s, _ in self._rows]
            start_j, start_bound_j = self._at(times, start_s)
            end_j, end_bound_j = self._at(times, end_s)
        return EnergyReading(
            energy_j=end_j - start_j,
            duration_s=end_s - start_s,
            source=self.source,
            gap_s=min(gap_s, end_s - start_s),
            lost_s=min(lost_s, end_s - start_s),
            bound_j=start_bound_j + end_bound_j,
        )

    def _at(self, times: list[float], t_s: float) -> tuple[float, float]:
        """The sum at that time, and how far it can be off: by what flowed between the readings around it, at either end."""
        after = min(max(bisect_left(times, t_s), 1), len(times) - 1)
        (left_s, left_j), (right_s, right_j) = self._rows[after - 1], self._rows[after]
        share = min(max((t_s - left_s) / (right_s - left_s), 0.0), 1.0)
        value_j = left_j + share * (right_j - left_j)
        return value_j, 0.0 if math.isclose(share % 1, 0.0) else max(value_j - left_j, right_j - value_j)

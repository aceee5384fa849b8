"""Joules between two moments of the host's clock, out of the sums that came, with a bound on what clocks leave open."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from circadia.types import EnergyReading, Source

if TYPE_CHECKING:
    from collections.abc import Sequence

    from circadia_meter.calibration import Calibration
    from circadia_meter.clock import Line
    from circadia_meter.series import Series, Sums

BOUNDARIES = 512
"""Moments whose sums are remembered: a tick begins where the one before it ended, to the last step."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """How the host's clock and the meter's go together."""

    line: Line
    """Of this boot."""
    earlier: Sequence[tuple[int, Line]]
    """Of boots before: where each ended, in µs of the meter, and its line; oldest first."""
    lag_us: float
    """How much later than it happens a change shows in the sums."""
    period_us: int

    def at(self, t_s: float) -> tuple[float, float]:
        """(µs of the meter, how far that may be off) at a moment of the host's clock."""
        line = self.line
        for ended_us, before in reversed(self.earlier):
            if before.meter_us(t_s) + self.lag_us <= ended_us:
                line = before
        t_us = line.meter_us(t_s) + self.lag_us
        return t_us, line.bound_s(t_us) * 1e6 + self.period_us


@dataclass(frozen=True, slots=True)
class Boundary:
    """The sums at a moment, and those between which they lie for all that clocks, gaps and sampling let know."""

    t_us: float
    sums: Sums
    first: Sums
    last: Sums
    missing_us: float
    """From there to the first sample that is known."""


class Readings:
    """Of one series."""

    def __init__(self, series: Series) -> None:
        self._series = series
        self._boundaries: dict[float, Boundary] = {}

    def between(
        self, start_s: float, end_s: float, timing: Timing, calibration: Calibration
    ) -> EnergyReading | None:
        """None while the series has not come as far, or if all of it is older than the series."""
        start, end = self._boundary(start_s, timing), self._boundary(end_s, timing)
        if start is None or end is None or end.t_us <= self._series.start_us:
            return None
        energy_j = _joules(calibration, start.sums, end.sums)
        extremes = [
            _joules(calibration, a, b) for a in (start.first, start.last) for b in (end.first, end.last)
        ]
        stretch = start.t_us, end.t_us
        gaps = self._series.gaps(*stretch)
        gap_us = sum(gap.within(*stretch) for gap in gaps) + start.missing_us
        lost_us = sum(gap.within(*stretch) for gap in gaps if gap.lost) + start.missing_us
        clocks_j = max(max(extremes) - energy_j, energy_j - min(extremes))
        return EnergyReading(
            energy_j=energy_j,
            duration_s=end_s - start_s,
            source=Source.MEASURED,
            gap_s=min(gap_us * 1e-6, end_s - start_s),
            lost_s=min(lost_us * 1e-6, end_s - start_s),
            bound_j=clocks_j + abs(energy_j) * timing.line.rate_bound,
        )

    def _boundary(self, t_s: float, timing: Timing) -> Boundary | None:
        """None while the series has not come as far."""
        known = self._boundaries.get(t_s)
        if known is None and (known := self._looked_up(t_s, timing)) is not None:
            self._boundaries[t_s] = known
            while len(self._boundaries) > BOUNDARIES:
                self._boundaries.pop(next(iter(self._boundaries)))
        return known

    def _looked_up(self, t_s: float, timing: Timing) -> Boundary | None:
        series = self._series
        t_us, bound_us = timing.at(t_s)
        first_us, last_us = t_us - bound_us, t_us + bound_us
        if last_us > series.end_us:
            return None
        for gap in series.gaps(first_us, last_us):
            first_us, last_us = min(first_us, gap.start_us), max(last_us, gap.end_us)
        return Boundary(
            t_us,
            series.at(t_us),
            series.at(first_us),
            series.at(last_us),
            max(series.start_us - t_us, 0.0),
        )


def _joules(calibration: Calibration, start: Sums, end: Sums) -> float:
    passed = end - start
    return calibration.energy_j(passed.energy, passed.voltage_time)

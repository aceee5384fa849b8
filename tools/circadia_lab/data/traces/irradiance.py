"""Sunlight on the horizontal over days, at even steps."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from circadia.errors import ConfigError
from circadia.observation import DAY_S, HOUR_S
from circadia_lab.data.traces.irradiance_formats import Reading, readings

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

DARKEST_W_M2 = -20.0
"""A pyranometer reads a little below 0 at night, as its dome cools; what is lower is a mistake."""
BRIGHTEST_W_M2 = 2000.0
"""Clouds' edges lift the sun above its 1,361 W/m² outside the air for moments; more is a mistake."""
MOST_STEPS = 10_000_000
UNEVEN = 1e-3
"""How far a time may be off its step, as a share of it."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Irradiance:
    """Global horizontal irradiance, the mean of each step."""

    where: str
    """The file, for messages."""
    start_s: float
    """Local time at which the first step starts, since midnight of the first day; in [0, 86,400)."""
    step_s: float
    ghi_w_m2: Floats
    """(steps,) 0 or more."""
    filled: int = 0
    """Steps that the file did not have, drawn between their neighbours."""
    darkened: int = 0
    """Steps that the file had below 0, now 0."""

    @property
    def steps_a_day(self) -> int:
        """`ConfigError` if a day is no whole number of steps."""
        steps = round(DAY_S / self.step_s)
        if steps < 1 or abs(steps * self.step_s - DAY_S) > UNEVEN * self.step_s:
            raise ConfigError(f"{self.where}: a day is no whole number of its steps of {self.step_s:g} s")
        return steps

    @property
    def whole_days(self) -> Floats:
        """(days, steps a day) W/m² from midnight to midnight, nearest to the steps; what is cut off is left out."""
        steps = self.steps_a_day
        skipped = round(self.start_s / self.step_s) % steps
        rest = self.ghi_w_m2[(steps - skipped) % steps :]
        days = len(rest) // steps
        return rest[: days * steps].reshape(days, steps)

    @property
    def daily_wh_m2(self) -> Floats:
        """(days,) Wh/m² of each whole day."""
        daily: Floats = self.whole_days.sum(axis=1) * (self.step_s / HOUR_S)
        return daily


def read_irradiance(path: str | Path, *, fill_gap_s: float = 0.0) -> Irradiance:
    """Read TMY3, SURFRAD or plain CSV (seconds since local midnight, W/m²).

    Gaps of at most `fill_gap_s` are filled by straight lines and counted. `ConfigError` names file and line: no or
    too little data, a time that runs back or is off the step, a longer gap, a value that cannot be.
    """
    if not 0 <= fill_gap_s < np.inf:
        raise ConfigError(f"fill_gap_s {fill_gap_s:g} must be 0 or more")
    path = Path(path)
    found = readings(path)
    if len(found) < 2:
        raise ConfigError(f"{path}: needs two readings or more, has {len(found)}")
    step_s = _step_s(path, found)
    index = _indices(path, found, step_s)
    dark = _check_values(path, found)
    ghi = np.full(int(index[-1]) + 1, np.nan)
    ghi[index] = [r.ghi_w_m2 for r in found]
    filled = _fill(path, found, index, ghi, int(fill_gap_s / step_s + UNEVEN))
    return Irradiance(
        where=path.name,
        start_s=found[0].t_s,
        step_s=step_s,
        ghi_w_m2=np.maximum(ghi, 0),
        filled=filled,
        darkened=dark,
    )


def _step_s(path: Path, found: list[Reading]) -> float:
    gaps = np.diff([r.t_s for r in found])
    back = np.flatnonzero(gaps <= 0)
    if back.size:
        line = found[int(back[0]) + 1].line
        raise ConfigError(f"{path} line {line}: the time does not rise; sort the file by time, once each")
    if not 0 <= found[0].t_s < DAY_S:
        raise ConfigError(
            f"{path} line {found[0].line}: starts at {found[0].t_s:g} s; count from the first day's midnight"
        )
    return float(np.median(gaps))


def _indices(path: Path, found: list[Reading], step_s: float) -> NDArray[np.int64]:
    """(readings,) the step that each belongs to."""
    steps = (np.array([r.t_s for r in found]) - found[0].t_s) / step_s
    index: NDArray[np.int64] = np.rint(steps).astype(np.int64)
    uneven = np.flatnonzero((np.abs(steps - index) > UNEVEN) | (np.diff(index, prepend=-1) <= 0))
    if uneven.size:
        line = found[int(uneven[0])].line
        raise ConfigError(
            f"{path} line {line}: {found[int(uneven[0])].t_s:g} s is off the steps of {step_s:g} s"
        )
    if index[-1] >= MOST_STEPS:
        raise ConfigError(f"{path}: {index[-1] + 1} steps of {step_s:g} s are more than {MOST_STEPS}")
    return index


def _check_values(path: Path, found: list[Reading]) -> int:
    """How many readings are below 0, none by much."""
    for reading in found:
        if reading.ghi_w_m2 < DARKEST_W_M2 or reading.ghi_w_m2 > BRIGHTEST_W_M2:
            raise ConfigError(
                f"{path} line {reading.line}: {reading.ghi_w_m2:g} W/m² cannot be; "
                f"{DARKEST_W_M2:g} to {BRIGHTEST_W_M2:g} can"
            )
    return sum(reading.ghi_w_m2 < 0 for reading in found)


def _fill(path: Path, found: list[Reading], index: NDArray[np.int64], ghi: Floats, longest: int) -> int:
    """Fill gaps of up to `longest` steps in place; how many steps that were."""
    known = np.flatnonzero(~np.isnan(ghi))
    if not known.size or known[0] != 0 or known[-1] != len(ghi) - 1:
        line = found[0 if not known.size or known[0] else -1].line
        raise ConfigError(f"{path} line {line}: no value; the first and the last reading must have one")
    gaps = np.diff(known) - 1
    long = np.flatnonzero(gaps > longest)
    if long.size:
        first = int(known[long[0]])
        line = found[int(np.searchsorted(index, first, side="right"))].line
        raise ConfigError(
            f"{path} line {line}: a gap of {gaps[long[0]]} steps; at most {longest} are filled (fill_gap_s)"
        )
    missing = np.flatnonzero(np.isnan(ghi))
    ghi[missing] = np.interp(missing, known, ghi[known])
    return int(missing.size)


def as_cycle(irradiance: Irradiance) -> Irradiance:
    """Whole days that start at any time, turned around so that they start at midnight, to the nearest step.

    What comes before the first midnight becomes the last day's end. `ConfigError` unless the days are whole.
    """
    steps = irradiance.steps_a_day
    if len(irradiance.ghi_w_m2) % steps:
        raise ConfigError(
            f"{irradiance.where}: {len(irradiance.ghi_w_m2)} steps are no whole number of days of {steps}"
        )
    before = round(irradiance.start_s / irradiance.step_s) % steps
    return replace(irradiance, start_s=0.0, ghi_w_m2=np.roll(irradiance.ghi_w_m2, before))
